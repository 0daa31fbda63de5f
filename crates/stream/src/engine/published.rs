//! What readers see: the state of all relations as of the last completed tick.
//!
//! The engine changes it once a tick, all relations together, under one lock that a reader holds only while it takes
//! its snapshot. So a query sees one epoch across all views and stream tails.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use headwater_log::Isolation;
use headwater_query::provide::{ReadPoint, Snapshots, ViewReader};

use super::inputs::PartitionStatus;
use crate::Result;
use crate::batch::Batch;
use crate::view::{Snapshot, Table};
use crate::worker::NodeStatus;

/// Shared by the engine and its readers.
#[derive(Default)]
pub struct Published {
    inner: Mutex<Inner>,
}

/// One epoch.
#[derive(Default)]
pub struct Inner {
    pub epoch: u64,
    /// When it was completed, microseconds.
    pub as_of_us: i64,
    /// Where each stream ends in it, by partition.
    pub ends: HashMap<String, Vec<i64>>,
    pub tables: BTreeMap<String, Table>,
    /// Views that stopped, with the reason.
    pub failed: BTreeMap<String, String>,
    pub status: Status,
}

/// How the engine is doing, for people who watch.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Rows that passed since the start, by stream and derived stream.
    pub rows: BTreeMap<String, u64>,
    pub dead_letters: u64,
    pub partitions: Vec<PartitionStatus>,
    pub checkpoint: Option<CheckpointStatus>,
    /// By node of the graph: name and the sum over workers.
    pub operators: Vec<(String, NodeStatus)>,
    /// Rows kept or dropped in spite of a rule, by stream and rule.
    pub warned: BTreeMap<(String, String), u64>,
    pub dropped: BTreeMap<(String, String), u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointStatus {
    pub number: u64,
    /// Wall clock, microseconds.
    pub taken_us: i64,
    pub duration_us: u64,
    pub bytes: u64,
}

impl Published {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves complete ticks only: each is applied after all that can fail was computed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Applies one tick's changes to one table.
    pub fn apply(&mut self, view: &str, changes: &[Batch]) -> Result<()> {
        match self.tables.get_mut(view) {
            Some(table) => table.apply(changes),
            None => Ok(()),
        }
    }
}

impl Snapshots for Published {
    fn read_point(&self) -> Arc<ReadPoint> {
        let inner = self.lock();
        let views = inner.tables.iter().map(|(name, table)| (name.clone(), table.snapshot())).collect();
        Arc::new(ReadPoint {
            epoch: inner.epoch,
            as_of_us: inner.as_of_us,
            streams: inner.ends.clone(),
            isolation: Isolation::Latest,
            views: Arc::new(Views { views, failed: inner.failed.clone() }),
        })
    }
}

/// The tables of one epoch.
struct Views {
    views: HashMap<String, Snapshot>,
    failed: BTreeMap<String, String>,
}

impl ViewReader for Views {
    fn rows(&self, view: &str) -> headwater_query::Result<Vec<RecordBatch>> {
        if let Some(reason) = self.failed.get(view) {
            return Err(headwater_query::Error::Execution(format!("view {view} stopped: {reason}")));
        }
        match self.views.get(view) {
            Some(snapshot) => snapshot.rows().map_err(|error| headwater_query::Error::Internal(error.to_string())),
            None => Err(headwater_query::Error::Internal(format!("view {view} is not maintained by this node"))),
        }
    }
}
