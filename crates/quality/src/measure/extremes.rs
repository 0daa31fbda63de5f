//! The least and the greatest value of a column. NaN is neither.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array, Int32Array, Int64Array, StringViewArray};
use arrow::compute::{cast, max, max_string_view, min, min_string_view};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};

use crate::Result;
use crate::column::{Class, Column, Values, json_values};

#[derive(Debug, Clone)]
pub struct Extremes {
    column: Column,
    least: Option<Value>,
    greatest: Option<Value>,
}

/// A value as it is compared.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Value {
    Int(i64),
    Float(f64),
    Decimal(i128),
    Text(String),
}

impl Extremes {
    pub fn new(column: &Column) -> Extremes {
        Extremes { column: column.clone(), least: None, greatest: None }
    }

    pub fn update(&mut self, values: &Values) {
        let array = &values.compared;
        let (least, greatest) = match self.column.class {
            Class::Int => {
                let array = array.as_primitive::<Int64Type>();
                (min(array).map(Value::Int), max(array).map(Value::Int))
            }
            Class::Decimal(_) => {
                let array = array.as_primitive::<Decimal128Type>();
                (min(array).map(Value::Decimal), max(array).map(Value::Decimal))
            }
            Class::Text => {
                let array = array.as_string_view();
                let text = |text: Option<&str>| text.map(|text| Value::Text(text.to_owned()));
                (text(min_string_view(array)), text(max_string_view(array)))
            }
            Class::Float => {
                let numbers = || array.as_primitive::<Float64Type>().iter().flatten().filter(|value| !value.is_nan());
                (numbers().reduce(f64::min).map(Value::Float), numbers().reduce(f64::max).map(Value::Float))
            }
            Class::Boolean | Class::Other => (None, None),
        };
        self.take(least, greatest);
    }

    pub fn merge(&mut self, later: Extremes) {
        self.take(later.least, later.greatest);
    }

    fn take(&mut self, least: Option<Value>, greatest: Option<Value>) {
        if let Some(value) = least
            && self.least.as_ref().is_none_or(|found| value < *found)
        {
            self.least = Some(value);
        }
        if let Some(value) = greatest
            && self.greatest.as_ref().is_none_or(|found| value > *found)
        {
            self.greatest = Some(value);
        }
    }

    /// One value, as it is compared.
    pub fn least(&self) -> Option<ArrayRef> {
        self.least.as_ref().map(|value| self.array(value))
    }

    pub fn greatest(&self) -> Option<ArrayRef> {
        self.greatest.as_ref().map(|value| self.array(value))
    }

    fn array(&self, value: &Value) -> ArrayRef {
        match value {
            Value::Int(value) => Arc::new(Int64Array::from(vec![*value])),
            Value::Float(value) => Arc::new(Float64Array::from(vec![*value])),
            Value::Decimal(value) => {
                Arc::new(Decimal128Array::from(vec![*value]).with_data_type(self.column.data_type.clone()))
            }
            Value::Text(text) => Arc::new(StringViewArray::from_iter_values([text])),
        }
    }

    /// A value of [`Self::least`] or [`Self::greatest`] as JSON, in the column's type.
    pub fn json(&self, value: &ArrayRef) -> Result<Option<String>> {
        let plain = match &self.column.data_type {
            DataType::Date32 => {
                let days = value.as_primitive::<Int64Type>().value(0) as i32;
                cast(&Int32Array::from(vec![days]), &DataType::Date32)?
            }
            wanted => cast(value, wanted)?,
        };
        Ok(json_values(&plain)?.pop())
    }
}
