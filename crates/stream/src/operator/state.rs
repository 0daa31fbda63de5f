//! State by key in checkpoints: which keys changed or went since the last one, and their rows.
//!
//! Columns: the key columns, `weight` (BIGINT, 0 for a key that is gone), `state` (BINARY, the operator's own; null for a
//! key that is gone).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use super::Save;
use crate::Result;
use crate::aggregate::Keys;
use crate::batch::assemble;

/// What the next checkpoint has to write.
#[derive(Default)]
pub struct Unsaved {
    changed: Vec<u32>,
    is_changed: Vec<bool>,
    /// Keys that went, as columns, and how many: without key columns there is one.
    gone: Vec<(Vec<ArrayRef>, usize)>,
}

impl Unsaved {
    /// Makes room for slots below `slots`.
    pub fn resize(&mut self, slots: usize) {
        self.is_changed.resize(slots.max(self.is_changed.len()), false);
    }

    pub fn note(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.is_changed[slot as usize], true) {
            self.changed.push(slot);
        }
    }

    /// Keys that go; they are in the table still.
    pub fn note_gone(&mut self, keys: &Keys, slots: &[u32]) -> Result<()> {
        self.gone.push((keys.columns(slots)?, slots.len()));
        slots.iter().for_each(|slot| self.is_changed[*slot as usize] = false);
        Ok(())
    }

    /// The rows of a checkpoint. `state` gives the state of each of the slots, in their order; it is asked for many at
    /// once, since what they have in common is dear.
    pub fn save(
        &mut self,
        which: Save,
        keys: &Keys,
        mut state: impl FnMut(&[u32], &mut States) -> Result<()>,
    ) -> Result<RecordBatch> {
        let changed = std::mem::take(&mut self.changed);
        let gone = std::mem::take(&mut self.gone);
        let gone = if which == Save::All { Vec::new() } else { gone };
        let mut slots: Vec<u32> = changed.into_iter().filter(|slot| self.is_changed[*slot as usize]).collect();
        if which != Save::Changes {
            slots.extend(keys.slots().filter(|slot| which.is_whole(*slot)));
        }
        // One that changed may be of the share, too. A slot that was freed and given away again while unsaved stands in
        // the list twice.
        slots.sort_unstable();
        slots.dedup();
        self.is_changed.iter_mut().for_each(|each| *each = false);
        let gone_rows: usize = gone.iter().map(|(_, rows)| rows).sum();
        let mut parts: Vec<Vec<ArrayRef>> = gone.into_iter().map(|(columns, _)| columns).collect();
        parts.push(keys.columns(&slots)?);
        let mut columns: Vec<ArrayRef> = (0..keys.types().len())
            .map(|index| {
                let pieces: Vec<&dyn Array> = parts.iter().map(|part| part[index].as_ref()).collect();
                arrow::compute::concat(&pieces)
            })
            .collect::<std::result::Result<_, _>>()?;
        let mut states = States::default();
        (0..gone_rows).for_each(|_| states.push_gone());
        for slots in slots.chunks(SLOTS_AT_ONCE) {
            state(slots, &mut states)?;
        }
        let rows = states.weights.len();
        columns.push(Arc::new(Int64Array::from(states.weights)));
        columns.push(Arc::new(states.states.finish()));
        let mut fields: Vec<Field> = keys
            .types()
            .iter()
            .enumerate()
            .map(|(at, each)| Field::new(format!("column_{at}"), each.clone(), true))
            .collect();
        fields.push(Field::new("weight", DataType::Int64, false));
        fields.push(Field::new("state", DataType::Binary, true));
        Ok(assemble(&Arc::new(Schema::new(fields)), columns, rows)?)
    }
}

/// How many keys have their state written, or read, together.
pub const SLOTS_AT_ONCE: usize = 1 << 14;

/// The states of keys for a checkpoint, one after the other.
#[derive(Default)]
pub struct States {
    weights: Vec<i64>,
    states: BinaryBuilder,
    bytes: Vec<u8>,
}

impl States {
    /// The next key's state, which `write` appends; it returns the key's weight.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<i64>) -> Result<()> {
        self.bytes.clear();
        self.weights.push(write(&mut self.bytes)?);
        self.states.append_value(&self.bytes);
        Ok(())
    }

    fn push_gone(&mut self) {
        self.weights.push(0);
        self.states.append_null();
    }
}

/// Keys that a checkpoint's rows are of, as slots.
pub struct Loaded {
    /// Keys that are gone; the table has forgotten them.
    pub gone: Vec<u32>,
    /// Keys that are there, and the state of each; a slot may be one that was gone.
    pub live: Vec<u32>,
    pub states: BinaryArray,
}

/// Takes the keys of a checkpoint's rows into a table.
pub fn load_keys(rows: &RecordBatch, keys: &mut Keys) -> Result<Loaded> {
    let number = keys.types().len();
    let (dead, alive) = split(rows, number)?;
    let (mut gone, mut live) = (Vec::new(), Vec::new());
    keys.assign(&dead.columns()[..number], dead.num_rows(), &mut gone)?;
    gone.iter().for_each(|slot| keys.remove(*slot));
    keys.assign(&alive.columns()[..number], alive.num_rows(), &mut live)?;
    Ok(Loaded { gone, live, states: alive.column(number + 1).as_binary().clone() })
}

/// The rows of a checkpoint by whether their keys are gone: a key that went and came again between two stands in both.
pub fn split(rows: &RecordBatch, keys: usize) -> Result<(RecordBatch, RecordBatch)> {
    let alive = arrow::compute::is_not_null(rows.column(keys + 1))?;
    let gone = arrow::compute::filter_record_batch(rows, &arrow::compute::not(&alive)?)?;
    Ok((gone, arrow::compute::filter_record_batch(rows, &alive)?))
}
