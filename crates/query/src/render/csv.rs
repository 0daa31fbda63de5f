//! Rows as CSV (RFC 4180, lines end with a line feed).

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::Schema;

use super::cell;
use crate::Result;

/// The names of the columns.
pub fn header(schema: &Schema, out: &mut Vec<u8>) {
    for (number, field) in schema.fields().iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        quote(field.name().as_bytes(), out);
    }
    out.push(b'\n');
}

/// One line a row.
pub fn rows(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
    let formatters = batch.columns().iter().map(|column| cell::formatter(column)).collect::<Result<Vec<_>>>()?;
    let mut text = Vec::new();
    for row in 0..batch.num_rows() {
        for (number, formatter) in formatters.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            if batch.column(number).is_null(row) {
                continue;
            }
            text.clear();
            cell::write(formatter, row, &mut text)?;
            quote(&text, out);
        }
        out.push(b'\n');
    }
    Ok(())
}

/// An empty text is quoted, so that it is not NULL.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    let plain = !text.is_empty() && !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if plain {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
