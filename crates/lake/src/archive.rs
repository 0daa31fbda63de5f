//! A stream's archive: the Delta table that holds its decoded history.
//!
//! Invariants: a row is in the archive once, at its partition and offset, exactly when its
//! offset is below the partition's next offset and it was not rejected. No two files cover a
//! common offset. What a commit acknowledged lasts.

pub(crate) mod columns;
pub(crate) mod commit;
mod compact;
pub(crate) mod create;
pub(crate) mod damage;
mod evolve;
mod expire;
mod files;
mod holding;
pub(crate) mod log;
pub(crate) mod maintain;
pub(crate) mod replace;
pub(crate) mod replay;
pub(crate) mod schema;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod vacuum;
pub(crate) mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake::DeltaTable;
use deltalake::kernel::EagerSnapshot;

pub use compact::{Compaction, Merged};
pub use schema::{OFFSET, PARTITION, TIMESTAMP};
pub use snapshot::Snapshot;
pub use writer::{FinishedFile, PartitionWriter};

use crate::lake::Table;
use crate::{Error, Result};

/// A stream's archive as of one version, and the way to the next.
#[derive(Debug)]
pub struct Archive {
    table: Arc<Table>,
    schema: SchemaRef,
    delta: DeltaTable,
    snapshot: Snapshot,
    /// Data files that nobody names, and since when that is known, microseconds.
    unnamed: vacuum::Unnamed,
}

pub(crate) async fn open(table: Arc<Table>, columns: &SchemaRef) -> Result<Archive> {
    let schema = schema::of_stream(columns)?;
    if !damage::exists(&table).await? {
        create::create(&table, &schema, &[]).await?;
    } else {
        evolve::evolve(&table, &schema).await?;
    }
    Archive::load(table, Some(schema)).await
}

pub(crate) async fn find(table: Arc<Table>) -> Result<Option<Archive>> {
    if !damage::exists(&table).await? {
        return Ok(None);
    }
    Archive::load(table, None).await.map(Some)
}

/// Refuses columns that an archive can't hold.
pub(crate) fn check_columns(columns: &SchemaRef) -> Result<()> {
    schema::of_stream(columns).map(drop)
}

impl Archive {
    async fn load(table: Arc<Table>, schema: Option<SchemaRef>) -> Result<Archive> {
        let mut delta = DeltaTable::new(Arc::clone(&table.log));
        if let Err(error) = delta.load().await {
            return Err(damage::explain(&table, "open", error).await);
        }
        let state = state(&table, &delta)?;
        let schema = match schema {
            Some(schema) => schema,
            None => schema::from_delta(table.folder.as_ref(), &state.schema())?,
        };
        let mut offsets = log::Offsets::new();
        log::read_all(&table, state.version()).await?.apply(&table, &mut offsets);
        schema::compare(table.folder.as_ref(), &schema, &state.schema())?;
        let snapshot = Snapshot::new(Arc::clone(&table), &schema, state, offsets)?;
        Ok(Archive { table, schema, delta, snapshot, unnamed: HashMap::new() })
    }

    /// The stream's columns, then [`PARTITION`] INT, [`OFFSET`] BIGINT and [`TIMESTAMP`] TIMESTAMP, which are not null.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Looks for commits of others.
    pub async fn refresh(&mut self) -> Result<()> {
        // Not the library's version: an earlier refresh may have moved that and then failed to read the facts.
        let before = self.known_version();
        if let Err(error) = self.delta.update_incremental(None).await {
            return Err(damage::explain(&self.table, "refresh", error).await);
        }
        let state = state(&self.table, &self.delta)?;
        if state.version() == before {
            return Ok(());
        }
        schema::compare(self.table.folder.as_ref(), &self.schema, &state.schema())?;
        let mut offsets = self.snapshot.offsets().clone();
        let facts = match log::read_between(&self.table, before, state.version()).await? {
            Some(facts) => facts,
            None => log::read_all(&self.table, state.version()).await?,
        };
        facts.apply(&self.table, &mut offsets);
        self.snapshot = Snapshot::new(Arc::clone(&self.table), &self.schema, state, offsets)?;
        Ok(())
    }

    pub fn version(&self) -> i64 {
        self.snapshot.version()
    }

    /// No row was ever archived, nor an offset passed.
    pub(crate) fn is_empty(&self) -> bool {
        self.snapshot.offsets().values().all(|offset| *offset == 0)
    }

    /// The offset from which on a partition's rows are not archived; 0 where none is.
    pub fn next_offset(&self, partition: u32) -> i64 {
        self.snapshot.next_offset(partition)
    }

    /// A writer of the rows that follow what is archived.
    pub fn writer(&self, partition: u32) -> PartitionWriter {
        self.writer_from(partition, self.next_offset(partition))
    }

    /// A writer of rows from an offset on, where those before it are in writers that are not committed yet.
    pub fn writer_from(&self, partition: u32, offset: i64) -> PartitionWriter {
        PartitionWriter::new(Arc::clone(&self.table), Arc::clone(&self.schema), partition, offset)
    }

    /// Makes files part of the archive and advances next offsets, atomically and durably. Returns the version.
    ///
    /// Safe to repeat with the same files after any error: a range that is archived already is passed over.
    ///
    /// # Errors
    /// [`Error::Overlap`] when somebody else archived a part of a range, [`Error::Gap`] when rows before a range are
    /// neither archived nor in another of the files.
    pub async fn commit(&mut self, files: Vec<FinishedFile>) -> Result<i64> {
        let before = self.version();
        let version = commit::commit(self, &files).await?;
        if version > before {
            maintain::after_commit(&self.table, &self.delta, self.known_version()).await;
        }
        Ok(version)
    }

    /// The version that was last seen, for queries.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// The version whose facts are known.
    fn known_version(&self) -> u64 {
        self.snapshot.version().unsigned_abs()
    }
}

pub(crate) fn state<'a>(table: &Table, delta: &'a DeltaTable) -> Result<&'a EagerSnapshot> {
    let state = delta.snapshot().map_err(|source| Error::Delta {
        operation: "open",
        table: table.folder.to_string(),
        source: Box::new(source),
    })?;
    Ok(state.snapshot())
}

#[cfg(test)]
mod tests;
