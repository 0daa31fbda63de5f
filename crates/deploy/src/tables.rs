//! The tables of the lake that are declared, open: queries read their latest versions, statements write them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::datasource::TableProvider;
use futures::Stream;
use headwater_lake::{Gone, Lake, Replaced, Snapshot, Stays};
use headwater_query::provide::StoredTables;
use headwater_query::provide::files::Places;
use headwater_query::relation::{Place, Relations, Table};

use crate::{Error, Result};

/// All declared tables. Clones of the `Arc` share them.
#[derive(Debug)]
pub struct Tables {
    lake: Arc<Lake>,
    /// Where files of external tables are found.
    places: Places,
    /// By the names of the lake.
    open: RwLock<BTreeMap<String, Arc<Open>>>,
}

/// One table: written by one at a time, read by anybody.
#[derive(Debug)]
struct Open {
    table: tokio::sync::Mutex<headwater_lake::Table>,
    latest: RwLock<Snapshot>,
}

impl Open {
    fn new(table: headwater_lake::Table) -> Arc<Open> {
        Arc::new(Open { latest: RwLock::new(table.snapshot()), table: tokio::sync::Mutex::new(table) })
    }

    fn latest(&self) -> Snapshot {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, table: &headwater_lake::Table) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = table.snapshot();
    }
}

impl Tables {
    pub fn new(lake: Arc<Lake>, places: Places) -> Tables {
        Tables { lake, places, open: RwLock::default() }
    }

    /// Where files of external tables are found.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Opens what is declared, and closes what is not any more. If it may `write`, it makes what is missing, and brings
    /// what is there to the columns that are declared.
    pub async fn open(&self, relations: &Relations, write: bool) -> Result<()> {
        let mut open = BTreeMap::new();
        for table in relations.tables() {
            let Place::Lake(store) = &table.place else { continue };
            let opened = match self.get(store) {
                Some(there) => Some(there),
                None => match self.lake.find_table(store).await? {
                    Some(found) => Some(Open::new(found)),
                    None if write => {
                        Some(Open::new(self.lake.create_table(store, &table.schema, &names(table)).await?))
                    }
                    None => None,
                },
            };
            if let Some(opened) = opened.as_ref().filter(|opened| write && opened.latest().schema() != table.schema) {
                // After the statements that write it now.
                let mut writer = opened.table.lock().await;
                writer.evolve(&table.schema).await?;
                opened.show(&writer);
            }
            open.extend(opened.map(|opened| (store.clone(), opened)));
        }
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = open;
        Ok(())
    }

    /// Removes a table of the lake with its rows, where it is there.
    pub async fn remove(&self, store: &str) -> Result<()> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(store);
        Ok(self.lake.remove_table(store).await?)
    }

    /// Adds rows, which have the table's columns. Where it has a key, one that is there is refused.
    pub async fn insert(&self, table: &Table, rows: &[RecordBatch]) -> Result<()> {
        let open = self.of(table)?;
        let mut writer = open.table.lock().await;
        match table.key.as_slice() {
            [] => writer.append(rows).await?,
            key => writer.insert(rows, key).await?,
        };
        open.show(&writer);
        Ok(())
    }

    /// Adds rows in the place of those with their keys; adds them all where the table has no key.
    pub async fn upsert(&self, table: &Table, rows: &[RecordBatch]) -> Result<()> {
        let open = self.of(table)?;
        let mut writer = open.table.lock().await;
        match table.key.as_slice() {
            [] => writer.append(rows).await?,
            key => writer.upsert(rows, key).await?,
        };
        open.show(&writer);
        Ok(())
    }

    /// Takes out the rows that do not stay and adds others, in one commit. `change` gives both for the latest version,
    /// which queries see, and nobody else writes meanwhile.
    pub async fn rewrite<E, F>(&self, table: &Table, operation: &'static str, change: F) -> Result<(), E>
    where
        E: From<Error>,
        F: AsyncFnOnce() -> Result<(Box<Stays<'static>>, Vec<RecordBatch>), E>,
    {
        let open = self.of(table)?;
        let mut writer = open.table.lock().await;
        writer.refresh().await.map_err(Error::from)?;
        open.show(&writer);
        let (mut stays, added) = change().await?;
        writer.rewrite(operation, &mut *stays, &added).await.map_err(Error::from)?;
        open.show(&writer);
        Ok(())
    }

    /// Puts rows in the place of those that go, as one commit with a number; see [`headwater_lake::Table::replace`]. Files
    /// that no version has used for so long go.
    pub async fn replace(
        &self,
        table: &Table,
        gone: &Gone,
        rows: impl Stream<Item = Result<RecordBatch>> + Send,
        number: i64,
        kept_for: Duration,
    ) -> Result<Replaced> {
        let open = self.of(table)?;
        let mut writer = open.table.lock().await;
        let replaced = writer.replace(gone, rows, number).await?;
        open.show(&writer);
        if let Err(error) = writer.vacuum(kept_for).await {
            // The next run tries again.
            tracing::warn!("old files of {} stay: {error}", table.name);
        }
        Ok(replaced)
    }

    /// The version that has a commit of this number, where it is the last one.
    pub async fn replaced(&self, table: &Table, number: i64) -> Result<Option<i64>> {
        let open = self.of(table)?;
        let writer = open.table.lock().await;
        Ok((writer.last_replaced() == Some(number)).then(|| writer.version()))
    }

    fn get(&self, store: &str) -> Option<Arc<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(store).cloned()
    }

    fn of(&self, table: &Table) -> Result<Arc<Open>> {
        let name = &table.name;
        let refused = |message: String, hint: &str| Error::Refused { message, hint: hint.to_owned() };
        match &table.place {
            Place::Lake(store) => {
                self.get(store).ok_or_else(|| refused(format!("table {name} is not there any more"), "ask again"))
            }
            Place::Files(_) => Err(refused(
                format!("{name} is an external table, whose files others write"),
                "insert into a table or a stream",
            )),
        }
    }
}

/// The columns by which a table's files are laid out.
fn names(table: &Table) -> Vec<String> {
    table.partitioned_by.iter().map(|at| table.schema.field(*at).name().clone()).collect()
}

impl StoredTables for Tables {
    fn table(&self, table: &Table) -> headwater_query::Result<Arc<dyn TableProvider>> {
        if let Some(provider) = self.places.provider(table) {
            return Ok(provider);
        }
        let open = self.of(table).map_err(|error| headwater_query::Error::Execution(error.to_string()))?;
        Ok(open.latest().table_provider())
    }
    fn version(&self, table: &Table) -> headwater_query::Result<i64> {
        let open = self.of(table).map_err(|error| headwater_query::Error::Execution(error.to_string()))?;
        Ok(open.latest().version())
    }
}
