//! Records of JSON files into records of a stream in another format.

use arrow_schema::Schema;

use crate::csv::rewrite::keep_broken;
use crate::error::Error;
use crate::records::RecordWriter;
use crate::rows::{Declared, Fields as _, declared};
use crate::value::{Cell, Scratch, Value};
use crate::{Format, json};

/// Rewrites JSON objects, one a record.
pub struct Recoder {
    fields: json::Fields,
    declared: Vec<Declared>,
    writer: RecordWriter,
    format: Format,
    scratch: Scratch,
}

impl Recoder {
    /// Into records of this format, with these columns.
    pub fn new(schema: &Schema, format: Format) -> Result<Recoder, Error> {
        Ok(Recoder {
            fields: json::Fields::new(schema)?,
            declared: declared(schema)?,
            writer: RecordWriter::new(format, schema)?,
            format,
            scratch: Scratch::default(),
        })
    }

    /// Replaces `out` with the stream's record. A record that is no row stays as it is, and is none in the stream too.
    pub fn recode(&mut self, record: &[u8], out: &mut Vec<u8>) {
        out.clear();
        if self.write(record, out).is_none() {
            out.clear();
            keep_broken(self.format, self.declared.len(), record, out);
        }
    }

    /// Fields that no column takes, in all records so far.
    pub fn unknown(&self) -> u64 {
        self.fields.unknown()
    }

    fn write(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.fields.split(record).ok()?;
        self.scratch.clear();
        for (column, declared) in self.declared.iter().enumerate() {
            let mut cell = Cell::Null;
            self.fields.read(column, declared.kind, record, &mut self.scratch, &mut cell).ok()?;
            let value = cell.value(record, &self.scratch);
            if !declared.nullable && value == Value::Null {
                return None;
            }
            self.writer.value(column, value, out);
        }
        self.writer.end(0, out);
        Some(())
    }
}
