//! From records to rows, in any format: reads every declared column of a record, then appends those asked for.
//!
//! Nothing is appended before all columns have been read: a broken record leaves no trace.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};

use crate::Decoder;
use crate::column::Column;
use crate::error::{Broken, Error, Fault, Reason, RowError, quoted};
use crate::value::{Cell, Kind, Scratch};

/// A format's way to take a record apart. One is made for a schema and used for one record after the other.
pub(crate) trait Fields: Send {
    /// Finds the fields of a record and checks that it is well-formed as a whole, and UTF-8.
    fn split(&mut self, record: &[u8]) -> Result<(), Broken>;

    /// Reads a column of the record that was split last, straight into its place: a result of this size would be
    /// copied, and reading it back at once is slow.
    fn read(
        &self,
        column: usize,
        kind: Kind,
        record: &[u8],
        scratch: &mut Scratch,
        cell: &mut Cell,
    ) -> Result<(), Fault>;

    /// The column's text in the record, for people.
    fn excerpt<'a>(&self, column: usize, record: &'a [u8]) -> &'a [u8];

    /// Fields that no column took, in all records so far.
    fn unknown(&self) -> u64;
}

/// A declared column.
pub(crate) struct Declared {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
}

/// The declared columns of a schema; types that records can't hold are refused.
pub(crate) fn declared(schema: &Schema) -> Result<Vec<Declared>, Error> {
    let declare = |field: &Arc<arrow_schema::Field>| match Kind::of(field.data_type()) {
        Some(kind) => Ok(Declared { name: field.name().clone(), kind, nullable: field.is_nullable() }),
        None => Err(Error::UnsupportedType { column: field.name().clone(), data_type: field.data_type().clone() }),
    };
    schema.fields().iter().map(declare).collect()
}

pub(crate) struct Rows<F> {
    fields: F,
    declared: Vec<Declared>,
    /// The columns asked for, each with its index among the declared.
    outputs: Vec<(usize, Column)>,
    takes_text: bool,
    schema: SchemaRef,
    cells: Vec<Cell>,
    scratch: Scratch,
    len: usize,
}

impl<F: Fields> Rows<F> {
    pub fn new(fields: F, schema: SchemaRef, projection: Option<&[usize]>) -> Result<Rows<F>, Error> {
        let declared = declared(&schema)?;
        let all: Vec<usize> = (0..declared.len()).collect();
        let projection = projection.unwrap_or(&all);
        if let Some(&index) = projection.iter().find(|index| **index >= declared.len()) {
            return Err(Error::NoSuchColumn { index, columns: declared.len() });
        }
        let output_fields: Vec<_> = projection.iter().map(|index| Arc::clone(&schema.fields()[*index])).collect();
        let mut outputs = Vec::with_capacity(projection.len());
        for (field, &index) in output_fields.iter().zip(projection) {
            let column = Column::new(field.data_type(), 0).ok_or_else(|| Error::UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().clone(),
            })?;
            outputs.push((index, column));
        }
        let schema = Arc::new(Schema::new_with_metadata(output_fields, schema.metadata().clone()));
        let cells = vec![Cell::Null; declared.len()];
        let takes_text = outputs.iter().any(|(_, column)| column.is_text());
        Ok(Rows { fields, declared, outputs, takes_text, schema, cells, scratch: Scratch::default(), len: 0 })
    }

    #[cold]
    fn value_error(&self, column: usize, fault: Fault, record: &[u8]) -> RowError {
        let text = self.fields.excerpt(column, record);
        RowError {
            column: Some(self.declared[column].name.clone()),
            reason: fault.reason,
            detail: format!("{}: {}", fault.what, quoted(text)),
        }
    }

    #[cold]
    fn null_error(&self, column: usize) -> RowError {
        RowError {
            column: Some(self.declared[column].name.clone()),
            reason: Reason::Null,
            detail: "the column is NOT NULL and has no value".to_string(),
        }
    }
}

impl<F: Fields> Decoder for Rows<F> {
    fn push(&mut self, record: &[u8]) -> Result<(), RowError> {
        self.fields.split(record).map_err(|broken| broken.row_error(record))?;
        self.scratch.clear();
        for (column, (declared, cell)) in self.declared.iter().zip(&mut self.cells).enumerate() {
            if let Err(fault) = self.fields.read(column, declared.kind, record, &mut self.scratch, cell) {
                return Err(self.value_error(column, fault, record));
            }
            if !declared.nullable && matches!(cell, Cell::Null) {
                return Err(self.null_error(column));
            }
        }
        // Splitting has found it to be UTF-8: looking again is what it costs to say so without unsafe code.
        let record = if self.takes_text { std::str::from_utf8(record).unwrap_or_default() } else { "" };
        for (column, builder) in &mut self.outputs {
            builder.push(&self.cells[*column], record, &self.scratch);
        }
        self.len += 1;
        Ok(())
    }

    fn len(&self) -> usize {
        self.len
    }

    fn finish(&mut self) -> RecordBatch {
        let arrays = self.outputs.iter_mut().map(|(_, column)| column.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.len));
        self.len = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("each column is built with its field's type, takes one value a row, and no null where none may be")
    }

    fn unknown_fields(&self) -> u64 {
        self.fields.unknown()
    }
}
