//! A log and an archive in memory, whose writer moves rows from one to the other while queries read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::datasource::{MemTable, TableProvider};
use headwater_log::{
    Batch, Builder, Chunk, Deleted, Error, Log, Offsets, Pin, ReadOptions, Result, Subscription, Ticket, Topic,
    TopicConfig, Writer,
};

use crate::decode::StreamReader;
use crate::provide::archive::ArchiveTable;
use crate::provide::{Archived, Archives, History};
use crate::relation::{Stream, UTC};

#[derive(Default)]
struct Partition {
    /// By base offset.
    batches: BTreeMap<i64, Bytes>,
    start: i64,
    end: i64,
    pins: Vec<(i64, Weak<()>)>,
}

/// A log of one topic whose retention deletes all that is released and not pinned, at once.
pub struct MemoryLog {
    partitions: Vec<Mutex<Partition>>,
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryLog")
    }
}

impl MemoryLog {
    pub fn new(partitions: u32) -> Arc<MemoryLog> {
        Arc::new(MemoryLog { partitions: (0..partitions).map(|_| Mutex::default()).collect() })
    }

    pub fn append_records(&self, partition: u32, records: &[String]) {
        let mut builder = Builder::new();
        for record in records {
            builder.push(None, Some(record.as_bytes()), 0);
        }
        let _ = self.append("", partition, builder.build()).expect("memory takes all").wait();
    }

    fn partition(&self, partition: u32) -> std::sync::MutexGuard<'_, Partition> {
        self.partitions[partition as usize].lock().expect("no test panics with the lock")
    }
}

impl Log for MemoryLog {
    fn create_topic(&self, _: &str, _: &TopicConfig) -> Result<()> {
        Ok(())
    }

    fn delete_topic(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        Ok(Vec::new())
    }

    fn append(&self, _: &str, partition: u32, mut batch: Batch) -> Result<Ticket> {
        let mut kept = self.partition(partition);
        let base = kept.end;
        batch.place(base, 0);
        kept.end += batch.count();
        let offsets = base..kept.end;
        kept.batches.insert(base, batch.into_bytes());
        Ok(Ticket::new(offsets, Box::new(|| Ok(()))))
    }

    fn open_writer(&self, _: &str) -> Result<Box<dyn Writer>> {
        Err(Error::ReadOnly)
    }

    fn read(&self, topic: &str, partition: u32, from: i64, options: &ReadOptions) -> Result<Chunk> {
        let kept = self.partition(partition);
        let until = options.until.unwrap_or(i64::MAX).min(kept.end);
        if from < kept.start {
            let (offset, start, end) = (from, kept.start, kept.end);
            return Err(Error::OffsetOutOfRange { topic: topic.to_owned(), partition, offset, start, end });
        }
        if from >= until {
            return Ok(Chunk { batches: Vec::new(), range: from..from, next: from });
        }
        let (base, bytes) = kept.batches.range(..=from).next_back().expect("the partition starts with a batch");
        let end = kept.batches.range(base + 1..).next().map_or(kept.end, |(next, _)| *next).min(until);
        Ok(Chunk { batches: vec![bytes.clone()], range: from..end, next: end })
    }

    fn offsets(&self, _: &str, partition: u32) -> Result<Offsets> {
        let kept = self.partition(partition);
        Ok(Offsets { start: kept.start, stable: kept.end, end: kept.end })
    }

    fn offset_for_time(&self, _: &str, _: u32, _: i64) -> Result<Option<i64>> {
        Ok(None)
    }

    fn pin(&self, _: &str, partition: u32, offset: i64) -> Result<Pin> {
        let held = Arc::new(());
        self.partition(partition).pins.push((offset, Arc::downgrade(&held)));
        Ok(Pin::new(held))
    }

    fn release(&self, _: &str, partition: u32, offset: i64) -> Result<()> {
        let mut kept = self.partition(partition);
        kept.pins.retain(|(_, held)| held.strong_count() > 0);
        let pinned = kept.pins.iter().map(|(offset, _)| *offset).min().unwrap_or(i64::MAX);
        let bases: Vec<i64> = kept.batches.keys().copied().collect();
        for (number, base) in bases.iter().enumerate() {
            let end = bases.get(number + 1).copied().unwrap_or(kept.end);
            if end > offset.min(pinned) {
                break;
            }
            kept.batches.remove(base);
            kept.start = end;
        }
        Ok(())
    }

    fn enforce_retention(&self) -> Result<Vec<Deleted>> {
        Ok(Vec::new())
    }

    fn on_change(&self, _: Box<dyn Fn() + Send + Sync>) -> Subscription {
        Subscription::new(Arc::new(()))
    }
}

/// An archive in memory: decoded batches with the hidden columns.
pub struct MemoryArchive {
    stream: Arc<Stream>,
    schema: SchemaRef,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    batches: Vec<RecordBatch>,
    next: Vec<i64>,
}

impl MemoryArchive {
    pub fn new(stream: &Arc<Stream>) -> Arc<MemoryArchive> {
        let schema = ArchiveTable::new(stream, None).schema();
        let state = State { batches: Vec::new(), next: vec![0; stream.partitions as usize] };
        Arc::new(MemoryArchive { stream: Arc::clone(stream), schema, state: Mutex::new(state) })
    }

    /// Archives one chunk of a partition in one commit; false at the end of the log.
    pub fn advance(&self, log: &dyn Log, partition: u32) -> bool {
        let mut state = self.state.lock().expect("no test panics with the lock");
        let from = state.next[partition as usize];
        let chunk = log
            .read(&self.stream.topic, partition, from, &ReadOptions::default())
            .expect("what is not archived is kept");
        if chunk.next == from {
            return false;
        }
        let decoded = StreamReader::new(Arc::clone(&self.stream), None).and_then(|mut reader| reader.decode(&chunk));
        let decoded = decoded.expect("the records are rows");
        let number = i32::try_from(partition).expect("few partitions");
        let mut columns = decoded.rows.columns().to_vec();
        columns.push(Arc::new(Int32Array::from(vec![number; decoded.offsets.len()])) as ArrayRef);
        columns.push(Arc::new(Int64Array::from(decoded.offsets)));
        columns.push(Arc::new(TimestampMicrosecondArray::from(decoded.timestamps_us).with_timezone(UTC)));
        state.batches.push(RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("the columns fit"));
        state.next[partition as usize] = chunk.next;
        true
    }

    /// The first offset of a partition that is not archived.
    pub fn next_offset(&self, partition: u32) -> i64 {
        self.state.lock().expect("no test panics with the lock").next[partition as usize]
    }
}

#[async_trait]
impl History for MemoryArchive {
    async fn snapshot(&self) -> crate::Result<Arc<dyn Archived>> {
        let state = self.state.lock().expect("no test panics with the lock").clone();
        Ok(Arc::new(MemorySnapshot { schema: Arc::clone(&self.schema), state }))
    }
}

#[derive(Debug)]
struct MemorySnapshot {
    schema: SchemaRef,
    state: State,
}

impl Archived for MemorySnapshot {
    fn next_offset(&self, partition: u32) -> i64 {
        self.state.next[partition as usize]
    }

    fn table(&self) -> Arc<dyn TableProvider> {
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![self.state.batches.clone()]);
        Arc::new(table.expect("the batches have the schema"))
    }
}

/// One archive for every stream, or none.
pub struct MemoryArchives(pub Option<Arc<MemoryArchive>>);

impl Archives for MemoryArchives {
    fn archive(&self, _: &str) -> Option<Arc<dyn History>> {
        self.0.clone().map(|archive| archive as Arc<dyn History>)
    }
}
