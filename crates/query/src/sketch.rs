//! Aggregates by sketches that DataFusion has not: `approx_top_k`.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, StringArray, StructArray};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, not_impl_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Literal;
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};

/// Counters of a sketch, of which three quarters are used: as long as there are no more different values, each count
/// is exact; past that, one is too high by at most 3.5/4096 of all rows.
const COUNTERS: usize = 4096;

/// The most values that can be asked for.
const MOST: i64 = 1000;

/// `approx_top_k(value, k)`: the k most frequent values and how often each is there, the most frequent first; of equally
/// frequent ones, the lesser text first. NULL is no value.
pub fn approx_top_k() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(ApproxTopK { signature: Signature::any(2, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ApproxTopK {
    signature: Signature,
}

/// What an element of the result is.
fn element(of: &DataType) -> Fields {
    Fields::from(vec![Field::new("item", of.clone(), true), Field::new("count", DataType::Int64, true)])
}

impl AggregateUDFImpl for ApproxTopK {
    fn name(&self) -> &'static str {
        "approx_top_k"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let of = &types[0];
        let is_plain = of.is_numeric() || of.is_string() || of.is_temporal() || *of == DataType::Boolean;
        let is_told = can_cast_types(of, &DataType::Utf8) && can_cast_types(&DataType::Utf8, of);
        if !is_plain || !is_told || matches!(of, DataType::Duration(_) | DataType::Interval(_)) {
            return plan_err!("approx_top_k counts numbers, texts, times and booleans, not {of}");
        }
        if !types[1].is_integer() {
            return plan_err!("the second argument of approx_top_k is how many values are wanted, a whole number");
        }
        Ok(DataType::new_list(DataType::Struct(element(of)), true))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[sketch]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return not_impl_err!("approx_top_k(DISTINCT …): it counts how often values are there");
        }
        let wanted = args.exprs[1].downcast_ref::<Literal>().map(|literal| literal.value().cast_to(&DataType::Int64));
        match wanted.transpose()? {
            Some(ScalarValue::Int64(Some(wanted))) if (1..=MOST).contains(&wanted) => Ok(Box::new(TopK {
                wanted: wanted as usize,
                of: args.expr_fields[0].data_type().clone(),
                texts: 0,
                sketch: empty()?,
            })),
            _ => plan_err!("the second argument of approx_top_k is a number from 1 to {MOST}, the same for all rows"),
        }
    }
}

/// Values by their texts: so every type of values has one kind of sketch, which other implementations read, too.
struct TopK {
    wanted: usize,
    of: DataType,
    /// Bytes of the values that are counted, about.
    texts: usize,
    sketch: FrequentItemsSketch<String>,
}

fn empty() -> Result<FrequentItemsSketch<String>> {
    FrequentItemsSketch::new(COUNTERS).map_err(refused)
}

fn refused(error: datasketches::error::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl TopK {
    /// Counts the bytes of values that came, of whom the sketch may have let others go.
    fn note(&mut self, before: usize, bytes: usize) {
        let now = self.sketch.num_active_items();
        self.texts = match before.cmp(&now) {
            Ordering::Less => self.texts + bytes,
            Ordering::Equal => self.texts,
            Ordering::Greater => self.texts / before * now,
        };
    }
}

impl std::fmt::Debug for TopK {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the {} most frequent of {}", self.wanted, self.of)
    }
}

impl Accumulator for TopK {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let texts = arrow::compute::cast(&values[0], &DataType::Utf8)?;
        for text in texts.as_string::<i32>().iter().flatten() {
            let before = self.sketch.num_active_items();
            self.sketch.update_ref(text);
            self.note(before, text.len());
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states[0].as_any().downcast_ref::<BinaryArray>() else {
            return exec_err!("the state of approx_top_k is no sketch");
        };
        for state in states.iter().flatten() {
            let before = self.sketch.num_active_items();
            self.sketch.merge(&FrequentItemsSketch::deserialize(state).map_err(refused)?);
            self.note(before, state.len());
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.sketch.serialize()))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut rows = self.sketch.frequent_items(ErrorType::NoFalseNegatives);
        rows.sort_by(|one, other| other.estimate().cmp(&one.estimate()).then_with(|| one.item().cmp(other.item())));
        rows.truncate(self.wanted);
        let texts: StringArray = rows.iter().map(|row| Some(row.item())).collect();
        let counts: Int64Array = rows.iter().map(|row| Some(row.estimate() as i64)).collect();
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let items = cast_with_options(&texts, &self.of, &exact)?;
        let fields = element(&self.of);
        let elements = StructArray::try_new(fields.clone(), vec![items, Arc::new(counts)], None)?;
        let elements =
            (0..elements.len()).map(|at| ScalarValue::try_from_array(&elements, at)).collect::<Result<Vec<_>>>()?;
        Ok(ScalarValue::List(ScalarValue::new_list_from_iter(elements.into_iter(), &DataType::Struct(fields), true)))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sketch.estimated_size() + self.texts
    }
}
