//! One aggregate function over all groups, by slot.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::DataType;

use super::folded::{self, Folded};
use super::numbers::{self, Numbers};
use super::ordered::{self, Ordered};
use crate::Result;

/// What is computed.
#[derive(Debug, Clone)]
pub enum Function {
    /// In a few words a group, whatever its size.
    Numbers(numbers::Function),
    /// By DataFusion's accumulators.
    Folded(Arc<folded::Function>),
    /// From the group's values in their order.
    Ordered(Arc<ordered::Function>),
}

impl Function {
    /// Whether a group's state grows with its rows.
    pub fn keeps_values(&self) -> bool {
        match self {
            Function::Numbers(_) | Function::Folded(_) => false,
            Function::Ordered(function) => !function.keeps_one(),
        }
    }
}

#[derive(Debug)]
pub enum Accumulator {
    Numbers(Numbers),
    Folded(Folded),
    Ordered(Ordered),
}

impl Accumulator {
    /// An accumulator over arguments of these types with results of type `output`. A type that it can't serve is an error
    /// of kind `Invalid`.
    pub fn new(function: &Function, arguments: &[DataType], output: DataType) -> Result<Accumulator> {
        Ok(match function {
            Function::Numbers(function) => {
                Accumulator::Numbers(Numbers::new(*function, arguments.first().cloned(), output)?)
            }
            Function::Folded(function) => {
                Accumulator::Folded(Folded::new(Arc::clone(function), arguments.to_vec(), output))
            }
            Function::Ordered(function) => {
                Accumulator::Ordered(Ordered::new(Arc::clone(function), arguments.to_vec(), output)?)
            }
        })
    }

    /// An empty accumulator of the same kind.
    pub fn like(&self) -> Accumulator {
        match self {
            Accumulator::Numbers(numbers) => Accumulator::Numbers(numbers.like()),
            Accumulator::Folded(folded) => Accumulator::Folded(folded.like()),
            Accumulator::Ordered(ordered) => Accumulator::Ordered(ordered.like()),
        }
    }

    /// Makes room for slots below `slots`.
    pub fn resize(&mut self, slots: usize) {
        match self {
            Accumulator::Numbers(numbers) => numbers.resize(slots),
            Accumulator::Folded(folded) => folded.resize(slots),
            Accumulator::Ordered(ordered) => ordered.resize(slots),
        }
    }

    /// Empties one slot.
    pub fn clear(&mut self, slot: u32) {
        match self {
            Accumulator::Numbers(numbers) => numbers.clear(slot),
            Accumulator::Folded(folded) => folded.clear(slot),
            Accumulator::Ordered(ordered) => ordered.clear(slot),
        }
    }

    /// Empties all slots and keeps none.
    pub fn truncate(&mut self) {
        match self {
            Accumulator::Numbers(numbers) => numbers.truncate(),
            Accumulator::Folded(folded) => folded.truncate(),
            Accumulator::Ordered(ordered) => ordered.truncate(),
        }
    }

    /// Appends what another's slot results in as the last slot, which can then be asked for that, and nothing else.
    pub fn push_copy(&mut self, other: &Accumulator, slot: u32) -> Result<()> {
        match (self, other) {
            (Accumulator::Numbers(numbers), Accumulator::Numbers(other)) => numbers.push_copy(other, slot),
            (Accumulator::Folded(folded), Accumulator::Folded(other)) => folded.push_copy(other, slot)?,
            (Accumulator::Ordered(ordered), Accumulator::Ordered(other)) => ordered.push_copy(other, slot)?,
            _ => {}
        }
        Ok(())
    }

    /// Adds what one slot holds to another, and empties it.
    pub fn merge(&mut self, from: u32, into: u32) -> Result<()> {
        match self {
            Accumulator::Numbers(numbers) => numbers.merge(from, into)?,
            Accumulator::Folded(folded) => folded.merge(from, into)?,
            Accumulator::Ordered(ordered) => ordered.merge(from, into),
        }
        Ok(())
    }

    /// Adds the rows of a batch: `slots[row]` is the row's group; a row that `filter` does not hold for is passed
    /// over.
    pub fn update(
        &mut self,
        slots: &[u32],
        arguments: &[ArrayRef],
        filter: Option<&BooleanArray>,
        weights: Option<&ScalarBuffer<i64>>,
    ) -> Result<()> {
        match self {
            Accumulator::Numbers(numbers) => numbers.update(slots, arguments.first(), filter, weights),
            Accumulator::Folded(folded) => folded.update(slots, arguments, filter, weights),
            Accumulator::Ordered(ordered) => ordered.update(slots, arguments, filter, weights),
        }
    }

    /// The results of some slots, in their order.
    pub fn results(&self, slots: &[u32]) -> Result<ArrayRef> {
        match self {
            Accumulator::Numbers(numbers) => numbers.results(slots),
            Accumulator::Folded(folded) => folded.results(slots),
            Accumulator::Ordered(ordered) => ordered.results(slots),
        }
    }

    /// Appends one slot's state for a checkpoint.
    pub fn save(&self, slot: u32, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Accumulator::Numbers(numbers) => numbers.save(slot, out),
            Accumulator::Folded(folded) => folded.save(slot, out)?,
            Accumulator::Ordered(ordered) => ordered.save(slot, out)?,
        }
        Ok(())
    }

    /// Reads what [`Accumulator::save`] wrote into a slot and moves `bytes` past it. False when it is cut short.
    pub fn load(&mut self, slot: u32, bytes: &mut &[u8]) -> Result<bool> {
        match self {
            Accumulator::Numbers(numbers) => Ok(numbers.load(slot, bytes)),
            Accumulator::Folded(folded) => folded.load(slot, bytes),
            Accumulator::Ordered(ordered) => ordered.load(slot, bytes),
        }
    }

    /// Roughly the bytes held.
    pub fn bytes(&self) -> usize {
        match self {
            Accumulator::Numbers(numbers) => numbers.bytes(),
            Accumulator::Folded(folded) => folded.bytes(),
            Accumulator::Ordered(ordered) => ordered.bytes(),
        }
    }
}
