//! One version of an archive, which queries read while later ones are written.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as QueryResult;
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use deltalake::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use deltalake::kernel::EagerSnapshot;

use super::holding::Holding;
use super::log::Offsets;
use crate::lake::Table;
use crate::{Error, Result};

/// One version of an archive. Clones share everything.
#[derive(Debug, Clone)]
pub struct Snapshot {
    version: i64,
    offsets: Arc<Offsets>,
    provider: Arc<ArchiveTable>,
    held: Arc<EagerSnapshot>,
    schema: SchemaRef,
}

impl Snapshot {
    pub(crate) fn new(
        table: Arc<Table>,
        schema: &SchemaRef,
        delta: &EagerSnapshot,
        offsets: Offsets,
    ) -> Result<Snapshot> {
        let config = DeltaScanConfig::new().with_schema(Arc::clone(schema));
        let scan = DeltaScanNext::new(delta.clone(), config)
            .map_err(|error| Error::Feature { table: table.folder.to_string(), detail: error.to_string() })?;
        let version = i64::try_from(delta.version()).unwrap_or(i64::MAX);
        let held = table.hold(delta.clone());
        let provider = Arc::new(ArchiveTable { table, scan, held: Arc::clone(&held) });
        Ok(Snapshot { version, offsets: Arc::new(offsets), provider, held, schema: Arc::clone(schema) })
    }

    pub fn version(&self) -> i64 {
        self.version
    }

    /// A later version of the same table, not of one that was made anew.
    pub fn follows(&self, other: &Snapshot) -> bool {
        self.held.metadata().id() == other.held.metadata().id() && self.version > other.version
    }

    /// The offset from which on the log has what this version has not; 0 where it has nothing of the partition.
    pub fn next_offset(&self, partition: u32) -> i64 {
        self.offsets.get(&partition).copied().unwrap_or(0)
    }

    /// The columns of the archive.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.provider.table)
    }

    pub(crate) fn delta(&self) -> &EagerSnapshot {
        &self.held
    }

    /// Whoever has this keeps the files of the snapshot from being removed.
    pub(super) fn hold(&self) -> Arc<EagerSnapshot> {
        Arc::clone(&self.held)
    }

    /// The paths of all files, inside of the table, in no order.
    pub(crate) fn files(&self) -> impl Iterator<Item = String> + '_ {
        self.held.log_data().into_iter().map(|file| file.path().into_owned())
    }

    pub(super) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// All columns of the archive, in its schema exactly. Filters and projections reach the files; where a scan
    /// fails, [`Error::damage_inside`] says whether a damaged file is why.
    pub fn table_provider(&self) -> Arc<dyn TableProvider> {
        Arc::clone(&self.provider) as Arc<dyn TableProvider>
    }
}

/// A version of a table with the columns that Delta has for it.
pub(crate) fn provider(table: Arc<Table>, delta: &EagerSnapshot) -> Result<Arc<dyn TableProvider>> {
    let scan = DeltaScanNext::new(delta.clone(), DeltaScanConfig::new())
        .map_err(|error| Error::Feature { table: table.folder.to_string(), detail: error.to_string() })?;
    let held = table.hold(delta.clone());
    Ok(Arc::new(ArchiveTable { table, scan, held }))
}

/// Delta's own scan, with its store made known to whichever session asks.
struct ArchiveTable {
    table: Arc<Table>,
    scan: DeltaScanNext,
    held: Arc<EagerSnapshot>,
}

impl fmt::Debug for ArchiveTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveTable").field("folder", &self.table.folder).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for ArchiveTable {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        None
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> QueryResult<Arc<dyn ExecutionPlan>> {
        session.runtime_env().register_object_store(self.table.url(), self.table.store());
        let scan = self.scan.scan(session, projection, filters, limit).await?;
        Ok(Arc::new(Holding::new(scan, Arc::clone(&self.held))))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> QueryResult<Vec<TableProviderFilterPushDown>> {
        self.scan.supports_filters_pushdown(filters)
    }
}
