//! Any number of rows into one stream, all of them or none, as `INSERT` and `COPY` write them.
//!
//! Rows are held up to a bound and then appended in one transaction, so that nobody waits for them meanwhile. More rows
//! than that go into the transaction as they come; until it ends, readers of the stream stop before its first row.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_log::{Batch, Log, Writer};
use headwater_query::relation::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Appended, encoded, extend};
use crate::Problem;

/// Loads at one time; more of them wait for their turn.
const LOADS_MAX: usize = 8;
/// What one load holds before its transaction is opened.
const HELD_BYTES_MAX: usize = 32 << 20;

/// Begins loads. Each has a writer of the log to itself.
pub struct Loads {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    turns: Arc<Semaphore>,
    free: Mutex<Vec<Seat>>,
    sticky: AtomicUsize,
}

/// A name of a writer, and the writer once there was one.
struct Seat {
    number: usize,
    writer: Option<Box<dyn Writer>>,
}

impl Loads {
    pub fn new(log: Arc<dyn Log>, clock: Arc<dyn Clock>) -> Arc<Loads> {
        let free = (0..LOADS_MAX).map(|number| Seat { number, writer: None }).collect();
        let turns = Arc::new(Semaphore::new(LOADS_MAX));
        Arc::new(Loads { log, clock, turns, free: Mutex::new(free), sticky: AtomicUsize::new(0) })
    }

    /// Waits for a turn.
    pub async fn begin(self: &Arc<Self>, stream: &Arc<Stream>) -> Result<Load, Problem> {
        let stopping = || Problem::new(ErrorKind::Unavailable, "the node is stopping");
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| stopping())?;
        let seat = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or_else(stopping)?;
        Ok(Load {
            loads: Arc::clone(self),
            stream: Arc::clone(stream),
            sticky: self.sticky.fetch_add(1, Ordering::Relaxed),
            seat: Some(seat),
            open: false,
            held: Vec::new(),
            held_bytes: 0,
            rows: 0,
            offsets: Vec::new(),
            _turn: turn,
        })
    }
}

/// Rows on their way. Dropped before its end, it leaves none.
pub struct Load {
    loads: Arc<Loads>,
    stream: Arc<Stream>,
    sticky: usize,
    /// Taken until the end.
    seat: Option<Seat>,
    /// Whether the transaction is.
    open: bool,
    held: Vec<(u32, Batch)>,
    held_bytes: usize,
    rows: usize,
    offsets: Vec<(u32, Range<i64>)>,
    _turn: OwnedSemaphorePermit,
}

impl Load {
    /// Whether readers of the stream wait for the end of this.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Takes rows with the stream's columns. Blocks.
    pub fn push(&mut self, rows: &RecordBatch) -> Result<(), Problem> {
        let checked = encoded(&self.stream, rows)?;
        self.rows += checked.len();
        for (partition, batch) in checked.batches(self.loads.clock.now_us() / 1000, self.sticky)? {
            self.held_bytes += batch.as_bytes().len();
            self.held.push((partition, batch));
        }
        if self.held_bytes > HELD_BYTES_MAX { self.append_held() } else { Ok(()) }
    }

    /// Returns when all rows are on stable storage and can be read. Blocks.
    pub fn finish(mut self) -> Result<Appended, Problem> {
        if !self.open && self.held.len() < 2 {
            // One batch is there or not; it needs no transaction.
            for (partition, batch) in std::mem::take(&mut self.held) {
                let range = self.loads.log.append(&self.stream.topic, partition, batch)?.wait()?;
                extend(&mut self.offsets, partition, range);
            }
        } else {
            self.append_held()?;
            self.writer()?.commit_now(Bytes::new())?;
            self.open = false;
        }
        let mut offsets = std::mem::take(&mut self.offsets);
        offsets.sort_unstable_by_key(|(partition, _)| *partition);
        Ok(Appended { rows: self.rows, offsets })
    }

    fn append_held(&mut self) -> Result<(), Problem> {
        self.held_bytes = 0;
        let topic = self.stream.topic.clone();
        for (partition, batch) in std::mem::take(&mut self.held) {
            self.open = true;
            let range = self.writer()?.append(&topic, partition, batch)?;
            extend(&mut self.offsets, partition, range);
        }
        Ok(())
    }

    fn writer(&mut self) -> Result<&mut dyn Writer, Problem> {
        let lost = || Problem::new(ErrorKind::Internal, "a load has no writer");
        let seat = self.seat.as_mut().ok_or_else(lost)?;
        let writer = match seat.writer.take() {
            Some(writer) => writer,
            None => self.loads.log.open_writer(&format!("gateway.load.{}", seat.number))?,
        };
        Ok(seat.writer.insert(writer).as_mut())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let Some(mut seat) = self.seat.take() else { return };
        if self.open {
            let aborted = seat.writer.as_mut().map(|writer| writer.abort());
            if !matches!(aborted, Some(Ok(()))) {
                // The next one of the name aborts what this one left.
                seat.writer = None;
            }
        }
        self.loads.free.lock().unwrap_or_else(PoisonError::into_inner).push(seat);
    }
}
