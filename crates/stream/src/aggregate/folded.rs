//! Aggregates that take values in and keep none, by DataFusion's own accumulators: sketches (HyperLogLog, t-digest),
//! variances and their like, where rows are never taken back.

use std::cell::RefCell;
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
}

impl Function {
    /// `None` for a function that is none of these, or whose state can't be kept.
    pub fn of(built: &Arc<AggregateFunctionExpr>) -> Option<Function> {
        let state: Vec<DataType> = built.state_fields().ok()?.iter().map(|field| field.data_type().clone()).collect();
        let fits = NAMES.contains(&built.fun().name()) && !built.is_distinct() && state.iter().all(value::is_kept);
        fits.then(|| Function { built: Arc::clone(built), state })
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.built.fun().name())
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
            self.live(group[0].0)?.update_batch(&values)?;
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
            *group = Group::Live(RefCell::new(self.function.built.create_accumulator()?));
        }
        match group {
            Group::Live(live) => Ok(live.get_mut()),
            _ => Err(Error::internal("a group that was just made is gone")),
        }
    }

    /// Adds what one slot holds to another, and empties it.
    pub fn merge(&mut self, from: u32, into: u32) -> Result<()> {
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
            Group::Empty => self.function.built.create_accumulator()?.evaluate()?,
            Group::Live(live) => live.borrow_mut().evaluate()?,
            Group::Outcome(outcome) => outcome.clone(),
        })
    }

    /// Appends one slot's state: whether there is one, and its values.
    pub fn save(&self, slot: u32, out: &mut Vec<u8>) -> Result<()> {
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
            Some(_) => {}
        }
        let state: Option<Vec<ScalarValue>> =
            self.function.state.iter().map(|data_type| value::load(data_type, bytes)).collect();
        let Some(state) = state else { return Ok(false) };
        self.live(slot)?.merge_batch(&arrays(state)?)?;
        Ok(true)
    }

    pub fn bytes(&self) -> usize {
        let held = |group: &Group| match group {
            Group::Live(live) => live.borrow().size(),
            _ => 0,
        };
        self.groups.capacity() * size_of::<Group>() + self.groups.iter().map(held).sum::<usize>()
    }
}

/// Values as columns of one row.
fn arrays(state: Vec<ScalarValue>) -> Result<Vec<ArrayRef>> {
    state.iter().map(|value| Ok(value.to_array()?)).collect()
}
