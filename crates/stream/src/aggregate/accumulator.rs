//! One aggregate function over all groups, by slot.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::DataType;

use super::distinct::{self, Distinct};
use super::folded::{self, Folded};
use super::numbers::{self, Numbers};
use super::ordered::{self, Ordered};
use crate::operator::Save;
use crate::rows::Row;
use crate::rows::saved::{self, Incoming};
use crate::{Error, Result};

/// What is computed.
#[derive(Debug, Clone)]
pub enum Function {
    /// In a few words a group, whatever its size.
    Numbers(numbers::Function),
    /// By DataFusion's accumulators.
    Folded(Arc<folded::Function>),
    /// How many different values there are.
    Distinct,
    /// From the group's values in their order.
    Ordered(Arc<ordered::Function>),
}

impl Function {
    /// Whether a group's state grows with its rows.
    pub fn keeps_values(&self) -> bool {
        match self {
            Function::Numbers(_) | Function::Folded(_) => false,
            Function::Distinct => true,
            Function::Ordered(function) => !function.keeps_one(),
        }
    }
}

#[derive(Debug)]
pub enum Accumulator {
    Numbers(Numbers),
    Folded(Folded),
    Distinct(Distinct),
    Ordered(Ordered),
}

/// What a checkpoint takes of an accumulator.
pub enum Taken {
    /// What each group has.
    Whole,
    Distinct(distinct::Taken),
    Ordered(saved::Taken<Row>),
}

/// The state of many groups on its way into a checkpoint.
pub enum Outgoing<'a> {
    Numbers(&'a Numbers),
    Folded(&'a Folded),
    Values(saved::Outgoing<1>),
}

impl Outgoing<'_> {
    /// Appends the state of the next group, which has this slot.
    pub fn write(&mut self, slot: u32, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Outgoing::Numbers(numbers) => numbers.save(slot, out),
            Outgoing::Folded(folded) => folded.save(slot, out)?,
            Outgoing::Values(values) => values.write(out),
        }
        Ok(())
    }
}

/// The states of many groups on their way out of a checkpoint.
pub struct Reading {
    slots: Vec<u32>,
    /// By accumulator: what is loaded together, where that is how it is done.
    values: Vec<Option<Incoming<1>>>,
}

impl Reading {
    pub fn new(accumulators: &[Accumulator]) -> Reading {
        let values = accumulators.iter().map(|each| match each {
            Accumulator::Numbers(_) | Accumulator::Folded(_) => None,
            Accumulator::Distinct(distinct) => Some(distinct.incoming()),
            Accumulator::Ordered(ordered) => Some(ordered.incoming()),
        });
        Reading { slots: Vec::new(), values: values.collect() }
    }

    /// Reads what was written of a group, which has this slot now, and moves `bytes` past it. False where it is cut short.
    pub fn read(&mut self, accumulators: &mut [Accumulator], slot: u32, bytes: &mut &[u8]) -> Result<bool> {
        for (each, values) in accumulators.iter_mut().zip(&mut self.values) {
            let is_whole = match (each, values) {
                (Accumulator::Numbers(numbers), _) => numbers.load(slot, bytes),
                (Accumulator::Folded(folded), _) => folded.load(slot, bytes)?,
                (_, Some(values)) => values.read(bytes),
                (_, None) => false,
            };
            if !is_whole {
                return Ok(false);
            }
        }
        self.slots.push(slot);
        Ok(true)
    }

    /// Loads what was read.
    pub fn finish(self, accumulators: &mut [Accumulator]) -> Result<()> {
        for (each, values) in accumulators.iter_mut().zip(self.values) {
            match (each, values) {
                (Accumulator::Distinct(distinct), Some(values)) => distinct.load(&self.slots, values.finish()?)?,
                (Accumulator::Ordered(ordered), Some(values)) => ordered.load(&self.slots, values.finish()?),
                _ => {}
            }
        }
        Ok(())
    }
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
            Function::Distinct => {
                let argument = arguments.first().ok_or_else(|| Error::internal("distinct values of nothing"))?;
                Accumulator::Distinct(Distinct::new(argument)?)
            }
            Function::Ordered(function) => {
                Accumulator::Ordered(Ordered::new(Arc::clone(function), arguments.to_vec(), output)?)
            }
        })
    }

    /// An empty accumulator of the same kind.
    pub fn like(&self) -> Result<Accumulator> {
        Ok(match self {
            Accumulator::Numbers(numbers) => Accumulator::Numbers(numbers.like()),
            Accumulator::Folded(folded) => Accumulator::Folded(folded.like()),
            Accumulator::Distinct(distinct) => Accumulator::Distinct(distinct.like()?),
            Accumulator::Ordered(ordered) => Accumulator::Ordered(ordered.like()),
        })
    }

    /// Makes room for slots below `slots`.
    pub fn resize(&mut self, slots: usize) {
        match self {
            Accumulator::Numbers(numbers) => numbers.resize(slots),
            Accumulator::Folded(folded) => folded.resize(slots),
            Accumulator::Distinct(distinct) => distinct.resize(slots),
            Accumulator::Ordered(ordered) => ordered.resize(slots),
        }
    }

    /// Empties one slot.
    pub fn clear(&mut self, slot: u32) {
        match self {
            Accumulator::Numbers(numbers) => numbers.clear(slot),
            Accumulator::Folded(folded) => folded.clear(slot),
            Accumulator::Distinct(distinct) => distinct.clear(slot),
            Accumulator::Ordered(ordered) => ordered.clear(slot),
        }
    }

    /// Empties all slots and keeps none.
    pub fn truncate(&mut self) {
        match self {
            Accumulator::Numbers(numbers) => numbers.truncate(),
            Accumulator::Folded(folded) => folded.truncate(),
            Accumulator::Distinct(distinct) => distinct.truncate(),
            Accumulator::Ordered(ordered) => ordered.truncate(),
        }
    }

    /// Appends what another's slot results in as the last slot, which can then be asked for that, and nothing else.
    pub fn push_copy(&mut self, other: &Accumulator, slot: u32) -> Result<()> {
        match (self, other) {
            (Accumulator::Numbers(numbers), Accumulator::Numbers(other)) => numbers.push_copy(other, slot),
            (Accumulator::Folded(folded), Accumulator::Folded(other)) => folded.push_copy(other, slot)?,
            (Accumulator::Distinct(distinct), Accumulator::Distinct(other)) => distinct.push_copy(other, slot),
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
            Accumulator::Distinct(distinct) => distinct.merge(from, into)?,
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
            Accumulator::Distinct(distinct) => distinct.update(slots, &arguments[0], filter, weights),
            Accumulator::Ordered(ordered) => ordered.update(slots, arguments, filter, weights),
        }
    }

    /// The results of some slots, in their order.
    pub fn results(&self, slots: &[u32]) -> Result<ArrayRef> {
        match self {
            Accumulator::Numbers(numbers) => numbers.results(slots),
            Accumulator::Folded(folded) => folded.results(slots),
            Accumulator::Distinct(distinct) => Ok(distinct.results(slots)),
            Accumulator::Ordered(ordered) => ordered.results(slots),
        }
    }

    /// What a checkpoint takes; the next one begins from here.
    pub fn taken(&mut self, which: Save) -> Result<Taken> {
        Ok(match self {
            Accumulator::Numbers(_) | Accumulator::Folded(_) => Taken::Whole,
            Accumulator::Distinct(distinct) => Taken::Distinct(distinct.taken(which)?),
            Accumulator::Ordered(ordered) => Taken::Ordered(ordered.taken(which)),
        })
    }

    /// The state of some slots, in their order.
    pub fn outgoing(&self, taken: &Taken, slots: &[u32]) -> Result<Outgoing<'_>> {
        match (self, taken) {
            (Accumulator::Numbers(numbers), _) => Ok(Outgoing::Numbers(numbers)),
            (Accumulator::Folded(folded), _) => Ok(Outgoing::Folded(folded)),
            (Accumulator::Distinct(distinct), Taken::Distinct(taken)) => {
                distinct.outgoing(taken, slots).map(Outgoing::Values)
            }
            (Accumulator::Ordered(ordered), Taken::Ordered(taken)) => {
                ordered.outgoing(taken, slots).map(Outgoing::Values)
            }
            _ => Err(Error::internal("what was taken is another accumulator's")),
        }
    }

    /// Roughly the bytes held.
    pub fn bytes(&self) -> usize {
        match self {
            Accumulator::Numbers(numbers) => numbers.bytes(),
            Accumulator::Folded(folded) => folded.bytes(),
            Accumulator::Distinct(distinct) => distinct.bytes(),
            Accumulator::Ordered(ordered) => ordered.bytes(),
        }
    }
}
