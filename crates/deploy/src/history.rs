//! What a node remembers of its own doings beyond its end: records of one kind, in a topic of the log.
//!
//! What was appended is on stable storage. Records end with the topic's retention; what must be known for longer is said
//! again.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_log::{Builder, Isolation, Log, ReadOptions, TopicConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// How long records are kept.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Records of one kind, appended as JSON.
pub struct History<T> {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    topic: &'static str,
    kind: PhantomData<fn(&T)>,
}

impl<T: Serialize + DeserializeOwned> History<T> {
    /// Opens the records of a topic, which is made if need be.
    pub fn open(log: Arc<dyn Log>, clock: Arc<dyn Clock>, topic: &'static str) -> Result<History<T>> {
        let config = TopicConfig { partitions: 1, retention: Some(RETENTION), archived: false };
        log.create_topic(topic, &config)?;
        Ok(History { log, clock, topic, kind: PhantomData })
    }

    /// Appends records in one batch, and waits until they are durable.
    pub fn append(&self, records: &[T]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let (mut batch, now_ms) = (Builder::new(), self.clock.now_us() / 1000);
        for record in records {
            let text = serde_json::to_vec(record).map_err(|error| self.unfit(&error))?;
            batch.push(None, Some(&text), now_ms);
        }
        self.log.append(self.topic, 0, batch.build())?.wait()?;
        Ok(())
    }

    /// All records that are kept, in the order in which they were appended.
    pub fn all(&self) -> Result<Vec<T>> {
        read(self.log.as_ref(), self.topic)
    }

    fn unfit(&self, error: &serde_json::Error) -> Error {
        unfit(self.topic, error)
    }
}

/// The records of a topic, where it is there; for those who do not write.
pub fn read<T: DeserializeOwned>(log: &dyn Log, topic: &str) -> Result<Vec<T>> {
    let mut records = Vec::new();
    let topics = log.topics()?;
    if !topics.iter().any(|each| each.name == topic) {
        return Ok(records);
    }
    let mut from = log.offsets(topic, 0)?.start;
    loop {
        let options = ReadOptions { isolation: Isolation::Committed, ..ReadOptions::default() };
        let chunk = log.read(topic, 0, from, &options)?;
        if chunk.next <= from {
            return Ok(records);
        }
        from = chunk.next;
        for record in chunk.records() {
            let record = record?;
            let text = record.value.unwrap_or_default();
            records.push(serde_json::from_slice(text).map_err(|error| unfit(topic, &error))?);
        }
    }
}

fn unfit(topic: &str, error: &serde_json::Error) -> Error {
    Error::History { topic: topic.to_owned(), detail: error.to_string() }
}
