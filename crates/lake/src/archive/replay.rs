//! One partition of an archive, read in the order of its offsets: history as it happened.
//!
//! Files of a partition cover disjoint ranges and carry where they begin in their names, so they are read one after
//! the other; at most one is held in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use object_store::path::Path;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use deltalake::kernel::{Add, EagerSnapshot};

use super::schema::OFFSET;
use super::snapshot::Snapshot;
use crate::lake::Table;
use crate::{Error, Result};

const BATCH_ROWS: usize = 8192;

/// A value that does not fit is an error, never a null.
const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// Reads on from one offset to the end of what the snapshot holds.
pub struct Replay {
    table: Arc<Table>,
    schema: SchemaRef,
    files: VecDeque<File>,
    open: Option<Open>,
    from: i64,
    /// Keeps the files from being removed.
    _held: Arc<EagerSnapshot>,
}

struct File {
    first_offset: i64,
    path: String,
    /// Values of all its rows in columns that it has not, as texts.
    values: HashMap<String, Option<String>>,
}

struct Open {
    path: Path,
    reader: ParquetRecordBatchReader,
    values: HashMap<String, Option<String>>,
}

impl Snapshot {
    /// The rows of a partition from an offset on, ascending.
    pub fn replay(&self, partition: u32, from: i64) -> Replay {
        let (table, schema) = (self.table(), self.schema());
        let folder = format!("p{partition}/");
        let mut files: Vec<File> = self
            .files()
            .filter_map(|path| {
                let first = path.strip_prefix(&folder)?.split('-').next()?.parse().ok()?;
                Some(File { first_offset: first, path, values: HashMap::new() })
            })
            .collect();
        files.sort_by_key(|file| file.first_offset);
        // The last file that begins at or before the offset is the first that can hold it.
        let begin = files.partition_point(|file| file.first_offset <= from).saturating_sub(1);
        Replay { table, schema, files: files.into_iter().skip(begin).collect(), open: None, from, _held: self.hold() }
    }
}

impl Replay {
    /// The rows of these files, which follow each other.
    pub(crate) fn of_files<'a>(snapshot: &Snapshot, files: impl IntoIterator<Item = &'a Add>) -> Replay {
        let files = files.into_iter().map(|file| File {
            first_offset: 0,
            path: file.path.clone(),
            values: file.partition_values.clone(),
        });
        let files = files.collect();
        let (table, schema) = (snapshot.table(), snapshot.schema());
        Replay { table, schema, files, open: None, from: i64::MIN, _held: snapshot.hold() }
    }

    /// Gives rows these columns from now on.
    pub(crate) fn conform_to(&mut self, schema: &SchemaRef) {
        self.schema = Arc::clone(schema);
    }

    /// Some more rows, with all columns of the archive; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some((path, rows)) = self.read().await? {
            let offsets =
                rows.column_by_name(OFFSET).and_then(|column| column.as_primitive_opt::<Int64Type>().cloned());
            let offsets = offsets.ok_or_else(|| Error::corrupt(path.to_string(), "it has no offsets"))?;
            let known = offsets.values().partition_point(|offset| *offset < self.from);
            let rows = rows.slice(known, rows.num_rows() - known);
            if let Some(last) = offsets.values().last().filter(|_| rows.num_rows() > 0) {
                self.from = last + 1;
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// Some more rows as the files have them, in the table's columns.
    pub(crate) async fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.read().await?.map(|(_, rows)| rows))
    }

    async fn read(&mut self) -> Result<Option<(Path, RecordBatch)>> {
        loop {
            let Some(Open { path, reader, values }) = &mut self.open else {
                let Some(file) = self.files.pop_front() else { return Ok(None) };
                let path = self.table.file(&file.path);
                let bytes = self.table.read(&path).await?;
                let corrupt =
                    |error: parquet::errors::ParquetError| Error::corrupt(path.to_string(), error.to_string());
                let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(corrupt)?;
                let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(corrupt)?;
                self.open = Some(Open { path, reader, values: file.values });
                continue;
            };
            let Some(batch) = reader.next() else {
                self.open = None;
                continue;
            };
            let corrupt = |error: String| Error::corrupt(path.to_string(), error);
            let batch = batch.map_err(|error| corrupt(error.to_string()))?;
            let rows = conform(&self.schema, &batch, values).map_err(|error| corrupt(error.to_string()))?;
            return Ok(Some((path.clone(), rows)));
        }
    }
}

/// A file's columns as the archive has them now: those that came later are null.
fn conform(
    schema: &SchemaRef,
    batch: &RecordBatch,
    values: &HashMap<String, Option<String>>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => cast_with_options(column, field.data_type(), &STRICT),
            None => match values.get(field.name()).and_then(Option::as_ref) {
                Some(text) => repeated(text, field.data_type(), batch.num_rows()),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            },
        })
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// A value in each of so many rows.
fn repeated(text: &str, data_type: &DataType, rows: usize) -> Result<ArrayRef, arrow::error::ArrowError> {
    let value = cast_with_options(&StringArray::from(vec![text]), data_type, &STRICT)?;
    take(&value, &UInt32Array::from(vec![0; rows]), None)
}
