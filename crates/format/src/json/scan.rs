//! One pass over a JSON object: checks all of it against RFC 8259 and notes where the columns' values lie.
//!
//! Values are not read here. Of equal fields the last wins; a field of a column's exact name wins over those that
//! differ in case, of which there may then be one alone.

use super::layout::Layout;
use super::names::{Names, Target};
use super::nested::container_end;
use super::string;
use crate::error::{Broken, Refusal};
use crate::value::Span;

/// What a column's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Token {
    #[default]
    Absent,
    Null,
    True,
    False,
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
    pub fn scan<'a>(&mut self, record: &'a [u8]) -> Result<&'a str, Broken> {
        let text = std::str::from_utf8(record).map_err(|error| Broken::new(&Refusal::NOT_UTF8, error.valid_up_to()))?;
        if u32::try_from(record.len()).is_err() {
            return Err(Broken::new(const { &Refusal::syntax("a record of 4 GiB or more") }, 0));
        }
        self.slots.fill(Slot::default());
        let special = string::is_special(record);
        let unknown = self.object(record, special)?;
        self.unknown += unknown;
        Ok(text)
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
                        let target = self.names.find(&unescaped(name.of_bytes(record)));
                        self.layout.learn(field, &record[at..value], target);
                        at = value;
                        target
                    }
                },
            };
            let (token, span, end) = value(record, at, special)?;
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
                }
                Some(slot) => unknown += again(record, slot, Slot { token, span, exact, lead }),
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
        Ok(Lead::Field { name, .. }) => unescaped(name.of_bytes(record)),
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

/// The value at a position, and where it ends.
#[inline]
fn value(record: &[u8], from: usize, special: bool) -> Result<(Token, Span, usize), Broken> {
    // A predicted lead may be the beginning of one with more spaces.
    let at = if record.get(from).is_some_and(|byte| *byte > b' ') { from } else { space_end(record, from) };
    match record.get(at) {
        Some(b'"') => {
            let (end, escaped) = string_end(record, at + 1, special)?;
            Ok((if escaped { Token::Escaped } else { Token::Text }, Span::new(at + 1, end), end + 1))
        }
        Some(b'-' | b'0'..=b'9') => {
            let end = number_end(record, at)?;
            Ok((Token::Number, Span::new(at, end), end))
        }
        Some(b'{' | b'[') => {
            let end = container_end(record, at, special)?;
            Ok((Token::Container, Span::new(at, end), end))
        }
        _ => {
            let (token, end) = word(record, at)?;
            Ok((token, Span::new(at, end), end))
        }
    }
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

#[inline]
pub(super) fn number_end(record: &[u8], from: usize) -> Result<usize, Broken> {
    let digits = |mut at: usize| {
        while record.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let some_digits = |at: usize| match digits(at) {
        end if end > at => Ok(end),
        _ => Err(Broken::new(const { &Refusal::syntax("a number lacks a digit") }, at)),
    };
    let start = from + usize::from(record[from] == b'-');
    // A zero begins a number only alone; a digit after it is met by whoever expects the end of the value.
    let mut at = if record.get(start) == Some(&b'0') { start + 1 } else { some_digits(start)? };
    if record.get(at) == Some(&b'.') {
        at = some_digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = record.get(at) {
        let signed = matches!(record.get(at + 1), Some(b'+' | b'-'));
        at = some_digits(at + 1 + usize::from(signed))?;
    }
    Ok(at)
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
