//! Writing records: of whole batches, and value by value for those who have text instead of Arrow.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use crate::error::Error;
use crate::reader::Reader;
use crate::rows::declared;
use crate::text;
use crate::value::{Cell, Kind, Scratch, Span, Value};
use crate::{Encoded, Encoder, Format, csv, json};

/// Writes one record after the other, its values in the order of the columns. A JSON record may leave columns out.
#[derive(Debug)]
pub struct RecordWriter {
    format: Format,
    kinds: Vec<Kind>,
    /// What stands before each value.
    leads: Vec<Vec<u8>>,
    scratch: Scratch,
}

impl RecordWriter {
    pub fn new(format: Format, schema: &Schema) -> Result<RecordWriter, Error> {
        let kinds: Vec<Kind> = declared(schema)?.into_iter().map(|column| column.kind).collect();
        let leads = match format {
            Format::Json => json::encode::leads(schema),
            Format::Csv => (0..kinds.len()).map(|column| if column == 0 { vec![] } else { vec![b','] }).collect(),
        };
        Ok(RecordWriter { format, kinds, leads, scratch: Scratch::default() })
    }

    /// Appends a column's value from its text form, as CSV has it. False where the text is no value of the column's
    /// type: it is then written as it is, and the record is a dead letter with that text in it.
    pub fn text(&mut self, column: usize, text: &str, out: &mut Vec<u8>) -> bool {
        let kind = self.kinds[column];
        if kind == Kind::Text {
            self.value(column, Value::Text(text), out);
            return true;
        }
        self.scratch.clear();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut cell = Cell::Null;
        let span = text::trimmed(text.as_bytes(), Span::new(0, text.len()));
        let read = text::read(kind, text.as_bytes(), span, &mut scratch, &mut cell);
        let value = if read.is_ok() { cell.value(text.as_bytes(), &scratch) } else { Value::Text(text) };
        self.value(column, value, out);
        self.scratch = scratch;
        read.is_ok()
    }

    /// Appends a column's value from a text form that the caller knows to be right for its type.
    pub fn literal(&self, column: usize, text: &str, out: &mut Vec<u8>) {
        let bare = !matches!(self.kinds[column], Kind::Text | Kind::Date | Kind::Timestamp(_) | Kind::Binary);
        if bare {
            out.extend_from_slice(&self.leads[column]);
            out.extend_from_slice(text.as_bytes());
        } else {
            self.value(column, Value::Text(text), out);
        }
    }

    pub fn null(&self, column: usize, out: &mut Vec<u8>) {
        self.value(column, Value::Null, out);
    }

    /// Ends a record whose first value was appended at `start`.
    pub fn end(&self, start: usize, out: &mut Vec<u8>) {
        if self.format == Format::Json {
            match out.get_mut(start) {
                // Where the first column was left out, the first value came with a comma.
                Some(opening) => *opening = b'{',
                None => out.push(b'{'),
            }
            out.push(b'}');
        }
    }

    pub(crate) fn value(&self, column: usize, value: Value<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.leads[column]);
        match self.format {
            Format::Csv => csv::encode::write_value(value, self.kinds[column], out),
            Format::Json => json::encode::write_value(value, self.kinds[column], out),
        }
    }
}

/// Writes batches of rows.
pub(crate) struct Batches {
    schema: SchemaRef,
    writer: RecordWriter,
}

impl Batches {
    pub fn new(format: Format, schema: SchemaRef) -> Result<Batches, Error> {
        Ok(Batches { writer: RecordWriter::new(format, &schema)?, schema })
    }

    /// The columns of a batch, which must be those of the encoder's schema.
    fn readers<'a>(&self, rows: &'a RecordBatch) -> Result<Vec<Reader<'a>>, Error> {
        let types = |schema: &Schema| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let (ours, theirs) = (types(&self.schema), types(&rows.schema()));
        if ours != theirs {
            return Err(Error::SchemaMismatch(format!("{theirs:?} instead of {ours:?}")));
        }
        // All types were checked when the encoder was made.
        Ok(rows.columns().iter().filter_map(Reader::new).collect())
    }
}

impl Encoder for Batches {
    fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) -> Result<(), Error> {
        let readers = self.readers(rows)?;
        for row in 0..rows.num_rows() {
            let start = out.bytes.len();
            for (column, reader) in readers.iter().enumerate() {
                self.writer.value(column, reader.value(row), &mut out.bytes);
            }
            self.writer.end(start, &mut out.bytes);
            out.ends.push(out.bytes.len());
        }
        Ok(())
    }
}
