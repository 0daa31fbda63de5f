//! Aggregates that need a group's values in their order: the least and the greatest, and all functions of DataFusion's
//! that are no sums.
//!
//! A group is an ordered multiset of its values, so that each can be taken back. The least and the greatest follow from
//! it at once; any other function goes through all values of a group that changed. Where rows never are taken back, the
//! least and the greatest keep but themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array, new_null_array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{SortOptions, cast, take};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use super::numbers::Rows;
use crate::operator::Save;
use crate::rows::saved::{Came, Incoming, OfKey, Outgoing, Taken, Touched};
use crate::rows::{Codec, Row, value};
use crate::{Error, Result};

/// What is computed of ordered values.
#[derive(Debug)]
pub struct Function {
    pub result: Outcome,
    /// How the arguments that come first order the values; those behind them ascend.
    pub order: Vec<SortOptions>,
    /// Whether values may be taken back.
    pub retracts: bool,
}

impl Function {
    /// Whether a group keeps no more than the value that it results in.
    pub fn keeps_one(&self) -> bool {
        self.keeps().is_some()
    }

    /// How a value compares to another that it drives out, where a group keeps one only.
    fn keeps(&self) -> Option<std::cmp::Ordering> {
        match self.result {
            Outcome::Least if !self.retracts => Some(std::cmp::Ordering::Less),
            Outcome::Greatest if !self.retracts => Some(std::cmp::Ordering::Greater),
            _ => None,
        }
    }
}

/// What follows from the values.
pub enum Outcome {
    Least,
    Greatest,
    /// What a function makes of them. Its columns are the arguments behind those that order.
    Whole(Arc<AggregateFunctionExpr>),
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Least => f.write_str("least"),
            Outcome::Greatest => f.write_str("greatest"),
            Outcome::Whole(function) => f.write_str(function.name()),
        }
    }
}

/// Values of all groups, by slot.
#[derive(Debug)]
pub struct Ordered {
    function: Arc<Function>,
    output: DataType,
    codec: Arc<Codec>,
    /// A row of nulls.
    null: Row,
    groups: Vec<Group>,
    /// Values whose number is not in a checkpoint yet.
    unsaved: Touched<Row>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Group {
    /// How often each is there, never zero.
    values: BTreeMap<Row, i64>,
    /// Of a copy: what the group came to.
    outcome: Option<ScalarValue>,
}

/// Of a value in a group, beside its own bytes.
const ENTRY_BYTES: usize = 40;

impl Ordered {
    pub fn new(function: Arc<Function>, types: Vec<DataType>, output: DataType) -> Result<Ordered> {
        if let Some(other) = types.iter().find(|each| !value::is_kept(each)) {
            return Err(Error::not_built(format!("values of type {other} can't be kept for an aggregate yet")));
        }
        let nulls: Vec<ArrayRef> = types.iter().map(|each| new_null_array(each, 1)).collect();
        let codec = Codec::new(types, &function.order)?;
        let null = Arc::from(codec.encode(&nulls, 1)?.row(0).as_ref());
        Ok(Ordered { function, output, codec, null, groups: Vec::new(), unsaved: Touched::default(), bytes: 0 })
    }

    pub fn like(&self) -> Ordered {
        Ordered {
            function: Arc::clone(&self.function),
            output: self.output.clone(),
            codec: Arc::clone(&self.codec),
            null: Arc::clone(&self.null),
            groups: Vec::new(),
            unsaved: Touched::default(),
            bytes: 0,
        }
    }

    pub fn resize(&mut self, slots: usize) {
        if slots > self.groups.len() {
            self.groups.resize_with(slots, Group::default);
        }
    }

    pub fn clear(&mut self, slot: u32) {
        let group = std::mem::take(&mut self.groups[slot as usize]);
        self.bytes -= group.values.keys().map(|value| value.len() + ENTRY_BYTES).sum::<usize>();
    }

    pub fn truncate(&mut self) {
        self.groups.clear();
        self.unsaved.clear();
        self.bytes = 0;
    }

    /// See [`super::Accumulator::push_copy`].
    pub fn push_copy(&mut self, other: &Ordered, slot: u32) -> Result<()> {
        let outcome = ScalarValue::try_from_array(&other.results(&[slot])?, 0)?;
        self.groups.push(Group { values: BTreeMap::new(), outcome: Some(outcome) });
        Ok(())
    }

    pub fn update(
        &mut self,
        slots: &[u32],
        arguments: &[ArrayRef],
        filter: Option<&BooleanArray>,
        weights: Option<&ScalarBuffer<i64>>,
    ) -> Result<()> {
        let encoded = self.codec.encode(arguments, slots.len())?;
        let skips_nulls = !matches!(self.function.result, Outcome::Whole(_));
        let argument = arguments.first().filter(|_| skips_nulls).map(AsRef::as_ref);
        let only = self.function.keeps();
        Rows { slots, filter, argument, weights }.for_each(|slot, row, weight| {
            let value = encoded.row(row);
            match only {
                Some(better) => self.keep_best(slot as u32, value.as_ref(), better),
                None => self.count(slot as u32, value.as_ref(), weight),
            }
        });
        Ok(())
    }

    /// Adds what one slot holds to another, and empties it.
    pub fn merge(&mut self, from: u32, into: u32) {
        let only = self.function.keeps();
        let group = std::mem::take(&mut self.groups[from as usize]);
        for (value, copies) in group.values {
            self.bytes -= value.len() + ENTRY_BYTES;
            match only {
                Some(better) => self.keep_best(into, &value, better),
                None => self.count(into, &value, copies),
            }
        }
    }

    fn count(&mut self, slot: u32, value: &[u8], weight: i64) {
        let there = self.groups[slot as usize].values.get_key_value(value);
        // Below zero it may be within a tick: what is taken back can come before it was given.
        let copies = weight + there.map_or(0, |(_, copies)| *copies);
        let value = there.map_or_else(|| Arc::from(value), |(value, _)| Arc::clone(value));
        self.unsaved.note(slot, Arc::clone(&value));
        self.set(slot, value, copies);
    }

    /// A value that is there so often, and maybe not at all.
    fn set(&mut self, slot: u32, value: Row, copies: i64) {
        let (values, size) = (&mut self.groups[slot as usize].values, value.len() + ENTRY_BYTES);
        if copies != 0 {
            if values.insert(value, copies).is_none() {
                self.bytes += size;
            }
        } else if values.remove(&value).is_some() {
            self.bytes -= size;
        }
    }

    fn keep_best(&mut self, slot: u32, value: &[u8], better: std::cmp::Ordering) {
        let best = self.groups[slot as usize].values.keys().next().cloned();
        if best.as_deref().is_some_and(|best| value.cmp(best) != better) {
            return;
        }
        if let Some(best) = best {
            self.count(slot, &best, -1);
        }
        self.count(slot, value, 1);
    }

    pub fn results(&self, slots: &[u32]) -> Result<ArrayRef> {
        if slots.is_empty() {
            return Ok(new_empty_array(&self.output));
        }
        let groups = slots.iter().map(|slot| &self.groups[*slot as usize]);
        if groups.clone().all(|group| group.outcome.is_some()) {
            let outcomes = groups.filter_map(|group| group.outcome.clone());
            return Ok(ScalarValue::iter_to_array(outcomes)?);
        }
        match &self.function.result {
            Outcome::Least => self.values(groups.map(|group| group.values.keys().next())),
            Outcome::Greatest => self.values(groups.map(|group| group.values.keys().next_back())),
            Outcome::Whole(function) => {
                let outcomes = groups.map(|group| self.whole(group, function)).collect::<Result<Vec<_>>>()?;
                Ok(ScalarValue::iter_to_array(outcomes)?)
            }
        }
    }

    /// Values as results; nothing is null.
    fn values<'a>(&self, values: impl Iterator<Item = Option<&'a Row>>) -> Result<ArrayRef> {
        let columns = self.codec.decode(values.map(|value| value.map_or(self.null.as_ref(), AsRef::as_ref)))?;
        let column = columns.into_iter().next().ok_or_else(|| Error::internal("an aggregate without its argument"))?;
        if column.data_type() == &self.output { Ok(column) } else { Ok(cast(&column, &self.output)?) }
    }

    /// What a function makes of a group's values, in their order.
    fn whole(&self, group: &Group, function: &AggregateFunctionExpr) -> Result<ScalarValue> {
        let mut accumulator = function.create_accumulator()?;
        if !group.values.is_empty() {
            let columns = self.codec.decode(group.values.keys().map(AsRef::as_ref))?;
            let copies = group.values.values().enumerate();
            let copies: UInt32Array =
                copies.flat_map(|(row, copies)| std::iter::repeat_n(row as u32, (*copies).max(0) as usize)).collect();
            let arguments = columns[self.function.order.len()..].iter();
            let arguments =
                arguments.map(|column| take(column, &copies, None)).collect::<std::result::Result<Vec<_>, _>>()?;
            let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(copies.len()));
            let schema = super::numbered(&self.codec.types()[self.function.order.len()..]);
            let rows = arrow::array::RecordBatch::try_new_with_options(schema, arguments, &rows)?;
            let expressions = function.expressions();
            let values = expressions.iter().map(|each| each.evaluate(&rows)?.into_array(rows.num_rows()));
            accumulator.update_batch(&values.collect::<datafusion::error::Result<Vec<_>>>()?)?;
        }
        Ok(accumulator.evaluate()?)
    }

    /// What a checkpoint takes of the values.
    pub fn taken(&mut self, which: Save) -> Taken<Row> {
        self.unsaved.take(which)
    }

    /// The values of groups with how often each is there.
    pub fn outgoing(&self, taken: &Taken<Row>, slots: &[u32]) -> Result<Outgoing<1>> {
        let values = |slot: u32| &self.groups[slot as usize].values;
        taken.outgoing(
            &self.codec,
            slots,
            |slot| values(slot).iter().map(|(value, copies)| (value.as_ref(), [*copies])),
            |slot, value| (value.as_ref(), [values(slot).get(value).copied().unwrap_or_default()]),
        )
    }

    pub fn incoming(&self) -> Incoming<1> {
        Incoming::new(&self.codec)
    }

    /// Takes back what a checkpoint has of groups.
    pub fn load(&mut self, slots: &[u32], came: Came<1>) {
        for (slot, OfKey { is_whole, rows }) in slots.iter().zip(came.keys) {
            if is_whole {
                self.clear(*slot);
            }
            rows.into_iter().for_each(|(value, [copies])| self.set(*slot, value, copies));
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes + self.unsaved.bytes() + self.groups.capacity() * size_of::<Group>()
    }
}
