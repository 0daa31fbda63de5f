//! Values as text, the same in every text format: reading them exactly and writing what reads back the same.

pub(crate) mod number;
pub(crate) mod time;
pub(crate) mod write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Fault;
use crate::value::{Cell, Kind, Scratch, Span};

/// Reads a value of any kind but text from its text form.
pub(crate) fn read(kind: Kind, text: &str, scratch: &mut Scratch) -> Result<Cell, Fault> {
    match kind {
        Kind::Boolean => boolean(text).map(Cell::Boolean),
        Kind::Date => time::date(text.as_bytes()).map(Cell::Date),
        Kind::Timestamp(unit) => time::timestamp(text.as_bytes(), unit).map(Cell::Timestamp),
        Kind::Binary => binary(text, scratch),
        _ => number::read(kind, text),
    }
}

/// The words that PostgreSQL takes for a boolean, without regard to case.
fn boolean(text: &str) -> Result<bool, Fault> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&["true", "t", "1", "yes", "y", "on"]) {
        Ok(true)
    } else if is_one_of(&["false", "f", "0", "no", "n", "off"]) {
        Ok(false)
    } else {
        Err(Fault::of_type("expected true or false"))
    }
}

/// Base64 with padding (RFC 4648, section 4).
fn binary(text: &str, scratch: &mut Scratch) -> Result<Cell, Fault> {
    let start = scratch.bytes.len();
    match STANDARD.decode_vec(text, &mut scratch.bytes) {
        Ok(()) => Ok(Cell::Binary(Span::new(start, scratch.bytes.len()))),
        Err(_) => {
            scratch.bytes.truncate(start);
            Err(Fault::of_type("expected bytes in base64"))
        }
    }
}
