//! A stream's archive: the Delta table that holds its decoded history.
//!
//! Invariants: a row is in the archive once, at its partition and offset, exactly when its
//! offset is below the partition's next offset and it was not rejected. No two files cover a
//! common offset. What a commit acknowledged lasts.

mod commit;
mod create;
mod damage;
mod log;
mod maintain;
mod schema;
pub(crate) mod snapshot;
mod stats;
pub(crate) mod writer;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake::DeltaTable;
use deltalake::kernel::EagerSnapshot;

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
}

pub(crate) async fn open(table: Arc<Table>, columns: &SchemaRef) -> Result<Archive> {
    let schema = schema::of_stream(columns)?;
    if !damage::exists(&table).await? {
        create::create(&table, &schema).await?;
    }
    Archive::load(table, Some(schema)).await
}

pub(crate) async fn find(table: Arc<Table>) -> Result<Option<Archive>> {
    if !damage::exists(&table).await? {
        return Ok(None);
    }
    Archive::load(table, None).await.map(Some)
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
        Ok(Archive { table, schema, delta, snapshot })
    }

    /// The stream's columns, then [`PARTITION`] INT, [`OFFSET`] BIGINT and [`TIMESTAMP`] TIMESTAMP, which are not null.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Looks for commits of others.
    pub async fn refresh(&mut self) -> Result<()> {
        let before = self.delta_version();
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

    /// The offset from which on a partition's rows are not archived; 0 where none is.
    pub fn next_offset(&self, partition: u32) -> i64 {
        self.snapshot.next_offset(partition)
    }

    pub fn writer(&self, partition: u32) -> PartitionWriter {
        PartitionWriter::new(Arc::clone(&self.table), Arc::clone(&self.schema), partition)
    }

    /// Makes files part of the archive and advances next offsets, atomically and durably. Returns the version.
    ///
    /// Safe to repeat with the same files after any error: a range that is archived already is passed over.
    ///
    /// # Errors
    /// [`Error::Overlap`] when somebody else archived a part of a range.
    pub async fn commit(&mut self, files: Vec<FinishedFile>) -> Result<i64> {
        let before = self.version();
        let version = commit::commit(self, &files).await?;
        if version > before {
            maintain::after_commit(self).await;
        }
        Ok(version)
    }

    /// The version that was last seen, for queries.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    fn delta_version(&self) -> u64 {
        self.delta.version().unwrap_or(0)
    }
}

fn state<'a>(table: &Table, delta: &'a DeltaTable) -> Result<&'a EagerSnapshot> {
    let state = delta.snapshot().map_err(|source| Error::Delta {
        operation: "open",
        table: table.folder.to_string(),
        source: Box::new(source),
    })?;
    Ok(state.snapshot())
}

#[cfg(test)]
mod tests;
