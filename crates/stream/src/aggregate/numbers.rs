//! Counts, sums and averages over slots, vectorised, and able to take back what they were given.
//!
//! Integers and decimals are summed in 128 bits and checked when they leave the type of the result; doubles are summed
//! exactly. Types and rounding of results are DataFusion's, so that a view equals the same query in batch.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, PrimitiveArray, UInt64Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion_functions_aggregate_common::utils::DecimalAverager;

use super::exact::{self, ExactSum};
use crate::{Error, Result};

/// What is computed of numbers. The argument has already been coerced as DataFusion's planner does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Rows, or rows whose argument is not null.
    Count,
    Sum,
    Average,
}

/// One count, sum or average of all groups, by slot.
#[derive(Debug)]
pub struct Numbers {
    function: Function,
    argument: Option<DataType>,
    output: DataType,
    /// Rows with a value.
    counts: Vec<i64>,
    sums: Sums,
}

#[derive(Debug)]
enum Sums {
    None,
    /// Integers and unscaled decimals.
    Exact(Vec<i128>),
    Float(Vec<ExactSum>),
}

impl Numbers {
    /// An accumulator of `function` over `argument` (`None` for `count(*)`) with results of type `output`. A type that
    /// it can't serve is an error of kind `Invalid`.
    pub fn new(function: Function, argument: Option<DataType>, output: DataType) -> Result<Numbers> {
        let sums = match (function, &argument) {
            (Function::Count, _) => Sums::None,
            (_, Some(argument)) if argument.is_integer() || matches!(argument, DataType::Decimal128(_, _)) => {
                Sums::Exact(Vec::new())
            }
            (_, Some(DataType::Float32 | DataType::Float64)) => Sums::Float(Vec::new()),
            (_, argument) => {
                let shown = argument.as_ref().map_or("nothing".to_owned(), ToString::to_string);
                return Err(Error::not_built(format!("sums and averages of {shown} can't be kept up to date yet")));
            }
        };
        Ok(Numbers { function, argument, output, counts: Vec::new(), sums })
    }

    /// An empty accumulator of the same kind.
    pub fn like(&self) -> Numbers {
        let sums = match &self.sums {
            Sums::None => Sums::None,
            Sums::Exact(_) => Sums::Exact(Vec::new()),
            Sums::Float(_) => Sums::Float(Vec::new()),
        };
        let Numbers { function, argument, output, .. } = self;
        Numbers { function: *function, argument: argument.clone(), output: output.clone(), counts: Vec::new(), sums }
    }

    /// Makes room for slots below `slots`.
    pub fn resize(&mut self, slots: usize) {
        if slots > self.counts.len() {
            self.counts.resize(slots, 0);
            match &mut self.sums {
                Sums::None => {}
                Sums::Exact(sums) => sums.resize(slots, 0),
                Sums::Float(sums) => sums.resize(slots, ExactSum::default()),
            }
        }
    }

    /// Empties one slot.
    pub fn clear(&mut self, slot: u32) {
        self.counts[slot as usize] = 0;
        match &mut self.sums {
            Sums::None => {}
            Sums::Exact(sums) => sums[slot as usize] = 0,
            Sums::Float(sums) => sums[slot as usize] = ExactSum::default(),
        }
    }

    /// Empties all slots and keeps none.
    pub fn truncate(&mut self) {
        self.counts.clear();
        match &mut self.sums {
            Sums::None => {}
            Sums::Exact(sums) => sums.clear(),
            Sums::Float(sums) => sums.clear(),
        }
    }

    /// Appends a copy of another's slot as the last one.
    pub fn push_copy(&mut self, other: &Numbers, slot: u32) {
        self.counts.push(other.counts[slot as usize]);
        match (&mut self.sums, &other.sums) {
            (Sums::Exact(sums), Sums::Exact(others)) => sums.push(others[slot as usize]),
            (Sums::Float(sums), Sums::Float(others)) => sums.push(others[slot as usize].clone()),
            _ => {}
        }
    }

    /// Adds what one slot holds to another, and empties it.
    pub fn merge(&mut self, from: u32, into: u32) -> Result<()> {
        let (from, into) = (from as usize, into as usize);
        self.counts[into] += std::mem::take(&mut self.counts[from]);
        match &mut self.sums {
            Sums::None => {}
            Sums::Exact(sums) => {
                let sum = sums[into].checked_add(std::mem::take(&mut sums[from]));
                sums[into] = sum.ok_or_else(|| overflow(&self.output))?;
            }
            Sums::Float(sums) => {
                let other = std::mem::take(&mut sums[from]);
                sums[into].merge(&other);
            }
        }
        Ok(())
    }

    /// Adds the rows of a batch: `slots[row]` is the row's group; a row that `filter` does not hold for is passed
    /// over.
    pub fn update(
        &mut self,
        slots: &[u32],
        argument: Option<&ArrayRef>,
        filter: Option<&BooleanArray>,
        weights: Option<&ScalarBuffer<i64>>,
    ) -> Result<()> {
        let counted = Rows { slots, filter, argument: argument.map(AsRef::as_ref), weights };
        counted.for_each(|slot, _, weight| self.counts[slot] += weight);
        let Some(argument) = argument else { return Ok(()) };
        match &mut self.sums {
            Sums::None => Ok(()),
            Sums::Exact(sums) => add_exact(sums, &counted, argument),
            Sums::Float(sums) => {
                match argument.data_type() {
                    DataType::Float32 => {
                        let values = argument.as_primitive::<Float32Type>().values();
                        counted.for_each(|slot, row, weight| sums[slot].add(f64::from(values[row]), weight));
                    }
                    _ => {
                        let values = argument.as_primitive::<Float64Type>().values();
                        counted.for_each(|slot, row, weight| sums[slot].add(values[row], weight));
                    }
                }
                Ok(())
            }
        }
    }

    /// The results of some slots, in their order. A sum that its type can't hold is an error that stops the view.
    pub fn results(&self, slots: &[u32]) -> Result<ArrayRef> {
        let slots = slots.iter().map(|slot| *slot as usize);
        match (self.function, &self.sums) {
            (Function::Count, _) => Ok(Arc::new(slots.map(|slot| self.counts[slot]).collect::<Int64Array>())),
            (Function::Sum, Sums::Exact(sums)) => self.exact_sums(slots, sums),
            (Function::Average, Sums::Exact(sums)) => self.exact_averages(slots, sums),
            (function, Sums::Float(sums)) => {
                let result = |slot: usize| {
                    let count = self.counts[slot];
                    let sum = sums[slot].value();
                    (count != 0).then(|| if function == Function::Sum { sum } else { sum / count as f64 })
                };
                if slots.clone().any(|slot| sums[slot].has_overflowed()) {
                    return Err(overflow(&self.output));
                }
                Ok(Arc::new(slots.map(result).collect::<Float64Array>()))
            }
            (_, Sums::None) => Err(Error::internal("a sum without its values")),
        }
    }

    fn exact_sums(&self, slots: impl Iterator<Item = usize>, sums: &[i128]) -> Result<ArrayRef> {
        let present = slots.map(|slot| (self.counts[slot] != 0).then_some(sums[slot]));
        Ok(match &self.output {
            DataType::Decimal128(precision, scale) => {
                let array: Decimal128Array = present.collect();
                let array = array.with_precision_and_scale(*precision, *scale)?;
                array.validate_decimal_precision(*precision).map_err(|_| overflow(&self.output))?;
                Arc::new(array)
            }
            DataType::UInt64 => Arc::new(narrow::<UInt64Type>(present, &self.output)? as UInt64Array),
            _ => Arc::new(narrow::<Int64Type>(present, &self.output)? as Int64Array),
        })
    }

    fn exact_averages(&self, slots: impl Iterator<Item = usize>, sums: &[i128]) -> Result<ArrayRef> {
        match (&self.argument, &self.output) {
            (Some(DataType::Decimal128(_, scale)), DataType::Decimal128(precision, output_scale)) => {
                let averager = DecimalAverager::<Decimal128Type>::try_new(*scale, *precision, *output_scale)
                    .map_err(Error::from)?;
                let averages: Decimal128Array = slots
                    .map(|slot| match self.counts[slot] {
                        0 => Ok(None),
                        count => averager.avg(sums[slot], i128::from(count)).map(Some),
                    })
                    .collect::<datafusion::error::Result<_>>()
                    .map_err(|_| overflow(&self.output))?;
                Ok(Arc::new(averages.with_precision_and_scale(*precision, *output_scale)?))
            }
            _ => {
                let average = |slot: usize| {
                    let count = self.counts[slot];
                    (count != 0).then(|| sums[slot] as f64 / count as f64)
                };
                Ok(Arc::new(slots.map(average).collect::<Float64Array>()))
            }
        }
    }

    /// Appends one slot's state for a checkpoint: the count, then the sum; little-endian.
    pub fn save(&self, slot: u32, out: &mut Vec<u8>) {
        let slot = slot as usize;
        out.extend_from_slice(&self.counts[slot].to_le_bytes());
        match &self.sums {
            Sums::None => {}
            Sums::Exact(sums) => out.extend_from_slice(&sums[slot].to_le_bytes()),
            Sums::Float(sums) => sums[slot].save(out),
        }
    }

    /// Reads what [`Numbers::save`] wrote into a slot and moves `bytes` past it. False when it is cut short.
    #[must_use]
    pub fn load(&mut self, slot: u32, bytes: &mut &[u8]) -> bool {
        let slot = slot as usize;
        let Some(count) = exact::take(bytes) else { return false };
        self.counts[slot] = i64::from_le_bytes(count);
        match &mut self.sums {
            Sums::None => true,
            Sums::Exact(sums) => exact::take(bytes).map(|sum| sums[slot] = i128::from_le_bytes(sum)).is_some(),
            Sums::Float(sums) => ExactSum::load(bytes).map(|sum| sums[slot] = sum).is_some(),
        }
    }

    /// Roughly the bytes held.
    pub fn bytes(&self) -> usize {
        self.counts.capacity() * 8
            + match &self.sums {
                Sums::None => 0,
                Sums::Exact(sums) => sums.capacity() * 16,
                Sums::Float(sums) => {
                    sums.capacity() * size_of::<ExactSum>() + sums.iter().map(ExactSum::heap_bytes).sum::<usize>()
                }
            }
    }
}

/// The rows of a batch that count.
pub(super) struct Rows<'a> {
    pub slots: &'a [u32],
    pub filter: Option<&'a BooleanArray>,
    /// Rows for which it is null don't count.
    pub argument: Option<&'a dyn Array>,
    pub weights: Option<&'a ScalarBuffer<i64>>,
}

impl Rows<'_> {
    /// Calls `each` with slot, row and weight.
    pub fn for_each(&self, mut each: impl FnMut(usize, usize, i64)) {
        // Logical ones: a column of type NULL has no buffer that says so.
        let nulls = self.argument.and_then(Array::logical_nulls);
        if nulls.is_none() && self.filter.is_none() {
            match self.weights {
                None => self.slots.iter().enumerate().for_each(|(row, slot)| each(*slot as usize, row, 1)),
                Some(weights) => {
                    self.slots.iter().enumerate().for_each(|(row, slot)| each(*slot as usize, row, weights[row]));
                }
            }
            return;
        }
        for (row, slot) in self.slots.iter().enumerate() {
            let held = self.filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if held && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                each(*slot as usize, row, self.weights.map_or(1, |weights| weights[row]));
            }
        }
    }
}

fn add_exact(sums: &mut [i128], rows: &Rows<'_>, argument: &ArrayRef) -> Result<()> {
    macro_rules! add {
        ($type:ty) => {{
            let values = argument.as_primitive::<$type>().values();
            // 64-bit values times 64-bit weights fit 128 bits; that many additions to overflow can't be made.
            rows.for_each(|slot, row, weight| sums[slot] += i128::from(values[row]) * i128::from(weight));
            Ok(())
        }};
    }
    match argument.data_type() {
        DataType::Int8 => add!(Int8Type),
        DataType::Int16 => add!(Int16Type),
        DataType::Int32 => add!(Int32Type),
        DataType::Int64 => add!(Int64Type),
        DataType::UInt8 => add!(UInt8Type),
        DataType::UInt16 => add!(UInt16Type),
        DataType::UInt32 => add!(UInt32Type),
        DataType::UInt64 => add!(UInt64Type),
        _ => {
            let values = argument.as_primitive::<Decimal128Type>().values();
            let mut overflowed = false;
            rows.for_each(|slot, row, weight| {
                match values[row].checked_mul(i128::from(weight)).and_then(|value| sums[slot].checked_add(value)) {
                    Some(sum) => sums[slot] = sum,
                    None => overflowed = true,
                }
            });
            if overflowed { Err(overflow(argument.data_type())) } else { Ok(()) }
        }
    }
}

fn narrow<T>(values: impl Iterator<Item = Option<i128>>, output: &DataType) -> Result<PrimitiveArray<T>>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i128>,
{
    values
        .map(|value| value.map(|sum| T::Native::try_from(sum).map_err(|_| overflow(output))).transpose())
        .collect::<Result<PrimitiveArray<T>>>()
}

fn overflow(output: &DataType) -> Error {
    Error::invalid(format!("a sum no longer fits {output}"))
        .with_hint("cast the argument to a wider type, such as DECIMAL(38, 0) or DOUBLE, in the view's query")
}
