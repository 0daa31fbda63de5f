//! Rows as text for people and programs: an aligned table, CSV, JSON.
//!
//! Values are exact in every format: decimals keep their digits, floats are the shortest text that reads back the
//! same, times are ISO 8601 with as many fractional digits as they need, in UTC with a `Z`.

pub mod cell;
pub mod csv;
pub mod json;
pub mod table;

use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::Result;

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns aligned, numbers to the right, as psql shows them.
    Table,
    /// RFC 4180 with a header line. NULL is an empty field, an empty text is `""`.
    Csv,
    /// An array of objects, one a line. Numbers of every size and decimals are JSON numbers with all their digits;
    /// floats that JSON has no number for are the texts "NaN", "Infinity" and "-Infinity".
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Format, String> {
        match name {
            "table" => Ok(Format::Table),
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            other => Err(format!("unknown format '{other}'; the formats are table, csv and json")),
        }
    }
}

/// All rows as one text.
pub fn render(schema: &SchemaRef, batches: &[RecordBatch], format: Format) -> Result<String> {
    let mut out = Vec::new();
    match format {
        Format::Table => table::table(schema, batches, &mut out)?,
        Format::Csv => {
            csv::header(schema, &mut out);
            for batch in batches {
                csv::rows(batch, &mut out)?;
            }
        }
        Format::Json => {
            let mut array = json::Array::new(&mut out);
            for batch in batches {
                array.rows(batch, &mut out)?;
            }
            array.finish(&mut out);
        }
    }
    // Every writer here writes UTF-8 alone.
    Ok(String::from_utf8(out).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests;
