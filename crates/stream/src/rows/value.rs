//! Single values as bytes of a checkpoint, by their type: see `docs/formats/checkpoint.md`.
//!
//! Arrow's row encoding is for comparing only, and may change with its version.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::common::ScalarValue;

use crate::aggregate::exact::take;

/// Whether values of a type can be kept.
pub fn is_kept(data_type: &DataType) -> bool {
    if let DataType::List(item) = data_type {
        return is_kept(item.data_type());
    }
    if let DataType::Struct(fields) = data_type {
        return fields.iter().all(|field| is_kept(field.data_type()));
    }
    matches!(
        data_type,
        DataType::Null
            | DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal128(..)
            | DataType::Date32
            | DataType::Timestamp(..)
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::BinaryView
    )
}

/// Appends a value: 0 for null, else 1 and its bytes.
pub fn save(column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    if column.data_type() == &DataType::Null || column.is_null(row) {
        out.push(0);
        return;
    }
    out.push(1);
    macro_rules! number {
        ($type:ty) => {
            out.extend_from_slice(&column.as_primitive::<$type>().value(row).to_le_bytes())
        };
    }
    let mut bytes = |value: &[u8]| {
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        out.extend_from_slice(value);
    };
    match column.data_type() {
        DataType::Boolean => out.push(column.as_boolean().value(row).into()),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Decimal128(..) => number!(Decimal128Type),
        DataType::Date32 => number!(Date32Type),
        DataType::Timestamp(TimeUnit::Second, _) => number!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => number!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => number!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => number!(TimestampNanosecondType),
        DataType::Utf8 => bytes(column.as_string::<i32>().value(row).as_bytes()),
        DataType::LargeUtf8 => bytes(column.as_string::<i64>().value(row).as_bytes()),
        DataType::Utf8View => bytes(column.as_string_view().value(row).as_bytes()),
        DataType::Binary => bytes(column.as_binary::<i32>().value(row)),
        DataType::BinaryView => bytes(column.as_binary_view().value(row)),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            out.extend_from_slice(&(items.len() as u32).to_le_bytes());
            (0..items.len()).for_each(|item| save(&items, item, out));
        }
        DataType::Struct(_) => column.as_struct().columns().iter().for_each(|each| save(each, row, out)),
        other => unreachable!("is_kept() has been asked about {other}"),
    }
}

/// Takes a value of a type off the bytes; `None` where they are cut short or mean nothing.
pub fn load(data_type: &DataType, bytes: &mut &[u8]) -> Option<ScalarValue> {
    let [present] = take::<1>(bytes)?;
    if present == 0 {
        return ScalarValue::try_from(data_type).ok();
    }
    Some(match data_type {
        DataType::Boolean => ScalarValue::Boolean(Some(take::<1>(bytes)? != [0])),
        DataType::Int8 => ScalarValue::Int8(Some(i8::from_le_bytes(take(bytes)?))),
        DataType::Int16 => ScalarValue::Int16(Some(i16::from_le_bytes(take(bytes)?))),
        DataType::Int32 => ScalarValue::Int32(Some(i32::from_le_bytes(take(bytes)?))),
        DataType::Int64 => ScalarValue::Int64(Some(i64::from_le_bytes(take(bytes)?))),
        DataType::UInt8 => ScalarValue::UInt8(Some(u8::from_le_bytes(take(bytes)?))),
        DataType::UInt16 => ScalarValue::UInt16(Some(u16::from_le_bytes(take(bytes)?))),
        DataType::UInt32 => ScalarValue::UInt32(Some(u32::from_le_bytes(take(bytes)?))),
        DataType::UInt64 => ScalarValue::UInt64(Some(u64::from_le_bytes(take(bytes)?))),
        DataType::Float32 => ScalarValue::Float32(Some(f32::from_le_bytes(take(bytes)?))),
        DataType::Float64 => ScalarValue::Float64(Some(f64::from_le_bytes(take(bytes)?))),
        DataType::Decimal128(precision, scale) => {
            ScalarValue::Decimal128(Some(i128::from_le_bytes(take(bytes)?)), *precision, *scale)
        }
        DataType::Date32 => ScalarValue::Date32(Some(i32::from_le_bytes(take(bytes)?))),
        DataType::Timestamp(unit, zone) => {
            let value = Some(i64::from_le_bytes(take(bytes)?));
            match unit {
                TimeUnit::Second => ScalarValue::TimestampSecond(value, zone.clone()),
                TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, zone.clone()),
                TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, zone.clone()),
                TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, zone.clone()),
            }
        }
        DataType::Utf8 => ScalarValue::Utf8(Some(text(bytes)?)),
        DataType::LargeUtf8 => ScalarValue::LargeUtf8(Some(text(bytes)?)),
        DataType::Utf8View => ScalarValue::Utf8View(Some(text(bytes)?)),
        DataType::Binary => ScalarValue::Binary(Some(blob(bytes)?.to_vec())),
        DataType::BinaryView => ScalarValue::BinaryView(Some(blob(bytes)?.to_vec())),
        DataType::List(item) => {
            let count = u32::from_le_bytes(take(bytes)?);
            let items = (0..count).map(|_| load(item.data_type(), bytes)).collect::<Option<Vec<_>>>()?;
            ScalarValue::List(ScalarValue::new_list_from_iter(items.into_iter(), item.data_type(), item.is_nullable()))
        }
        DataType::Struct(fields) => {
            let values = fields.iter().map(|field| load(field.data_type(), bytes)?.to_array().ok());
            let columns = values.collect::<Option<Vec<_>>>()?;
            // Without fields, nothing else says how many there are.
            ScalarValue::Struct(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, 1).ok()?))
        }
        _ => return None,
    })
}

fn blob<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(take(bytes)?) as usize;
    let (value, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(value)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    String::from_utf8(blob(bytes)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{Field, Fields};

    use super::*;

    fn values() -> Vec<ScalarValue> {
        vec![
            ScalarValue::Boolean(Some(true)),
            ScalarValue::Int8(Some(-1)),
            ScalarValue::Int16(Some(i16::MIN)),
            ScalarValue::Int32(Some(7)),
            ScalarValue::Int64(Some(i64::MIN)),
            ScalarValue::UInt8(Some(255)),
            ScalarValue::UInt16(Some(9)),
            ScalarValue::UInt32(Some(9)),
            ScalarValue::UInt64(Some(u64::MAX)),
            ScalarValue::Float32(Some(-0.0)),
            ScalarValue::Float64(Some(1.5e300)),
            ScalarValue::Decimal128(Some(-12_345), 20, 3),
            ScalarValue::Date32(Some(-800_000)),
            ScalarValue::TimestampSecond(Some(1), None),
            ScalarValue::TimestampMillisecond(Some(1), None),
            ScalarValue::TimestampMicrosecond(Some(-5), Some("UTC".into())),
            ScalarValue::TimestampNanosecond(Some(1), None),
            ScalarValue::Utf8(Some("é".to_owned())),
            ScalarValue::LargeUtf8(Some(String::new())),
            ScalarValue::Utf8View(Some("a longer text than fits a view".to_owned())),
            ScalarValue::Binary(Some(vec![0, 255])),
            ScalarValue::BinaryView(Some(vec![1; 40])),
            ScalarValue::List(ScalarValue::new_list(
                &[ScalarValue::Float64(Some(1.5)), ScalarValue::Float64(None)],
                &DataType::Float64,
                true,
            )),
            ScalarValue::Struct(Arc::new(StructArray::new(
                Fields::from(vec![
                    Field::new("item", DataType::Utf8View, true),
                    Field::new("count", DataType::Int64, false),
                ]),
                vec![Arc::new(StringViewArray::from(vec![None::<&str>])), Arc::new(Int64Array::from(vec![3]))],
                None,
            ))),
        ]
    }

    #[test]
    fn every_type_comes_back_and_cut_ones_do_not() {
        for value in values() {
            let data_type = value.data_type();
            assert!(is_kept(&data_type));
            for value in [value, ScalarValue::try_from(&data_type).unwrap()] {
                let mut bytes = Vec::new();
                save(&value.to_array().unwrap(), 0, &mut bytes);
                let mut rest = bytes.as_slice();
                assert_eq!(load(&data_type, &mut rest), Some(value.clone()));
                assert!(rest.is_empty());
                (0..bytes.len()).for_each(|cut| assert_eq!(load(&data_type, &mut &bytes[..cut]), None, "{value}"));
            }
        }
    }
}
