//! The rows of a table of the lake, which come whole with each version: what differs from the version before goes on.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;
use headwater_query::relation;

use super::multiset::Multiset;
use super::{Operator, Output, Save, Status};
use crate::Result;
use crate::aggregate::keys::owners;
use crate::batch::Batch;

/// What is read of a table.
#[derive(Debug, Clone)]
pub struct Plan {
    pub table: Arc<relation::Table>,
    /// Of the table's.
    pub columns: Vec<usize>,
    /// Of those columns.
    pub schema: SchemaRef,
}

/// Keeps the rows that it owns, so that it needs nothing of an older version: that may be gone from the lake, and the node
/// may have been down meanwhile.
pub struct Table {
    worker: u32,
    workers: usize,
    rows: Multiset,
    /// How many there are of each row in the version that comes; `None` where none does.
    coming: Option<Vec<i64>>,
}

impl Table {
    pub fn new(plan: &Plan, worker: usize, workers: usize) -> Result<Table> {
        let rows = Multiset::new(SchemaRef::clone(&plan.schema))?;
        Ok(Table { worker: worker as u32, workers, rows, coming: None })
    }

    /// The rows of a batch that are this worker's.
    fn own(&self, batch: Batch) -> Result<Batch> {
        if self.workers == 1 {
            return Ok(batch);
        }
        let mut owner = Vec::new();
        owners(batch.rows.columns(), batch.len(), self.workers, &mut owner)?;
        let mine: UInt32Array = (0..batch.len() as u32).filter(|row| owner[*row as usize] == self.worker).collect();
        Ok(batch.take(&mine)?)
    }
}

impl Operator for Table {
    /// A version comes in one tick, with one batch at the least.
    fn push(&mut self, _port: usize, batch: Batch, _out: &mut Output) -> Result<()> {
        let slots = self.rows.places(&self.own(batch)?.rows)?;
        let coming = self.coming.get_or_insert_default();
        coming.resize(self.rows.room(), 0);
        slots.iter().for_each(|slot| coming[*slot as usize] += 1);
        Ok(())
    }

    fn finish(&mut self, _watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        let Some(coming) = self.coming.take() else { return Ok(()) };
        let difference = |slot: &u32| coming[*slot as usize] - self.rows.copies(*slot);
        let changed: Vec<u32> = self.rows.all().into_iter().filter(|slot| difference(slot) != 0).collect();
        let weights: Vec<i64> = changed.iter().map(difference).collect();
        let rows = self.rows.rows(&changed)?;
        let (left, gone): (Vec<u32>, Vec<u32>) = changed.into_iter().partition(|slot| coming[*slot as usize] > 0);
        left.into_iter().for_each(|slot| self.rows.set(slot, coming[slot as usize]));
        self.rows.remove(&gone)?;
        let is_plain = weights.iter().all(|weight| *weight == 1);
        out.emit(Batch { weights: (!is_plain).then(|| weights.into()), ..Batch::insertions(rows) });
        Ok(())
    }

    fn content(&mut self, out: &mut Output) -> Result<()> {
        self.rows.content(out)
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        self.rows.save(which)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows.load(rows)
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.rows.key_columns())
    }

    fn status(&self) -> Status {
        self.rows.status()
    }
}
