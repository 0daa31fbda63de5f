//! What is right of a row, evaluated over whole batches.
//!
//! A null is never right; whether it counts as wrong is the rule's.

mod pattern;
mod set;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, Scalar, StringViewArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::{cast, like};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Float64Type, Int64Type};

pub use pattern::Patterns;
pub use set::Members;

use super::rows::is_true;
use crate::column::{Batch, Values};
use crate::literal::{End, Range, within};
use crate::{Error, Result};

#[derive(Debug)]
pub enum Predicate {
    NotNull(usize),
    Null(usize),
    Between {
        column: usize,
        range: Range,
    },
    In {
        column: usize,
        set: Members,
        not: bool,
    },
    Matches {
        column: usize,
        patterns: Patterns,
        not: bool,
    },
    /// SQL's LIKE: one of the patterns, or all of them.
    Like {
        column: usize,
        patterns: Vec<String>,
        all: bool,
        not: bool,
    },
    /// Characters of a text, both ends in the range.
    Length {
        column: usize,
        least: u64,
        most: u64,
    },
    /// The first compared with the second, both as one type.
    Pair {
        columns: [usize; 2],
        as_type: DataType,
        order: Order,
    },
    /// No two of the columns have the same value, null among them.
    AllDifferent {
        columns: Vec<usize>,
        as_type: DataType,
    },
    /// The columns' sum, exactly where no column is a float.
    Sum {
        columns: Vec<usize>,
        total: Total,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Greater,
    GreaterOrEqual,
    Equal,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Total {
    Float(f64),
    /// With the scale in which columns are added; `None` is a total that has more digits than that.
    Exact {
        total: Option<i128>,
        scale: i8,
    },
}

impl Predicate {
    /// Where rows are right.
    pub fn right(&self, batch: &Batch) -> Result<BooleanBuffer> {
        let found = |values: BooleanBuffer, not: bool| if not { !&values } else { values };
        Ok(match self {
            Predicate::NotNull(column) => !&batch.columns[*column].is_null(),
            Predicate::Null(column) => batch.columns[*column].is_null(),
            Predicate::Between { column, range } => between(&batch.columns[*column].compared, range),
            Predicate::In { column, set, not } => found(set.of(&batch.columns[*column].compared), *not),
            Predicate::Matches { column, patterns, not } => {
                found(patterns.found(batch.columns[*column].compared.as_string_view()), *not)
            }
            Predicate::Like { column, patterns, all, not } => {
                let text = batch.columns[*column].compared.as_string_view();
                let each = patterns.iter().map(|pattern| {
                    let pattern = Scalar::new(StringViewArray::from_iter_values([pattern]));
                    Ok(is_true(&like(text, &pattern)?))
                });
                let each = each.collect::<Result<Vec<BooleanBuffer>>>()?;
                let any = each.into_iter().reduce(|one, other| if *all { &one & &other } else { &one | &other });
                found(any.unwrap_or_else(|| BooleanBuffer::new_unset(batch.rows)), *not)
            }
            Predicate::Length { column, least, most } => {
                let text = batch.columns[*column].compared.as_string_view();
                BooleanBuffer::collect_bool(text.len(), |row| (*least..=*most).contains(&characters(text.value(row))))
            }
            Predicate::Pair { columns, as_type, order } => pair(batch, *columns, as_type, *order)?,
            Predicate::AllDifferent { columns, as_type } => all_different(batch, columns, as_type)?,
            Predicate::Sum { columns, total } => sum(batch, columns, total)?,
        })
    }
}

/// Characters are what Python counts: code points.
fn characters(text: &str) -> u64 {
    // Every byte but those that continue a character begins one.
    text.bytes().filter(|byte| (*byte as i8) >= -0x40).count() as u64
}

/// Nulls give what their slots hold: whoever asks leaves them out.
fn between(values: &ArrayRef, range: &Range) -> BooleanBuffer {
    match range {
        Range::Int { least, most } => {
            each::<Int64Type>(values.as_primitive(), |value| (value >= *least) & (value <= *most))
        }
        // Not the total order of arrow: NaN is in no range.
        Range::Float { least, most } => {
            each::<Float64Type>(values.as_primitive(), |value| (value >= *least) & (value <= *most))
        }
        Range::Decimal { least, most } => {
            each::<Decimal128Type>(values.as_primitive(), |value| (value >= *least) & (value <= *most))
        }
        Range::Text { least, most } => texts(values.as_string_view(), least.as_ref(), most.as_ref()),
    }
}

fn texts(values: &StringViewArray, least: Option<&End>, most: Option<&End>) -> BooleanBuffer {
    BooleanBuffer::collect_bool(values.len(), |row| within(values.value(row), least, most))
}

fn each<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, right: impl Fn(T::Native) -> bool) -> BooleanBuffer {
    let values: &[T::Native] = values.values();
    BooleanBuffer::collect_bool(values.len(), |row| right(values[row]))
}

/// A column's values as a type that several columns share.
fn shared(values: &Values, as_type: &DataType) -> Result<ArrayRef> {
    if values.plain.data_type() == as_type {
        return Ok(ArrayRef::clone(&values.plain));
    }
    if values.compared.data_type() == as_type {
        return Ok(ArrayRef::clone(&values.compared));
    }
    Ok(cast(&values.plain, as_type)?)
}

fn pair(batch: &Batch, columns: [usize; 2], as_type: &DataType, order: Order) -> Result<BooleanBuffer> {
    let [one, other] = columns.map(|column| shared(&batch.columns[column], as_type));
    let (one, other) = (one?, other?);
    let compare = match order {
        Order::Greater => cmp::gt,
        Order::GreaterOrEqual => cmp::gt_eq,
        Order::Equal => cmp::eq,
    };
    let right = is_true(&compare(&one, &other)?);
    if as_type != &DataType::Float64 {
        return Ok(right);
    }
    // NaN is neither greater than nor equal to anything.
    let number = |array: &ArrayRef| each::<Float64Type>(array.as_primitive(), |value| !value.is_nan());
    Ok(&right & &(&number(&one) & &number(&other)))
}

fn all_different(batch: &Batch, columns: &[usize], as_type: &DataType) -> Result<BooleanBuffer> {
    let values = columns.iter().map(|column| shared(&batch.columns[*column], as_type));
    let values = values.collect::<Result<Vec<_>>>()?;
    let mut right = BooleanBuffer::new_set(batch.rows);
    for (place, one) in values.iter().enumerate() {
        for other in &values[..place] {
            right = &right & &is_true(&cmp::distinct(one, other)?);
        }
    }
    Ok(right)
}

fn sum(batch: &Batch, columns: &[usize], total: &Total) -> Result<BooleanBuffer> {
    let nulls = columns.iter().map(|column| batch.columns[*column].is_null()).reduce(|one, other| &one | &other);
    let valid = nulls.map_or_else(|| BooleanBuffer::new_set(batch.rows), |nulls| !&nulls);
    let right = match total {
        Total::Float(total) => {
            let values = columns.iter().map(|column| shared(&batch.columns[*column], &DataType::Float64));
            let values = values.collect::<Result<Vec<_>>>()?;
            let values: Vec<&[f64]> =
                values.iter().map(|one| &one.as_primitive::<Float64Type>().values()[..]).collect();
            BooleanBuffer::collect_bool(batch.rows, |row| values.iter().map(|one| one[row]).sum::<f64>() == *total)
        }
        Total::Exact { total: None, .. } => BooleanBuffer::new_unset(batch.rows),
        Total::Exact { total: Some(total), scale } => {
            let as_type = DataType::Decimal128(38, *scale);
            let values = columns.iter().map(|column| shared(&batch.columns[*column], &as_type));
            let values = values.collect::<Result<Vec<_>>>()?;
            let slots: Vec<&[i128]> =
                values.iter().map(|one| &one.as_primitive::<Decimal128Type>().values()[..]).collect();
            if values.iter().any(|one| one.data_type() != &as_type) {
                return Err(Error::Internal("a column was not added as a decimal".to_owned()));
            }
            let add = |row: usize| slots.iter().try_fold(0i128, |sum, one| sum.checked_add(one[row]));
            BooleanBuffer::collect_bool(batch.rows, |row| add(row) == Some(*total))
        }
    };
    Ok(&right & &valid)
}
