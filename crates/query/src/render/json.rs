//! Rows as JSON: an array of objects, or one object a line (NDJSON).
//!
//! Numbers are written with all their digits, however many a reader's own numbers have.

use std::io::Write;

use arrow::array::{Array as _, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::util::display::ArrayFormatter;

use super::cell;
use crate::Result;

/// One object a line, without anything around them.
pub fn lines(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
    let rows = Rows::new(batch)?;
    for row in 0..batch.num_rows() {
        rows.object(row, out)?;
        out.push(b'\n');
    }
    Ok(())
}

/// Each value of a column.
pub fn values(column: &dyn arrow::array::Array) -> Result<Vec<String>> {
    let values = Values::new(column)?;
    let text = |row| {
        let mut out = Vec::new();
        values.value(row, &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    };
    (0..column.len()).map(text).collect()
}

/// An array that is written batch by batch.
#[derive(Debug)]
pub struct Array {
    any: bool,
}

impl Array {
    /// Begins it.
    pub fn new(out: &mut Vec<u8>) -> Array {
        out.push(b'[');
        Array { any: false }
    }

    pub fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let rows = Rows::new(batch)?;
        for row in 0..batch.num_rows() {
            out.extend_from_slice(if self.any { b",\n" } else { b"\n" });
            self.any = true;
            rows.object(row, out)?;
        }
        Ok(())
    }

    /// Ends it.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.any { b"\n]\n" } else { b"]\n" });
    }
}

/// A batch with a writer for each column.
struct Rows<'a> {
    /// The encoded name, and the values.
    columns: Vec<(Vec<u8>, Values<'a>)>,
}

/// How the values of a column are written.
struct Values<'a> {
    array: &'a dyn arrow::array::Array,
    shape: Shape<'a>,
}

enum Shape<'a> {
    Null,
    Boolean,
    /// Digits as they are.
    Number(ArrayFormatter<'a>),
    Float32,
    Float64,
    Text(ArrayFormatter<'a>),
    Object(Rows<'a>),
    List,
}

impl<'a> Rows<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Rows<'a>> {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        let columns = batch.columns().iter().map(|column| column.as_ref());
        Rows::of(names.zip(columns))
    }

    fn of(columns: impl Iterator<Item = (&'a str, &'a dyn arrow::array::Array)>) -> Result<Rows<'a>> {
        let columns = columns.map(|(name, array)| {
            let mut encoded = Vec::with_capacity(name.len() + 3);
            string(name, &mut encoded);
            encoded.push(b':');
            Ok((encoded, Values::new(array)?))
        });
        Ok(Rows { columns: columns.collect::<Result<Vec<_>>>()? })
    }

    fn object(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'{');
        for (number, (name, values)) in self.columns.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            values.value(row, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

impl<'a> Values<'a> {
    fn new(array: &'a dyn arrow::array::Array) -> Result<Values<'a>> {
        let shape = match array.data_type() {
            DataType::Null => Shape::Null,
            DataType::Boolean => Shape::Boolean,
            DataType::Float32 => Shape::Float32,
            DataType::Float64 => Shape::Float64,
            number if cell::is_number(number) => Shape::Number(cell::formatter(array)?),
            DataType::Struct(_) => {
                let fields: &StructArray = array.as_struct();
                let names = fields.column_names().into_iter();
                Shape::Object(Rows::of(names.zip(fields.columns().iter().map(|column| column.as_ref())))?)
            }
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => Shape::List,
            _ => Shape::Text(cell::formatter(array)?),
        };
        Ok(Values { array, shape })
    }

    fn value(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if self.array.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match &self.shape {
            Shape::Null => out.extend_from_slice(b"null"),
            Shape::Boolean => {
                out.extend_from_slice(if self.array.as_boolean().value(row) { b"true" } else { b"false" })
            }
            Shape::Number(formatter) => cell::write(formatter, row, out)?,
            Shape::Float32 => float(self.array.as_primitive::<Float32Type>().value(row), out),
            Shape::Float64 => float(self.array.as_primitive::<Float64Type>().value(row), out),
            Shape::Text(formatter) => {
                let mut text = Vec::new();
                cell::write(formatter, row, &mut text)?;
                string(&String::from_utf8_lossy(&text), out);
            }
            Shape::Object(fields) => fields.object(row, out)?,
            Shape::List => self.list(row, out)?,
        }
        Ok(())
    }

    fn list(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let items = match self.array.data_type() {
            DataType::LargeList(_) => self.array.as_list::<i64>().value(row),
            DataType::FixedSizeList(..) => self.array.as_fixed_size_list().value(row),
            _ => self.array.as_list::<i32>().value(row),
        };
        let values = Values::new(items.as_ref())?;
        out.push(b'[');
        for item in 0..items.len() {
            if item > 0 {
                out.push(b',');
            }
            values.value(item, out)?;
        }
        out.push(b']');
        Ok(())
    }
}

/// The shortest text that reads back the same; JSON has no number that is not finite.
fn float<F: Into<f64> + Copy + std::fmt::Debug>(value: F, out: &mut Vec<u8>) {
    let wide: f64 = value.into();
    // Writing to memory does not fail.
    let _ = match wide {
        wide if wide.is_nan() => out.write_all(b"\"NaN\""),
        wide if wide.is_infinite() => out.write_all(if wide > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" }),
        _ => write!(out, "{value:?}"),
    };
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            // Writing to memory does not fail.
            control => drop(write!(out, "\\u{control:04x}")),
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}
