//! Rows of a table into Parquet files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use deltalake::kernel::Add;
use object_store::PutPayload;
use parquet::arrow::ArrowWriter;

use super::layout::{Layout, Values};
use crate::archive::log::TAG_SUMS;
use crate::archive::{stats, writer};
use crate::checked::Sums;
use crate::lake::Table as Place;
use crate::{Error, Result};

/// The largest file is ended when so many encoded bytes are held in memory.
const FILE_BYTES: usize = 32 << 20;

/// Files of different partitions that are written at a time.
const OPEN_FILES_MAX: usize = 256;

/// A durable object with rows, which belongs to the table once a commit names it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub add: Add,
    pub sums: Sums,
}

/// Writes rows as files: those of a partition one after the other.
pub(super) struct Writer<'a> {
    place: &'a Place,
    schema: SchemaRef,
    layout: &'a Layout,
    inside: SchemaRef,
    open: BTreeMap<Values, ArrowWriter<Vec<u8>>>,
    files: Vec<Written>,
}

impl<'a> Writer<'a> {
    pub fn new(place: &'a Place, schema: SchemaRef, layout: &'a Layout) -> Writer<'a> {
        let inside = layout.inside(&schema);
        Writer { place, schema, layout, inside, open: BTreeMap::new(), files: Vec::new() }
    }

    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = RecordBatch::try_new(SchemaRef::clone(&self.schema), rows.columns().to_vec())
            .map_err(|error| Error::Rows { detail: error.to_string() })?;
        for (values, part) in self.layout.split(&rows)? {
            let encoder = match self.open.entry(values) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(place) => place.insert(writer::encoder(&self.inside)?),
            };
            encoder.write(&part)?;
            self.end_largest_of(self.open.len().saturating_sub(OPEN_FILES_MAX)).await?;
        }
        while self.open.values().map(held).sum::<usize>() >= FILE_BYTES {
            self.end_largest_of(1).await?;
        }
        Ok(())
    }

    pub async fn finish(mut self) -> Result<Vec<Written>> {
        self.end_largest_of(self.open.len()).await?;
        Ok(self.files)
    }

    async fn end_largest_of(&mut self, number: usize) -> Result<()> {
        for _ in 0..number {
            let largest = self.open.iter().max_by_key(|(_, encoder)| held(encoder)).map(|(values, _)| values.clone());
            if let Some((values, encoder)) = largest.and_then(|values| self.open.remove_entry(&values)) {
                self.end(&values, encoder).await?;
            }
        }
        Ok(())
    }

    async fn end(&mut self, values: &Values, mut encoder: ArrowWriter<Vec<u8>>) -> Result<()> {
        let metadata = encoder.finish()?;
        let bytes = Bytes::from(std::mem::take(encoder.inner_mut()));
        let stats = stats::of_file(&self.inside, &metadata);
        let sums = Sums::of(&bytes);
        let size = bytes.len() as i64;
        let path = put(self.place, &self.layout.folder(values), bytes).await?;
        let tags = HashMap::from([(TAG_SUMS.to_owned(), Some(sums.encode()))]);
        let add = Add {
            path,
            partition_values: self.layout.values(values),
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

/// Bytes of an unfinished file, which are in memory.
fn held(encoder: &ArrowWriter<Vec<u8>>) -> usize {
    encoder.bytes_written() + encoder.memory_size()
}

/// Under the first free name: an earlier attempt may have left one.
async fn put(place: &Place, folder: &str, bytes: Bytes) -> Result<String> {
    let (payload, now_ms) = (PutPayload::from(bytes), place.now_ms());
    for attempt in 0.. {
        let path = format!("{folder}/{now_ms:015}-{attempt}.parquet");
        if place.put_new(&place.file(&path), payload.clone()).await? {
            return Ok(path);
        }
    }
    Err(Error::Rows { detail: "no free file name".to_owned() })
}
