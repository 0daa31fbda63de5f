//! Equal rows as one with their number, before each becomes several: rows that share their windows (a pane) and all that
//! is asked of them are counted once for all of those.
//!
//! It keeps nothing between batches, and it steps aside for a while where rows are too different to be worth it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, PrimitiveArray, UInt32Array};
use arrow::datatypes::{DataType, TimestampMicrosecondType};

use super::{Operator, Output};
use crate::aggregate::Keys;
use crate::batch::Batch;
use crate::{Error, Result};

/// Batches that pass as they are after one that was not worth it.
const PAUSE_BATCHES: usize = 15;

pub struct Combine {
    /// The column with a list of windows: lists with one beginning and one length are equal.
    list: usize,
    pause: usize,
}

impl Combine {
    pub fn new(list: usize) -> Combine {
        Combine { list, pause: 0 }
    }

    /// What makes rows equal: all columns, the list by its first value and its length.
    fn known_by(&self, batch: &Batch) -> Result<Vec<ArrayRef>> {
        let list = batch.rows.column(self.list).as_list::<i32>();
        let offsets = list.value_offsets();
        let values = list.values().as_primitive_opt::<TimestampMicrosecondType>();
        let values = values.ok_or_else(|| Error::internal("windows that are no times"))?.values();
        let first = (0..list.len()).map(|row| {
            let is_there = list.is_valid(row) && offsets[row] < offsets[row + 1];
            is_there.then(|| values[offsets[row] as usize])
        });
        let first: PrimitiveArray<TimestampMicrosecondType> = first.collect();
        let lengths: Int32Array =
            (0..list.len()).map(|row| list.is_valid(row).then(|| list.value_length(row))).collect();
        let others = batch.rows.columns().iter().enumerate().filter(|(column, _)| *column != self.list);
        let mut known: Vec<ArrayRef> = others.map(|(_, column)| Arc::clone(column)).collect();
        known.push(Arc::new(first));
        known.push(Arc::new(lengths));
        Ok(known)
    }
}

impl Operator for Combine {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        if self.pause > 0 {
            self.pause -= 1;
            out.emit(batch);
            return Ok(());
        }
        let known = self.known_by(&batch)?;
        let types: Vec<DataType> = known.iter().map(|column| column.data_type().clone()).collect();
        let (mut keys, mut slots) = (Keys::new(types)?, Vec::new());
        keys.assign(&known, batch.len(), &mut slots)?;
        if keys.len() * 4 > batch.len() * 3 {
            self.pause = PAUSE_BATCHES;
            out.emit(batch);
            return Ok(());
        }
        let (mut first, mut weights) = (vec![u32::MAX; keys.len()], vec![0; keys.len()]);
        for (row, slot) in slots.iter().map(|slot| *slot as usize).enumerate() {
            if first[slot] == u32::MAX {
                first[slot] = row as u32;
            }
            weights[slot] += batch.weight(row);
        }
        let kept = (0..first.len()).filter(|slot| weights[*slot] != 0);
        let (first, weights): (Vec<u32>, Vec<i64>) = kept.map(|slot| (first[slot], weights[slot])).unzip();
        let rows = Batch { weights: None, origin: None, ..batch }.take(&UInt32Array::from(first))?;
        out.emit(Batch { weights: Some(weights.into()), ..rows });
        Ok(())
    }
}
