//! Which of several right rows with one key and one rank is the last: the last by all columns, ascending, nulls first.
//! Columns are compared here alone, and of such rows alone.

use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::{Array, RecordBatch, make_comparator};
use arrow::compute::{SortOptions, interleave};
use datafusion::common::Result;

use super::points::Point;

/// Rows that are copied side by side to be compared.
const ROWS: usize = 1 << 13;

/// Puts the last of each run to its end. `batches` are the rows that the points stand for, which are compared by the
/// columns `by`.
pub fn settle(points: &mut [Point], runs: &[Range<usize>], batches: &[RecordBatch], by: &[usize]) -> Result<()> {
    let column = |at: &usize| batches.iter().map(|batch| batch.column(*at).as_ref()).collect();
    let columns: Vec<Vec<&dyn Array>> = by.iter().map(column).collect();
    let (mut waiting, mut rows) = (Vec::new(), 0);
    for run in runs {
        let mut start = run.start;
        while run.end - start > 1 {
            let end = run.end.min(start + ROWS);
            waiting.push(start..end);
            rows += end - start;
            if rows >= ROWS {
                compare(points, &mut waiting, &columns)?;
                rows = 0;
            }
            // The last of these stands for them among those behind.
            start = end - 1;
        }
    }
    compare(points, &mut waiting, &columns)
}

fn compare(points: &mut [Point], runs: &mut Vec<Range<usize>>, columns: &[Vec<&dyn Array>]) -> Result<()> {
    let places: Vec<_> = runs.iter().flat_map(|run| &points[run.clone()]).map(|point| point.place.indices()).collect();
    let ascending = SortOptions { descending: false, nulls_first: true };
    let mut comparators = Vec::with_capacity(columns.len());
    for column in columns {
        let values = interleave(column, &places)?;
        comparators.push(make_comparator(&values, &values, ascending)?);
    }
    let order = |one: &usize, other: &usize| {
        let mut orders = comparators.iter().map(|compare| compare(*one, *other));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut from = 0;
    for run in runs.drain(..) {
        let last = (from..from + run.len()).max_by(order).unwrap_or(from);
        points.swap(run.start + last - from, run.end - 1);
        from += run.len();
    }
    Ok(())
}
