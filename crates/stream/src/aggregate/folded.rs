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

use super::numbered;
use super::numbers::Rows;
use crate::rows::value;
use crate::{Error, Result};

/// Functions whose state does not grow with a group, and that can be asked for it, and for their result, at any time.
const NAMES: [&str; 27] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "approx_top_k",
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
        let is_kept = state.iter().all(value::is_kept) && value::is_kept(built.field().data_type());
        let fits = NAMES.contains(&built.fun().name()) && !built.is_distinct() && is_kept;
        let keeps_few = built.fun().name() == "approx_distinct" && built.expressions().len() == 1;
        fits.then(|| Function { built: Arc::clone(built), state, keeps_few })
    }

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
        // With the types of what is stored: one that is laid out otherwise is another.
        write!(f, "{} {:?} by {:?}", self.built.fun().name(), self.built.field().data_type(), self.state)
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
    Live(RefCell<Live>),
    /// Of a copy: what the group came to.
    Outcome(ScalarValue),
}

struct Live {
    accumulator: Box<dyn DataFusionAccumulator>,
    /// What it came to, since its last change. It is stored: an accumulator that is read again may come to another last
    /// digit, and what was given has to be taken back as it was.
    outcome: Option<ScalarValue>,
}

impl Live {
    fn outcome(&mut self) -> Result<ScalarValue> {
        if self.outcome.is_none() {
            self.outcome = Some(self.accumulator.evaluate()?);
        }
        self.outcome.clone().ok_or_else(|| Error::internal("an outcome that was just found is gone"))
    }
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

    /// A group's accumulator, to be changed.
    fn live(&mut self, slot: u32) -> Result<&mut Box<dyn DataFusionAccumulator>> {
        let group = &mut self.groups[slot as usize];
        if !matches!(group, Group::Live(_)) {
            let accumulator = self.function.accumulator_of(group)?;
            *group = Group::Live(RefCell::new(Live { accumulator, outcome: None }));
        }
        let Group::Live(live) = group else { return Err(Error::internal("a group that was just made is gone")) };
        let live = live.get_mut();
        live.outcome = None;
        Ok(&mut live.accumulator)
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
            let state = arrays(from.into_inner().accumulator.state()?)?;
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
            Group::Live(live) => live.borrow_mut().outcome()?,
            Group::Outcome(outcome) => outcome.clone(),
        })
    }

    /// Appends one slot's state: whether there is one, its outcome and its values; or few values as they are.
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
        let mut live = live.borrow_mut();
        let stored = [vec![live.outcome()?], live.accumulator.state()?].concat();
        arrays(stored)?.iter().for_each(|each| value::save(each, 0, out));
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
        let outcome = value::load(self.function.built.field().data_type(), bytes);
        let state: Option<Vec<ScalarValue>> =
            self.function.state.iter().map(|data_type| value::load(data_type, bytes)).collect();
        let (Some(outcome), Some(state)) = (outcome, state) else { return Ok(false) };
        self.live(slot)?.merge_batch(&arrays(state)?)?;
        if let Group::Live(live) = &mut self.groups[slot as usize] {
            live.get_mut().outcome = Some(outcome);
        }
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
            Group::Live(live) => live.borrow().accumulator.size(),
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

#[cfg(test)]
mod tests {
    use datafusion::functions_aggregate::all_default_aggregate_functions;
    use datafusion::physical_expr::PhysicalExpr;
    use datafusion::physical_expr::aggregate::AggregateExprBuilder;
    use datafusion::physical_expr::expressions::{Column, Literal};
    use headwater_base::random::Random;
    use headwater_query::sketch::approx_top_k;

    use super::*;

    /// A function by its name or another one, over columns of the types that it takes.
    fn built(name: &str) -> (Arc<AggregateFunctionExpr>, Vec<DataType>) {
        let mut functions = all_default_aggregate_functions().into_iter().chain([approx_top_k()]);
        let is_called = |one: &str| one == name;
        let function = functions.find(|each| is_called(each.name()) || each.aliases().iter().any(|one| is_called(one)));
        let (value, arguments) = match name {
            "approx_distinct" | "approx_top_k" => (DataType::Int64, 1),
            _ if name.starts_with("bit_") => (DataType::Int64, 1),
            _ if name.starts_with("bool_") => (DataType::Boolean, 1),
            _ if name.starts_with("regr_") || name.starts_with("covar") || name == "corr" => (DataType::Float64, 2),
            "approx_percentile_cont_with_weight" => (DataType::Float64, 2),
            _ => (DataType::Float64, 1),
        };
        let types = vec![value; arguments];
        let mut list: Vec<Arc<dyn PhysicalExpr>> = (0..arguments)
            .map(|at| Arc::new(Column::new(&format!("column_{at}"), at)) as Arc<dyn PhysicalExpr>)
            .collect();
        if name.starts_with("approx_percentile") {
            list.push(Arc::new(Literal::new(ScalarValue::Float64(Some(0.75)))));
        }
        if name == "approx_top_k" {
            list.push(Arc::new(Literal::new(ScalarValue::Int64(Some(5)))));
        }
        let built = AggregateExprBuilder::new(function.unwrap_or_else(|| panic!("no function {name}")), list);
        (Arc::new(built.schema(numbered(&types)).alias(name).build().unwrap()), types)
    }

    fn columns(types: &[DataType], rows: usize, random: &mut Random) -> Vec<ArrayRef> {
        let column = |data_type: &DataType| {
            let value = |_| match data_type {
                DataType::Boolean => ScalarValue::Boolean(Some(random.chance(9, 10))),
                DataType::Int64 => ScalarValue::Int64(Some(random.below(1000) as i64)),
                _ if random.chance(1, 20) && types.len() == 1 => ScalarValue::Float64(None),
                _ => ScalarValue::Float64(Some(1.0 + random.below(400) as f64)),
            };
            ScalarValue::iter_to_array((0..rows).map(value).collect::<Vec<_>>()).unwrap()
        };
        types.iter().map(column).collect()
    }

    fn number(value: &ScalarValue) -> f64 {
        match value.cast_to(&DataType::Float64).unwrap() {
            ScalarValue::Float64(Some(number)) => number,
            other => panic!("{other} is no number"),
        }
    }

    /// In pieces, stored and read again between them, asked all the time, and merged at the end: as all rows at once.
    #[test]
    fn pieces_come_to_what_all_rows_at_once_do() {
        for name in NAMES {
            let (built, types) = built(name);
            let function = Arc::new(Function::of(&built).unwrap_or_else(|| panic!("{name} is not folded")));
            let mut random = Random::new(7);
            let output = built.field().data_type().clone();
            let mut folded = Folded::new(function, types.clone(), output);
            folded.resize(2);
            let mut all: Vec<Vec<ArrayRef>> = Vec::new();
            for piece in 0..12 {
                let (slot, rows) = (piece % 2, 1 + random.below(60) as usize);
                let piece = columns(&types, rows, &mut random);
                folded.update(&vec![slot; rows], &piece, None, None).unwrap();
                all.push(piece);
                let before = folded.outcome(slot).unwrap();
                let mut bytes = Vec::new();
                folded.save(slot, &mut bytes).unwrap();
                assert_eq!(folded.outcome(slot).unwrap(), before, "{name}: asking changes it");
                let mut other = folded.like();
                other.resize(2);
                let mut rest = bytes.as_slice();
                assert!(other.load(slot, &mut rest).unwrap() && rest.is_empty(), "{name}");
                assert!(!folded.like().load_cut(&bytes), "{name}: a state that is cut short is taken");
                assert_eq!(other.outcome(slot).unwrap(), before, "{name}: what was stored is another");
                std::mem::swap(&mut other.groups[slot as usize], &mut folded.groups[slot as usize]);
            }
            folded.merge(1, 0).unwrap();
            let mut whole = built.create_accumulator().unwrap();
            for piece in &all {
                let places = (0..piece[0].len() as u32).collect();
                whole.update_batch(&folded.values(piece, &places).unwrap()).unwrap();
            }
            let (found, wanted) = (folded.outcome(0).unwrap(), whole.evaluate().unwrap());
            if matches!(wanted, ScalarValue::List(_)) {
                assert_eq!(found, wanted, "{name}");
                continue;
            }
            let (found, wanted) = (number(&found), number(&wanted));
            // A digest depends on the order of its values.
            let bound = if name.starts_with("approx_") && name != "approx_distinct" { 0.02 } else { 1e-9 };
            assert!((found - wanted).abs() <= bound * wanted.abs().max(1.0), "{name}: {found} for {wanted}");
        }
    }

    impl Folded {
        /// Whether a state without its last byte is taken.
        fn load_cut(&mut self, bytes: &[u8]) -> bool {
            self.resize(1);
            self.load(0, &mut &bytes[..bytes.len() - 1]).unwrap()
        }
    }
}
