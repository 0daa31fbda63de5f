//! Rows of a table into Parquet files.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use deltalake::kernel::Add;
use object_store::PutPayload;
use parquet::arrow::ArrowWriter;

use crate::archive::log::TAG_SUMS;
use crate::archive::{stats, writer};
use crate::checked::Sums;
use crate::lake::Table as Place;
use crate::{Error, Result};

/// A file is ended at so many encoded bytes: it is held in memory until then.
const FILE_BYTES: usize = 32 << 20;

/// A durable object with rows, which belongs to the table once a commit names it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub add: Add,
    pub sums: Sums,
}

/// Writes rows as files, one after the other.
pub(super) struct Writer<'a> {
    place: &'a Place,
    schema: SchemaRef,
    encoder: Option<ArrowWriter<Vec<u8>>>,
    files: Vec<Written>,
}

impl<'a> Writer<'a> {
    pub fn new(place: &'a Place, schema: SchemaRef) -> Writer<'a> {
        Writer { place, schema, encoder: None, files: Vec::new() }
    }

    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = RecordBatch::try_new(SchemaRef::clone(&self.schema), rows.columns().to_vec())
            .map_err(|error| Error::Rows { detail: error.to_string() })?;
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(writer::encoder(&self.schema)?),
        };
        encoder.write(&rows)?;
        if encoder.bytes_written() + encoder.memory_size() >= FILE_BYTES {
            self.end().await?;
        }
        Ok(())
    }

    pub async fn finish(mut self) -> Result<Vec<Written>> {
        self.end().await?;
        Ok(self.files)
    }

    async fn end(&mut self) -> Result<()> {
        let Some(mut encoder) = self.encoder.take() else { return Ok(()) };
        let metadata = encoder.finish()?;
        let bytes = Bytes::from(std::mem::take(encoder.inner_mut()));
        let stats = stats::of_file(&self.schema, &metadata);
        let sums = Sums::of(&bytes);
        let size = bytes.len() as i64;
        let path = put(self.place, bytes).await?;
        let tags = HashMap::from([(TAG_SUMS.to_owned(), Some(sums.encode()))]);
        let add = Add {
            path,
            partition_values: HashMap::new(),
            size,
            modification_time: self.place.now_ms(),
            data_change: true,
            stats: Some(stats.to_string()),
            tags: Some(tags.into_iter().collect()),
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        };
        self.files.push(Written { add, sums });
        Ok(())
    }
}

/// Under the first free name: an earlier attempt may have left one.
async fn put(place: &Place, bytes: Bytes) -> Result<String> {
    let (payload, now_ms) = (PutPayload::from(bytes), place.now_ms());
    for attempt in 0.. {
        let path = format!("rows/{now_ms:015}-{attempt}.parquet");
        if place.put_new(&place.file(&path), payload.clone()).await? {
            return Ok(path);
        }
    }
    Err(Error::Rows { detail: "no free file name".to_owned() })
}
