//! One partition's rows into one Parquet file, encoded as they come.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, SchemaRef};
use deltalake::kernel::Add;
use object_store::PutPayload;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::log::{TAG_FIRST_OFFSET, TAG_NEXT_OFFSET, TAG_PARTITION, TAG_SUMS};
use super::schema::own_columns;
use super::{OFFSET, PARTITION, TIMESTAMP, stats};
use crate::checked::Sums;
use crate::lake::Table;
use crate::{Error, Result};

/// Rows that are encoded together. Narrow rows took 2.8 million a second and core at this size with zstd(1), and
/// 12 bytes each; 256 Ki rows at a time 2.4 million and 14 bytes; snappy 3.1 million and 16 bytes.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Encoded bytes of an unfinished row group at which it is finished early: rows may be wide.
const ROW_GROUP_BYTES: usize = 16 << 20;
const PAGE_ROWS: usize = 20_000;

/// Writes a contiguous range of one partition's offsets as one file.
///
/// Holds the encoded file in memory until it is finished: [`PartitionWriter::bytes`] says how large it is, and whoever
/// writes decides when that is enough. Dropping a writer forgets its rows.
pub struct PartitionWriter {
    table: Arc<Table>,
    schema: SchemaRef,
    partition: u32,
    from: i64,
    encoder: Option<ArrowWriter<Vec<u8>>>,
    rows: usize,
    first_offset: Option<i64>,
    next_offset: Option<i64>,
    first_us: i64,
}

/// A range of offsets, ready to be committed: a durable object with its rows, or none where no row was left of it.
#[derive(Debug, Clone)]
pub struct FinishedFile {
    pub(crate) partition: u32,
    /// All rows before this offset are archived, or in another file.
    pub(crate) from: i64,
    pub(crate) first_offset: i64,
    pub(crate) next_offset: i64,
    pub(crate) rows: usize,
    pub(crate) add: Option<Add>,
    pub(crate) sums: Option<Sums>,
}

impl FinishedFile {
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// The offset of the first row, or `next_offset` where there is no row.
    pub fn first_offset(&self) -> i64 {
        self.first_offset
    }

    /// The offset after the last that the range covers.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the object; 0 where there is none.
    pub fn size(&self) -> u64 {
        self.add.as_ref().map_or(0, |add| add.size.unsigned_abs())
    }
}

impl PartitionWriter {
    pub(super) fn new(table: Arc<Table>, schema: SchemaRef, partition: u32, from: i64) -> PartitionWriter {
        PartitionWriter {
            table,
            schema,
            partition,
            from,
            encoder: None,
            rows: 0,
            first_offset: None,
            next_offset: None,
            first_us: 0,
        }
    }

    /// Appends rows: the stream's columns, each row's offset, ascending, and its append time in microseconds.
    ///
    /// # Errors
    /// [`Error::Rows`] when the three don't fit together, the table, or what was written before.
    pub fn write(&mut self, rows: &RecordBatch, offsets: &[i64], timestamps_us: &[i64]) -> Result<()> {
        let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
            return self.check(rows, offsets, &[]);
        };
        self.check(rows, offsets, timestamps_us)?;
        let partition = i32::try_from(self.partition).map_err(|_| refused("the partition's number is too large"))?;
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        columns.push(Arc::new(Int32Array::from_value(partition, offsets.len())));
        columns.push(Arc::new(Int64Array::from(offsets.to_vec())));
        columns.push(Arc::new(TimestampMicrosecondArray::from(timestamps_us.to_vec()).with_timezone("UTC")));
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| refused(error.to_string()))?;
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => {
                self.first_us = timestamps_us[0];
                none.insert(encoder(&self.schema)?)
            }
        };
        encoder.write(&batch)?;
        if encoder.in_progress_size() > ROW_GROUP_BYTES {
            encoder.flush()?;
        }
        self.rows += offsets.len();
        self.first_offset.get_or_insert(*first);
        self.next_offset = Some(last + 1);
        Ok(())
    }

    /// Appends rows that the archive has already, with all its columns.
    pub(super) fn write_archived(&mut self, rows: &RecordBatch) -> Result<()> {
        let own = rows.num_columns() - own_columns().len();
        let typed = |at: usize| rows.column(at).to_data();
        let offsets = Int64Array::from(typed(own + 1));
        let times = TimestampMicrosecondArray::from(typed(own + 2));
        let stream: Vec<usize> = (0..own).collect();
        let rows = rows.project(&stream).map_err(|error| refused(error.to_string()))?;
        self.write(&rows, offsets.values(), times.values())
    }

    fn check(&self, rows: &RecordBatch, offsets: &[i64], timestamps_us: &[i64]) -> Result<()> {
        if (rows.num_rows(), rows.num_rows()) != (offsets.len(), timestamps_us.len()) {
            let (rows, offsets, times) = (rows.num_rows(), offsets.len(), timestamps_us.len());
            return Err(refused(format!("{rows} rows came with {offsets} offsets and {times} times")));
        }
        let ascending = offsets.windows(2).all(|pair| pair[0] < pair[1]);
        let follows = offsets.first().is_none_or(|first| *first >= self.next_offset.unwrap_or(0));
        if !ascending || !follows {
            return Err(refused(format!("offsets must ascend from {}", self.next_offset.unwrap_or(0))));
        }
        Ok(())
    }

    pub fn partition(&self) -> u32 {
        self.partition
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Encoded bytes so far, which are held in memory.
    pub fn bytes(&self) -> usize {
        self.encoder.as_ref().map_or(0, |encoder| encoder.bytes_written() + encoder.memory_size())
    }

    /// The offset at which the range ends so far; `None` before the first row.
    pub fn next_offset(&self) -> Option<i64> {
        self.next_offset
    }

    /// Lets the range end past its last row: the offsets between hold nothing that belongs in the archive.
    pub fn set_next_offset(&mut self, next: i64) -> Result<()> {
        if next < self.next_offset.unwrap_or(0) {
            return Err(refused(format!("the range can't end at {next} again")));
        }
        self.next_offset = Some(next);
        Ok(())
    }

    /// Puts the file durably. It becomes part of the archive by [`super::Archive::commit`]; until then it is an object
    /// that nobody sees. `None` where nothing was written and no end was set.
    pub async fn finish(self) -> Result<Option<FinishedFile>> {
        let Some(next_offset) = self.next_offset else { return Ok(None) };
        let mut finished = FinishedFile {
            partition: self.partition,
            from: self.from,
            first_offset: self.first_offset.unwrap_or(next_offset),
            next_offset,
            rows: self.rows,
            add: None,
            sums: None,
        };
        let Some(mut encoder) = self.encoder else { return Ok(Some(finished)) };
        let metadata = encoder.finish()?;
        // Taking the encoder apart would write a second footer.
        let bytes = bytes::Bytes::from(std::mem::take(encoder.inner_mut()));
        let stats = stats::of_file(&self.schema, &metadata);
        let sums = Sums::of(&bytes);
        let size = bytes.len() as i64;
        let path = put(&self.table, &finished, bytes).await?;
        let tags = [
            (TAG_PARTITION, self.partition.to_string()),
            (TAG_FIRST_OFFSET, finished.first_offset.to_string()),
            (TAG_NEXT_OFFSET, next_offset.to_string()),
            (TAG_SUMS, sums.encode()),
        ];
        finished.sums = Some(sums);
        finished.add = Some(Add {
            path,
            partition_values: HashMap::new(),
            size,
            modification_time: self.table.now_ms(),
            data_change: true,
            stats: Some(stats.to_string()),
            tags: Some(tags.map(|(key, value)| (key.to_owned(), Some(value))).into()),
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        });
        Ok(Some(finished))
    }
}

/// Puts a file under the first free name for its range: an earlier attempt may have left one, or even committed it.
async fn put(table: &Table, file: &FinishedFile, bytes: bytes::Bytes) -> Result<String> {
    let payload = PutPayload::from(bytes);
    for attempt in 0.. {
        let path = format!("p{}/{:020}-{attempt}.parquet", file.partition, file.first_offset);
        if table.put_new(&table.file(&path), payload.clone()).await? {
            return Ok(path);
        }
    }
    Err(refused("no free file name"))
}

fn refused(detail: impl Into<String>) -> Error {
    Error::Rows { detail: detail.into() }
}

pub(crate) fn encoder(schema: &SchemaRef) -> Result<ArrowWriter<Vec<u8>>> {
    // The Arrow schema is left out: it would name view types, which are the engine's affair.
    let options = ArrowWriterOptions::new().with_properties(properties(schema)).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(schema), options)?)
}

fn properties(schema: &SchemaRef) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by("headwater".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(8192)
        .set_statistics_enabled(EnabledStatistics::Page);
    for name in [OFFSET, TIMESTAMP] {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    properties = properties.set_column_statistics_enabled(ColumnPath::from(PARTITION), EnabledStatistics::Chunk);
    for field in schema.fields() {
        // Parquet's bounds of floating point leave out NaN, which our queries order above all numbers: pruning by them
        // would lose rows.
        if matches!(field.data_type(), DataType::Float32 | DataType::Float64) {
            let column = ColumnPath::from(field.name().as_str());
            properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
        }
    }
    properties.build()
}
