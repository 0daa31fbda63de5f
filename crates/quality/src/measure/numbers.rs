//! Sums and moments of numbers. Sums of whole numbers and decimals are exact; moments are merged as Chan, Golub and
//! LeVeque do (Updating Formulae and a Pairwise Algorithm, 1979).

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, Decimal128Type, Float64Type, Int64Type};

use crate::column::{Class, Column, Values};
use crate::{Error, Result};

#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    class: Class,
    pub count: u64,
    /// Of whole numbers and decimals, unscaled.
    exact: i128,
    /// Of floats.
    float: f64,
    mean: f64,
    /// The sum of squared differences from the mean.
    squares: f64,
}

impl Numbers {
    pub fn new(column: &Column) -> Numbers {
        Numbers { class: column.class, count: 0, exact: 0, float: 0.0, mean: 0.0, squares: 0.0 }
    }

    pub fn update(&mut self, values: &Values) -> Result<()> {
        let array = &values.compared;
        let mut batch = Numbers { count: (array.len() - array.null_count()) as u64, ..self.clone() };
        if batch.count == 0 {
            return Ok(());
        }
        (batch.exact, batch.float) = (0, 0.0);
        match self.class {
            Class::Int => {
                batch.exact = exact::<Int64Type>(array, |value| Some(i128::from(value)))?;
                moments::<Int64Type>(array, &mut batch, |value| value as f64);
            }
            Class::Decimal(scale) => {
                let power = 10f64.powi(i32::from(scale));
                batch.exact = exact::<Decimal128Type>(array, Some)?;
                moments::<Decimal128Type>(array, &mut batch, |value| value as f64 / power);
            }
            Class::Float => {
                batch.float = fold::<Float64Type, f64>(array.as_primitive(), 0.0, |sum, value| sum + value);
                moments::<Float64Type>(array, &mut batch, |value| value);
            }
            Class::Text | Class::Boolean | Class::Other => {
                return Err(Error::Internal("numbers were asked of what is none".to_owned()));
            }
        }
        self.merge(&batch)
    }

    pub fn merge(&mut self, other: &Numbers) -> Result<()> {
        if other.count == 0 {
            return Ok(());
        }
        let (here, there) = (self.count as f64, other.count as f64);
        let difference = other.mean - self.mean;
        self.squares += other.squares + difference * difference * here * there / (here + there);
        self.mean += difference * there / (here + there);
        self.count += other.count;
        self.exact = self.exact.checked_add(other.exact).ok_or_else(too_large)?;
        self.float += other.float;
        Ok(())
    }

    /// None of no values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| match self.class {
            Class::Float => self.mean,
            _ => self.sum_float() / self.count as f64,
        })
    }

    /// Of a sample, as SQL's STDDEV: none of fewer than two values.
    pub fn stdev(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }

    /// As JSON; none of no values.
    pub fn sum(&self) -> Option<String> {
        (self.count > 0).then(|| match self.class {
            Class::Decimal(scale) if scale > 0 => decimal(self.exact, scale),
            Class::Float => float(self.float),
            _ => self.exact.to_string(),
        })
    }

    /// The sum as far as a float holds it.
    pub fn sum_float(&self) -> f64 {
        match self.class {
            Class::Float => self.float,
            Class::Decimal(scale) => self.exact as f64 / 10f64.powi(i32::from(scale)),
            _ => self.exact as f64,
        }
    }
}

fn too_large() -> Error {
    Error::Query(headwater_query::Error::Execution("a sum is too large".to_owned()))
}

fn decimal(unscaled: i128, scale: i8) -> String {
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    format!("{}{whole}.{fraction}", if unscaled < 0 { "-" } else { "" })
}

/// A number as JSON; what JSON has no number for is a text.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "\"NaN\"".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }.to_owned();
    }
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string(), |number| number.to_string())
}

fn fold<T: ArrowPrimitiveType, A>(array: &PrimitiveArray<T>, start: A, add: impl Fn(A, T::Native) -> A) -> A {
    match array.null_count() {
        0 => array.values().iter().fold(start, |all, value| add(all, *value)),
        _ => array.iter().flatten().fold(start, add),
    }
}

fn exact<T: ArrowPrimitiveType>(array: &ArrayRef, wide: impl Fn(T::Native) -> Option<i128>) -> Result<i128> {
    let add = |sum: Option<i128>, value| sum?.checked_add(wide(value)?);
    fold::<T, Option<i128>>(array.as_primitive(), Some(0), add).ok_or_else(too_large)
}

fn moments<T: ArrowPrimitiveType>(array: &ArrayRef, into: &mut Numbers, float: impl Fn(T::Native) -> f64) {
    let array = array.as_primitive::<T>();
    let mean = fold::<T, f64>(array, 0.0, |sum, value| sum + float(value)) / into.count as f64;
    into.mean = mean;
    into.squares = fold::<T, f64>(array, 0.0, |sum, value| {
        let difference = float(value) - mean;
        sum + difference * difference
    });
}
