//! Finding the fields of one CSV record.

use crate::error::{Broken, Fault, Refusal};
use crate::value::Span;

/// How a field is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Quotes {
    #[default]
    None,
    Around,
    /// Around, and doubled ones inside.
    Inside,
}

/// A field: what is between its quotes, where it has them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Field {
    pub quotes: Quotes,
    pub span: Span,
}

pub(crate) struct Splitter {
    fields: Vec<Field>,
    count: usize,
    grows: bool,
}

const TOO_FEW: Fault = &Refusal::syntax("fewer fields than the stream has columns");
const TOO_MANY: Fault = &Refusal::syntax("more fields than the stream has columns");
const QUOTE_INSIDE: Fault = &Refusal::syntax("a quote inside a field that does not begin with one");
const LINE_END: Fault = &Refusal::syntax("a line end outside of quotes");

impl Splitter {
    pub fn new(columns: usize) -> Splitter {
        Splitter { fields: vec![Field::default(); columns], count: 0, grows: false }
    }

    /// For one record, which has as many fields as it has.
    pub fn of_any_length() -> Splitter {
        Splitter { fields: Vec::new(), count: 0, grows: true }
    }

    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    #[inline]
    pub fn field(&self, column: usize) -> Field {
        self.fields[column]
    }

    /// Finds all fields of a record, which must be as many as there are columns.
    pub fn split(&mut self, record: &[u8]) -> Result<(), Broken> {
        if u32::try_from(record.len()).is_err() {
            return Err(Broken::new(const { &Refusal::syntax("a record of 4 GiB or more") }, 0));
        }
        let line = without_line_end(record);
        if !self.grows && self.split_plain(line) {
            return Ok(());
        }
        std::str::from_utf8(record).map_err(|error| Broken::new(&Refusal::NOT_UTF8, error.valid_up_to()))?;
        self.count = 0;
        self.split_quoted(line)?;
        if self.count < self.fields.len() {
            return Err(Broken::new(TOO_FEW, line.len()));
        }
        Ok(())
    }

    #[inline]
    fn add(&mut self, quotes: Quotes, start: usize, end: usize) -> Result<(), Broken> {
        let field = Field { quotes, span: Span::new(start, end) };
        match self.fields.get_mut(self.count) {
            Some(place) => *place = field,
            None if self.grows => self.fields.push(field),
            None => return Err(Broken::new(TOO_MANY, start)),
        }
        self.count += 1;
        Ok(())
    }

    /// Without quotes and line ends, only commas matter: eight bytes at a time. False where there are such, where the
    /// fields are not as many as they should be, or where what is not ASCII is not UTF-8.
    fn split_plain(&mut self, record: &[u8]) -> bool {
        let mut special = 0;
        let mut high = 0;
        let mut start = 0;
        let mut count = 0;
        let mut places = self.fields.iter_mut();
        let (words, rest) = record.as_chunks::<8>();
        let mut last = [b' '; 8];
        last[..rest.len()].copy_from_slice(rest);
        for (index, word) in words.iter().chain([&last]).enumerate() {
            let word = u64::from_le_bytes(*word);
            high |= word;
            special |= bytes_below_space(word) | some_equal(word, b'"');
            let mut commas = all_equal(word, b',');
            while commas != 0 {
                let at = index * 8 + (commas.trailing_zeros() / 8) as usize;
                let Some(place) = places.next() else { return false };
                *place = Field { quotes: Quotes::None, span: Span::new(start, at) };
                start = at + 1;
                count += 1;
                commas &= commas - 1;
            }
        }
        let Some(place) = places.next() else { return false };
        *place = Field { quotes: Quotes::None, span: Span::new(start, record.len()) };
        self.count = count + 1;
        let is_text = || high & HIGHS == 0 || std::str::from_utf8(record).is_ok();
        special == 0 && places.next().is_none() && is_text()
    }

    fn split_quoted(&mut self, record: &[u8]) -> Result<(), Broken> {
        let mut at = 0;
        loop {
            let end = if record.get(at) == Some(&b'"') {
                let (end, quotes) = quoted_end(record, at + 1)?;
                self.add(quotes, at + 1, end)?;
                end + 1
            } else {
                let end = memchr::memchr(b',', &record[at..]).map_or(record.len(), |found| at + found);
                if let Some(found) = memchr::memchr3(b'"', b'\n', b'\r', &record[at..end]) {
                    let fault = match record[at + found] {
                        b'"' => QUOTE_INSIDE,
                        _ => LINE_END,
                    };
                    return Err(Broken::new(fault, at + found));
                }
                self.add(Quotes::None, at, end)?;
                end
            };
            match record.get(end) {
                None => return Ok(()),
                Some(b',') => at = end + 1,
                Some(_) => {
                    return Err(Broken::new(
                        const { &Refusal::syntax("something follows the quote that ends a field") },
                        end,
                    ));
                }
            }
        }
    }
}

/// The position of the quote that ends a field whose text begins at `from`.
fn quoted_end(record: &[u8], from: usize) -> Result<(usize, Quotes), Broken> {
    let mut quotes = Quotes::Around;
    let mut at = from;
    while let Some(found) = memchr::memchr(b'"', &record[at..]) {
        if record.get(at + found + 1) != Some(&b'"') {
            return Ok((at + found, quotes));
        }
        quotes = Quotes::Inside;
        at += found + 2;
    }
    Err(Broken::new(const { &Refusal::syntax("a quoted field does not end") }, from - 1))
}

/// Appends a field's text with its doubled quotes made single.
pub(crate) fn unquote(field: &str, out: &mut String) {
    let mut rest = field;
    while let Some(found) = memchr::memchr(b'"', rest.as_bytes()) {
        out.push_str(&rest[..=found]);
        rest = rest.get(found + 2..).unwrap_or_default();
    }
    out.push_str(rest);
}

fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that equals another; exact for every byte. Source: Hacker's Delight, section 6-1.
#[inline]
fn all_equal(word: u64, byte: u8) -> u64 {
    let zeros = word ^ (ONES * u64::from(byte));
    !(((zeros & !HIGHS) + !HIGHS) | zeros | !HIGHS)
}

/// Not zero if and only if some byte equals another. Source: Bit Twiddling Hacks, "Determine if a word has a zero
/// byte".
#[inline]
fn some_equal(word: u64, byte: u8) -> u64 {
    let zeros = word ^ (ONES * u64::from(byte));
    zeros.wrapping_sub(ONES) & !zeros & HIGHS
}

/// Not zero if and only if some byte is below 0x20. Source: as above, "Determine if a word has a byte less than n".
#[inline]
fn bytes_below_space(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}
