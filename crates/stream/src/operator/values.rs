//! Rows that stand in a query: given once, in the first tick of the view's life.

use std::sync::Arc;

use arrow::array::{Array, BinaryArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use super::{Operator, Output, Save};
use crate::Result;
use crate::batch::Batch;

pub struct Values {
    rows: RecordBatch,
    /// They were given, or are another worker's to give.
    given: bool,
    saved: bool,
}

impl Values {
    /// `owns` says whether this copy gives the rows.
    pub fn new(rows: RecordBatch, owns: bool) -> Values {
        Values { rows, given: !owns, saved: !owns }
    }
}

impl Operator for Values {
    fn push(&mut self, _port: usize, _batch: Batch, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        if !std::mem::replace(&mut self.given, true) {
            out.emit(Batch::insertions(self.rows.clone()));
        }
        Ok(())
    }

    /// One row without a key: that the rows were given.
    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let is_told = which != Save::All && self.saved;
        let rows = i64::from(self.given && !is_told);
        self.saved = self.given;
        let schema = Schema::new(vec![
            Field::new("weight", DataType::Int64, false),
            Field::new("state", DataType::Binary, true),
        ]);
        let weights = Int64Array::from(vec![1; rows as usize]);
        let states = BinaryArray::from_iter_values(std::iter::repeat_n([], rows as usize));
        Ok(Some(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(weights), Arc::new(states)])?))
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        if !rows.column(0).is_empty() {
            (self.given, self.saved) = (true, true);
        }
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(0)
    }
}
