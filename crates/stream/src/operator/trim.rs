//! Late rows of windows that overlap: each row has a list of its windows, from which those that had closed are taken.

use std::sync::Arc;

use arrow::array::{Array, AsArray, ListArray, TimestampMicrosecondArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::TimestampMicrosecondType;

use super::evaluate::Context;
use super::late::{Late, Until};
use super::{Operator, Output};
use crate::batch::{Batch, assemble};
use crate::{Error, Result};

/// Which windows are in time.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The column with edges of the row's windows, ascending.
    pub list: usize,
    /// How far the windows' ends lie behind the edges.
    pub after_us: i64,
    /// How long after that rows are still taken.
    pub lateness_us: i64,
}

pub struct Trim {
    plan: Plan,
    context: Context,
}

impl Trim {
    pub fn new(plan: Plan, context: Context) -> Trim {
        Trim { plan, context }
    }

    /// The batch with shorter lists: `late` says how many windows of each row go.
    fn shorten(&self, batch: Batch, list: &ListArray, late: &[usize]) -> Result<Batch> {
        let offsets = list.value_offsets();
        let lengths = late.iter().enumerate().map(|(row, late)| (offsets[row + 1] - offsets[row]) as usize - late);
        let kept = late.iter().enumerate().flat_map(|(row, late)| (offsets[row] + *late as i32)..offsets[row + 1]);
        let kept: arrow::array::UInt32Array = kept.map(|at| at as u32).collect();
        let arrow::datatypes::DataType::List(item) = list.data_type() else {
            return Err(Error::internal("windows that are no list"));
        };
        let values = take(list.values(), &kept, None)?;
        let shorter =
            ListArray::try_new(Arc::clone(item), OffsetBuffer::from_lengths(lengths), values, list.nulls().cloned())?;
        let mut columns = batch.rows.columns().to_vec();
        columns[self.plan.list] = Arc::new(shorter);
        let rows = assemble(&batch.rows.schema(), columns, batch.len())?;
        Ok(batch.with_rows(rows))
    }
}

impl Operator for Trim {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let list = batch.rows.column(self.plan.list).as_list::<i32>().clone();
        let edges: &TimestampMicrosecondArray = list.values().as_primitive::<TimestampMicrosecondType>();
        let Some(origin) = &batch.origin else {
            return Err(Error::internal("windows over rows that lost their place in the log"));
        };
        let (edges, offsets) = (edges.values(), list.value_offsets());
        let closes_us = |at: i32| edges[at as usize].saturating_add(self.plan.after_us + self.plan.lateness_us);
        let of_row = |row: usize| offsets[row]..offsets[row + 1];
        let is_late = |row: usize| {
            let first = of_row(row).next();
            first.is_some_and(|first| closes_us(first) <= origin.watermarks[row])
        };
        if !(0..batch.len()).any(is_late) {
            out.emit(batch);
            return Ok(());
        }
        let late: Vec<usize> = (0..batch.len())
            .map(|row| of_row(row).take_while(|at| closes_us(*at) <= origin.watermarks[row]).count())
            .collect();
        // The list says nothing to whoever reads the letter.
        let others: Vec<usize> = (0..batch.rows.num_columns()).filter(|column| *column != self.plan.list).collect();
        let shown = batch.with_rows(batch.rows.project(&others)?);
        for (row, late) in late.iter().enumerate().filter(|(_, late)| **late > 0) {
            let behind_us = origin.watermarks[row].saturating_sub(closes_us(offsets[row]));
            let until = Until::WindowEnd { after_us: self.plan.after_us };
            let windows = of_row(row).len();
            let letter =
                Late::letter(&self.context, until, self.plan.lateness_us, &shown, row, (*late, windows), behind_us);
            out.letters.push(letter);
        }
        out.emit(self.shorten(batch, &list, &late)?);
        Ok(())
    }
}
