//! Relations as tables of the batch engine, over what the rooms above hand in.
//!
//! A query takes one [`ReadPoint`] and reads every relation at it: streams up to its offsets, views as of its epoch.

pub mod archive;
pub mod files;
mod lake;
pub mod stream;
pub mod tail;
pub mod view;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::collect;
use headwater_log::Isolation;

use crate::relation::Table;
use crate::session::state::planning;
use crate::{Error, Result};

/// Hidden columns of an archive: the row's partition (INT), its offset in it (BIGINT), its append time (TIMESTAMP).
pub const PARTITION: &str = "_partition";
pub const OFFSET: &str = "_offset";
pub const TIMESTAMP: &str = "_timestamp";

/// Tells where queries read.
pub trait Snapshots: Send + Sync + 'static {
    /// The latest completed epoch.
    fn read_point(&self) -> Arc<ReadPoint>;

    /// The time that it shows; see [`ReadPoint::as_of_us`].
    fn as_of_us(&self) -> i64 {
        self.read_point().as_of_us
    }

    /// The latest epoch for a reader of one view's rows under some keys, which may find nothing else in it: a batch for
    /// each key, without rows where there are none. `keys` has the columns that identify a row of the view, in the order
    /// of [`crate::relation::View::key`].
    fn read_point_of(&self, view: &str, keys: &RecordBatch) -> Result<Arc<ReadPoint>> {
        let _ = (view, keys);
        Ok(self.read_point())
    }
}

/// Where one query reads: settled once it is known what it reads, at the latest by its first scan.
pub struct Reading {
    snapshots: Arc<dyn Snapshots>,
    point: OnceLock<Arc<ReadPoint>>,
}

impl Reading {
    pub fn new(snapshots: Arc<dyn Snapshots>) -> Arc<Reading> {
        Arc::new(Reading { snapshots, point: OnceLock::new() })
    }

    pub fn point(&self) -> &Arc<ReadPoint> {
        self.point.get_or_init(|| self.snapshots.read_point())
    }

    /// Reads under one key of one view and nothing else. Has no effect on a query that reads already.
    pub fn settle(&self, view: &str, key: &RecordBatch) -> Result<()> {
        let point = self.snapshots.read_point_of(view, key)?;
        self.point.get_or_init(|| point);
        Ok(())
    }
}

/// One completed epoch, for as long as somebody holds it.
pub struct ReadPoint {
    pub epoch: u64,
    /// The time that it shows, microseconds UTC: of asking at a running node, of the checkpoint without one. What
    /// `now()` says in a query.
    pub as_of_us: i64,
    /// By stream name: where each partition ends, exclusive. A stream that is not here is read to its end.
    pub streams: HashMap<String, Vec<i64>>,
    /// How the log is read up to there.
    pub isolation: Isolation,
    pub views: Arc<dyn ViewReader>,
    /// Views that nobody can read now, with the reason: what they have is not what they should have.
    pub stopped: BTreeMap<String, String>,
}

/// The rows of views at one epoch.
pub trait ViewReader: Send + Sync + 'static {
    /// All rows of a view, with the view's schema, in any order.
    fn rows(&self, view: &str) -> Result<Vec<RecordBatch>>;
}

/// The relations under `system.`.
pub trait SystemTables: Send + Sync + 'static {
    /// Names without `system.`, and columns.
    fn tables(&self) -> Vec<(String, SchemaRef)>;

    /// The rows of one of [`SystemTables::tables`], in its schema: what has a history as of the query's read point,
    /// what has not as of now.
    fn rows(&self, table: &str, point: &ReadPoint) -> Result<Vec<RecordBatch>>;
}

/// Finds the rows of tables.
pub trait StoredTables: Send + Sync + 'static {
    /// The latest version of a table.
    fn table(&self, table: &Table) -> Result<Arc<dyn TableProvider>>;

    /// A number that the latest version has and none before it, of a table of the lake.
    fn version(&self, table: &Table) -> Result<i64>;
}

/// All rows of a table, of some of its columns: one batch at the least.
pub async fn table_rows(table: Arc<dyn TableProvider>, columns: &[usize]) -> Result<Vec<RecordBatch>> {
    let schema = Arc::new(table.schema().project(columns).map_err(|error| Error::Internal(error.to_string()))?);
    let read = async {
        let scan = LogicalPlanBuilder::scan("table", provider_as_source(table), Some(columns.to_vec()))?.build()?;
        let state = planning();
        collect(state.create_physical_plan(&scan).await?, state.task_ctx()).await
    };
    let mut rows = read.await.map_err(crate::plan::diagnose::execution)?;
    if rows.is_empty() {
        rows.push(RecordBatch::new_empty(schema));
    }
    Ok(rows)
}

/// Where there are no tables.
impl StoredTables for () {
    fn table(&self, table: &Table) -> Result<Arc<dyn TableProvider>> {
        Err(Error::Internal(format!("table {} is not stored here", table.name)))
    }

    fn version(&self, table: &Table) -> Result<i64> {
        Err(Error::Internal(format!("table {} is not stored here", table.name)))
    }
}

/// Finds the archives of streams.
pub trait Archives: Send + Sync + 'static {
    /// `None` for a stream that is not archived.
    fn archive(&self, stream: &str) -> Option<Arc<dyn History>>;
}

/// The archive of one stream.
#[async_trait]
pub trait History: Send + Sync + 'static {
    /// The archive's latest committed state.
    async fn snapshot(&self) -> Result<Arc<dyn Archived>>;
}

/// One state of an archive.
pub trait Archived: Debug + Send + Sync + 'static {
    /// The first offset of a partition that is not archived.
    fn next_offset(&self, partition: u32) -> i64;

    /// The stream's columns by their names, [`PARTITION`], [`OFFSET`] and [`TIMESTAMP`].
    fn table(&self) -> Arc<dyn TableProvider>;
}
