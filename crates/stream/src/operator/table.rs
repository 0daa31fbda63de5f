//! The rows of a table of the lake, which come whole with each version: what differs from the version before goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use headwater_query::relation;

use super::state::{self, Loaded, Unsaved};
use super::{Operator, Output, Save, Status};
use crate::Result;
use crate::aggregate::Keys;
use crate::aggregate::keys::owners;
use crate::batch::{Batch, assemble};

/// What is read of a table.
#[derive(Debug, Clone)]
pub struct Plan {
    pub table: Arc<relation::Table>,
    /// Of the table's.
    pub columns: Vec<usize>,
    /// Of those columns.
    pub schema: SchemaRef,
}

/// Keeps the rows that it owns, equal ones once with their number, so that it needs nothing of an older version: that may
/// be gone from the lake, and the node may have been down meanwhile.
pub struct Table {
    schema: SchemaRef,
    worker: u32,
    workers: usize,
    rows: Keys,
    /// How many there are of each row, and how many the version that comes now has.
    copies: Vec<i64>,
    coming: Vec<i64>,
    /// A version came in this tick.
    is_told: bool,
    unsaved: Unsaved,
}

impl Table {
    pub fn new(plan: &Plan, worker: usize, workers: usize) -> Result<Table> {
        let types: Vec<DataType> = plan.schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Ok(Table {
            schema: SchemaRef::clone(&plan.schema),
            worker: worker as u32,
            workers,
            rows: Keys::new(types)?,
            copies: Vec::new(),
            coming: Vec::new(),
            is_told: false,
            unsaved: Unsaved::default(),
        })
    }

    fn make_room(&mut self, slots: &[u32]) {
        let room = slots.iter().max().map_or(0, |slot| *slot as usize + 1).max(self.copies.len());
        self.copies.resize(room, 0);
        self.coming.resize(room, 0);
        self.unsaved.resize(room);
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
        self.is_told = true;
        let own = self.own(batch)?;
        let mut slots = Vec::new();
        self.rows.assign(own.rows.columns(), own.len(), &mut slots)?;
        self.make_room(&slots);
        slots.iter().for_each(|slot| self.coming[*slot as usize] += 1);
        Ok(())
    }

    fn finish(&mut self, _watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        if !std::mem::take(&mut self.is_told) {
            return Ok(());
        }
        // In an order that does not depend on the hash table.
        let slots: BTreeSet<u32> = self.rows.slots().collect();
        let difference = |slot: &u32| self.coming[*slot as usize] - self.copies[*slot as usize];
        let changed: Vec<u32> = slots.into_iter().filter(|slot| difference(slot) != 0).collect();
        let weights: Vec<i64> = changed.iter().map(difference).collect();
        let rows = assemble(&self.schema, self.rows.columns(&changed)?, changed.len())?;
        std::mem::swap(&mut self.copies, &mut self.coming);
        self.coming.fill(0);
        let (gone, left): (Vec<u32>, Vec<u32>) = changed.into_iter().partition(|slot| self.copies[*slot as usize] == 0);
        left.iter().for_each(|slot| self.unsaved.note(*slot));
        if !gone.is_empty() {
            self.unsaved.note_gone(&self.rows, &gone)?;
            gone.iter().for_each(|slot| self.rows.remove(*slot));
        }
        let is_plain = weights.iter().all(|weight| *weight == 1);
        out.emit(Batch { weights: (!is_plain).then(|| weights.into()), ..Batch::insertions(rows) });
        Ok(())
    }

    /// The key is the whole row, and its weight how many there are.
    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let Table { unsaved, rows, copies, .. } = self;
        unsaved.save(which, rows, |slot, _| Ok(copies[slot as usize])).map(Some)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        let width = self.schema.fields().len();
        let (_, alive) = state::split(rows, width)?;
        let Loaded { gone, live, .. } = state::load_keys(rows, &mut self.rows)?;
        self.make_room(&gone);
        self.make_room(&live);
        gone.into_iter().for_each(|slot| self.copies[slot as usize] = 0);
        let weights = alive.column(width).as_primitive::<Int64Type>();
        live.into_iter().zip(weights.values()).for_each(|(slot, copies)| self.copies[slot as usize] = *copies);
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.schema.fields().len())
    }

    fn status(&self) -> Status {
        let counts = (self.copies.capacity() + self.coming.capacity()) * size_of::<i64>();
        Status { groups: self.rows.len() as u64, state_bytes: (self.rows.bytes() + counts) as u64 }
    }
}
