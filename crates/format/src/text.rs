//! Values as text, the same in every text format: reading them exactly and writing what reads back the same.

pub(crate) mod digits;
pub(crate) mod number;
pub(crate) mod time;
pub(crate) mod write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Fault, Refusal};
use crate::value::{Cell, Kind, Scratch, Span};

/// Without the spaces around it.
#[inline]
pub(crate) fn trimmed(record: &[u8], mut span: Span) -> Span {
    while span.end > span.start && record[span.end as usize - 1] == b' ' {
        span.end -= 1;
    }
    while span.end > span.start && record[span.start as usize] == b' ' {
        span.start += 1;
    }
    span
}

/// Reads a value of any kind but text from its text form, which no digit may follow.
#[inline]
pub(crate) fn read(kind: Kind, record: &[u8], span: Span, scratch: &mut Scratch, cell: &mut Cell) -> Result<(), Fault> {
    match kind {
        Kind::Timestamp(unit) => *cell = Cell::Timestamp(time::timestamp(span.of(record), unit)?),
        Kind::Boolean => *cell = Cell::Boolean(boolean(span.of(record))?),
        Kind::Date => *cell = Cell::Date(time::date(span.of(record))?),
        Kind::Binary => *cell = Cell::Binary(binary(span.of(record), scratch)?),
        _ => return number::read(kind, record, span, cell),
    }
    Ok(())
}

/// The words that PostgreSQL takes for a boolean, without regard to case.
fn boolean(text: &[u8]) -> Result<bool, Fault> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is_one_of(&["true", "t", "1", "yes", "y", "on"]) {
        Ok(true)
    } else if is_one_of(&["false", "f", "0", "no", "n", "off"]) {
        Ok(false)
    } else {
        Err(const { &Refusal::of_type("expected true or false") })
    }
}

/// Base64 with padding (RFC 4648, section 4).
fn binary(text: &[u8], scratch: &mut Scratch) -> Result<Span, Fault> {
    let start = scratch.bytes.len();
    match STANDARD.decode_vec(text, &mut scratch.bytes) {
        Ok(()) => Ok(Span::new(start, scratch.bytes.len())),
        Err(_) => {
            scratch.bytes.truncate(start);
            Err(const { &Refusal::of_type("expected bytes in base64") })
        }
    }
}
