//! What of a row says which rows it meets: the number of its key, its time, and when it was known.

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::physical_expr::PhysicalExprRef;

use super::keys::Keys;

/// The number of a row that meets nothing: its key or one of its times is NULL.
pub const NO_KEY: usize = usize::MAX;

/// The expressions of one side of a join.
#[derive(Debug, Clone)]
pub struct Side {
    pub on: Vec<PhysicalExprRef>,
    pub time: PhysicalExprRef,
    pub known: Option<PhysicalExprRef>,
    /// Whether it meets rows behind its time alone: none are behind the last of all times.
    pub is_before: bool,
}

/// The rows of a batch.
pub struct Points {
    /// Numbers, or [`NO_KEY`].
    pub keys: Vec<usize>,
    pub times_us: ScalarBuffer<i64>,
    pub known_us: Option<ScalarBuffer<i64>>,
}

/// A row, by its batch and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub batch: u32,
    pub row: u32,
}

/// One row of them, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    pub time_us: i64,
    /// [`i64::MIN`] where it was always known.
    pub known_us: i64,
    pub place: Place,
}

impl Side {
    pub fn points(&self, batch: &RecordBatch, keys: &mut Keys) -> Result<Points> {
        let rows = batch.num_rows();
        let on = self.on.iter().map(|key| key.evaluate(batch)?.into_array(rows));
        let on = on.collect::<Result<Vec<ArrayRef>>>()?;
        let times = timestamps(&self.time, batch)?;
        let known = self.known.as_ref().map(|known| timestamps(known, batch)).transpose()?;
        let (numbers, whole) = keys.of(&on, rows)?;
        let whole = NullBuffer::union(whole.as_ref(), times.nulls());
        let whole = NullBuffer::union(whole.as_ref(), known.as_ref().and_then(|known| known.nulls()));
        let mut keys = numbers.to_vec();
        if let Some(whole) = whole {
            let missing = keys.iter_mut().zip(&whole).filter(|(_, is_whole)| !is_whole);
            missing.for_each(|(key, _)| *key = NO_KEY);
        }
        if self.is_before {
            let never = keys.iter_mut().zip(times.values()).filter(|(_, time_us)| **time_us == i64::MAX);
            never.for_each(|(key, _)| *key = NO_KEY);
        }
        Ok(Points { keys, times_us: times.values().clone(), known_us: known.map(|known| known.values().clone()) })
    }
}

fn timestamps(expression: &PhysicalExprRef, batch: &RecordBatch) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    let times = expression.evaluate(batch)?.into_array(batch.num_rows())?;
    let times = times.as_primitive_opt().ok_or_else(|| internal_datafusion_err!("{expression} is no TIMESTAMP"))?;
    Ok(times.clone())
}

impl Points {
    /// The row `at`, which stands in a batch of that number.
    pub fn at(&self, at: usize, batch: u32) -> Point {
        let known_us = self.known_us.as_ref().map_or(i64::MIN, |known_us| known_us[at]);
        Point { time_us: self.times_us[at], known_us, place: Place { batch, row: at as u32 } }
    }
}

impl Point {
    /// In the place of one that is not there.
    pub const NONE: Point = Point { time_us: i64::MIN, known_us: i64::MIN, place: Place::NONE };

    /// Of those that a left row could meet, it meets one with the greatest rank.
    pub fn rank(&self) -> (i64, i64) {
        (self.time_us, self.known_us)
    }

    /// The first time at which a left row could meet it; behind it, if `strict`.
    pub fn met_from_us(&self, strict: bool) -> i64 {
        self.known_us.max(self.time_us.saturating_add(i64::from(strict)))
    }

    /// Itself, where it is no older than it may be.
    pub fn within(self, ttl_us: Option<i64>, time_us: i64) -> Option<Point> {
        let from_us = ttl_us.map_or(i64::MIN, |ttl_us| time_us.saturating_sub(ttl_us));
        (self.time_us >= from_us).then_some(self)
    }
}

impl Place {
    pub const NONE: Place = Place { batch: u32::MAX, row: u32::MAX };

    pub fn is_none(self) -> bool {
        self == Place::NONE
    }

    pub fn indices(self) -> (usize, usize) {
        (self.batch as usize, self.row as usize)
    }
}
