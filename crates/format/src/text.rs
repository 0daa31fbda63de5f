//! Values as text, the same in every text format: reading them exactly and writing what reads back the same.

pub(crate) mod number;
pub(crate) mod time;
pub(crate) mod write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Fault, Refusal};
use crate::value::{Cell, Kind, Scratch, Span};

/// Without the spaces around it.
#[inline]
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b' ', ..] | [.., b' '] => text.trim_matches(' '),
        _ => text,
    }
}

/// Reads a value of any kind but text from its text form.
#[inline]
pub(crate) fn read(kind: Kind, text: &str, scratch: &mut Scratch, cell: &mut Cell) -> Result<(), Fault> {
    match kind {
        Kind::Timestamp(unit) => *cell = Cell::Timestamp(time::timestamp(text.as_bytes(), unit)?),
        Kind::Boolean => *cell = Cell::Boolean(boolean(text)?),
        Kind::Date => *cell = Cell::Date(time::date(text.as_bytes())?),
        Kind::Binary => *cell = Cell::Binary(binary(text, scratch)?),
        _ => return number::read(kind, text, cell),
    }
    Ok(())
}

/// The words that PostgreSQL takes for a boolean, without regard to case.
fn boolean(text: &str) -> Result<bool, Fault> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&["true", "t", "1", "yes", "y", "on"]) {
        Ok(true)
    } else if is_one_of(&["false", "f", "0", "no", "n", "off"]) {
        Ok(false)
    } else {
        Err(const { &Refusal::of_type("expected true or false") })
    }
}

/// Base64 with padding (RFC 4648, section 4).
fn binary(text: &str, scratch: &mut Scratch) -> Result<Span, Fault> {
    let start = scratch.bytes.len();
    match STANDARD.decode_vec(text, &mut scratch.bytes) {
        Ok(()) => Ok(Span::new(start, scratch.bytes.len())),
        Err(_) => {
            scratch.bytes.truncate(start);
            Err(const { &Refusal::of_type("expected bytes in base64") })
        }
    }
}
