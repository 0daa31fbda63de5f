//! The change batch: what flows between operators.
//!
//! Rows with an optional signed weight each. No weights means that every row is an insertion, which is the fast path
//! and the only case in a plan that never retracts. A weight of -1 takes one such row back; any integer is allowed.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, UInt32Array, downcast_primitive_array};
use arrow::buffer::ScalarBuffer;
use arrow::compute;
use arrow::datatypes::{ArrowPrimitiveType, SchemaRef};
use arrow::error::ArrowError;

/// Rows and how often each is added (or, below zero, taken back).
#[derive(Debug, Clone)]
pub struct Batch {
    pub rows: RecordBatch,
    /// One per row, never zero. `None`: all are 1.
    pub weights: Option<ScalarBuffer<i64>>,
    /// Where each row came from, while it still is one row of one stream.
    pub origin: Option<Origin>,
}

/// The place in the log of each row of a batch, all of one partition, and what was known of time before it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Which input of the dataflow.
    pub input: usize,
    pub partition: u32,
    /// Rising, one per row; rows that an UNNEST made of one have its offset.
    pub offsets: ScalarBuffer<i64>,
    /// Microseconds: the watermark of the row's own partition before the row; `i64::MIN` before the first. A row's
    /// lateness follows from this alone, so it never depends on the timing of workers.
    pub watermarks: ScalarBuffer<i64>,
}

impl Batch {
    /// Insertions.
    pub fn insertions(rows: RecordBatch) -> Batch {
        Batch { rows, weights: None, origin: None }
    }

    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn weight(&self, row: usize) -> i64 {
        self.weights.as_ref().map_or(1, |weights| weights[row])
    }

    /// The same changes to other columns.
    pub fn with_rows(&self, rows: RecordBatch) -> Batch {
        debug_assert_eq!(rows.num_rows(), self.len(), "a projection keeps its rows");
        Batch { rows, weights: self.weights.clone(), origin: self.origin.clone() }
    }

    /// The rows for which `keep` is true; null counts as false.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Batch, ArrowError> {
        let kept = keep.true_count();
        if kept == self.len() {
            return Ok(self.clone());
        }
        if self.weights.is_none() && self.origin.is_none() {
            return Ok(Batch::insertions(compute::filter_record_batch(&self.rows, keep)?));
        }
        let mut indices = Vec::with_capacity(kept);
        indices.extend((0..keep.len()).filter(|row| keep.is_valid(*row) && keep.value(*row)).map(|row| row as u32));
        self.take(&UInt32Array::from(indices))
    }

    /// The rows at `indices`, in that order.
    pub fn take(&self, indices: &UInt32Array) -> Result<Batch, ArrowError> {
        let columns: Vec<ArrayRef> =
            self.rows.columns().iter().map(|column| compute::take(column, indices, None)).collect::<Result<_, _>>()?;
        let pick = |values: &ScalarBuffer<i64>| -> ScalarBuffer<i64> {
            indices.values().iter().map(|row| values[*row as usize]).collect()
        };
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(indices.len()));
        Ok(Batch {
            rows: RecordBatch::try_new_with_options(self.rows.schema(), columns, &options)?,
            weights: self.weights.as_ref().map(pick),
            origin: self.origin.as_ref().map(|origin| Origin {
                input: origin.input,
                partition: origin.partition,
                offsets: pick(&origin.offsets),
                watermarks: pick(&origin.watermarks),
            }),
        })
    }

    /// Some rows that follow each other, without their places in the log.
    pub fn slice(&self, begin: usize, rows: usize) -> Batch {
        let weights = self.weights.as_ref().map(|weights| weights.slice(begin, rows));
        Batch { weights, ..Batch::insertions(self.rows.slice(begin, rows)) }
    }

    /// One row as a batch of its own.
    pub fn row(&self, row: usize) -> Result<Batch, ArrowError> {
        self.take(&UInt32Array::from(vec![row as u32]))
    }
}

/// A batch of `columns` with `rows` rows, also where there is no column.
pub fn assemble(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}

/// Columns that were decoded from rows, with zeros under their nulls: there stands the least value, and functions that
/// compute under nulls, too, would leave their range.
pub fn plain_nulls(columns: Vec<ArrayRef>) -> Vec<ArrayRef> {
    fn zeros<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>) -> ArrayRef {
        Arc::new(column.iter().collect::<PrimitiveArray<T>>().with_data_type(column.data_type().clone()))
    }
    let plain = |column: ArrayRef| {
        if column.null_count() == 0 {
            return column;
        }
        let values: &dyn Array = column.as_ref();
        downcast_primitive_array!(
            values => zeros(values),
            _ => Arc::clone(&column)
        )
    };
    columns.into_iter().map(plain).collect()
}
