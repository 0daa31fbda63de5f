//! JSON records: one object a row.
//!
//! [`scan`] walks a record once and notes where each column's value lies; this file reads the values from there.
//! Strings, numbers, booleans are not taken for one another, except that decimals may stand in strings (to keep other
//! writers from rounding them) and that floats may be the strings `NaN`, `Infinity`, `-Infinity` (Protobuf's mapping).

pub(crate) mod encode;
mod layout;
pub(crate) mod names;
mod scan;
mod string;

use arrow_schema::Schema;

use crate::error::{Broken, Error, Fault, Reason};
use crate::rows;
use crate::text::{self, number};
use crate::value::{Cell, Kind, Scratch, Span};
use scan::{Scanner, Token};

/// The fields of JSON records.
pub(crate) struct Fields {
    scanner: Scanner,
}

impl Fields {
    pub fn new(schema: &Schema) -> Result<Fields, Error> {
        Ok(Fields { scanner: Scanner::new(schema.fields().iter().map(|field| field.name().as_str())) })
    }
}

impl rows::Fields for Fields {
    fn split<'a>(&mut self, record: &'a [u8]) -> Result<&'a str, Broken> {
        self.scanner.scan(record)
    }

    #[inline]
    fn cell(&self, column: usize, kind: Kind, record: &str, scratch: &mut Scratch) -> Result<Cell, Fault> {
        let slot = self.scanner.slot(column);
        match (slot.token, kind) {
            (Token::Absent | Token::Null, _) => Ok(Cell::Null),
            (Token::Text, Kind::Text) => Ok(Cell::Text(slot.span)),
            (Token::Number, _) => match kind {
                Kind::Text => Err(Fault::of_type("expected a string, found a number")),
                Kind::Boolean => Err(Fault::of_type("expected true or false, found a number")),
                Kind::Date | Kind::Timestamp(_) => Err(Fault::of_type(
                    "expected a date or time as a string, found a number, whose unit nobody could tell",
                )),
                Kind::Binary => Err(Fault::of_type("expected bytes in base64, found a number")),
                _ => number::read(kind, slot.span.of(record)),
            },
            (Token::True, Kind::Boolean) => Ok(Cell::Boolean(true)),
            (Token::False, Kind::Boolean) => Ok(Cell::Boolean(false)),
            (Token::Text, _) => string(kind, slot.span.of(record), scratch),
            (Token::Escaped, _) => {
                let start = scratch.text.len();
                string::unescape(slot.span.of(record), &mut scratch.text);
                if kind == Kind::Text {
                    return Ok(Cell::Unescaped(Span::new(start, scratch.text.len())));
                }
                // A date in escapes is legal and never seen: the copy costs nobody anything.
                let unescaped = scratch.text[start..].to_string();
                string(kind, &unescaped, scratch)
            }
            (Token::Ambiguous, _) => Err(Fault::new(
                Reason::Ambiguous,
                "several fields differ from the column only in case, and none has exactly its name",
            )),
            (Token::True | Token::False, _) => Err(Fault::of_type("true and false are for boolean columns only")),
            (Token::Container, _) => Err(Fault::of_type("expected a single value, found an object or an array")),
        }
    }

    fn excerpt<'a>(&self, column: usize, record: &'a str) -> &'a str {
        self.scanner.slot(column).span.of(record)
    }

    fn unknown(&self) -> u64 {
        self.scanner.unknown()
    }
}

fn string(kind: Kind, value: &str, scratch: &mut Scratch) -> Result<Cell, Fault> {
    match kind {
        Kind::Date | Kind::Timestamp(_) | Kind::Binary | Kind::Decimal { .. } => text::read(kind, value, scratch),
        Kind::Float32 | Kind::Float64 => match number::not_finite(value) {
            Some(value) if kind == Kind::Float32 => Ok(Cell::Float32(value as f32)),
            Some(value) => Ok(Cell::Float64(value)),
            None => Err(Fault::of_type("expected a number, found a string")),
        },
        Kind::Boolean => Err(Fault::of_type("expected true or false, found a string")),
        _ => Err(Fault::of_type("expected a number, found a string")),
    }
}
