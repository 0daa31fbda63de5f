//! CSV records: the fields of a row in the order of the columns, as RFC 4180 has them.
//!
//! A record is one row, so it holds no line end outside of quotes; one that trails is let pass. Quotes stand around a
//! whole field or not at all. An empty field is NULL, a quoted empty one is empty text.

pub(crate) mod encode;
pub(crate) mod rewrite;
mod split;

use arrow_schema::Schema;

use crate::error::{Broken, Error, Fault, Refusal};
use crate::rows;
use crate::text;
use crate::value::{Cell, Kind, Scratch, Span};
use split::{Quotes, Splitter};

const QUOTE: Fault = &Refusal::of_type("a quote within a value that is not text");

/// The fields of CSV records.
pub(crate) struct Fields {
    splitter: Splitter,
}

impl Fields {
    pub fn new(schema: &Schema) -> Result<Fields, Error> {
        Ok(Fields { splitter: Splitter::new(schema.fields().len()) })
    }
}

impl rows::Fields for Fields {
    fn split(&mut self, record: &[u8]) -> Result<(), Broken> {
        self.splitter.split(record)
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
        let field = self.splitter.field(column);
        match (field.quotes, kind) {
            (Quotes::None, _) if field.span.start == field.span.end => *cell = Cell::Null,
            (Quotes::None | Quotes::Around, Kind::Text) => *cell = Cell::Text(field.span),
            (Quotes::None | Quotes::Around, _) => {
                return text::read(kind, record, text::trimmed(record, field.span), scratch, cell);
            }
            (Quotes::Inside, Kind::Text) => {
                let start = scratch.text.len();
                split::unquote(field.span.text(record), &mut scratch.text);
                *cell = Cell::Unescaped(Span::new(start, scratch.text.len()));
            }
            (Quotes::Inside, _) => return Err(QUOTE),
        }
        Ok(())
    }

    fn excerpt<'a>(&self, column: usize, record: &'a [u8]) -> &'a [u8] {
        self.splitter.field(column).span.of(record)
    }

    fn unknown(&self) -> u64 {
        0
    }
}
