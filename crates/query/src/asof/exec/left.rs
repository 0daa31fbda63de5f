//! A join as of a time that holds its left rows, by key and time. Right rows go by, in any order: each is noted at the first
//! left row that it could be met by, if it is better than what is noted there. A left row meets the best of what is noted
//! at it and at those before it. So memory is taken by the left side, however long the history is.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::datatypes::DataType;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::metrics::Time;
use tokio::task::yield_now;

use super::Matching;
use super::collect::Collected;
use super::keys::Keys;
use super::output::{Output, Picked};
use super::points::{Place, Point, Points};
use super::search::{TURN, search, turn};
use super::ties;

/// Rows of a batch into which right rows are gathered.
const ROWS: usize = 1 << 13;

pub struct HeldLeft {
    matching: Arc<Matching>,
    keys: Keys,
    /// The columns that are given.
    left: Vec<RecordBatch>,
    starts: Vec<usize>,
    /// Left rows, those of each key by their times.
    waiting: Vec<Point>,
    /// For each of them the right row that is noted, or [`Point::NONE`].
    noted: Vec<Point>,
    right: Gathered,
    /// What it takes beside keys and right rows.
    bytes: usize,
    reservation: MemoryReservation,
}

/// Right rows among which are those that are noted.
#[derive(Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    rows: usize,
    counter: RecordBatchMemoryCounter,
}

/// Left batches, and what their rows meet.
pub struct Met {
    pub left: Vec<(RecordBatch, Vec<Place>)>,
    pub right: Picked,
    pub reservation: MemoryReservation,
}

impl HeldLeft {
    pub async fn new(matching: Arc<Matching>, left: Collected, busy: &Time) -> Result<HeldLeft> {
        let Collected { mut keys, batches, starts, points: mut waiting, reservation } = left;
        let mut from = 0;
        while from + 1 < starts.len() {
            let turn = turn(&starts, from);
            from = turn.end;
            let working = busy.timer();
            for key in turn {
                waiting[starts[key]..starts[key + 1]].sort_unstable_by_key(|point| point.time_us);
            }
            drop(working);
            yield_now().await;
        }
        keys.settle()?;
        let mut counter = RecordBatchMemoryCounter::new();
        batches.iter().for_each(|batch| {
            counter.count_batch(batch);
        });
        let of_rows = waiting.capacity() * (2 * size_of::<Point>() + size_of::<Place>());
        let bytes = of_rows + starts.capacity() * size_of::<usize>() + counter.memory_usage();
        reservation.try_resize(bytes + keys.bytes())?;
        let noted = vec![Point::NONE; waiting.len()];
        let right = Gathered::default();
        Ok(HeldLeft { matching, keys, left: batches, starts, waiting, noted, right, bytes, reservation })
    }

    /// Whether there is a left row that could meet one.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Notes what is better than what is noted. Of right rows those columns are `kept` that are given, then those by which
    /// ties are settled; `by` are these, in their order.
    pub fn note(&mut self, right: &RecordBatch, kept: &[usize], by: &[usize]) -> Result<()> {
        let points = self.matching.right.points(right, &mut self.keys)?;
        let Ok(batch) = u32::try_from(self.right.batches.len()) else { return exec_err!("there are too many batches") };
        let (is_needed, ties) = self.note_points(&points, batch);
        if is_needed {
            self.right.push(right.project(kept)?);
            self.settle(ties, by)?;
        }
        if self.right.rows > 2 * self.noted.len() + TURN {
            self.right.gather(&mut self.noted)?;
        }
        self.reservation.try_resize(self.bytes + self.keys.bytes() + self.right.counter.memory_usage())
    }

    /// Whether one of a batch of that number is noted, or might be: it has the rank of the one that is noted at a place.
    fn note_points(&mut self, points: &Points, batch: u32) -> (bool, Vec<(usize, Point)>) {
        let strict = self.matching.strict;
        let (mut is_needed, mut ties, mut row) = (false, Vec::new(), 0);
        let from: Vec<i64> = (0..points.keys.len()).map(|row| points.at(row, batch).met_from_us(strict)).collect();
        let (waiting, noted) = (&self.waiting, &mut self.noted);
        let is_before = |at: usize, from_us: i64| waiting[at].time_us < from_us;
        search(&self.starts, (&points.keys, &from), is_before, |of_key, first| {
            if first < of_key.end {
                let point = points.at(row, batch);
                let best = &mut noted[first];
                if best.place.is_none() || best.rank() < point.rank() {
                    *best = point;
                    is_needed = true;
                } else if best.rank() == point.rank() {
                    ties.push((first, point));
                    is_needed = true;
                }
            }
            row += 1;
        });
        (is_needed, ties)
    }

    /// Of several of one rank at one place, the last is noted.
    fn settle(&mut self, mut ties: Vec<(usize, Point)>, by: &[usize]) -> Result<()> {
        ties.retain(|(at, point)| self.noted[*at].rank() == point.rank());
        if ties.is_empty() {
            return Ok(());
        }
        ties.sort_unstable_by_key(|(at, _)| *at);
        let (mut points, mut runs, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for run in ties.chunk_by(|one, other| one.0 == other.0) {
            let start = points.len();
            points.push(self.noted[run[0].0]);
            points.extend(run.iter().map(|(_, point)| *point));
            runs.push(start..points.len());
            places.push(run[0].0);
        }
        ties::settle(&mut points, &runs, &self.right.batches, by)?;
        for (at, run) in places.into_iter().zip(runs) {
            self.noted[at] = points[run.end - 1];
        }
        Ok(())
    }

    /// What all left rows meet.
    pub fn finish(self, output: &Output) -> Met {
        let mut met: Vec<Vec<Place>> = self.left.iter().map(|left| vec![Place::NONE; left.num_rows()]).collect();
        for key in self.starts.windows(2) {
            let mut best = Point::NONE;
            for at in key[0]..key[1] {
                let (noted, waiting) = (self.noted[at], self.waiting[at]);
                if best.place.is_none() || (!noted.place.is_none() && best.rank() < noted.rank()) {
                    best = noted;
                }
                if let Some(last) = best.within(self.matching.ttl_us, waiting.time_us) {
                    let (batch, row) = waiting.place.indices();
                    met[batch][row] = last.place;
                }
            }
        }
        let right = output.pick_from(&self.right.batches);
        Met { left: self.left.into_iter().zip(met).collect(), right, reservation: self.reservation }
    }
}

impl Gathered {
    fn push(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.counter.count_batch(&batch);
        self.batches.push(batch);
    }

    /// Lets go of all rows but those that are noted.
    fn gather(&mut self, noted: &mut [Point]) -> Result<()> {
        let old = std::mem::take(self);
        let Some(schema) = old.batches.first().map(RecordBatch::schema) else { return Ok(()) };
        let column = |at: usize| old.batches.iter().map(|batch| batch.column(at).as_ref()).collect();
        let columns: Vec<Vec<&dyn Array>> = (0..schema.fields().len()).map(column).collect();
        for (batch, some) in (0..).zip(noted.chunks_mut(ROWS)) {
            let some: Vec<&mut Point> = some.iter_mut().filter(|point| !point.place.is_none()).collect();
            let places: Vec<_> = some.iter().map(|point| point.place.indices()).collect();
            let arrays = columns.iter().map(|column| Ok(alone(interleave(column, &places)?)));
            let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
            let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
            self.push(RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?);
            for (row, point) in (0..).zip(some) {
                point.place = Place { batch, row };
            }
        }
        Ok(())
    }
}

/// Views of text hold all the text of the batches that they are from.
fn alone(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        _ => array,
    }
}
