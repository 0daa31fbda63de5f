//! The log: the durable, partitioned, replayable record of every stream, and the ground truth of the platform.
//!
//! [`Log`] is what the rest of the node sees; [`embedded`] keeps it in local segments. A Kafka backend implements the
//! same traits in `connect`. Both pass the suite in [`contract`]. This crate knows nothing of schemas, SQL or Arrow:
//! a record is a key, a value and a time.

pub mod batch;
pub mod contract;
pub mod embedded;
pub mod error;
pub mod partitioner;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
pub mod transaction;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use batch::{Batch, Builder, Record};
pub use embedded::EmbeddedLog;
pub use error::{Error, Result};
pub use partitioner::partition_for;
pub use transaction::{Prepared, Writer};

/// A partitioned, durable log. Every call may block on local disk or on a network; asynchronous callers use a
/// blocking thread.
pub trait Log: Debug + Send + Sync + 'static {
    /// Creates a topic. The same topic with the same partitions is not an error; with others it is a `Conflict`.
    fn create_topic(&self, topic: &str, config: &TopicConfig) -> Result<()>;

    /// Removes a topic and its records. Readers that hold a [`Chunk`] may finish with it.
    fn delete_topic(&self, topic: &str) -> Result<()>;

    /// All topics, sorted by name.
    fn topics(&self) -> Result<Vec<Topic>>;

    /// Appends a batch outside of any transaction. It is ordered at once and durable when the ticket says so.
    fn append(&self, topic: &str, partition: u32, batch: Batch) -> Result<Ticket>;

    /// Opens the writer of a name for transactions and fences every earlier one of that name: their calls fail with
    /// [`Error::Fenced`] from now on. What an earlier one had prepared is kept for the caller to decide; what it had
    /// only appended is aborted.
    fn open_writer(&self, name: &str) -> Result<Box<dyn Writer>>;

    /// Records from `from` on, in offset order. Returns at once, with an empty chunk at the end of what may be read.
    fn read(&self, topic: &str, partition: u32, from: i64, options: &ReadOptions) -> Result<Chunk>;

    fn offsets(&self, topic: &str, partition: u32) -> Result<Offsets>;

    /// The first offset whose append time is at or after `timestamp_ms` (milliseconds since the Unix epoch), if any.
    fn offset_for_time(&self, topic: &str, partition: u32, timestamp_ms: i64) -> Result<Option<i64>>;

    /// Keeps everything from `offset` on from being deleted by retention for as long as the guard lives.
    fn pin(&self, topic: &str, partition: u32, offset: i64) -> Result<Pin>;

    /// Says that all before `offset` are safe elsewhere (in the archive). Retention never deletes beyond it; a topic
    /// with [`TopicConfig::archived`] starts with nothing released.
    fn release(&self, topic: &str, partition: u32, offset: i64) -> Result<()>;

    /// Deletes what retention allows now, and says what that was.
    fn enforce_retention(&self) -> Result<Vec<Deleted>>;

    /// Calls `wake` after each change of what can be read (appends, commits), from whichever thread made it; it must
    /// be quick. Ends when the guard drops.
    fn on_change(&self, wake: Box<dyn Fn() + Send + Sync>) -> Subscription;
}

/// What a topic is told when it is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    pub partitions: u32,
    /// Records older than this may go, by whole segments. `None` keeps all.
    pub retention: Option<Duration>,
    /// Retention waits for [`Log::release`].
    pub archived: bool,
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub config: TopicConfig,
}

/// Where a partition begins and ends. Offsets count records; gaps are normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// The first offset that is still kept.
    pub start: i64,
    /// One past the last record that read-committed readers see: no open transaction began before it.
    pub stable: i64,
    /// One past the last durable record, of open transactions too.
    pub end: i64,
}

/// Which records a reader sees. Nobody sees records of an aborted transaction, nor records not yet durable unless
/// they are the reader's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Up to the last stable offset: what no crash and no abort can take back.
    #[default]
    Committed,
    /// Also what open transactions have appended, durable or not. For the node's own reads of what it wrote itself.
    Latest,
}

#[derive(Debug, Clone)]
pub struct ReadOptions {
    pub isolation: Isolation,
    /// Compressed batches are returned as they are, for whoever sends them on. Else their records can be read.
    pub as_stored: bool,
    /// Roughly how many stored bytes to return; one whole batch at least.
    pub bytes_max: usize,
    /// Records at and past this offset are not returned.
    pub until: Option<i64>,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions { isolation: Isolation::Committed, as_stored: false, bytes_max: 1 << 20, until: None }
    }
}

/// Some consecutive records of one partition: whole batches, of which [`Chunk::records`] shows those that were asked
/// for.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The batches that hold visible records, each one complete; markers and aborted ones are left out.
    pub batches: Vec<Bytes>,
    /// Offsets that count: records outside of it, in a first or last batch, are skipped.
    pub range: Range<i64>,
    /// Where to read on: past all that was returned or skipped.
    pub next: i64,
}

impl Chunk {
    /// The records in offset order. The batches were verified when they were read from disk.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_>>> {
        let range = self.range.clone();
        self.batches
            .iter()
            .flat_map(|bytes| batch::records(bytes))
            .filter(move |record| record.as_ref().map_or(true, |record| range.contains(&record.offset)))
    }
}

/// An append that has its offsets and is on its way to stable storage.
#[must_use = "an append is acknowledged only when its ticket is"]
pub struct Ticket {
    pub offsets: Range<i64>,
    wait: Box<dyn FnOnce() -> Result<()> + Send>,
}

impl Ticket {
    pub fn new(offsets: Range<i64>, wait: Box<dyn FnOnce() -> Result<()> + Send>) -> Ticket {
        Ticket { offsets, wait }
    }

    /// Blocks until the batch is on stable storage. Many waiters share one sync.
    pub fn wait(self) -> Result<Range<i64>> {
        (self.wait)()?;
        Ok(self.offsets)
    }
}

impl Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("offsets", &self.offsets).finish_non_exhaustive()
    }
}

/// What retention removed from one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    pub topic: String,
    pub partition: u32,
    pub offsets: Range<i64>,
    pub bytes: u64,
}

/// A guard against retention; see [`Log::pin`].
#[derive(Debug, Clone)]
pub struct Pin {
    _held: Arc<dyn Debug + Send + Sync>,
}

impl Pin {
    pub fn new(held: Arc<dyn Debug + Send + Sync>) -> Pin {
        Pin { _held: held }
    }
}

/// A guard for a callback; see [`Log::on_change`].
#[derive(Debug)]
pub struct Subscription {
    _held: Arc<dyn Debug + Send + Sync>,
}

impl Subscription {
    pub fn new(held: Arc<dyn Debug + Send + Sync>) -> Subscription {
        Subscription { _held: held }
    }
}
