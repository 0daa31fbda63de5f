//! Rows of the shop as records of a stream.

use std::io::Write as _;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use headwater_format::{Format, RecordWriter, write_decimal, write_timestamp};
use headwater_shop::rows::{Stream, Type, Value};

use crate::Target;
use crate::error::{Error, Result};

/// Writes rows of one of the shop's streams.
#[derive(Debug)]
pub struct Encoder {
    writer: RecordWriter,
    /// For each column of the record, which of the row's values it has.
    columns: Vec<Option<usize>>,
    text: Vec<u8>,
}

impl Encoder {
    /// With all columns of the stream, in their order.
    pub fn whole(stream: Stream, format: Format) -> Result<Encoder> {
        let field = |(name, data_type, nullable): &(&str, Type, bool)| {
            let data_type = match data_type {
                Type::Bigint => DataType::Int64,
                Type::Varchar => DataType::Utf8,
                Type::Decimal => DataType::Decimal128(12, 2),
                Type::Double => DataType::Float64,
                Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            };
            Arc::new(Field::new(*name, data_type, *nullable))
        };
        let schema = Schema::new(stream.columns().iter().map(field).collect::<Vec<_>>());
        let columns = (0..stream.columns().len()).map(Some).collect();
        Ok(Encoder { writer: RecordWriter::new(format, &schema)?, columns, text: Vec::new() })
    }

    /// With the columns that a stream declares, by their names. Those that the shop does not know are NULL.
    pub fn for_target(stream: Stream, target: &Target) -> Result<Encoder> {
        let mut columns = Vec::with_capacity(target.schema.fields().len());
        for field in target.schema.fields() {
            let found = stream.columns().iter().position(|(name, ..)| name == field.name());
            if found.is_none() && !field.is_nullable() {
                let names: Vec<&str> = stream.columns().iter().map(|(name, ..)| *name).collect();
                return Err(Error::Field {
                    column: field.name().clone(),
                    message: format!("is NOT NULL, and {} of the shop have {}", stream.name(), names.join(", ")),
                });
            }
            columns.push(found);
        }
        Ok(Encoder { writer: RecordWriter::new(target.format, &target.schema)?, columns, text: Vec::new() })
    }

    /// Appends a row as one record, without a line's end.
    pub fn write(&mut self, row: &[Value], record: &mut Vec<u8>) {
        let start = record.len();
        for (column, from) in self.columns.iter().enumerate() {
            self.text.clear();
            let text = &mut self.text;
            match from.map_or(Value::Null, |from| row[from]) {
                Value::Null => self.writer.null(column, record),
                // What is of another type is written as it is: so it is meant.
                Value::Text(text) => drop(self.writer.text(column, text, record)),
                // Writing into memory does not fail.
                Value::Number(number) => drop(write!(text, "{number}")),
                Value::Share(number) => drop(write!(text, "{number}")),
                Value::Cents(cents) => write_decimal(i128::from(cents), 2, text),
                Value::Time(at_us) => write_timestamp(at_us, TimeUnit::Microsecond, text),
            }
            if let Ok(text) = std::str::from_utf8(&self.text)
                && !text.is_empty()
            {
                self.writer.literal(column, text, record);
            }
        }
        self.writer.end(start, record);
    }
}

/// A day, as people write it.
pub fn day(at_us: i64) -> String {
    let mut text = time(at_us);
    text.truncate("2026-01-01".len());
    text
}

/// A time, as people write it.
pub fn time(at_us: i64) -> String {
    let mut text = Vec::new();
    write_timestamp(at_us, TimeUnit::Microsecond, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
