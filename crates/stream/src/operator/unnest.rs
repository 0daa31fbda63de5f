//! UNNEST: a row for each value of its lists; shorter lists have nulls behind them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;

use super::{Operator, Output};
use crate::batch::{Batch, assemble};
use crate::{Error, Result};

/// What an unnesting computes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What stands in each output column, in terms of the input's.
    pub columns: Vec<Column>,
    /// Whether a row whose lists are null stays, with a null.
    pub keeps_null: bool,
    /// Whether a row whose lists are empty stays, with a null.
    pub keeps_empty: bool,
    pub output: SchemaRef,
}

#[derive(Debug, Clone, Copy)]
pub enum Column {
    /// The input column as it is.
    Same(usize),
    /// The values of a column of lists.
    ValuesOf(usize),
}

pub struct Unnest {
    plan: Plan,
}

impl Unnest {
    pub fn new(plan: Plan) -> Unnest {
        Unnest { plan }
    }

    /// How many rows become of one whose list it is.
    fn rows(&self, list: &ListArray, row: usize) -> usize {
        if list.is_null(row) {
            return usize::from(self.plan.keeps_null);
        }
        match list.value_length(row) as usize {
            0 => usize::from(self.plan.keeps_empty),
            length => length,
        }
    }
}

impl Operator for Unnest {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let columns = batch.rows.columns();
        let list = |column: usize| {
            columns[column].as_list_opt::<i32>().ok_or_else(|| Error::internal("UNNEST of what is no list"))
        };
        let unnested = self.plan.columns.iter().filter_map(|column| match column {
            Column::ValuesOf(column) => Some(*column),
            Column::Same(_) => None,
        });
        let lists = unnested.map(list).collect::<Result<Vec<_>>>()?;
        let mut sources = Vec::new();
        let counts: Vec<usize> =
            (0..batch.len()).map(|row| lists.iter().map(|list| self.rows(list, row)).max().unwrap_or(0)).collect();
        counts.iter().enumerate().for_each(|(row, count)| sources.extend(std::iter::repeat_n(row as u32, *count)));
        let sources = UInt32Array::from(sources);
        let made = self.plan.columns.iter().map(|column| match column {
            Column::Same(column) => Ok(take(&columns[*column], &sources, None)?),
            Column::ValuesOf(column) => values(list(*column)?, &counts),
        });
        let rows = assemble(&self.plan.output, made.collect::<Result<Vec<_>>>()?, sources.len())?;
        // Weights and places in the log alone: the columns are made already.
        let bare = assemble(&Arc::new(arrow::datatypes::Schema::empty()), Vec::new(), batch.len())?;
        out.emit(Batch { rows, ..batch.with_rows(bare).take(&sources)? });
        Ok(())
    }
}

/// The values of each row's list, followed by nulls up to the row's count.
fn values(list: &ListArray, counts: &[usize]) -> Result<ArrayRef> {
    let offsets = list.value_offsets();
    let is_full = |row: usize| list.is_valid(row) && (offsets[row + 1] - offsets[row]) as usize == counts[row];
    if (0..list.len()).all(|row| is_full(row) || (counts[row] == 0 && offsets[row] == offsets[row + 1])) {
        let (begin, end) = (offsets[0] as usize, offsets[list.len()] as usize);
        return Ok(list.values().slice(begin, end - begin));
    }
    let indices: UInt32Array = (0..list.len())
        .flat_map(|row| {
            let length = if list.is_valid(row) { offsets[row + 1] - offsets[row] } else { 0 } as usize;
            let begin = offsets[row] as usize;
            (0..counts[row]).map(move |at| (at < length).then_some((begin + at) as u32))
        })
        .collect();
    Ok(take(list.values(), &indices, None)?)
}
