//! One pass over a JSON object: checks all of it against RFC 8259 and notes where the columns' values lie.
//!
//! Values are not read here. Of equal fields the last wins; a field of a column's exact name wins over those that
//! differ in case, of which there may then be one alone.

use super::layout::Layout;
use super::names::{Names, Target};
use super::nested::container_end;
use super::string;
use crate::error::{Broken, Fault, Refusal};
use crate::text::digits::{self, DIGITS_MAX};
use crate::value::Span;

/// What a column's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Token {
    #[default]
    Absent,
    Null,
    True,
    False,
    /// A number of at most 18 digits and nothing else.
    Integer,
    Number,
    /// A string that means what it says: no escapes.
    Text,
    Escaped,
    Container,
    /// Several fields that match the column but for case, and none that matches exactly.
    Ambiguous,
}

/// A column's value in the record; of strings, what is between the quotes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    pub token: Token,
    pub span: Span,
    /// The value of [`Token::Integer`].
    pub integer: i64,
    exact: bool,
    /// Where its lead begins: all that is between the value before and this one.
    lead: u32,
}

pub(crate) struct Scanner {
    names: Names,
    layout: Layout,
    slots: Vec<Slot>,
    unknown: u64,
}

impl Scanner {
    pub fn new<'a>(columns: impl Iterator<Item = &'a str> + Clone) -> Scanner {
        let slots = vec![Slot::default(); columns.clone().count()];
        let names = Names::new(columns);
        Scanner { names, layout: Layout::default(), slots, unknown: 0 }
    }

    #[inline]
    pub fn slot(&self, column: usize) -> Slot {
        self.slots[column]
    }

    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Takes a record apart. After an error the slots mean nothing.
    pub fn scan(&mut self, record: &[u8]) -> Result<(), Broken> {
        if u32::try_from(record.len()).is_err() {
            return Err(Broken::new(const { &Refusal::syntax("a record of 4 GiB or more") }, 0));
        }
        let survey = string::survey(record);
        if !survey.is_ascii {
            std::str::from_utf8(record).map_err(|error| Broken::new(&Refusal::NOT_UTF8, error.valid_up_to()))?;
        }
        self.slots.fill(Slot::default());
        self.unknown += self.object(record, survey.is_special)?;
        Ok(())
    }

    /// The fields of the object; how many of them have no column.
    fn object(&mut self, record: &[u8], special: bool) -> Result<u64, Broken> {
        let mut at = 0;
        let mut field = 0;
        let mut unknown = 0;
        loop {
            let lead_start = at;
            let target = match self.layout.predict(field, &record[at..]) {
                Some((predicted, length, target)) => {
                    field = predicted;
                    at += length;
                    target
                }
                None if field > 0 && record[at..] == *b"}" => return Ok(unknown),
                None => match lead(record, at)? {
                    Lead::End => return Ok(unknown),
                    Lead::Field { name, value } => {
                        let target = self.names.find(&unescaped(name.of(record)));
                        self.layout.learn(field, &record[at..value], target);
                        at = value;
                        target
                    }
                },
            };
            let Value { token, span, integer, end } = value(record, at, special)?;
            let (column, exact) = match target {
                Target::Exact(column) => (column as usize, true),
                Target::Folded(column) => (column as usize, false),
                Target::Unknown => (usize::MAX, false),
            };
            let lead = lead_start as u32;
            match self.slots.get_mut(column) {
                None => unknown += 1,
                Some(slot) if slot.token == Token::Absent => {
                    // One by one: a whole slot would be built in memory and copied, which is slow.
                    slot.token = token;
                    slot.exact = exact;
                    slot.lead = lead;
                    slot.span = span;
                    slot.integer = integer;
                }
                Some(slot) => unknown += again(record, slot, Slot { token, span, integer, exact, lead }),
            }
            at = end;
            field += 1;
        }
    }
}

/// Settles which of two fields a column takes; how many were thereby ignored, a repeated field not counted.
#[cold]
fn again(record: &[u8], slot: &mut Slot, new: Slot) -> u64 {
    match (slot.exact, new.exact) {
        (true, true) => *slot = new,
        (true, false) => return 1,
        (false, true) => {
            *slot = new;
            return 1;
        }
        (false, false) if slot.token == Token::Ambiguous => {}
        (false, false) if name_after(record, slot.lead) == name_after(record, new.lead) => *slot = new,
        (false, false) => slot.token = Token::Ambiguous,
    }
    0
}

/// The name in a lead that was passed before.
fn name_after(record: &[u8], lead_start: u32) -> String {
    match lead(record, lead_start as usize) {
        Ok(Lead::Field { name, .. }) => unescaped(name.of(record)),
        _ => String::new(),
    }
}

/// A name that was passed as a string of a record in UTF-8.
fn unescaped(name: &[u8]) -> String {
    let mut unescaped = String::new();
    string::unescape(&String::from_utf8_lossy(name), &mut unescaped);
    unescaped
}

enum Lead {
    Field { name: Span, value: usize },
    End,
}

/// What comes after a value or at the beginning: the next field's name, or the end of the object and the record.
fn lead(record: &[u8], from: usize) -> Result<Lead, Broken> {
    let first = from == 0;
    let mut at = space_end(record, from);
    let opening = if first { b'{' } else { b',' };
    match record.get(at) {
        Some(&byte) if byte == opening => at = space_end(record, at + 1),
        Some(b'}') if !first => return end(record, at + 1),
        _ if first => return Err(Broken::new(const { &Refusal::syntax("expected an object") }, at)),
        _ => return Err(Broken::new(const { &Refusal::syntax("expected ',' or '}'") }, at)),
    }
    match record.get(at) {
        Some(b'"') => {}
        Some(b'}') if first => return end(record, at + 1),
        _ => return Err(Broken::new(const { &Refusal::syntax("expected a field's name in quotes") }, at)),
    }
    let (name_end, _) = string::checked_end(record, at + 1)?;
    let colon = space_end(record, name_end + 1);
    if record.get(colon) != Some(&b':') {
        return Err(Broken::new(const { &Refusal::syntax("expected ':'") }, colon));
    }
    Ok(Lead::Field { name: Span::new(at + 1, name_end), value: space_end(record, colon + 1) })
}

fn end(record: &[u8], at: usize) -> Result<Lead, Broken> {
    match space_end(record, at) {
        end if end == record.len() => Ok(Lead::End),
        more => Err(Broken::new(const { &Refusal::syntax("something follows the object") }, more)),
    }
}

#[inline]
pub(super) fn space_end(record: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = record.get(at) {
        at += 1;
    }
    at
}

struct Value {
    token: Token,
    span: Span,
    integer: i64,
    end: usize,
}

/// The value at a position, and where it ends.
#[inline]
fn value(record: &[u8], from: usize, special: bool) -> Result<Value, Broken> {
    // A predicted lead may be the beginning of one with more spaces.
    let at = if record.get(from).is_some_and(|byte| *byte > b' ') { from } else { space_end(record, from) };
    let mut integer = 0;
    let (token, start, end) = match record.get(at) {
        Some(b'"') => {
            let (end, escaped) = string_end(record, at + 1, special)?;
            let token = if escaped { Token::Escaped } else { Token::Text };
            return Ok(Value { token, span: Span::new(at + 1, end), integer, end: end + 1 });
        }
        Some(b'-' | b'0'..=b'9') => {
            let (token, value, end) = number(record, at)?;
            integer = value;
            (token, at, end)
        }
        Some(b'{' | b'[') => (Token::Container, at, container_end(record, at, special)?),
        _ => {
            let (token, end) = word(record, at)?;
            (token, at, end)
        }
    };
    Ok(Value { token, span: Span::new(start, end), integer, end })
}

#[inline]
pub(super) fn string_end(record: &[u8], at: usize, special: bool) -> Result<(usize, bool), Broken> {
    if special {
        return string::checked_end(record, at);
    }
    match string::plain_end(record, at) {
        Some(end) => Ok((end, false)),
        None => Err(Broken::new(const { &Refusal::syntax("a string does not end") }, at)),
    }
}

/// A number: what it is, its value if it is an integer of few digits, and where it ends.
#[inline]
pub(super) fn number(record: &[u8], from: usize) -> Result<(Token, i64, usize), Broken> {
    const NO_DIGIT: Fault = &Refusal::syntax("a number lacks a digit");
    let negative = record[from] == b'-';
    let start = from + usize::from(negative);
    let (digits, count) = match record.get(start) {
        // A zero begins a number only alone; a digit after it is met by whoever expects the end of the value.
        Some(b'0') => (0, 1),
        _ => digits::run(record, start),
    };
    if count == 0 {
        return Err(Broken::new(NO_DIGIT, start));
    }
    let mut end = start + count;
    let mut token = match count {
        // The sign of a zero is for floats.
        1 if negative && digits == 0 => Token::Number,
        ..=DIGITS_MAX => Token::Integer,
        _ => Token::Number,
    };
    if record.get(end) == Some(&b'.') {
        token = Token::Number;
        end = some_digits(record, end + 1).ok_or(Broken::new(NO_DIGIT, end + 1))?;
    }
    if let Some(b'e' | b'E') = record.get(end) {
        token = Token::Number;
        let signed = matches!(record.get(end + 1), Some(b'+' | b'-'));
        let power = end + 1 + usize::from(signed);
        end = some_digits(record, power).ok_or(Broken::new(NO_DIGIT, power))?;
    }
    let integer = if token == Token::Integer { digits as i64 } else { 0 };
    Ok((token, if negative { -integer } else { integer }, end))
}

fn some_digits(record: &[u8], at: usize) -> Option<usize> {
    let (_, count) = digits::run(record, at);
    (count > 0).then_some(at + count)
}

pub(super) fn word(record: &[u8], at: usize) -> Result<(Token, usize), Broken> {
    let rest = record.get(at..).unwrap_or_default();
    for (word, token) in [("null", Token::Null), ("true", Token::True), ("false", Token::False)] {
        if rest.starts_with(word.as_bytes()) {
            return Ok((token, at + word.len()));
        }
    }
    Err(Broken::new(const { &Refusal::syntax("expected a value") }, at))
}
