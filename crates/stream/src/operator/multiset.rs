//! Whole rows with how often each is there, as two operators keep them, and as a checkpoint has them: the key is the
//! row, its weight the number.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};

use super::state::{self, Loaded, States, Unsaved};
use super::{CONTENT_ROWS, Output, Save, Status};
use crate::Result;
use crate::aggregate::Keys;
use crate::batch::{Batch, assemble};

pub struct Multiset {
    schema: SchemaRef,
    rows: Keys,
    copies: Vec<i64>,
    unsaved: Unsaved,
}

impl Multiset {
    pub fn new(schema: SchemaRef) -> Result<Multiset> {
        let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Ok(Multiset { schema, rows: Keys::new(types)?, copies: Vec::new(), unsaved: Unsaved::default() })
    }

    /// The places of rows, which get one where they have none.
    pub fn places(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let mut slots = Vec::new();
        self.rows.assign(rows.columns(), rows.num_rows(), &mut slots)?;
        self.make_room(&slots);
        Ok(slots)
    }

    /// One more than the highest place.
    pub fn room(&self) -> usize {
        self.copies.len()
    }

    /// All places that rows have, in the order of their numbers.
    pub fn all(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = self.rows.slots().collect();
        slots.sort_unstable();
        slots
    }

    pub fn copies(&self, slot: u32) -> i64 {
        self.copies[slot as usize]
    }

    /// Sets how often a row is there.
    pub fn set(&mut self, slot: u32, copies: i64) {
        self.copies[slot as usize] = copies;
        self.unsaved.note(slot);
    }

    /// Forgets rows that are not there any more.
    pub fn remove(&mut self, slots: &[u32]) -> Result<()> {
        self.unsaved.note_gone(&self.rows, slots)?;
        for slot in slots {
            self.copies[*slot as usize] = 0;
            self.rows.remove(*slot);
        }
        Ok(())
    }

    /// Rows by their places.
    pub fn rows(&self, slots: &[u32]) -> Result<RecordBatch> {
        Ok(assemble(&self.schema, self.rows.columns(slots)?, slots.len())?)
    }

    /// One column of rows by their places.
    pub fn column(&self, at: usize, slots: &[u32]) -> Result<ArrayRef> {
        Ok(self.rows.columns(slots)?.swap_remove(at))
    }

    /// Gives all rows.
    pub fn content(&self, out: &mut Output) -> Result<()> {
        for slots in self.all().chunks(CONTENT_ROWS) {
            let copies: Vec<i64> = slots.iter().map(|slot| self.copies(*slot)).collect();
            out.emit(Batch { weights: Some(copies.into()), ..Batch::insertions(self.rows(slots)?) });
        }
        Ok(())
    }

    pub fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let Multiset { unsaved, rows, copies, .. } = self;
        let states = |slots: &[u32], states: &mut States| {
            slots.iter().try_for_each(|slot| states.push(|_| Ok(copies[*slot as usize])))
        };
        unsaved.save(which, rows, states).map(Some)
    }

    pub fn load(&mut self, saved: &RecordBatch) -> Result<()> {
        let width = self.key_columns();
        let (_, alive) = state::split(saved, width)?;
        let Loaded { gone, live, .. } = state::load_keys(saved, &mut self.rows)?;
        self.make_room(&gone);
        self.make_room(&live);
        gone.into_iter().for_each(|slot| self.copies[slot as usize] = 0);
        let copies = alive.column(width).as_primitive::<Int64Type>();
        live.into_iter().zip(copies.values()).for_each(|(slot, copies)| self.copies[slot as usize] = *copies);
        Ok(())
    }

    pub fn key_columns(&self) -> usize {
        self.schema.fields().len()
    }

    pub fn status(&self) -> Status {
        let counts = self.copies.capacity() * size_of::<i64>();
        Status { groups: self.rows.len() as u64, state_bytes: (self.rows.bytes() + counts) as u64 }
    }

    fn make_room(&mut self, slots: &[u32]) {
        let room = slots.iter().max().map_or(0, |slot| *slot as usize + 1).max(self.copies.len());
        self.copies.resize(room, 0);
        self.unsaved.resize(room);
    }
}
