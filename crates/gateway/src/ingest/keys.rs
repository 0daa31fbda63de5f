//! Requests that name themselves: the rows of one key enter a stream once within 24 hours, however often they are sent
//! and whenever the node dies.
//!
//! A key and the answer that its request got are a record of the log, appended in one transaction with the rows. So
//! either all of a request is there and its key is known, or nothing of it is. What is kept in memory here is an index
//! of that topic: it is read back at the first use.

mod commit;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_log::{Log, ReadOptions, TopicConfig};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, mpsc, oneshot};

use crate::Problem;
pub use commit::{Offsets, Reply, Work};

/// Where keys are kept, one JSON object a record, in partition 0.
pub const TOPIC: &str = "system.idempotency";

/// How long a key is known.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The log keeps records a little longer than anyone asks for them.
const MARGIN: Duration = Duration::from_secs(10 * 60);

/// A longer key is refused.
pub const KEY_BYTES_MAX: usize = 255;

/// Tells keys, and bodies, apart: the first half of a SHA-256.
type Digest = [u8; 16];

/// A record of [`TOPIC`].
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The stream's topic: a stream that is dropped and made again has other keys.
    topic: String,
    key: String,
    /// Of the request, in hexadecimal.
    digest: String,
    /// The body of the answer.
    answer: String,
}

/// The keys of a log. Clones are the same.
#[derive(Clone)]
pub struct Keys {
    shared: Arc<Shared>,
    work: mpsc::UnboundedSender<(Work, Reply)>,
}

struct Shared {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    index: Mutex<Index>,
    read: OnceCell<()>,
}

#[derive(Default)]
struct Index {
    known: HashMap<Digest, Known>,
    /// The oldest first.
    order: VecDeque<(i64, Digest)>,
    /// Keys of requests that are being appended.
    busy: HashSet<Digest>,
}

#[derive(Clone, Copy)]
struct Known {
    /// Where its record is.
    offset: i64,
    request: Digest,
    at_ms: i64,
}

/// What a key is to a request.
pub enum Claimed {
    /// Nobody else has it. It is free again when this is dropped without having been appended.
    New(Claim),
    /// The same request was answered before.
    Answered(String),
    /// Another request with this key is being appended.
    Busy,
    /// Another request had this key.
    Other,
}

/// A key that one request holds.
pub struct Claim {
    shared: Arc<Shared>,
    id: Digest,
    topic: String,
    key: String,
    request: Digest,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.index().busy.remove(&self.id);
    }
}

impl Keys {
    pub fn start(log: Arc<dyn Log>, clock: Arc<dyn Clock>) -> io::Result<Keys> {
        let shared = Arc::new(Shared { log, clock, index: Mutex::default(), read: OnceCell::new() });
        let (work, queue) = mpsc::unbounded_channel();
        commit::start(Arc::clone(&shared.log), queue)?;
        Ok(Keys { shared, work })
    }

    /// Reads back what keys there are, once.
    pub async fn ready(&self) -> Result<(), Problem> {
        let read = self.shared.read.get_or_try_init(|| async {
            let shared = Arc::clone(&self.shared);
            let stopped = |_| Problem::new(ErrorKind::Unavailable, "the node is stopping");
            tokio::task::spawn_blocking(move || shared.read_back()).await.map_err(stopped)?
        });
        read.await.copied()
    }

    /// Asks for a key. [`Keys::ready`] comes before. `request` is all that makes requests with one key the same.
    pub fn claim(&self, topic: &str, key: &str, request: &[&[u8]]) -> Result<Claimed, Problem> {
        let id = half(&[topic.as_bytes(), key.as_bytes()]);
        let request = half(request);
        let known = {
            let mut index = self.shared.index();
            index.expire(self.shared.now_ms());
            match index.known.get(&id).copied() {
                Some(known) if known.request != request => return Ok(Claimed::Other),
                Some(known) => known,
                None if !index.busy.insert(id) => return Ok(Claimed::Busy),
                None => {
                    let (topic, key) = (topic.to_owned(), key.to_owned());
                    return Ok(Claimed::New(Claim { shared: Arc::clone(&self.shared), id, topic, key, request }));
                }
            }
        };
        Ok(Claimed::Answered(self.shared.answer(known.offset)?))
    }

    /// Appends the rows of a request with its key: all of it, or nothing. Resolves when that is on stable storage, to
    /// the body of the answer. It goes on when nobody waits for it any more.
    pub async fn append(&self, work: Work) -> Result<String, Problem> {
        let (reply, replied) = oneshot::channel();
        let stopping = || {
            let problem = Problem::new(ErrorKind::Unavailable, "the node is stopping; these rows may be there or not");
            problem.with_hint("send the request again with the same key")
        };
        self.work.send((work, reply)).map_err(|_| stopping())?;
        replied.await.map_err(|_| stopping())?
    }
}

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_us() / 1000
    }

    fn read_back(&self) -> Result<(), Problem> {
        let config = TopicConfig { partitions: 1, retention: Some(KEPT + MARGIN), archived: false };
        self.log.create_topic(TOPIC, &config)?;
        let since_ms = self.now_ms() - KEPT.as_millis() as i64;
        let begin = self.log.offset_for_time(TOPIC, 0, since_ms)?;
        let Some(mut at) = begin else { return Ok(()) };
        loop {
            let chunk = self.log.read(TOPIC, 0, at, &ReadOptions::default())?;
            if chunk.next <= at {
                return Ok(());
            }
            at = chunk.next;
            let mut index = self.index();
            for record in chunk.records() {
                let record = record?;
                let stored = stored(record.value)?;
                let id = half(&[stored.topic.as_bytes(), stored.key.as_bytes()]);
                let request = hexadecimal(&stored.digest).ok_or_else(|| damaged("a digest that is none"))?;
                index.add(id, Known { offset: record.offset, request, at_ms: record.timestamp_ms });
            }
        }
    }

    fn answer(&self, offset: i64) -> Result<String, Problem> {
        let options = ReadOptions { until: Some(offset + 1), ..ReadOptions::default() };
        let chunk = self.log.read(TOPIC, 0, offset, &options)?;
        let record = chunk.records().next().ok_or_else(|| damaged("it is not there"))??;
        Ok(stored(record.value)?.answer)
    }
}

impl Index {
    fn add(&mut self, id: Digest, known: Known) {
        self.known.insert(id, known);
        self.order.push_back((known.at_ms, id));
    }

    fn expire(&mut self, now_ms: i64) {
        let until_ms = now_ms - KEPT.as_millis() as i64;
        while let Some((at_ms, id)) = self.order.front().copied().filter(|(at_ms, _)| *at_ms <= until_ms) {
            self.order.pop_front();
            // The key may have been used again since.
            if self.known.get(&id).is_some_and(|known| known.at_ms == at_ms) {
                self.known.remove(&id);
            }
        }
    }
}

impl Claim {
    /// The record that makes the key known, with the answer that its request gets.
    fn record(&self, answer: &str) -> Vec<u8> {
        let digest = self.request.iter().map(|byte| format!("{byte:02x}")).collect();
        let record = Record { topic: self.topic.clone(), key: self.key.clone(), digest, answer: answer.to_owned() };
        // Strings always have a JSON form.
        serde_json::to_vec(&record).unwrap_or_default()
    }

    /// The record is on stable storage.
    fn kept(self, offset: i64, at_ms: i64) {
        let mut index = self.shared.index();
        index.add(self.id, Known { offset, request: self.request, at_ms });
        drop(index);
    }
}

fn stored(value: Option<&[u8]>) -> Result<Record, Problem> {
    serde_json::from_slice(value.unwrap_or_default()).map_err(|error| damaged(&error.to_string()))
}

fn damaged(detail: &str) -> Problem {
    Problem::new(ErrorKind::Corrupt, format!("a stored idempotency key can't be read: {detail}"))
}

/// The parts' lengths are hashed, too, so that no part flows into the next.
fn half(parts: &[&[u8]]) -> Digest {
    let mut bytes = Vec::with_capacity(parts.len() * 32);
    for part in parts {
        bytes.extend_from_slice(digest(&SHA256, part).as_ref());
    }
    let mut half = Digest::default();
    half.copy_from_slice(&digest(&SHA256, &bytes).as_ref()[..16]);
    half
}

fn hexadecimal(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}
