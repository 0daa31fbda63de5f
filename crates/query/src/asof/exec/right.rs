//! A join as of a time that holds its right rows, by key and by when they are first met: what a left row meets is found by
//! a binary search, also where corrections came late. Left rows go by.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::metrics::Time;
use tokio::task::yield_now;

use super::Matching;
use super::collect::Collected;
use super::keys::Keys;
use super::output::{Output, Picked};
use super::points::{Place, Point};
use super::search::{search, turn};
use super::ties;

pub struct HeldRight {
    matching: Arc<Matching>,
    output: Output,
    keys: Keys,
    starts: Vec<usize>,
    /// Within a key, each is first met later than the one before it, and then met instead of it.
    points: Vec<Point>,
    right: Picked,
    /// What it takes beside the keys, which go on to grow.
    bytes: usize,
    reservation: MemoryReservation,
}

impl HeldRight {
    /// Right rows have the columns that are given, then those by which ties are settled; `by` are these, in their order.
    pub async fn new(
        matching: Arc<Matching>,
        right: Collected,
        by: &[usize],
        output: Output,
        busy: &Time,
    ) -> Result<HeldRight> {
        let Collected { mut keys, batches, mut starts, mut points, reservation } = right;
        let (mut from, mut kept) = (0, 0);
        while from + 1 < starts.len() {
            let turn = turn(&starts, from);
            from = turn.end;
            let working = busy.timer();
            sort(&mut points, &starts[turn.start..=turn.end], &batches, by, matching.strict)?;
            for key in turn {
                let of_key = starts[key]..starts[key + 1];
                starts[key] = kept;
                kept = keep_best(&mut points, of_key, kept, matching.strict);
            }
            drop(working);
            yield_now().await;
        }
        if let Some(end) = starts.last_mut() {
            *end = kept;
        }
        points.truncate(kept);
        keys.settle()?;
        let mut counter = RecordBatchMemoryCounter::new();
        let given: Vec<usize> = (0..output.of_right()).collect();
        let batches = batches.into_iter().map(|batch| batch.project(&given)).collect::<Result<Vec<_>, _>>()?;
        batches.iter().for_each(|batch| {
            counter.count_batch(batch);
        });
        let bytes = points.capacity() * size_of::<Point>() + starts.capacity() * size_of::<usize>();
        let bytes = bytes + counter.memory_usage();
        reservation.try_resize(bytes + keys.bytes())?;
        let right = output.pick_from(&batches);
        Ok(HeldRight { matching, output, keys, starts, points, right, bytes, reservation })
    }

    /// The rows of a left batch; none where none is left.
    pub fn meet(&mut self, left: &RecordBatch, given: &[usize]) -> Result<Option<RecordBatch>> {
        let asked = self.matching.left.points(left, &mut self.keys)?;
        self.reservation.try_resize(self.bytes + self.keys.bytes())?;
        let Matching { strict, ttl_us, .. } = *self.matching;
        let mut met = Vec::with_capacity(left.num_rows());
        let is_met = |at: usize, time_us: i64| self.points[at].met_from_us(strict) <= time_us;
        search(&self.starts, (&asked.keys, &asked.times_us), is_met, |of_key, behind| {
            let last = self.points[of_key.start..behind].last();
            let last = last.and_then(|last| last.within(ttl_us, asked.times_us[met.len()]));
            met.push(last.map_or(Place::NONE, |last| last.place));
        });
        self.output.rows(&left.project(given)?, &met, &self.right)
    }
}

/// Sorts the rows of some keys by when they are first met, then by rank, then by the columns `by` where that matters.
fn sort(points: &mut [Point], starts: &[usize], batches: &[RecordBatch], by: &[usize], strict: bool) -> Result<()> {
    let mut equal: Vec<Range<usize>> = Vec::new();
    for key in starts.windows(2) {
        let of_key = &mut points[key[0]..key[1]];
        of_key.sort_unstable_by_key(|point| (point.met_from_us(strict), point.rank()));
        let mut at = key[0];
        for run in of_key.chunk_by(|one, other| one.rank() == other.rank()) {
            if run.len() > 1 {
                equal.push(at..at + run.len());
            }
            at += run.len();
        }
    }
    if equal.is_empty() { Ok(()) } else { ties::settle(points, &equal, batches, by) }
}

/// Moves those of a key that any left row meets to `kept` and behind it, and returns where they end.
fn keep_best(points: &mut [Point], of_key: Range<usize>, kept: usize, strict: bool) -> usize {
    let mut end = kept;
    for at in of_key {
        let point = points[at];
        if let Some(best) = points[kept..end].last() {
            if point.rank() < best.rank() {
                continue;
            }
            if point.met_from_us(strict) == best.met_from_us(strict) {
                end -= 1;
            }
        }
        points[end] = point;
        end += 1;
    }
    end
}
