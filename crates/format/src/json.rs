//! JSON records: one object a row.
//!
//! [`scan`] walks a record once and notes where each column's value lies; this file reads the values from there.
//! Strings, numbers, booleans are not taken for one another, except that decimals may stand in strings (to keep other
//! writers from rounding them) and that floats may be the strings `NaN`, `Infinity`, `-Infinity` (Protobuf's mapping).

pub(crate) mod encode;
mod layout;
pub(crate) mod names;
mod nested;
mod scan;
mod string;

use arrow_schema::Schema;

use crate::error::{Broken, Error, Fault, Reason, Refusal};
use crate::rows;
use crate::text::{self, number};
use crate::value::{Cell, Kind, Scratch, Span};
use scan::{Scanner, Token};

const AMBIGUOUS: Fault = &Refusal {
    reason: Reason::Ambiguous,
    what: "several fields differ from the column only in case, and none has exactly its name",
};

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
    fn split(&mut self, record: &[u8]) -> Result<(), Broken> {
        self.scanner.scan(record)
    }

    #[inline]
    fn read(
        &self,
        column: usize,
        kind: Kind,
        record: &[u8],
        scratch: &mut Scratch,
        cell: &mut Cell,
    ) -> Result<(), Fault> {
        let slot = self.scanner.slot(column);
        match (slot.token, kind) {
            (Token::Text, Kind::Text) => *cell = Cell::Text(slot.span),
            (Token::Integer, Kind::Int(_) | Kind::UInt(_) | Kind::Float32 | Kind::Float64 | Kind::Decimal { .. }) => {
                return number::from_integer(kind, slot.integer, slot.span.of(record), cell);
            }
            (Token::Number, Kind::Int(_) | Kind::UInt(_) | Kind::Float32 | Kind::Float64 | Kind::Decimal { .. }) => {
                return number::read(kind, record, slot.span, cell);
            }
            (Token::Text, _) => return string(kind, record, slot.span, scratch, cell),
            (Token::Absent | Token::Null, _) => *cell = Cell::Null,
            (Token::True | Token::False, Kind::Boolean) => *cell = Cell::Boolean(slot.token == Token::True),
            (Token::Escaped, _) => {
                let start = scratch.text.len();
                string::unescape(slot.span.text(record), &mut scratch.text);
                if kind == Kind::Text {
                    *cell = Cell::Unescaped(Span::new(start, scratch.text.len()));
                } else {
                    // A date in escapes is legal and never seen: the copy costs nobody anything.
                    let unescaped = scratch.text[start..].to_string();
                    return string(kind, unescaped.as_bytes(), Span::new(0, unescaped.len()), scratch, cell);
                }
            }
            (token, _) => return Err(mismatch(token, kind)),
        }
        Ok(())
    }

    fn excerpt<'a>(&self, column: usize, record: &'a [u8]) -> &'a [u8] {
        self.scanner.slot(column).span.of(record)
    }

    fn unknown(&self) -> u64 {
        self.scanner.unknown()
    }
}

fn string(kind: Kind, record: &[u8], span: Span, scratch: &mut Scratch, cell: &mut Cell) -> Result<(), Fault> {
    match kind {
        Kind::Date | Kind::Timestamp(_) | Kind::Binary | Kind::Decimal { .. } => {
            return text::read(kind, record, span, scratch, cell);
        }
        Kind::Float32 | Kind::Float64 => match number::not_finite(span.of(record)) {
            Some(value) if kind == Kind::Float32 => *cell = Cell::Float32(value as f32),
            Some(value) => *cell = Cell::Float64(value),
            None => return Err(mismatch(Token::Text, kind)),
        },
        _ => return Err(mismatch(Token::Text, kind)),
    }
    Ok(())
}

#[cold]
fn mismatch(token: Token, kind: Kind) -> Fault {
    const CONTAINER: Fault = &Refusal::of_type("expected a single value, found an object or an array");
    const BOOLEAN: Fault = &Refusal::of_type("true and false are for boolean columns only");
    const TEXT_FOR_BOOLEAN: Fault = &Refusal::of_type("expected true or false, found a string");
    const TEXT: Fault = &Refusal::of_type("expected a number, found a string");
    const FOR_TEXT: Fault = &Refusal::of_type("expected a string, found a number");
    const FOR_BOOLEAN: Fault = &Refusal::of_type("expected true or false, found a number");
    const FOR_BINARY: Fault = &Refusal::of_type("expected bytes in base64, found a number");
    const FOR_TIME: Fault =
        &Refusal::of_type("expected a date or time as a string, found a number, whose unit nobody could tell");
    match (token, kind) {
        (Token::Ambiguous, _) => AMBIGUOUS,
        (Token::Container, _) => CONTAINER,
        (Token::True | Token::False, _) => BOOLEAN,
        (Token::Text, Kind::Boolean) => TEXT_FOR_BOOLEAN,
        (Token::Text, _) => TEXT,
        (_, Kind::Boolean) => FOR_BOOLEAN,
        (_, Kind::Date | Kind::Timestamp(_)) => FOR_TIME,
        (_, Kind::Binary) => FOR_BINARY,
        _ => FOR_TEXT,
    }
}
