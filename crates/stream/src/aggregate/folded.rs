//! Aggregates that take values in and keep none, by DataFusion's own accumulators: sketches (HyperLogLog, t-digest),
//! variances and their like, where rows are never taken back.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Accumulator as DataFusionAccumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use super::numbers::Rows;
use super::{numbered, value};
use crate::{Error, Result};

/// Functions whose state does not grow with a group, and that can be asked for it, and for their result, at any time.
const NAMES: [&str; 26] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "covar_pop",
    "covar_samp",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "var_samp",
];

/// What is computed.
pub struct Function {
    built: Arc<AggregateFunctionExpr>,
    /// The types of its state.
    state: Vec<DataType>,
    /// Its state is large from the first value on and takes each different value once: few values are kept as they are.
    keeps_few: bool,
}

/// How many different values are kept as they are.
const FEW: usize = 100;

impl Function {
    /// `None` for a function that is none of these, or whose state can't be kept.
    pub fn of(built: &Arc<AggregateFunctionExpr>) -> Option<Function> {
        let state: Vec<DataType> = built.state_fields().ok()?.iter().map(|field| field.data_type().clone()).collect();
        let fits = NAMES.contains(&built.fun().name()) && !built.is_distinct() && state.iter().all(value::is_kept);
        let keeps_few = built.fun().name() == "approx_distinct" && built.expressions().len() == 1;
        fits.then(|| Function { built: Arc::clone(built), state, keeps_few })
    }
}

impl Function {
    /// Few values of a group; `None` where it has none of these.
    fn few(&self, group: &Group) -> Result<Option<ArrayRef>> {
        match group {
            Group::Few(few, _) if !few.is_empty() => Ok(Some(ScalarValue::iter_to_array(few.iter().cloned())?)),
            _ => Ok(None),
        }
    }

    /// An accumulator with what a group kept as it is.
    fn accumulator_of(&self, group: &Group) -> Result<Box<dyn DataFusionAccumulator>> {
        let mut accumulator = self.built.create_accumulator()?;
        if let Some(few) = self.few(group)? {
            accumulator.update_batch(&[few])?;
        }
        Ok(accumulator)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With the types of its state: one that is laid out otherwise is another.
        write!(f, "{} {:?}", self.built.fun().name(), self.state)
    }
}

/// All groups, by slot.
pub struct Folded {
    function: Arc<Function>,
    types: Vec<DataType>,
    output: DataType,
    groups: Vec<Group>,
}

#[derive(Default)]
enum Group {
    #[default]
    Empty,
    /// Different values, and their bytes.
    Few(HashSet<ScalarValue>, usize),
    /// Asking it changes nothing that anybody sees, but takes it as its own.
    Live(RefCell<Box<dyn DataFusionAccumulator>>),
    /// Of a copy: what the group came to.
    Outcome(ScalarValue),
}

impl fmt::Debug for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} groups", self.function, self.groups.len())
    }
}

impl Folded {
    pub fn new(function: Arc<Function>, types: Vec<DataType>, output: DataType) -> Folded {
        Folded { function, types, output, groups: Vec::new() }
    }

    pub fn like(&self) -> Folded {
        Folded::new(Arc::clone(&self.function), self.types.clone(), self.output.clone())
    }

    pub fn resize(&mut self, slots: usize) {
        if slots > self.groups.len() {
            self.groups.resize_with(slots, Group::default);
        }
    }

    pub fn clear(&mut self, slot: u32) {
        self.groups[slot as usize] = Group::Empty;
    }

    pub fn truncate(&mut self) {
        self.groups.clear();
    }

    /// See [`super::Accumulator::push_copy`].
    pub fn push_copy(&mut self, other: &Folded, slot: u32) -> Result<()> {
        self.groups.push(Group::Outcome(other.outcome(slot)?));
        Ok(())
    }

    pub fn update(
        &mut self,
        slots: &[u32],
        arguments: &[ArrayRef],
        filter: Option<&BooleanArray>,
        weights: Option<&ScalarBuffer<i64>>,
    ) -> Result<()> {
        // The rows of each group beside each other, in their order.
        let mut rows: Vec<(u32, u32)> = Vec::with_capacity(slots.len());
        Rows { slots, filter, argument: None, weights }.for_each(|slot, row, weight| {
            rows.extend(std::iter::repeat_n((slot as u32, row as u32), weight.max(0) as usize));
        });
        rows.sort_by_key(|(slot, _)| *slot);
        let places: UInt32Array = rows.iter().map(|(_, row)| *row).collect();
        let values = self.values(arguments, &places)?;
        let mut begin = 0;
        for group in rows.chunk_by(|one, other| one.0 == other.0) {
            let values: Vec<ArrayRef> = values.iter().map(|each| each.slice(begin, group.len())).collect();
            if !self.keep_few(group[0].0, &values[0])? {
                self.live(group[0].0)?.update_batch(&values)?;
            }
            begin += group.len();
        }
        Ok(())
    }

    /// What the function is given of some rows.
    fn values(&self, arguments: &[ArrayRef], places: &UInt32Array) -> Result<Vec<ArrayRef>> {
        let taken = arguments.iter().map(|column| Ok(take(column, places, None)?)).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        let rows = RecordBatch::try_new_with_options(numbered(&self.types), taken, &options)?;
        let expressions = self.function.built.expressions();
        let values = expressions.iter().map(|each| Ok(each.evaluate(&rows)?.into_array(rows.num_rows())?));
        values.collect()
    }

    fn live(&mut self, slot: u32) -> Result<&mut Box<dyn DataFusionAccumulator>> {
        let group = &mut self.groups[slot as usize];
        if !matches!(group, Group::Live(_)) {
            let live = self.function.accumulator_of(group)?;
            *group = Group::Live(RefCell::new(live));
        }
        match group {
            Group::Live(live) => Ok(live.get_mut()),
            _ => Err(Error::internal("a group that was just made is gone")),
        }
    }

    /// Takes values as they are, while there are few in the group; whether it did.
    fn keep_few(&mut self, slot: u32, values: &ArrayRef) -> Result<bool> {
        let group = &mut self.groups[slot as usize];
        if matches!(group, Group::Empty) && self.function.keeps_few {
            *group = Group::Few(HashSet::new(), 0);
        }
        let Group::Few(few, bytes) = group else { return Ok(false) };
        for row in 0..values.len() {
            if few.len() == FEW {
                self.live(slot)?.update_batch(&[values.slice(row, values.len() - row)])?;
                break;
            }
            let value = ScalarValue::try_from_array(values, row)?;
            let size = value.size();
            *bytes += if few.insert(value) { size } else { 0 };
        }
        Ok(true)
    }

    /// Adds what one slot holds to another, and empties it.
    pub fn merge(&mut self, from: u32, into: u32) -> Result<()> {
        if matches!(self.groups[from as usize], Group::Few(..)) {
            let few = self.function.few(&std::mem::take(&mut self.groups[from as usize]))?;
            if let Some(few) = few
                && !self.keep_few(into, &few)?
            {
                self.live(into)?.update_batch(&[few])?;
            }
            return Ok(());
        }
        if let Group::Live(from) = std::mem::take(&mut self.groups[from as usize]) {
            let state = arrays(from.into_inner().state()?)?;
            self.live(into)?.merge_batch(&state)?;
        }
        Ok(())
    }

    pub fn results(&self, slots: &[u32]) -> Result<ArrayRef> {
        if slots.is_empty() {
            return Ok(new_empty_array(&self.output));
        }
        let outcomes = slots.iter().map(|slot| self.outcome(*slot)).collect::<Result<Vec<_>>>()?;
        Ok(ScalarValue::iter_to_array(outcomes)?)
    }

    fn outcome(&self, slot: u32) -> Result<ScalarValue> {
        Ok(match &self.groups[slot as usize] {
            group @ (Group::Empty | Group::Few(..)) => self.function.accumulator_of(group)?.evaluate()?,
            Group::Live(live) => live.borrow_mut().evaluate()?,
            Group::Outcome(outcome) => outcome.clone(),
        })
    }

    /// Appends one slot's state: whether there is one, and its values; or few values as they are.
    pub fn save(&self, slot: u32, out: &mut Vec<u8>) -> Result<()> {
        if let Some(few) = self.function.few(&self.groups[slot as usize])? {
            out.push(2);
            out.extend_from_slice(&(few.len() as u32).to_le_bytes());
            (0..few.len()).for_each(|row| value::save(&few, row, out));
            return Ok(());
        }
        let Group::Live(live) = &self.groups[slot as usize] else {
            out.push(0);
            return Ok(());
        };
        out.push(1);
        arrays(live.borrow_mut().state()?)?.iter().for_each(|each| value::save(each, 0, out));
        Ok(())
    }

    /// False when the state is cut short.
    pub fn load(&mut self, slot: u32, bytes: &mut &[u8]) -> Result<bool> {
        self.clear(slot);
        match super::exact::take::<1>(bytes) {
            None => return Ok(false),
            Some([0]) => return Ok(true),
            Some([2]) => return self.load_few(slot, bytes),
            Some(_) => {}
        }
        let state: Option<Vec<ScalarValue>> =
            self.function.state.iter().map(|data_type| value::load(data_type, bytes)).collect();
        let Some(state) = state else { return Ok(false) };
        self.live(slot)?.merge_batch(&arrays(state)?)?;
        Ok(true)
    }

    fn load_few(&mut self, slot: u32, bytes: &mut &[u8]) -> Result<bool> {
        let (Some(count), [data_type]) = (super::exact::take(bytes).map(u32::from_le_bytes), self.types.as_slice())
        else {
            return Ok(false);
        };
        let values: Option<Vec<ScalarValue>> = (0..count).map(|_| value::load(data_type, bytes)).collect();
        let Some(values) = values else { return Ok(false) };
        if !values.is_empty() {
            self.keep_few(slot, &ScalarValue::iter_to_array(values)?)?;
        }
        Ok(true)
    }

    pub fn bytes(&self) -> usize {
        let held = |group: &Group| match group {
            Group::Live(live) => live.borrow().size(),
            Group::Few(_, bytes) => *bytes,
            _ => 0,
        };
        self.groups.capacity() * size_of::<Group>() + self.groups.iter().map(held).sum::<usize>()
    }
}

/// Values as columns of one row.
fn arrays(state: Vec<ScalarValue>) -> Result<Vec<ArrayRef>> {
    state.iter().map(|value| Ok(value.to_array()?)).collect()
}
