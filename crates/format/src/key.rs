//! Partition keys: the same bytes whether they are read from a record or from decoded rows.
//!
//! One column of text is its UTF-8; one of integers is eight bytes, big-endian. Everything else is a tuple: for each
//! column the length of its bytes (four bytes, big-endian), then these. In it dates and timestamps are eight bytes,
//! decimals sixteen, floats the bits of a double, booleans one byte. A key with a null in it is no key.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use crate::error::Error;
use crate::reader::Reader;
use crate::rows::{Declared, Fields, declared};
use crate::value::{Cell, Kind, Scratch, Value};
use crate::{Format, csv, json};

/// Reads keys from records.
pub struct KeyReader {
    fields: Box<dyn Fields>,
    declared: Vec<Declared>,
    columns: Vec<usize>,
    scratch: Scratch,
}

impl KeyReader {
    /// Of records with these columns, the keys of which are the ones at `key_columns`.
    pub fn new(format: Format, schema: SchemaRef, key_columns: &[usize]) -> Result<KeyReader, Error> {
        let declared = declared(&schema)?;
        check(&schema, key_columns)?;
        let fields: Box<dyn Fields> = match format {
            Format::Csv => Box::new(csv::Fields::new(&schema)?),
            Format::Json => Box::new(json::Fields::new(&schema)?),
        };
        Ok(KeyReader { fields, declared, columns: key_columns.to_vec(), scratch: Scratch::default() })
    }

    /// Replaces `out` with the record's key. False, and `out` empty, where the record is broken or a key column has
    /// no value that can be read; other columns are not looked at.
    pub fn key(&mut self, record: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        let read = self.read(record, out).is_some();
        if !read {
            out.clear();
        }
        read
    }

    fn read(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.fields.split(record).ok()?;
        self.scratch.clear();
        for &column in &self.columns {
            let kind = self.declared[column].kind;
            let mut cell = Cell::Null;
            self.fields.read(column, kind, record, &mut self.scratch, &mut cell).ok()?;
            append(cell.value(record, &self.scratch), is_bare(self.columns.len(), kind), out)?;
        }
        Some(())
    }
}

/// The keys of rows, one a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    bytes: Vec<u8>,
    /// Where each key ends, and whether there is one.
    ends: Vec<(usize, bool)>,
}

impl Keys {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The key of a row; `None` where one of its columns is null. Panics past the end, as slices do.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let start = if row == 0 { 0 } else { self.ends[row - 1].0 };
        let (end, is_key) = self.ends[row];
        is_key.then(|| &self.bytes[start..end])
    }
}

/// The keys of decoded rows.
pub fn keys_of(rows: &RecordBatch, key_columns: &[usize]) -> Result<Keys, Error> {
    let schema = rows.schema();
    check(&schema, key_columns)?;
    let unsupported = |column: usize| {
        let field = schema.field(column);
        Error::UnsupportedType { column: field.name().clone(), data_type: field.data_type().clone() }
    };
    let readers = key_columns
        .iter()
        .map(|&column| Reader::new(rows.column(column)).ok_or_else(|| unsupported(column)))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut keys = Keys::default();
    for row in 0..rows.num_rows() {
        let start = keys.bytes.len();
        let is_key = readers
            .iter()
            .all(|reader| append(reader.value(row), is_bare(readers.len(), reader.kind), &mut keys.bytes).is_some());
        if !is_key {
            keys.bytes.truncate(start);
        }
        keys.ends.push((keys.bytes.len(), is_key));
    }
    Ok(keys)
}

fn check(schema: &Schema, key_columns: &[usize]) -> Result<(), Error> {
    let columns = schema.fields().len();
    match key_columns.iter().find(|column| **column >= columns) {
        Some(&index) => Err(Error::NoSuchColumn { index, columns }),
        None => Ok(()),
    }
}

/// Whether a key is the value alone, without a length.
fn is_bare(columns: usize, kind: Kind) -> bool {
    columns == 1 && matches!(kind, Kind::Text | Kind::Int(_) | Kind::UInt(_))
}

/// Appends a value to a key; `None` for a null.
fn append(value: Value<'_>, bare: bool, out: &mut Vec<u8>) -> Option<()> {
    let mut sized = |bytes: &[u8]| {
        if !bare {
            // Records are below 4 GiB, and so is what is read from them.
            out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        }
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Null => return None,
        Value::Text(text) => sized(text.as_bytes()),
        Value::Binary(bytes) => sized(bytes),
        Value::Int(value) => sized(&value.to_be_bytes()),
        Value::UInt(value) => sized(&value.to_be_bytes()),
        Value::Boolean(value) => sized(&[u8::from(value)]),
        Value::Date(days) => sized(&i64::from(days).to_be_bytes()),
        Value::Timestamp(units) => sized(&units.to_be_bytes()),
        Value::Decimal(unscaled) => sized(&unscaled.to_be_bytes()),
        // Equal floats have equal keys: adding zero makes the negative one positive.
        Value::Float32(value) => sized(&(f64::from(value) + 0.0).to_bits().to_be_bytes()),
        Value::Float64(value) => sized(&(value + 0.0).to_bits().to_be_bytes()),
    }
    Some(())
}
