//! What readers see: the state of all relations as of the last completed tick.
//!
//! The engine changes it once a tick, all relations together, under one lock that a reader holds only while it takes
//! its snapshot. So a query sees one epoch across all views and stream tails.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use headwater_base::clock::Clock;
use headwater_log::Isolation;
use headwater_query::provide::{ReadPoint, Snapshots, ViewReader};

use super::inputs::PartitionStatus;
use super::tables::Versions;
use crate::Result;
use crate::batch::Batch;
use crate::checkpoint::Manifest;
use crate::operator::Violations;
use crate::view::{Snapshot, Table};
use crate::worker::NodeStatus;

/// Shared by the engine and its readers.
#[derive(Default)]
pub struct Published {
    inner: Mutex<Inner>,
    /// Of a running node; what a checkpoint holds is as old as that.
    clock: Option<Arc<dyn Clock>>,
}

/// One epoch.
#[derive(Default)]
pub struct Inner {
    pub epoch: u64,
    /// The last one up to it that changed something: a checkpoint that has that one has all that this one shows.
    pub changed_epoch: u64,
    /// When it was completed, microseconds.
    pub as_of_us: i64,
    /// Views have been told what time it is by the rows in it; else the next one tells them.
    pub is_timely: bool,
    /// Where each stream ends in it, by partition.
    pub ends: HashMap<String, Vec<i64>>,
    /// What time it is in it by each stream that tells time, microseconds: all rows up to there are in views.
    pub watermarks_us: BTreeMap<String, i64>,
    /// Which version of each table of the lake its views have, of those that views read.
    pub versions: Versions,
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
    /// For how long since the start ticks ran that left rows to the next, by declared stream.
    pub pressed: BTreeMap<String, Duration>,
    pub dead_letters: u64,
    pub partitions: Vec<PartitionStatus>,
    pub checkpoint: Option<CheckpointStatus>,
    /// By node of the graph: name and the sum over workers.
    pub operators: Vec<(String, NodeStatus)>,
    /// Rows that violated a rule since the data folder began, by relation.
    pub violations: BTreeMap<String, Violations>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointStatus {
    pub number: u64,
    /// The last epoch that it has.
    pub epoch: u64,
    /// Wall clock, microseconds.
    pub taken_us: i64,
    /// Nothing where an engine before this one took it.
    pub written: Option<Written>,
}

/// What a checkpoint cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub duration_us: u64,
    pub bytes: u64,
}

impl From<&Manifest> for CheckpointStatus {
    fn from(manifest: &Manifest) -> CheckpointStatus {
        CheckpointStatus { number: manifest.number, epoch: manifest.epoch, taken_us: manifest.taken_us, written: None }
    }
}

impl Published {
    /// What a running node shows: its readers live in the present, also while no tick has anything to do.
    pub fn live(clock: Arc<dyn Clock>) -> Published {
        Published { inner: Mutex::default(), clock: Some(clock) }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves complete ticks only: each is applied after all that can fail was computed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether a checkpoint has all that was shown when `changed_epoch` was this.
    pub fn is_held(&self, changed_epoch: u64) -> bool {
        self.status.checkpoint.map_or(0, |checkpoint| checkpoint.epoch) >= changed_epoch
    }

    /// What does not go on, each with its reason: views that stopped, and partitions that an `ON VIOLATION FAIL` stops.
    pub fn stopped(&self) -> Vec<String> {
        let views = self.failed.iter().map(|(view, reason)| format!("view {view} stopped: {reason}"));
        let stopped =
            |each: &PartitionStatus| Some(format!("stream {} stopped: {}", each.stream, each.stopped.as_ref()?));
        views.chain(self.status.partitions.iter().filter_map(stopped)).collect()
    }

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
        let point = inner.point(self.clock.as_deref(), Arc::new(Views { views }));
        Arc::new(ReadPoint { streams: inner.ends.clone(), ..point })
    }

    fn as_of_us(&self) -> i64 {
        self.clock.as_ref().map_or_else(|| self.lock().as_of_us, |clock| clock.now_us())
    }

    /// A snapshot would make the next tick copy the shards that it changes; some rows do not.
    fn read_point_of(&self, view: &str, keys: &RecordBatch) -> headwater_query::Result<Arc<ReadPoint>> {
        let inner = self.lock();
        let found = match inner.tables.get(view) {
            Some(table) => table.find(keys.columns(), keys.num_rows()),
            None => return Err(unknown(view)),
        };
        let rows = found.map_err(|error| headwater_query::Error::Internal(error.to_string()))?;
        let views = Arc::new(Found { view: view.to_owned(), rows });
        Ok(Arc::new(inner.point(self.clock.as_deref(), views)))
    }
}

impl Inner {
    /// The epoch with some views and without its streams.
    fn point(&self, clock: Option<&dyn Clock>, views: Arc<dyn ViewReader>) -> ReadPoint {
        let stopped = self.failed.iter();
        ReadPoint {
            epoch: self.epoch,
            as_of_us: clock.map_or(self.as_of_us, Clock::now_us),
            streams: HashMap::new(),
            isolation: Isolation::Latest,
            stopped: stopped.map(|(view, reason)| (view.clone(), format!("view {view} stopped: {reason}"))).collect(),
            views,
        }
    }
}

/// The tables of one epoch.
struct Views {
    views: HashMap<String, Snapshot>,
}

impl ViewReader for Views {
    fn rows(&self, view: &str) -> headwater_query::Result<Vec<RecordBatch>> {
        match self.views.get(view) {
            Some(snapshot) => snapshot.rows().map_err(|error| headwater_query::Error::Internal(error.to_string())),
            None => Err(unknown(view)),
        }
    }
}

/// What one view has under some keys, a batch each.
struct Found {
    view: String,
    rows: Vec<RecordBatch>,
}

impl ViewReader for Found {
    fn rows(&self, view: &str) -> headwater_query::Result<Vec<RecordBatch>> {
        if view == self.view { Ok(self.rows.clone()) } else { Err(unknown(view)) }
    }
}

fn unknown(view: &str) -> headwater_query::Error {
    headwater_query::Error::Internal(format!("view {view} is not maintained by this node"))
}
