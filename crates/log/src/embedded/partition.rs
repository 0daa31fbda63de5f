//! One partition: a folder of segments, one writer at a time, any number of readers.
//!
//! One lock guards the state and is held while a batch is written, so that batches lie in the order of their offsets.
//! It is never held during the sync of a group of appends, nor while readers read files.

mod append;
mod locate;
mod read;
mod recover;
mod retain;
mod roll;
mod sync;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

use headwater_base::files::File;

pub(super) use recover::Identity;
pub use recover::Truncated;

use super::Shared;
use super::bounds::BoundsFile;
use super::index::Index;
use super::lock::lock;
use super::snapshot::Open;
use crate::batch::Producer;
use crate::{Error, Offsets, Result};

/// Void records of each producer, in offset order.
pub(super) type Aborted = BTreeMap<Producer, Vec<Range<i64>>>;

/// See the module.
pub(super) struct Partition {
    shared: Arc<Shared>,
    pub topic: String,
    /// The topic's id in the journal.
    pub topic_id: u64,
    pub number: u32,
    folder: PathBuf,
    state: Mutex<State>,
    /// Signals the end of a sync.
    synced: Condvar,
    /// Signals that enough was written for a sync to begin before its interval is over.
    gathered: Condvar,
    /// A few closed segments that were read lately, the latest last.
    loaded: Mutex<Vec<Arc<Loaded>>>,
}

struct State {
    /// The first offset that is kept: the base offset of the first segment.
    start: i64,
    /// One past the last offset written.
    end: i64,
    /// One past the last offset on stable storage.
    synced: i64,
    /// In offset order.
    closed: Vec<Arc<Closed>>,
    /// The last segment, once there is one.
    active: Option<Active>,
    /// Undecided transactions.
    open: Open,
    /// Decided transactions whose marker is not yet written.
    unmarked: Open,
    /// The end offset of markers that may not be on stable storage.
    marks: BTreeMap<Producer, i64>,
    aborted: Arc<Aborted>,
    pins: Arc<Mutex<BTreeMap<u64, i64>>>,
    pins_made: u64,
    /// All before it is safe elsewhere.
    released: i64,
    syncing: bool,
    unsynced_bytes: u64,
    poisoned: Option<(PathBuf, String)>,
    /// The topic is gone.
    deleted: bool,
}

/// The segment that is written to.
struct Active {
    file: Arc<dyn File>,
    path: PathBuf,
    /// Knows the segment's length and end.
    index: Index,
    bounds: Option<BoundsFile>,
}

/// A segment that doesn't change any more, all of it on stable storage.
struct Closed {
    base_offset: i64,
    end_offset: i64,
    extent: OnceLock<Extent>,
}

#[derive(Clone, Copy)]
struct Extent {
    length: u64,
    max_timestamp_ms: i64,
}

/// A closed segment, opened for reading.
struct Loaded {
    file: Arc<dyn File>,
    path: PathBuf,
    index: Index,
}

impl State {
    /// No open transaction began before it, and all before it is on stable storage.
    fn stable(&self) -> i64 {
        self.open.values().map(|range| range.start).min().map_or(self.synced, |first| first.min(self.synced))
    }
}

impl Partition {
    pub fn offsets(&self) -> Result<Offsets> {
        let state = self.state()?;
        Ok(Offsets { start: state.start, stable: state.stable(), end: state.synced })
    }

    /// A transaction of `producer` is decided: its records become visible, or void. The caller keeps readers of other
    /// partitions out until all are told.
    pub fn decide(&self, producer: Producer, span: Range<i64>, committed: bool) {
        let mut state = lock(&self.state);
        let open = state.open.remove(&producer).unwrap_or_else(|| span.clone());
        state.unmarked.insert(producer, open);
        if !committed {
            state.void(producer, span);
        }
    }

    /// Transactions that are undecided as far as the partition knows.
    pub fn open_transactions(&self) -> Open {
        lock(&self.state).open.clone()
    }

    /// Holds the stable offset back for a transaction that the journal says is undecided.
    pub fn keep_open(&self, producer: Producer, span: Range<i64>) {
        lock(&self.state).open.insert(producer, span);
    }

    /// Hides records from readers.
    pub fn void(&self, producer: Producer, span: Range<i64>) {
        lock(&self.state).void(producer, span);
    }

    /// Everything of the topic's is gone from now on.
    pub fn delete(&self) {
        lock(&self.state).deleted = true;
        lock(&self.loaded).clear();
        self.synced.notify_all();
    }

    /// True when recovery will see, without being told, that this transaction was decided: its marker is on stable
    /// storage.
    pub fn is_marked(&self, producer: Producer, start: i64) -> bool {
        let state = lock(&self.state);
        let open = state.open.get(&producer).is_some_and(|range| range.start <= start);
        let unsynced = state.marks.get(&producer).is_some_and(|end| *end > state.synced);
        state.deleted || !(open || unsynced || state.unmarked.contains_key(&producer))
    }

    /// The first offset that is kept.
    pub fn start(&self) -> i64 {
        lock(&self.state).start
    }

    /// The state, if the partition is usable.
    fn state(&self) -> Result<MutexGuard<'_, State>> {
        let state = lock(&self.state);
        self.check(&state)?;
        Ok(state)
    }

    fn check(&self, state: &State) -> Result<()> {
        if state.deleted {
            return Err(Error::UnknownTopic { topic: self.topic.clone() });
        }
        match &state.poisoned {
            Some((path, reason)) => Err(Error::Poisoned { path: path.clone(), reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Takes the partition out of use after a failed write or sync: nobody knows what is on the disk now.
    fn poison(&self, state: &mut State, error: &Error) -> Error {
        let path = state.active.as_ref().map_or(&self.folder, |active| &active.path).clone();
        state.poisoned = Some((path.clone(), error.to_string()));
        self.synced.notify_all();
        Error::Poisoned { path, reason: error.to_string() }
    }

    fn out_of_range(&self, state: &State, offset: i64) -> Error {
        Error::OffsetOutOfRange {
            topic: self.topic.clone(),
            partition: self.number,
            offset,
            start: state.start,
            end: state.end,
        }
    }
}

impl State {
    fn void(&mut self, producer: Producer, span: Range<i64>) {
        let ranges = Arc::make_mut(&mut self.aborted).entry(producer).or_default();
        let at = ranges.partition_point(|range| range.start < span.start);
        ranges.insert(at, span);
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({:?}, {})", self.topic, self.number)
    }
}
