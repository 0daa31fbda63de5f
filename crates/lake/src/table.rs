//! A table: rows that are inserted, replaced and removed, as a Delta table of its own.
//!
//! Every change is one commit, so it is seen whole or not at all. Files are never changed: what takes rows out of one writes
//! the others anew. Whoever holds a snapshot reads on.

pub(crate) mod change;
mod evolve;
mod layout;
pub(crate) mod replace;
mod write;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake::DeltaTable;

use crate::archive::snapshot::Snapshot;
use crate::archive::vacuum::Unnamed;
use crate::archive::{create, damage, log, schema};
use crate::lake::{Lake, Table as Place};
use crate::{Error, Result};

use layout::Layout;

/// A table as of one version, and the way to the next.
#[derive(Debug)]
pub struct Table {
    place: Arc<Place>,
    schema: SchemaRef,
    layout: Layout,
    delta: DeltaTable,
    snapshot: Snapshot,
    /// The number that the last [`replace`](Table::replace) gave itself, under 0.
    replaced: log::Offsets,
    unnamed: Unnamed,
    /// When files were last looked through, microseconds since the Unix epoch.
    vacuumed_us: Option<i64>,
}

impl Lake {
    /// Makes a table with these columns, whose files are laid out by some of them.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is one, [`Error::ColumnType`] and [`Error::ColumnName`] for columns that a Delta table
    /// can't hold, [`Error::Layout`] for those that files can't be laid out by.
    pub async fn create_table(&self, name: &str, columns: &SchemaRef, partitioned_by: &[String]) -> Result<Table> {
        let place = self.table_place(name)?;
        schema::check_columns(columns)?;
        let layout = Layout::of(columns, partitioned_by)?;
        if damage::exists(&place).await? || !create::create(&place, columns, layout.names()).await? {
            return Err(Error::Exists { table: place.folder.to_string() });
        }
        Table::load(place).await
    }

    /// Opens a table; `None` where there is none.
    pub async fn find_table(&self, name: &str) -> Result<Option<Table>> {
        let place = self.table_place(name)?;
        if !damage::exists(&place).await? {
            return Ok(None);
        }
        Table::load(place).await.map(Some)
    }

    /// Removes a table with all its rows, if it is there. Whoever reads it fails.
    pub async fn remove_table(&self, name: &str) -> Result<()> {
        let place = self.table_place(name)?;
        self.remove(&place).await
    }
}

impl Table {
    async fn load(place: Arc<Place>) -> Result<Table> {
        let mut delta = DeltaTable::new(Arc::clone(&place.log));
        if let Err(error) = delta.load().await {
            return Err(damage::explain(&place, "open", error).await);
        }
        let state = crate::archive::state(&place, &delta)?;
        let schema = schema::from_delta(place.folder.as_ref(), &state.schema())?;
        let layout = Layout::of(&schema, state.metadata().partition_columns())?;
        let mut replaced = log::Offsets::new();
        log::read_all(&place, state.version()).await?.apply(&place, &mut replaced);
        let snapshot = Snapshot::new(Arc::clone(&place), &schema, state, log::Offsets::new())?;
        Ok(Table { place, schema, layout, delta, snapshot, replaced, unnamed: Unnamed::new(), vacuumed_us: None })
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The columns by which files are laid out, from the outermost folder on.
    pub fn partitioned_by(&self) -> &[String] {
        self.layout.names()
    }

    pub fn version(&self) -> i64 {
        self.snapshot.version()
    }

    /// The version that was last seen, for queries.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// Looks for commits of others.
    pub async fn refresh(&mut self) -> Result<()> {
        if let Err(error) = self.delta.update_incremental(None).await {
            return Err(damage::explain(&self.place, "refresh", error).await);
        }
        let state = crate::archive::state(&self.place, &self.delta)?;
        let before = self.snapshot.version().unsigned_abs();
        if state.version() == before {
            return Ok(());
        }
        let facts = match log::read_between(&self.place, before, state.version()).await? {
            Some(facts) => facts,
            None => log::read_all(&self.place, state.version()).await?,
        };
        facts.apply(&self.place, &mut self.replaced);
        self.schema = schema::from_delta(self.place.folder.as_ref(), &state.schema())?;
        self.snapshot = Snapshot::new(Arc::clone(&self.place), &self.schema, state, log::Offsets::new())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
