//! Late rows: those whose window had closed by what their own partition knew before them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::physical_plan::PhysicalExpr;

use super::evaluate::{Context, evaluate};
use super::{Operator, Output};
use crate::batch::Batch;
use crate::letter::Letter;
use crate::{Error, Result};

/// Passes rows that are in time for their window; the others become dead letters. The decision looks at nothing but
/// the row and the earlier rows of its partition, so every run makes the same one.
pub struct Late {
    edge: Arc<dyn PhysicalExpr>,
    end_after_us: i64,
    lateness_us: i64,
    context: Context,
}

impl Late {
    /// `edge` gives an edge of the row's window, which ends `end_after_us` behind it; `lateness_us` is how long after
    /// the end rows are still taken.
    pub fn new(edge: Arc<dyn PhysicalExpr>, end_after_us: i64, lateness_us: i64, context: Context) -> Late {
        Late { edge, end_after_us, lateness_us, context }
    }
}

impl Operator for Late {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let (batch, edges) = evaluate(std::slice::from_ref(&self.edge), batch, &self.context, out)?;
        let Some(origin) = &batch.origin else {
            return Err(Error::internal("a window over rows that lost their place in the log"));
        };
        let ends: Vec<i64> = window_ends(&edges[0], self.end_after_us)?.collect();
        let in_time = |row: usize| ends[row].saturating_add(self.lateness_us) > origin.watermarks[row];
        if (0..batch.len()).all(in_time) {
            out.emit(batch);
            return Ok(());
        }
        for row in (0..batch.len()).filter(|row| !in_time(*row)) {
            let behind_us = origin.watermarks[row].saturating_sub(ends[row].saturating_add(self.lateness_us));
            let detail = format!("its window had closed {:.3} s before, in event time", behind_us as f64 / 1e6);
            out.letters.push(Letter::of_row(&self.context.relation, &self.context.inputs, "late", detail, &batch, row));
        }
        let keep: BooleanArray = (0..batch.len()).map(|row| Some(in_time(row))).collect();
        out.emit(batch.filter(&keep)?);
        Ok(())
    }
}

/// The ends of windows, microseconds, from a column with one of their edges. A null can't be there: event times are
/// never null.
pub fn window_ends(column: &ArrayRef, end_after_us: i64) -> Result<impl Iterator<Item = i64>> {
    let ends = column
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| Error::internal("a window end that is not a timestamp"))?;
    if ends.null_count() > 0 {
        return Err(Error::internal("a window end that is null"));
    }
    Ok(ends.values().iter().map(move |edge| edge.saturating_add(end_after_us)))
}
