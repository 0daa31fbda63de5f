//! Late rows: those whose window had closed by what their own partition knew before them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::TimestampMicrosecondType;
use chrono::{DateTime, SecondsFormat};
use datafusion::physical_plan::PhysicalExpr;

use super::evaluate::{Context, evaluate};
use super::{Operator, Output};
use crate::batch::Batch;
use crate::letter::Letter;
use crate::{Error, Result};

/// Passes rows that are in time for their window; the others become dead letters. The decision looks at nothing but
/// the row and the earlier rows of its partition, so every run makes the same one.
pub struct Late {
    plan: Plan,
    context: Context,
}

/// Which rows are in time.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Gives an edge of the row's window, or its time.
    pub edge: Arc<dyn PhysicalExpr>,
    pub until: Until,
    /// How long after that rows are still taken.
    pub lateness_us: i64,
}

/// Until when a row is in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Its window's end, which lies so far behind the edge.
    WindowEnd { after_us: i64 },
    /// Its own time.
    Time,
}

impl Until {
    /// The watermark that is so far behind the edge leaves the row late.
    pub fn after_us(self) -> i64 {
        match self {
            Until::WindowEnd { after_us } => after_us,
            Until::Time => 1,
        }
    }
}

impl Late {
    pub fn new(plan: Plan, context: Context) -> Late {
        Late { plan, context }
    }
}

impl Operator for Late {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let (batch, edges) = evaluate(std::slice::from_ref(&self.plan.edge), batch, &self.context, out)?;
        let Some(origin) = &batch.origin else {
            return Err(Error::internal("a window over rows that lost their place in the log"));
        };
        let ends: Vec<i64> = window_ends(&edges[0], self.plan.until.after_us())?.collect();
        let in_time = |row: usize| ends[row].saturating_add(self.plan.lateness_us) > origin.watermarks[row];
        if (0..batch.len()).all(in_time) {
            out.emit(batch);
            return Ok(());
        }
        let mut row = 0;
        while row < batch.len() {
            let windows = (row..batch.len()).take_while(|other| origin.offsets[*other] == origin.offsets[row]).count();
            self.tell(&batch, &ends, row..row + windows, out);
            row += windows;
        }
        let keep: BooleanArray = (0..batch.len()).map(|row| Some(in_time(row))).collect();
        out.emit(batch.filter(&keep)?);
        Ok(())
    }
}

impl Late {
    /// One letter for a row that is too late for some of its windows: here it stands once for each.
    fn tell(&self, batch: &Batch, ends: &[i64], rows: Range<usize>, out: &mut Output) {
        let Some(origin) = &batch.origin else { return };
        let behind_us =
            |row: usize| origin.watermarks[row].saturating_sub(ends[row].saturating_add(self.plan.lateness_us));
        let Some(first) = rows.clone().find(|row| behind_us(*row) >= 0) else { return };
        // A row may stand several times for one window, too.
        let windows: BTreeSet<i64> = rows.clone().map(|row| ends[row]).collect();
        let late: BTreeSet<i64> = rows.filter(|row| behind_us(*row) >= 0).map(|row| ends[row]).collect();
        let number = (late.len(), windows.len());
        let Plan { until, lateness_us, .. } = self.plan;
        out.letters.push(Late::letter(&self.context, until, lateness_us, batch, first, number, behind_us(first)));
    }

    /// What is said of a row that came `behind_us` too late for so many of its windows.
    pub fn letter(
        context: &Context,
        until: Until,
        lateness_us: i64,
        batch: &Batch,
        row: usize,
        (late, windows): (usize, usize),
        behind_us: i64,
    ) -> Letter {
        let detail = if until == Until::Time {
            format!("its time was {:.3} s behind the watermark", (behind_us + 1) as f64 / 1e6)
        } else if windows == 1 {
            format!("its window had closed {:.3} s before, in event time", behind_us as f64 / 1e6)
        } else {
            let watermark_us = batch.origin.as_ref().map_or(i64::MIN, |origin| origin.watermarks[row]);
            let last_end =
                DateTime::from_timestamp_micros(watermark_us.saturating_sub(lateness_us)).unwrap_or_default();
            let last_end = last_end.to_rfc3339_opts(SecondsFormat::Micros, true);
            format!("{late} of its {windows} windows had closed, those that end by {last_end}")
        };
        Letter::of_row(&context.relation, &context.inputs, "late", detail, batch, row)
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
