//! Rows of running queries, batch by batch, as a client takes them: no more than a batch is held here.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::BufMut;
use futures::StreamExt;
use futures::stream::BoxStream;
use headwater_query::session::QueryResult;

use super::connection::{Connection, End};
use super::encode::{self, Column, Form};
use super::failure::Failure;
use super::oids;
use super::wire::{Wire, put_text};

/// A query that runs, or rows that are there.
pub struct Running {
    pub schema: SchemaRef,
    batches: BoxStream<'static, headwater_query::Result<RecordBatch>>,
    /// The batch that is being sent.
    columns: Vec<Column>,
    row: usize,
    rows: usize,
}

impl From<QueryResult> for Running {
    fn from(result: QueryResult) -> Running {
        Running { schema: result.schema, batches: result.batches, columns: Vec::new(), row: 0, rows: 0 }
    }
}

impl Running {
    pub fn of_batch(batch: RecordBatch) -> Running {
        let schema = batch.schema();
        let batches = futures::stream::iter([Ok(batch)]).boxed();
        Running { schema, batches, columns: Vec::new(), row: 0, rows: 0 }
    }

    /// Makes a row current, if there is another.
    async fn advance(&mut self) -> Result<bool, Failure> {
        while self.row == self.rows {
            let Some(batch) = self.batches.next().await else { return Ok(false) };
            let batch = batch?;
            self.columns = batch.columns().iter().map(Column::new).collect::<Result<_, _>>()?;
            (self.row, self.rows) = (0, batch.num_rows());
        }
        Ok(true)
    }

    fn has_row(&self) -> bool {
        self.row < self.rows
    }
}

/// What became of rows that were asked for.
pub struct Sent {
    pub rows: u64,
    /// The query has no more.
    pub all: bool,
}

/// How a row is framed.
pub trait Frame {
    fn write(&mut self, columns: &[Column], row: usize, wire: &mut Wire) -> Result<(), Failure>;
}

/// `DataRow` messages, with a form for each column.
pub struct DataRows<'a>(pub &'a [Form]);

impl Frame for DataRows<'_> {
    fn write(&mut self, columns: &[Column], row: usize, wire: &mut Wire) -> Result<(), Failure> {
        let start = wire.begin(b'D');
        let out = wire.out();
        out.put_u16(columns.len() as u16);
        let written = columns.iter().zip(self.0).try_for_each(|(column, form)| encode::value(column, row, *form, out));
        match written {
            Ok(()) => wire.end(start),
            Err(_) => wire.forget(start),
        }
        written
    }
}

/// Reads rows without sending them, as `MOVE` does.
pub struct Nothing;

impl Frame for Nothing {
    fn write(&mut self, _: &[Column], _: usize, _: &mut Wire) -> Result<(), Failure> {
        Ok(())
    }
}

impl Connection {
    /// Sends rows, up to a number of them.
    pub async fn send(
        &mut self,
        running: &mut Running,
        frame: &mut impl Frame,
        most: Option<u64>,
    ) -> Result<Sent, End> {
        let mut rows = 0;
        while most.is_none_or(|most| rows < most) {
            if !running.has_row() && !self.watched(running.advance()).await?? {
                return Ok(Sent { rows, all: true });
            }
            frame.write(&running.columns, running.row, &mut self.wire)?;
            running.row += 1;
            rows += 1;
            if self.wire.is_full() {
                self.wire.flush().await?;
            }
        }
        // PostgreSQL does not look ahead, either: a portal that had just as many rows as asked for is suspended.
        Ok(Sent { rows, all: false })
    }

    /// Tells the columns of rows to come.
    pub fn describe(&mut self, schema: &Schema, forms: &[Form]) -> Result<(), Failure> {
        let count = columns(schema)?;
        let start = self.wire.begin(b'T');
        let out = self.wire.out();
        out.put_u16(count);
        for (number, field) in schema.fields().iter().enumerate() {
            let oid = oids::oid(field.data_type());
            put_text(out, field.name());
            out.put_u32(0);
            out.put_u16(0);
            out.put_u32(oid);
            out.put_i16(oids::size(oid));
            out.put_i32(oids::modifier(field));
            out.put_i16(forms.get(number).map_or(0, |form| form.code()));
        }
        self.wire.end(start);
        Ok(())
    }

    pub fn complete(&mut self, tag: &str) {
        self.wire.put(b'C', |out| put_text(out, tag));
    }
}

/// The protocol counts columns in 16 bits.
pub fn columns(schema: &Schema) -> Result<u16, Failure> {
    let count = schema.fields().len();
    let most = i16::MAX as usize;
    if count > most {
        return Err(Failure::new("54011", format!("{count} columns are more than the {most} that clients can take")));
    }
    Ok(count as u16)
}

/// Columns of text, as answers of this door have them.
pub fn text_schema(names: &[&str]) -> SchemaRef {
    let fields: Vec<Field> = names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
    SchemaRef::new(Schema::new(fields))
}

/// Rows of text.
pub fn text_rows(names: &[&str], rows: &[Vec<String>]) -> Result<Running, Failure> {
    let columns = (0..names.len()).map(|column| {
        let values = rows.iter().map(|row| row[column].as_str());
        std::sync::Arc::new(arrow::array::StringArray::from_iter_values(values)) as arrow::array::ArrayRef
    });
    let batch = RecordBatch::try_new(text_schema(names), columns.collect());
    Ok(Running::of_batch(batch.map_err(|error| Failure::new("XX000", error.to_string()))?))
}
