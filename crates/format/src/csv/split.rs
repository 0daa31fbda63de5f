//! Finding the fields of one CSV record.

use crate::error::{Broken, Fault, Reason};
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

const TOO_FEW: &str = "fewer fields than the stream has columns";
const TOO_MANY: &str = "more fields than the stream has columns";

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
    pub fn split<'a>(&mut self, record: &'a [u8]) -> Result<&'a str, Broken> {
        let text = std::str::from_utf8(record)
            .map_err(|error| Broken { fault: Fault::new(Reason::Encoding, "not UTF-8"), at: error.valid_up_to() })?;
        if u32::try_from(record.len()).is_err() {
            return Err(Broken::syntax("a record of 4 GiB or more", 0));
        }
        let record = without_line_end(record);
        self.count = 0;
        if is_special(record) {
            self.split_quoted(record)?
        } else {
            self.split_plain(record)?
        }
        if self.count < self.fields.len() {
            return Err(Broken::syntax(TOO_FEW, record.len()));
        }
        Ok(text)
    }

    #[inline]
    fn add(&mut self, quotes: Quotes, start: usize, end: usize) -> Result<(), Broken> {
        if self.grows {
            self.fields.push(Field::default());
        }
        let field = self.fields.get_mut(self.count).ok_or(Broken::syntax(TOO_MANY, start))?;
        *field = Field { quotes, span: Span::new(start, end) };
        self.count += 1;
        Ok(())
    }

    /// Without quotes, only commas matter: eight bytes at a time.
    fn split_plain(&mut self, record: &[u8]) -> Result<(), Broken> {
        let mut start = 0;
        let (words, rest) = record.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            let mut commas = commas_in(*word);
            while commas != 0 {
                let at = index * 8 + (commas.trailing_zeros() / 8) as usize;
                self.add(Quotes::None, start, at)?;
                start = at + 1;
                commas &= commas - 1;
            }
        }
        let before = words.len() * 8;
        for (at, byte) in rest.iter().enumerate() {
            if *byte == b',' {
                self.add(Quotes::None, start, before + at)?;
                start = before + at + 1;
            }
        }
        self.add(Quotes::None, start, record.len())
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
                    let what = match record[at + found] {
                        b'"' => "a quote inside a field that does not begin with one",
                        _ => "a line end outside of quotes",
                    };
                    return Err(Broken::syntax(what, at + found));
                }
                self.add(Quotes::None, at, end)?;
                end
            };
            match record.get(end) {
                None => return Ok(()),
                Some(b',') => at = end + 1,
                Some(_) => return Err(Broken::syntax("something follows the quote that ends a field", end)),
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
    Err(Broken::syntax("a quoted field does not end", from - 1))
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

/// Whether there is a quote or a line end anywhere. One pass without branches, which compilers turn into vector
/// instructions.
#[inline]
fn is_special(record: &[u8]) -> bool {
    let special = |byte: u8| u8::from(byte == b'"') | u8::from(byte == b'\n') | u8::from(byte == b'\r');
    let mut found = [0u8; 16];
    let (blocks, rest) = record.as_chunks::<16>();
    for block in blocks {
        for (found, byte) in found.iter_mut().zip(block) {
            *found |= special(*byte);
        }
    }
    let rest = rest.iter().fold(0, |found, byte| found | special(*byte));
    found.iter().fold(rest, |all, lane| all | lane) != 0
}

/// The high bit of each byte that is a comma; exact for every byte. Source: Hacker's Delight, section 6-1.
#[inline]
fn commas_in(word: [u8; 8]) -> u64 {
    const LOWS: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    const COMMAS: u64 = 0x0101_0101_0101_0101 * b',' as u64;
    let zeros = u64::from_le_bytes(word) ^ COMMAS;
    !(((zeros & LOWS) + LOWS) | zeros | LOWS)
}
