//! Records on their way into the log: each to its partition, in batches.

use headwater_base::clock::Clock;
use headwater_format::KeyReader;
use headwater_log::{Builder, Writer};
use headwater_query::relation::Stream;
use std::sync::Arc;

use super::Intake;
use crate::Result;

/// Bytes of records after which the source should let them be committed.
const FULL_BYTES: usize = 1 << 20;

/// One batch a partition grows to before it is appended.
const BATCH_BYTES: usize = 512 << 10;

/// Records that share one look at the clock; the first after each commit has its own.
const CLOCK_EVERY: u64 = 64;

/// Collects records for one stream.
pub struct Records {
    stream: Arc<Stream>,
    clock: Arc<dyn Clock>,
    keys: Option<KeyReader>,
    key: Vec<u8>,
    partitions: Vec<Builder>,
    /// Where records without a key go until the next commit.
    sticky: usize,
    /// Builders that are large enough, with their partition.
    ready: Vec<(usize, headwater_log::Batch)>,
    bytes: usize,
    count: u64,
    /// Append time of the records that come, asked for now and then: a clock costs as much as a short record.
    now_ms: i64,
}

impl Records {
    pub fn new(stream: Arc<Stream>, clock: Arc<dyn Clock>) -> Result<Records> {
        let keys = match stream.partition_key.as_slice() {
            [] => None,
            columns => Some(KeyReader::new(stream.format, Arc::clone(&stream.schema), columns)?),
        };
        let partitions = (0..stream.partitions).map(|_| Builder::new()).collect();
        Ok(Records {
            stream,
            clock,
            keys,
            key: Vec::new(),
            partitions,
            sticky: 0,
            ready: Vec::new(),
            bytes: 0,
            count: 0,
            now_ms: 0,
        })
    }

    /// How many were taken since the last commit.
    pub fn len(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends all to the writer's transaction.
    pub fn append(&mut self, writer: &mut dyn Writer) -> Result<()> {
        for partition in 0..self.partitions.len() {
            self.seal(partition);
        }
        for (partition, batch) in self.ready.drain(..) {
            writer.append(&self.stream.topic, partition as u32, batch)?;
        }
        self.bytes = 0;
        self.count = 0;
        self.sticky = (self.sticky + 1) % self.partitions.len();
        Ok(())
    }

    fn seal(&mut self, partition: usize) {
        let builder = &mut self.partitions[partition];
        if !builder.is_empty() {
            self.ready.push((partition, builder.build()));
        }
    }
}

impl Intake for Records {
    fn push(&mut self, record: &[u8]) {
        self.key.clear();
        let keyed = self.keys.as_mut().is_some_and(|keys| keys.key(record, &mut self.key));
        let (partition, key) = if keyed {
            let partitions = self.partitions.len() as u32;
            (headwater_log::partition_for(&self.key, partitions) as usize, Some(self.key.as_slice()))
        } else {
            (self.sticky, None)
        };
        if self.count.is_multiple_of(CLOCK_EVERY) {
            self.now_ms = self.clock.now_us() / 1000;
        }
        let builder = &mut self.partitions[partition];
        builder.push(key, Some(record), self.now_ms);
        let full = builder.bytes() >= BATCH_BYTES;
        self.bytes += record.len() + 16;
        self.count += 1;
        if full {
            self.seal(partition);
        }
    }

    fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }
}
