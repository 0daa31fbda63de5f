//! One side of a join as of a time, held in memory: its rows by keys.

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::DataType;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::metrics::Time;
use futures::TryStreamExt;
use tokio::task::yield_now;

use super::keys::Keys;
use super::points::{NO_KEY, Point, Points, Side};
use super::search::TURN;

/// Batches that are not small: what is picked from many of them costs by batches, too.
pub struct Whole {
    rows: SendableRecordBatchStream,
    coalescer: BatchCoalescer,
    has_ended: bool,
}

impl Whole {
    pub fn new(rows: SendableRecordBatchStream, batch_rows: usize) -> Whole {
        let coalescer = BatchCoalescer::new(rows.schema(), batch_rows);
        let coalescer = coalescer.with_biggest_coalesce_batch_size(Some(batch_rows / 2));
        Whole { rows, coalescer, has_ended: false }
    }

    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.coalescer.next_completed_batch() {
                return Ok(Some(batch));
            }
            if self.has_ended {
                return Ok(None);
            }
            match self.rows.try_next().await? {
                Some(batch) => self.coalescer.push_batch(batch)?,
                None => {
                    self.has_ended = true;
                    self.coalescer.finish_buffered_batch()?;
                }
            }
        }
    }
}

/// All rows of a side.
pub struct Collected {
    pub keys: Keys,
    /// The columns that are kept.
    pub batches: Vec<RecordBatch>,
    /// Where the points of each key begin, by its number; then where the last ones end.
    pub starts: Vec<usize>,
    /// Of all rows that could meet one.
    pub points: Vec<Point>,
    pub reservation: MemoryReservation,
}

/// Collects all rows, of their columns those that are `kept`.
pub async fn collect(
    mut rows: Whole,
    (side, types): (&Side, &[DataType]),
    kept: &[usize],
    reservation: MemoryReservation,
    busy: &Time,
) -> Result<Collected> {
    let mut collecting = Collecting {
        keys: Keys::new(types)?,
        batches: Vec::new(),
        marks: Vec::new(),
        counts: Vec::new(),
        counter: RecordBatchMemoryCounter::new(),
        marked: 0,
        reservation,
    };
    while let Some(batch) = rows.next().await? {
        let _busy = busy.timer();
        let points = side.points(&batch, &mut collecting.keys)?;
        collecting.push(batch.project(kept)?, points)?;
    }
    drop(rows);
    collecting.by_keys(busy).await
}

struct Collecting {
    keys: Keys,
    batches: Vec<RecordBatch>,
    marks: Vec<Marks>,
    /// By the number of a key: how many points it has.
    counts: Vec<usize>,
    counter: RecordBatchMemoryCounter,
    /// The bytes of the marks, as if no column had the same times.
    marked: usize,
    reservation: MemoryReservation,
}

/// The points of a batch.
struct Marks {
    /// Numbers, or [`NONE`].
    keys: Vec<u32>,
    points: Points,
}

const NONE: u32 = u32::MAX;

impl Collecting {
    fn push(&mut self, batch: RecordBatch, mut points: Points) -> Result<()> {
        self.counts.resize(self.keys.len().max(self.counts.len()), 0);
        let mut keys = Vec::with_capacity(points.keys.len());
        for key in std::mem::take(&mut points.keys) {
            keys.push(match u32::try_from(key) {
                _ if key == NO_KEY => NONE,
                Ok(number) if number != NONE => {
                    self.counts[key] += 1;
                    number
                }
                _ => return exec_err!("one side of a join as of a time has too many keys"),
            });
        }
        let times = if points.known_us.is_some() { 2 } else { 1 };
        self.marked += keys.len() * (size_of::<u32>() + times * size_of::<i64>());
        self.counter.count_batch(&batch);
        self.batches.push(batch);
        self.marks.push(Marks { keys, points });
        let counts = self.counts.capacity() * size_of::<usize>();
        self.reservation.try_resize(self.counter.memory_usage() + self.marked + counts + self.keys.bytes())
    }

    async fn by_keys(self, busy: &Time) -> Result<Collected> {
        let Collecting { keys, batches, marks, counts, reservation, .. } = self;
        let mut starts = Vec::with_capacity(counts.len() + 1);
        starts.push(0);
        starts.extend(counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        let all: usize = counts.iter().sum();
        reservation.try_grow(all * size_of::<Point>() + 2 * starts.len() * size_of::<usize>())?;
        let (mut next, mut done) = (starts.clone(), 0);
        let mut points = vec![Point::NONE; all];
        for (batch, marks) in (0..).zip(marks) {
            done += marks.keys.len();
            let working = busy.timer();
            marks.give(batch, &mut next, &mut points);
            drop(working);
            if done >= TURN {
                done = 0;
                yield_now().await;
            }
        }
        Ok(Collected { keys, batches, starts, points, reservation })
    }
}

impl Marks {
    /// Puts the points of a batch where the next ones of their keys have their places.
    fn give(&self, batch: u32, next: &mut [usize], points: &mut [Point]) {
        for (row, key) in self.keys.iter().enumerate().filter(|(_, key)| **key != NONE) {
            let at = &mut next[*key as usize];
            points[*at] = self.points.at(row, batch);
            *at += 1;
        }
    }
}
