//! Whether values are in a set.

use arrow::array::{Array, ArrayRef, AsArray, make_view};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use hashbrown::HashSet;

use crate::literal::Set;

/// Up to so many values are compared one after the other.
const FEW: usize = 16;

/// Texts of up to so many bytes are held in the view itself.
const INLINE_BYTES: usize = 12;

#[derive(Debug)]
pub enum Members {
    FewInts(Vec<i64>),
    Ints(HashSet<i64>),
    Floats(Vec<f64>),
    Decimals(HashSet<i128>),
    /// Views that hold all of their text: equal ones are equal texts, and no other view is equal to them.
    ShortTexts(Vec<u128>),
    Texts(HashSet<String>),
    Booleans {
        yes: bool,
        no: bool,
    },
}

impl Members {
    pub fn new(set: &Set) -> Members {
        let values = &set.compared;
        match values.data_type() {
            DataType::Int64 => {
                let values = values.as_primitive::<Int64Type>().values();
                if values.len() <= FEW {
                    Members::FewInts(values.to_vec())
                } else {
                    Members::Ints(values.iter().copied().collect())
                }
            }
            DataType::Float64 => Members::Floats(values.as_primitive::<Float64Type>().values().to_vec()),
            DataType::Decimal128(..) => {
                Members::Decimals(values.as_primitive::<Decimal128Type>().values().iter().copied().collect())
            }
            DataType::Utf8View => {
                let texts: Vec<&str> = values.as_string_view().iter().flatten().collect();
                if texts.len() <= FEW && texts.iter().all(|text| text.len() <= INLINE_BYTES) {
                    Members::ShortTexts(texts.iter().map(|text| make_view(text.as_bytes(), 0, 0)).collect())
                } else {
                    Members::Texts(texts.into_iter().map(str::to_owned).collect())
                }
            }
            _ => {
                let has = |wanted: bool| values.as_boolean().iter().any(|value| value == Some(wanted));
                Members::Booleans { yes: has(true), no: has(false) }
            }
        }
    }

    /// Nulls give what their slots hold: whoever asks leaves them out.
    pub fn of(&self, values: &ArrayRef) -> BooleanBuffer {
        let rows = values.len();
        match self {
            Members::FewInts(few) => {
                let values: &[i64] = values.as_primitive::<Int64Type>().values();
                BooleanBuffer::collect_bool(rows, |row| few.contains(&values[row]))
            }
            Members::Ints(many) => {
                let values: &[i64] = values.as_primitive::<Int64Type>().values();
                BooleanBuffer::collect_bool(rows, |row| many.contains(&values[row]))
            }
            Members::Floats(set) => {
                let values: &[f64] = values.as_primitive::<Float64Type>().values();
                BooleanBuffer::collect_bool(rows, |row| set.contains(&values[row]))
            }
            Members::Decimals(set) => {
                let values: &[i128] = values.as_primitive::<Decimal128Type>().values();
                BooleanBuffer::collect_bool(rows, |row| set.contains(&values[row]))
            }
            Members::ShortTexts(views) => {
                let values: &[u128] = values.as_string_view().views();
                BooleanBuffer::collect_bool(rows, |row| views.contains(&values[row]))
            }
            Members::Texts(set) => {
                let values = values.as_string_view();
                BooleanBuffer::collect_bool(rows, |row| set.contains(values.value(row)))
            }
            Members::Booleans { yes, no } => {
                let values = values.as_boolean();
                BooleanBuffer::collect_bool(rows, |row| if values.value(row) { *yes } else { *no })
            }
        }
    }
}
