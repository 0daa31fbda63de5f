//! Rows to CSV records: fields in the order of the columns, quoted where RFC 4180 needs it and where text is empty.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::error::Error;
use crate::json::encode::readers;
use crate::rows::declared;
use crate::text::write;
use crate::value::Value;
use crate::{Encoded, Encoder};

pub(crate) struct CsvEncoder {
    schema: SchemaRef,
}

impl CsvEncoder {
    pub fn new(schema: SchemaRef) -> Result<CsvEncoder, Error> {
        declared(&schema)?;
        Ok(CsvEncoder { schema })
    }
}

impl Encoder for CsvEncoder {
    fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) -> Result<(), Error> {
        let readers = readers(&self.schema, rows)?;
        for row in 0..rows.num_rows() {
            for (column, reader) in readers.iter().enumerate() {
                if column > 0 {
                    out.bytes.push(b',');
                }
                match reader.value(row) {
                    Value::Text(text) => write_text(text.as_bytes(), &mut out.bytes),
                    // No bytes at all would read back as NULL.
                    Value::Binary([]) => out.bytes.extend_from_slice(b"\"\""),
                    value => write::plain(value, reader.kind, &mut out.bytes),
                }
            }
            out.ends.push(out.bytes.len());
        }
        Ok(())
    }
}

/// Appends a field's text, in quotes where it would not read back without.
pub(crate) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b',' | b'\n' | b'\r');
    if !text.is_empty() && !text.iter().any(special) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    let mut rest = text;
    while let Some(found) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=found]);
        out.push(b'"');
        rest = &rest[found + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
