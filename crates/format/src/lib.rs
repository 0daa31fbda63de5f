//! Rows as bytes and rows as Arrow: decoding records of the log, one at a time, and encoding rows as records.
//!
//! Only this crate knows how rows are written down. A record is a row if and only if every declared column can be read
//! from it, whatever columns are asked for: so which records are dead letters is a fact about the record and the
//! schema, not about the query that meets them. There is no I/O here.

mod column;
mod csv;
mod error;
mod json;
mod key;
mod reader;
mod recode;
mod records;
mod rows;
mod text;
mod value;

use std::fmt;
use std::str::FromStr;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

pub use csv::rewrite::Rewriter;
pub use error::{Error, Reason, RowError};
pub use json::encode::row_as_json;
pub use key::{KeyReader, Keys, keys_of};
pub use recode::Recoder;
pub use records::RecordWriter;
pub use text::write::{decimal as write_decimal, timestamp as write_timestamp};

/// How the records of a stream are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 4180 without a header line: the fields of a row in the order of the columns. An empty field is NULL, a
    /// quoted empty one is the empty string.
    Csv,
    /// One JSON object (RFC 8259), with the columns as its fields.
    Json,
}

impl Format {
    /// The name, as SQL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format, Error> {
        match name.to_ascii_lowercase().as_str() {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            "avro" | "protobuf" | "raw" => Err(Error::NotBuilt(name.to_string())),
            _ => Err(Error::UnknownFormat(name.to_string())),
        }
    }
}

/// Collects records into a batch of rows. Used over and over; buffers are kept.
pub trait Decoder: Send {
    /// Adds a record as a row. On an error nothing of it is added.
    fn push(&mut self, record: &[u8]) -> Result<(), RowError>;

    /// Rows since the last [`Decoder::finish`].
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows so far, with the columns that were asked for in the order in which they were; none remain.
    fn finish(&mut self) -> RecordBatch;

    /// How many fields without a column there have been in all rows, ever. They are ignored.
    fn unknown_fields(&self) -> u64;
}

/// A decoder of records with these columns. `projection` names those to materialise, by index; all where it is
/// absent.
pub fn decoder(format: Format, schema: SchemaRef, projection: Option<&[usize]>) -> Result<Box<dyn Decoder>, Error> {
    Ok(match format {
        Format::Csv => Box::new(rows::Rows::new(csv::Fields::new(&schema)?, schema, projection)?),
        Format::Json => Box::new(rows::Rows::new(json::Fields::new(&schema)?, schema, projection)?),
    })
}

/// Writes rows as records.
pub trait Encoder: Send {
    /// Appends one record a row to `out`, which the caller empties when it has used it. Nulls are written. What is
    /// written decodes to the same row.
    fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) -> Result<(), Error>;
}

/// An encoder of rows with these columns.
pub fn encoder(format: Format, schema: SchemaRef) -> Result<Box<dyn Encoder>, Error> {
    Ok(Box::new(records::Batches::new(format, schema)?))
}

/// Records one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    pub bytes: Vec<u8>,
    /// Where each record ends; it begins where the one before ended.
    pub ends: Vec<usize>,
}

impl Encoded {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The record of a row. Panics past the end, as slices do.
    pub fn record(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    pub fn records(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|row| self.record(row))
    }
}
