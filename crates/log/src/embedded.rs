//! The log on local files: a folder of segments for each partition, and one journal of transactions.
//!
//! ```text
//! <root>/topics/<topic>/topic.json
//! <root>/topics/<topic>/<partition>/<base offset>.log, .index, .snapshot; bounds
//! <root>/transactions/<number>.journal
//! ```
//! Every byte is drawn in `docs/formats/log.md`. Nobody else may have the folder open for writing: whoever opens it
//! sees to that.

mod bounds;
mod index;
mod journal;
mod lock;
mod names;
mod options;
mod partition;
mod resolve;
mod scan;
mod snapshot;
#[cfg(test)]
mod tests;
mod topic;
mod watch;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use headwater_base::clock::Clock;
use headwater_base::files::Files;

pub use options::{Options, Sync};
pub use partition::Truncated;

use self::lock::{exclusive, lock, shared};
use crate::{
    Batch, Chunk, Deleted, Error, Log, Offsets, Pin, ReadOptions, Result, Subscription, Ticket, TopicConfig, Writer,
};
use journal::Journal;
use journal::entry::Entry;
use journal::state::State;
use partition::Partition;
use topic::Topic;
use watch::Watchers;
use writer::{EmbeddedWriter, Slot};

/// An open log. Clones are the same log; the last one's drop closes it in good order.
#[derive(Debug, Clone)]
pub struct EmbeddedLog {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    root: PathBuf,
    topics: RwLock<Topics>,
    /// Held while topics are created, changed and deleted.
    changing: Mutex<()>,
    /// None for a reader only.
    journal: Option<Journal>,
    /// Writers by name.
    slots: Mutex<HashMap<String, Arc<Mutex<Slot>>>>,
    truncated: Vec<Truncated>,
    closed: AtomicBool,
}

/// What all parts need.
struct Shared {
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    options: Options,
    watchers: Arc<Watchers>,
    /// Held exclusively while a decided transaction is made visible in all its partitions, and shared while a reader
    /// finds out what it may see. Taken before any partition's lock.
    deciding: RwLock<()>,
}

#[derive(Default)]
struct Topics {
    by_name: BTreeMap<String, Arc<Topic>>,
    by_id: HashMap<u64, Arc<Topic>>,
}

impl EmbeddedLog {
    /// Opens the log in a folder, or begins one, and recovers from whatever ended it last.
    ///
    /// # Errors
    /// `Corrupt`, with file and position, where something that was on stable storage is not what it was.
    pub fn open(files: Arc<dyn Files>, root: &Path, clock: Arc<dyn Clock>, options: Options) -> Result<EmbeddedLog> {
        let journal = match options.read_only {
            true => None,
            false => {
                let is_synced = options.sync.is_on();
                Some(Journal::open(Arc::clone(&files), root, options.journal_bytes_min, is_synced)?)
            }
        };
        let state = match &journal {
            Some(journal) => journal.with(State::clone),
            None => Journal::read(files.as_ref(), root)?,
        };
        let common = Arc::new(Shared { files, clock, options, watchers: Arc::default(), deciding: RwLock::new(()) });
        let (list, truncated) = Topic::load_all(&common, root, &state)?;
        let mut topics = Topics::default();
        for topic in list {
            topics.insert(topic);
        }
        let inner = Inner {
            shared: common,
            root: root.to_owned(),
            topics: RwLock::new(topics),
            changing: Mutex::new(()),
            journal,
            slots: Mutex::default(),
            truncated,
            closed: AtomicBool::new(false),
        };
        resolve::resolve(&inner, &state)?;
        Ok(EmbeddedLog { inner: Arc::new(inner) })
    }

    /// Torn ends of unacknowledged writes that opening cut off: nothing is dropped in silence.
    pub fn truncated(&self) -> &[Truncated] {
        &self.inner.truncated
    }

    /// Makes everything durable and says so, which lets the next opening tell damage from a torn end at any place.
    /// The last clone's drop does it too, but can't report an error.
    pub fn close(&self) -> Result<()> {
        self.inner.close()
    }

    /// Ends as a killed process does: nothing more is written by anyone.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn abandon(self) {
        self.inner.closed.store(true, Ordering::SeqCst);
    }
}

impl Log for EmbeddedLog {
    /// The same topic with other retention takes that over.
    fn create_topic(&self, topic: &str, config: &TopicConfig) -> Result<()> {
        let inner = &self.inner;
        inner.writable()?;
        if config.partitions == 0 {
            return Err(Error::InvalidTopic { topic: topic.to_owned(), reason: "it needs at least one partition" });
        }
        names::escape(topic)?;
        let _changing = lock(&inner.changing);
        if let Ok(existing) = inner.topic(topic) {
            return change_topic(&existing, inner, config);
        }
        let entries = inner.record(|state| vec![Entry::Topic { id: state.next_topic }])?;
        let Some(Entry::Topic { id }) = entries.first() else {
            unreachable!("one entry was recorded");
        };
        let created = Topic::create(&inner.shared, &inner.root, *id, topic, config)?;
        exclusive(&inner.topics).insert(created);
        Ok(())
    }

    fn delete_topic(&self, topic: &str) -> Result<()> {
        let inner = &self.inner;
        inner.writable()?;
        let _changing = lock(&inner.changing);
        let existing = inner.topic(topic)?;
        let removed = existing.remove(&inner.shared, &inner.root);
        let mut topics = exclusive(&inner.topics);
        topics.by_name.remove(topic);
        topics.by_id.remove(&existing.id);
        drop(topics);
        inner.shared.watchers.notify();
        removed
    }

    fn topics(&self) -> Result<Vec<crate::Topic>> {
        let topics = shared(&self.inner.topics);
        let described = topics.by_name.values();
        Ok(described
            .map(|topic| crate::Topic { name: topic.name.clone(), config: lock(&topic.config).clone() })
            .collect())
    }

    fn append(&self, topic: &str, partition: u32, batch: Batch) -> Result<Ticket> {
        self.inner.writable()?;
        self.inner.check_batch(&batch)?;
        if batch.header().is_transactional() {
            return Err(Error::InvalidBatch { reason: "a transactional batch outside of a transaction" });
        }
        self.inner.partition(topic, partition)?.append(batch)
    }

    fn open_writer(&self, name: &str) -> Result<Box<dyn Writer>> {
        self.inner.writable()?;
        Ok(Box::new(EmbeddedWriter::open(&self.inner, name)?))
    }

    fn read(&self, topic: &str, partition: u32, from: i64, options: &ReadOptions) -> Result<Chunk> {
        self.inner.partition(topic, partition)?.read(from, options)
    }

    fn offsets(&self, topic: &str, partition: u32) -> Result<Offsets> {
        let partition = self.inner.partition(topic, partition)?;
        let _looking = shared(&self.inner.shared.deciding);
        partition.offsets()
    }

    fn offset_for_time(&self, topic: &str, partition: u32, timestamp_ms: i64) -> Result<Option<i64>> {
        self.inner.partition(topic, partition)?.offset_for_time(timestamp_ms)
    }

    fn pin(&self, topic: &str, partition: u32, offset: i64) -> Result<Pin> {
        self.inner.partition(topic, partition)?.pin(offset)
    }

    /// Kept in memory: it must be said again after the log was opened.
    fn release(&self, topic: &str, partition: u32, offset: i64) -> Result<()> {
        self.inner.partition(topic, partition)?.release(offset)
    }

    fn enforce_retention(&self) -> Result<Vec<Deleted>> {
        self.inner.writable()?;
        let topics: Vec<Arc<Topic>> = shared(&self.inner.topics).by_name.values().cloned().collect();
        let mut deleted = Vec::new();
        for topic in topics {
            let config = lock(&topic.config).clone();
            for partition in &topic.partitions {
                match partition.enforce_retention(&config) {
                    // Deleted in the meantime.
                    Err(Error::UnknownTopic { .. }) => {}
                    other => deleted.extend(other?),
                }
            }
        }
        Ok(deleted)
    }

    fn on_change(&self, wake: Box<dyn Fn() + Send + std::marker::Sync>) -> Subscription {
        self.inner.shared.watchers.subscribe(wake)
    }
}

fn change_topic(existing: &Topic, inner: &Inner, config: &TopicConfig) -> Result<()> {
    let mut current = lock(&existing.config);
    if current.partitions != config.partitions {
        return Err(Error::TopicExists {
            topic: existing.name.clone(),
            partitions: current.partitions,
            wanted: config.partitions,
        });
    }
    if *current != *config {
        existing.describe(inner.shared.files.as_ref(), config)?;
        *current = config.clone();
    }
    Ok(())
}

impl Topics {
    fn insert(&mut self, topic: Topic) {
        let topic = Arc::new(topic);
        self.by_id.insert(topic.id, Arc::clone(&topic));
        self.by_name.insert(topic.name.clone(), topic);
    }
}

impl Inner {
    fn writable(&self) -> Result<()> {
        if self.shared.options.read_only { Err(Error::ReadOnly) } else { Ok(()) }
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        let found = shared(&self.topics).by_name.get(name).cloned();
        found.ok_or_else(|| Error::UnknownTopic { topic: name.to_owned() })
    }

    fn partition(&self, topic: &str, number: u32) -> Result<Arc<Partition>> {
        Ok(Arc::clone(self.topic(topic)?.partition(number)?))
    }

    /// A partition as the journal names it; `None` when its topic was deleted.
    fn partition_by_id(&self, topic: u64, number: u32) -> Option<Arc<Partition>> {
        let topic = shared(&self.topics).by_id.get(&topic).cloned()?;
        topic.partitions.get(number as usize).cloned()
    }

    /// What every append demands, in a transaction or not.
    fn check_batch(&self, batch: &Batch) -> Result<()> {
        let (size, limit) = (batch.as_bytes().len() as u64, self.shared.options.batch_bytes_max.min(i32::MAX as u64));
        if size > limit {
            return Err(Error::TooLarge { size, limit });
        }
        let header = batch.header();
        if header.count < 1 {
            return Err(Error::InvalidBatch { reason: "it has no records" });
        }
        if header.is_control() {
            return Err(Error::InvalidBatch { reason: "only the log writes control batches" });
        }
        Ok(())
    }

    /// Adds to the journal, durably.
    fn record(&self, make: impl FnOnce(&State) -> Vec<Entry>) -> Result<Vec<Entry>> {
        let journal = self.journal.as_ref().ok_or(Error::ReadOnly)?;
        journal.record(make, &|state| self.prune(state))
    }

    /// Drops what recovery and readers don't need any more.
    fn prune(&self, state: &mut State) {
        let known = |topic, partition| self.partition_by_id(topic, partition);
        for (producer, spans) in &mut state.committed {
            spans.retain(|span| {
                known(span.topic, span.partition).is_some_and(|partition| !partition.is_marked(*producer, span.start))
            });
        }
        state.committed.retain(|(_, spans)| !spans.is_empty());
        for (_, spans) in &mut state.aborted {
            spans
                .retain(|span| known(span.topic, span.partition).is_some_and(|partition| partition.start() < span.end));
        }
        state.aborted.retain(|(_, spans)| !spans.is_empty());
        state.durable.retain(|(topic, partition), _| known(*topic, *partition).is_some());
    }

    fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::SeqCst) || self.shared.options.read_only {
            return Ok(());
        }
        let topics: Vec<Arc<Topic>> = shared(&self.topics).by_name.values().cloned().collect();
        for partition in topics.iter().flat_map(|topic| &topic.partitions) {
            partition.close()?;
        }
        match &self.journal {
            Some(journal) => journal.close(),
            None => Ok(()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody is left to tell. Without a good end, the next opening scans and finds the same records.
        let _ = self.close();
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedLog").field("root", &self.root).finish_non_exhaustive()
    }
}
