//! The rows that a join as of a time gives: left rows, each with the right one that it meets.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{interleave, take};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;

use super::points::Place;

/// What is given of both sides.
#[derive(Debug, Clone)]
pub struct Output {
    pub schema: SchemaRef,
    pub columns: Vec<Given>,
    pub keeps_left: bool,
}

/// Where a column is from: its place among those of a side that are given.
#[derive(Debug, Clone, Copy)]
pub enum Given {
    Left(usize),
    Right(usize),
}

/// Right rows that are picked from, by columns and batches.
pub struct Picked {
    columns: Vec<Vec<ArrayRef>>,
    batches: usize,
}

impl Output {
    /// The first columns of right rows, as many as are given. Behind them stands a NULL for left rows that meet none.
    pub fn pick_from(&self, batches: &[RecordBatch]) -> Picked {
        let fields = self.schema.fields().iter().zip(&self.columns);
        let given = fields.filter(|(_, given)| matches!(given, Given::Right(_))).map(|(field, _)| field);
        let column = |(at, data_type)| {
            let arrays = batches.iter().map(|batch| Arc::clone(batch.column(at)));
            arrays.chain([new_null_array(data_type, 1)]).collect()
        };
        let columns = given.map(|field| field.data_type()).enumerate().map(column).collect();
        Picked { columns, batches: batches.len() }
    }

    /// How many columns of the right rows are given.
    pub fn of_right(&self) -> usize {
        self.columns.iter().filter(|given| matches!(given, Given::Right(_))).count()
    }

    /// The rows of a left batch, which has the columns that are given, by what they meet; none where none is left.
    pub fn rows(&self, left: &RecordBatch, met: &[Place], right: &Picked) -> Result<Option<RecordBatch>> {
        let has_none = met.iter().any(|place| place.is_none());
        let nothing = (right.batches, 0);
        let indices = |place: &Place| if place.is_none() { nothing } else { place.indices() };
        let (places, rows) = if has_none && !self.keeps_left {
            let rows = (0_u32..).zip(met).filter(|(_, place)| !place.is_none());
            let (rows, places): (Vec<u32>, Vec<_>) = rows.map(|(row, place)| (row, place.indices())).unzip();
            (places, Some(UInt32Array::from(rows)))
        } else {
            (met.iter().map(indices).collect(), None)
        };
        if places.is_empty() {
            return Ok(None);
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for given in &self.columns {
            columns.push(match (given, &rows) {
                (Given::Left(at), None) => Arc::clone(left.column(*at)),
                (Given::Left(at), Some(rows)) => take(left.column(*at), rows, None)?,
                (Given::Right(at), _) => right.column(*at, &places, has_none && self.keeps_left)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?))
    }
}

impl Picked {
    fn column(&self, at: usize, places: &[(usize, usize)], has_none: bool) -> Result<ArrayRef> {
        // Without the NULL where it is not needed: then nothing need be asked for NULLs.
        let batches = if has_none { self.batches + 1 } else { self.batches };
        let values: Vec<&dyn Array> = self.columns[at][..batches].iter().map(AsRef::as_ref).collect();
        Ok(interleave(&values, places)?)
    }
}
