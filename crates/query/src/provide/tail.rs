//! The part of a stream that only the log has yet, as partitions of a physical plan.
//!
//! Chunks are read and decoded one at a time on blocking threads, and only as fast as they are asked for.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;
use headwater_log::{Isolation, Log, Pin, ReadOptions};

use crate::decode::StreamReader;
use crate::relation::Stream;
use crate::{Error, Result};

/// One partition of a stream, from one offset to another.
pub struct Tail {
    pub log: Arc<dyn Log>,
    pub stream: Arc<Stream>,
    pub partition: u32,
    pub from: i64,
    /// Exclusive.
    pub until: i64,
    pub isolation: Isolation,
    pub projection: Vec<usize>,
    pub schema: SchemaRef,
    /// Keeps the records until the query is done.
    pub pin: Pin,
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tail({}/{}: {}..{})", self.stream.name, self.partition, self.from, self.until)
    }
}

impl PartitionStream for Tail {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = match self.cursor() {
            Ok(cursor) => futures::future::Either::Left(stream::try_unfold(cursor, step)),
            Err(error) => {
                let error = DataFusionError::External(Box::new(error));
                futures::future::Either::Right(stream::iter([Err(error)]))
            }
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

impl Tail {
    fn cursor(&self) -> Result<Cursor> {
        Ok(Cursor {
            log: Arc::clone(&self.log),
            reader: StreamReader::new(Arc::clone(&self.stream), Some(&self.projection))?,
            partition: self.partition,
            at: self.from,
            until: self.until,
            isolation: self.isolation,
            _pin: self.pin.clone(),
        })
    }
}

struct Cursor {
    log: Arc<dyn Log>,
    reader: StreamReader,
    partition: u32,
    at: i64,
    until: i64,
    isolation: Isolation,
    _pin: Pin,
}

async fn step(cursor: Cursor) -> Result<Option<(RecordBatch, Cursor)>, DataFusionError> {
    let mut cursor = cursor;
    let read = tokio::task::spawn_blocking(move || cursor.next().map(|batch| batch.map(|batch| (batch, cursor))));
    match read.await {
        Ok(read) => read.map_err(|error| DataFusionError::External(Box::new(error))),
        Err(error) => Err(DataFusionError::ExecutionJoin(Box::new(error))),
    }
}

impl Cursor {
    /// The next rows; nothing at the end, which is also where a rule stops the stream.
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.at < self.until {
            let options = ReadOptions { isolation: self.isolation, until: Some(self.until), ..ReadOptions::default() };
            let chunk = self.log.read(&self.reader.stream().topic, self.partition, self.at, &options)?;
            if chunk.next <= self.at {
                return Ok(None);
            }
            self.at = chunk.next;
            let decoded = self.reader.decode(&chunk)?;
            if decoded.failed.is_some() {
                self.at = self.until;
            }
            if decoded.rows.num_rows() > 0 {
                return Ok(Some(decoded.rows));
            }
        }
        Ok(None)
    }
}

/// Where a stream's tail begins in each partition, with the log held from there on.
///
/// # Errors
/// [`Error::Gap`] where the log begins later than the archive ends: a newer snapshot of the archive may know more.
pub fn pin(log: &dyn Log, stream: &Stream, from: impl Fn(u32) -> i64) -> Result<Vec<(i64, Pin)>> {
    let mut pinned = Vec::with_capacity(stream.partitions as usize);
    for partition in 0..stream.partitions {
        let archived = from(partition);
        let gap = |start| Error::Gap { stream: stream.name.clone(), partition, from: archived, until: start };
        let pin = match log.pin(&stream.topic, partition, archived) {
            Err(headwater_log::Error::OffsetOutOfRange { start, .. }) if start > archived => return Err(gap(start)),
            pin => pin?,
        };
        // A log may take a pin on what is gone already.
        let kept = log.offsets(&stream.topic, partition)?;
        if kept.start > archived {
            return Err(gap(kept.start));
        }
        pinned.push((archived, pin));
    }
    Ok(pinned)
}
