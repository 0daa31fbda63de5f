//! Values of Arrow's columns as PostgreSQL writes them, as text and as binary.
//!
//! Sources: PostgreSQL 17 documentation, chapters 8 (texts of types) and 53 (protocol); the binary forms are those of
//! each type's `send` function.

pub mod json;
pub mod number;
#[cfg(test)]
mod tests;
pub mod time;

use std::io::Write;

use arrow::array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use bytes::{BufMut, BytesMut};
use headwater_query::relation::UTC;

use super::failure::Failure;
use super::oids;

/// How a client wants a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Binary,
}

impl Form {
    pub fn of_code(code: i16) -> Result<Form, Failure> {
        match code {
            0 => Ok(Form::Text),
            1 => Ok(Form::Binary),
            other => Err(Failure::new(super::failure::PROTOCOL, format!("there is no format {other}: 0 or 1"))),
        }
    }

    pub fn code(self) -> i16 {
        match self {
            Form::Text => 0,
            Form::Binary => 1,
        }
    }
}

/// A column whose values can be written.
pub struct Column {
    array: ArrayRef,
    /// Texts of what goes as JSON, a value each.
    json: Option<Vec<Vec<u8>>>,
    items: Option<Box<Items>>,
}

/// What an array's items are.
struct Items {
    oid: u32,
    item: DataType,
}

impl Column {
    pub fn new(array: &ArrayRef) -> Result<Column, Failure> {
        let array = match wanted(array.data_type()) {
            Some(wanted) => cast(array, &wanted).map_err(|error| unwritable(&error))?,
            None => ArrayRef::clone(array),
        };
        let oid = oids::oid(array.data_type());
        let json = if oid == oids::JSON { Some(json::texts(&array)?) } else { None };
        let items = match array.data_type() {
            DataType::List(item) if json.is_none() => {
                Some(Box::new(Items { oid: oids::oid(item.data_type()), item: item.data_type().clone() }))
            }
            _ => None,
        };
        Ok(Column { array, json, items })
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.array.data_type() == &DataType::Null || self.array.is_null(row)
    }

    /// Writes a value, which must not be NULL, without its length.
    pub fn write(&self, row: usize, form: Form, out: &mut BytesMut) -> Result<(), Failure> {
        if let Some(json) = &self.json {
            out.put_slice(&json[row]);
            return Ok(());
        }
        match form {
            Form::Text => self.text(row, out),
            Form::Binary => self.binary(row, out),
        }
    }

    fn text(&self, row: usize, out: &mut BytesMut) -> Result<(), Failure> {
        let array = &self.array;
        match array.data_type() {
            DataType::Boolean => out.put_u8(if array.as_boolean().value(row) { b't' } else { b'f' }),
            DataType::Int16 => number::integer(array.as_primitive::<Int16Type>().value(row).into(), out),
            DataType::Int32 => number::integer(array.as_primitive::<Int32Type>().value(row).into(), out),
            DataType::Int64 => number::integer(array.as_primitive::<Int64Type>().value(row), out),
            DataType::Float32 => number::float32(array.as_primitive::<Float32Type>().value(row), out),
            DataType::Float64 => number::float64(array.as_primitive::<Float64Type>().value(row), out),
            DataType::Decimal128(_, scale) => {
                let digits = array.as_primitive::<Decimal128Type>().value(row).to_string();
                number::decimal(&digits, *scale, out);
            }
            DataType::Decimal256(_, scale) => {
                let digits = array.as_primitive::<Decimal256Type>().value(row).to_string();
                number::decimal(&digits, *scale, out);
            }
            DataType::Utf8 => out.put_slice(array.as_string::<i32>().value(row).as_bytes()),
            DataType::Utf8View => out.put_slice(array.as_string_view().value(row).as_bytes()),
            DataType::Binary => {
                out.put_slice(b"\\x");
                for byte in array.as_binary::<i32>().value(row) {
                    // Writing to memory does not fail.
                    let _ = write!(out.writer(), "{byte:02x}");
                }
            }
            DataType::Date32 => time::date_text(array.as_primitive::<Date32Type>().value(row).into(), out),
            DataType::Time64(_) => time::time_text(array.as_primitive::<Time64MicrosecondType>().value(row), out),
            DataType::Timestamp(_, zone) => {
                let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
                time::timestamp_text(us, zone.is_some(), out);
            }
            DataType::Interval(_) => {
                time::interval_text(array.as_primitive::<IntervalMonthDayNanoType>().value(row), out);
            }
            DataType::List(_) => return self.list_text(row, out),
            other => return Err(unknown(other)),
        }
        Ok(())
    }

    fn binary(&self, row: usize, out: &mut BytesMut) -> Result<(), Failure> {
        let array = &self.array;
        match array.data_type() {
            DataType::Boolean => out.put_u8(array.as_boolean().value(row).into()),
            DataType::Int16 => out.put_i16(array.as_primitive::<Int16Type>().value(row)),
            DataType::Int32 => out.put_i32(array.as_primitive::<Int32Type>().value(row)),
            DataType::Int64 => out.put_i64(array.as_primitive::<Int64Type>().value(row)),
            DataType::Float32 => out.put_f32(array.as_primitive::<Float32Type>().value(row)),
            DataType::Float64 => out.put_f64(array.as_primitive::<Float64Type>().value(row)),
            DataType::Decimal128(_, scale) => {
                number::numeric(&array.as_primitive::<Decimal128Type>().value(row).to_string(), *scale, out);
            }
            DataType::Decimal256(_, scale) => {
                number::numeric(&array.as_primitive::<Decimal256Type>().value(row).to_string(), *scale, out);
            }
            DataType::Utf8 => out.put_slice(array.as_string::<i32>().value(row).as_bytes()),
            DataType::Utf8View => out.put_slice(array.as_string_view().value(row).as_bytes()),
            DataType::Binary => out.put_slice(array.as_binary::<i32>().value(row)),
            DataType::Date32 => time::date_binary(array.as_primitive::<Date32Type>().value(row), out),
            DataType::Time64(_) => out.put_i64(array.as_primitive::<Time64MicrosecondType>().value(row)),
            DataType::Timestamp(..) => {
                time::timestamp_binary(array.as_primitive::<TimestampMicrosecondType>().value(row), out);
            }
            DataType::Interval(_) => {
                time::interval_binary(array.as_primitive::<IntervalMonthDayNanoType>().value(row), out);
            }
            DataType::List(_) => return self.list_binary(row, out),
            other => return Err(unknown(other)),
        }
        Ok(())
    }

    fn list_text(&self, row: usize, out: &mut BytesMut) -> Result<(), Failure> {
        let items = Column::new(&self.array.as_list::<i32>().value(row))?;
        out.put_u8(b'{');
        let mut text = BytesMut::new();
        for item in 0..items.array.len() {
            if item > 0 {
                out.put_u8(b',');
            }
            if items.is_null(item) {
                out.put_slice(b"NULL");
                continue;
            }
            text.clear();
            items.write(item, Form::Text, &mut text)?;
            quoted_item(&text, out);
        }
        out.put_u8(b'}');
        Ok(())
    }

    fn list_binary(&self, row: usize, out: &mut BytesMut) -> Result<(), Failure> {
        let Some(kind) = &self.items else { return Err(unknown(self.array.data_type())) };
        let values = self.array.as_list::<i32>().value(row);
        let items = Column::new(&values)?;
        let empty = values.is_empty();
        out.put_i32(if empty { 0 } else { 1 });
        out.put_i32((values.null_count() > 0 || kind.item == DataType::Null).into());
        out.put_u32(kind.oid);
        if empty {
            return Ok(());
        }
        out.put_i32(values.len() as i32);
        out.put_i32(1);
        for item in 0..values.len() {
            value(&items, item, Form::Binary, out)?;
        }
        Ok(())
    }
}

/// Writes a value with its length before it; NULL has the length -1.
pub fn value(column: &Column, row: usize, form: Form, out: &mut BytesMut) -> Result<(), Failure> {
    if column.is_null(row) {
        out.put_i32(-1);
        return Ok(());
    }
    let start = out.len();
    out.put_i32(0);
    column.write(row, form, out)?;
    let length = (out.len() - start - 4) as i32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn quoted_item(text: &[u8], out: &mut BytesMut) {
    let special = |byte: &u8| matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace();
    if !text.is_empty() && !text.iter().any(special) && !text.eq_ignore_ascii_case(b"null") {
        out.put_slice(text);
        return;
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// The type that stands for this one here; `None` where it stands for itself.
fn wanted(arrow: &DataType) -> Option<DataType> {
    Some(match arrow {
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::LargeUtf8 => DataType::Utf8View,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Time64(unit) if *unit != TimeUnit::Microsecond => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(unit, Some(_)) if *unit != TimeUnit::Microsecond => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
        }
        DataType::Timestamp(unit, None) if *unit != TimeUnit::Microsecond => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        DataType::Duration(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Interval(unit) if *unit != IntervalUnit::MonthDayNano => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        DataType::Dictionary(_, value) => wanted(value).unwrap_or_else(|| (**value).clone()),
        DataType::RunEndEncoded(_, values) => wanted(values.data_type()).unwrap_or_else(|| values.data_type().clone()),
        DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => {
            let inner = wanted(item.data_type()).unwrap_or_else(|| item.data_type().clone());
            DataType::List(std::sync::Arc::new(Field::new_list_field(inner, true)))
        }
        _ => return None,
    })
}

fn unwritable(error: &arrow::error::ArrowError) -> Failure {
    Failure::new("22000", format!("a value cannot be sent: {error}"))
}

fn unknown(arrow: &DataType) -> Failure {
    Failure::new(super::failure::NOT_BUILT, format!("values of type {arrow} cannot be sent"))
        .hint("cast it, for example to VARCHAR")
}
