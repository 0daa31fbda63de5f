//! Aggregates that need a group's values: the least and the greatest, distinct ones, and all functions of DataFusion's
//! that are no sums.
//!
//! A group is an ordered multiset of its values, so that each can be taken back. The least, the greatest and the number
//! of distinct values follow from it at once; any other function goes through all values of a group that changed. Where
//! rows never are taken back, the least and the greatest keep but themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, UInt32Array, new_empty_array, new_null_array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{SortOptions, cast, take};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use super::numbers::Rows;
use super::{exact, value};
use crate::batch::plain_nulls;
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
    /// How many there are, but for null.
    Distinct,
    /// What a function makes of them. Its columns are the arguments behind those that order.
    Whole(Arc<AggregateFunctionExpr>),
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Least => f.write_str("least"),
            Outcome::Greatest => f.write_str("greatest"),
            Outcome::Distinct => f.write_str("distinct"),
            Outcome::Whole(function) => f.write_str(function.name()),
        }
    }
}

/// Values of all groups, by slot.
#[derive(Debug)]
pub struct Ordered {
    function: Arc<Function>,
    types: Vec<DataType>,
    output: DataType,
    converter: Arc<RowConverter>,
    /// A row of nulls.
    null: Arc<[u8]>,
    groups: Vec<Group>,
    bytes: usize,
}

type Value = Box<[u8]>;

#[derive(Debug, Default)]
struct Group {
    /// How often each is there, never zero.
    values: BTreeMap<Value, i64>,
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
        let field = |(at, data_type): (usize, &DataType)| {
            SortField::new_with_options(data_type.clone(), function.order.get(at).copied().unwrap_or_default())
        };
        let converter = RowConverter::new(types.iter().enumerate().map(field).collect())?;
        let nulls: Vec<ArrayRef> = types.iter().map(|each| new_null_array(each, 1)).collect();
        let null = Arc::from(converter.convert_columns(&nulls)?.row(0).as_ref());
        let (converter, groups) = (Arc::new(converter), Vec::new());
        Ok(Ordered { function, types, output, converter, null, groups, bytes: 0 })
    }

    pub fn like(&self) -> Ordered {
        Ordered {
            function: Arc::clone(&self.function),
            types: self.types.clone(),
            output: self.output.clone(),
            converter: Arc::clone(&self.converter),
            null: Arc::clone(&self.null),
            groups: Vec::new(),
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
        let encoded = self.converter.convert_columns(arguments)?;
        let skips_nulls = !matches!(self.function.result, Outcome::Whole(_));
        let argument = arguments.first().filter(|_| skips_nulls).map(AsRef::as_ref);
        let Ordered { groups, bytes, function, .. } = self;
        let only = function.keeps();
        Rows { slots, filter, argument, weights }.for_each(|slot, row, weight| {
            let (values, value) = (&mut groups[slot].values, encoded.row(row));
            match only {
                Some(better) => keep_best(values, value.as_ref(), better, bytes),
                None => count(values, value.as_ref(), weight, bytes),
            }
        });
        Ok(())
    }

    /// Adds what one slot holds to another, and empties it.
    pub fn merge(&mut self, from: u32, into: u32) {
        let only = self.function.keeps();
        let group = std::mem::take(&mut self.groups[from as usize]);
        let Ordered { groups, bytes, .. } = self;
        let values = &mut groups[into as usize].values;
        for (value, copies) in group.values {
            *bytes -= value.len() + ENTRY_BYTES;
            match only {
                Some(better) => keep_best(values, &value, better, bytes),
                None => count(values, &value, copies, bytes),
            }
        }
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
            Outcome::Distinct => Ok(Arc::new(groups.map(|group| group.values.len() as i64).collect::<Int64Array>())),
            Outcome::Whole(function) => {
                let outcomes = groups.map(|group| self.whole(group, function)).collect::<Result<Vec<_>>>()?;
                Ok(ScalarValue::iter_to_array(outcomes)?)
            }
        }
    }

    /// Values as results; nothing is null.
    fn values<'a>(&self, values: impl Iterator<Item = Option<&'a Value>>) -> Result<ArrayRef> {
        let parser = self.converter.parser();
        let rows = values.map(|value| parser.parse(value.map_or(self.null.as_ref(), AsRef::as_ref)));
        let columns = plain_nulls(self.converter.convert_rows(rows)?);
        let column = columns.into_iter().next().ok_or_else(|| Error::internal("an aggregate without its argument"))?;
        if column.data_type() == &self.output { Ok(column) } else { Ok(cast(&column, &self.output)?) }
    }

    /// What a function makes of a group's values, in their order.
    fn whole(&self, group: &Group, function: &AggregateFunctionExpr) -> Result<ScalarValue> {
        let mut accumulator = function.create_accumulator()?;
        if !group.values.is_empty() {
            let parser = self.converter.parser();
            let columns = self.converter.convert_rows(group.values.keys().map(|value| parser.parse(value)))?;
            let columns = plain_nulls(columns);
            let copies = group.values.values().enumerate();
            let copies: UInt32Array =
                copies.flat_map(|(row, copies)| std::iter::repeat_n(row as u32, (*copies).max(0) as usize)).collect();
            let arguments = columns[self.function.order.len()..].iter();
            let arguments =
                arguments.map(|column| take(column, &copies, None)).collect::<std::result::Result<Vec<_>, _>>()?;
            let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(copies.len()));
            let schema = super::numbered(&self.types[self.function.order.len()..]);
            let rows = arrow::array::RecordBatch::try_new_with_options(schema, arguments, &rows)?;
            let expressions = function.expressions();
            let values = expressions.iter().map(|each| each.evaluate(&rows)?.into_array(rows.num_rows()));
            accumulator.update_batch(&values.collect::<datafusion::error::Result<Vec<_>>>()?)?;
        }
        Ok(accumulator.evaluate()?)
    }

    /// Appends one slot's state: how many different values there are, and each with its number.
    pub fn save(&self, slot: u32, out: &mut Vec<u8>) -> Result<()> {
        let values = &self.groups[slot as usize].values;
        out.extend_from_slice(&(values.len() as u32).to_le_bytes());
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(values.keys().map(|value| parser.parse(value)))?;
        for (row, copies) in values.values().enumerate() {
            columns.iter().for_each(|column| value::save(column, row, out));
            out.extend_from_slice(&copies.to_le_bytes());
        }
        Ok(())
    }

    pub fn load(&mut self, slot: u32, bytes: &mut &[u8]) -> Result<bool> {
        let Some((columns, copies)) = self.read(bytes) else { return Ok(false) };
        self.clear(slot);
        if !copies.is_empty() {
            let columns =
                columns.into_iter().map(ScalarValue::iter_to_array).collect::<std::result::Result<Vec<_>, _>>()?;
            let encoded = self.converter.convert_columns(&columns)?;
            let values = &mut self.groups[slot as usize].values;
            encoded.iter().zip(copies).for_each(|(row, copies)| count(values, row.as_ref(), copies, &mut self.bytes));
        }
        Ok(true)
    }

    fn read(&self, bytes: &mut &[u8]) -> Option<(Vec<Vec<ScalarValue>>, Vec<i64>)> {
        let number = u32::from_le_bytes(exact::take(bytes)?);
        let (mut columns, mut copies) = (vec![Vec::new(); self.types.len()], Vec::new());
        for _ in 0..number {
            for (column, data_type) in columns.iter_mut().zip(&self.types) {
                column.push(value::load(data_type, bytes)?);
            }
            copies.push(i64::from_le_bytes(exact::take(bytes)?));
        }
        Some((columns, copies))
    }

    pub fn bytes(&self) -> usize {
        self.bytes + self.groups.capacity() * size_of::<Group>()
    }
}

fn count(values: &mut BTreeMap<Value, i64>, value: &[u8], weight: i64, bytes: &mut usize) {
    match values.get_mut(value) {
        // Below zero it may be within a tick: what is taken back can come before it was given.
        Some(copies) if *copies + weight != 0 => *copies += weight,
        Some(_) => {
            values.remove(value);
            *bytes -= value.len() + ENTRY_BYTES;
        }
        None => {
            values.insert(Box::from(value), weight);
            *bytes += value.len() + ENTRY_BYTES;
        }
    }
}

fn keep_best(values: &mut BTreeMap<Value, i64>, value: &[u8], better: std::cmp::Ordering, bytes: &mut usize) {
    let best = values.keys().next().map(AsRef::as_ref);
    if best.is_some_and(|best: &[u8]| value.cmp(best) != better) {
        return;
    }
    *bytes -= values.keys().map(|value| value.len() + ENTRY_BYTES).sum::<usize>();
    values.clear();
    count(values, value, 1, bytes);
}
