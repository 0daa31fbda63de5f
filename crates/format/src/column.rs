//! Columns under construction: one Arrow builder a column, fed one value a row.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BinaryViewBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int8Builder, Int16Builder, Int32Builder, Int64Builder, LargeBinaryBuilder, LargeStringBuilder, StringBuilder,
    StringViewBuilder, TimestampMicrosecondBuilder, TimestampMillisecondBuilder, TimestampNanosecondBuilder,
    TimestampSecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_schema::{DataType, TimeUnit};

use crate::value::{Cell, Scratch, Value};

pub(crate) enum Column {
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt8(UInt8Builder),
    UInt16(UInt16Builder),
    UInt32(UInt32Builder),
    UInt64(UInt64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder),
    Date(Date32Builder),
    Second(TimestampSecondBuilder),
    Millisecond(TimestampMillisecondBuilder),
    Microsecond(TimestampMicrosecondBuilder),
    Nanosecond(TimestampNanosecondBuilder),
    Text(StringBuilder),
    LargeText(LargeStringBuilder),
    TextView(StringViewBuilder),
    Binary(BinaryBuilder),
    LargeBinary(LargeBinaryBuilder),
    BinaryView(BinaryViewBuilder),
}

/// Runs an expression with the builder of whichever kind of column.
macro_rules! each {
    ($column:expr, $builder:ident => $body:expr) => {
        match $column {
            Column::Boolean($builder) => $body,
            Column::Int8($builder) => $body,
            Column::Int16($builder) => $body,
            Column::Int32($builder) => $body,
            Column::Int64($builder) => $body,
            Column::UInt8($builder) => $body,
            Column::UInt16($builder) => $body,
            Column::UInt32($builder) => $body,
            Column::UInt64($builder) => $body,
            Column::Float32($builder) => $body,
            Column::Float64($builder) => $body,
            Column::Decimal($builder) => $body,
            Column::Date($builder) => $body,
            Column::Second($builder) => $body,
            Column::Millisecond($builder) => $body,
            Column::Microsecond($builder) => $body,
            Column::Nanosecond($builder) => $body,
            Column::Text($builder) => $body,
            Column::LargeText($builder) => $body,
            Column::TextView($builder) => $body,
            Column::Binary($builder) => $body,
            Column::LargeBinary($builder) => $body,
            Column::BinaryView($builder) => $body,
        }
    };
}

impl Column {
    /// A column of a type that [`crate::value::Kind`] knows; `None` for others.
    pub fn new(data_type: &DataType, rows: usize) -> Option<Column> {
        let with_type = || data_type.clone();
        Some(match data_type {
            DataType::Boolean => Column::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int8 => Column::Int8(Int8Builder::with_capacity(rows)),
            DataType::Int16 => Column::Int16(Int16Builder::with_capacity(rows)),
            DataType::Int32 => Column::Int32(Int32Builder::with_capacity(rows)),
            DataType::Int64 => Column::Int64(Int64Builder::with_capacity(rows)),
            DataType::UInt8 => Column::UInt8(UInt8Builder::with_capacity(rows)),
            DataType::UInt16 => Column::UInt16(UInt16Builder::with_capacity(rows)),
            DataType::UInt32 => Column::UInt32(UInt32Builder::with_capacity(rows)),
            DataType::UInt64 => Column::UInt64(UInt64Builder::with_capacity(rows)),
            DataType::Float32 => Column::Float32(Float32Builder::with_capacity(rows)),
            DataType::Float64 => Column::Float64(Float64Builder::with_capacity(rows)),
            DataType::Decimal128(..) => {
                Column::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(with_type()))
            }
            DataType::Date32 => Column::Date(Date32Builder::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Second, _) => {
                Column::Second(TimestampSecondBuilder::with_capacity(rows).with_data_type(with_type()))
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Column::Millisecond(TimestampMillisecondBuilder::with_capacity(rows).with_data_type(with_type()))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Column::Microsecond(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(with_type()))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Column::Nanosecond(TimestampNanosecondBuilder::with_capacity(rows).with_data_type(with_type()))
            }
            DataType::Utf8 => Column::Text(StringBuilder::with_capacity(rows, rows * 16)),
            DataType::LargeUtf8 => Column::LargeText(LargeStringBuilder::with_capacity(rows, rows * 16)),
            DataType::Utf8View => Column::TextView(StringViewBuilder::with_capacity(rows)),
            DataType::Binary => Column::Binary(BinaryBuilder::with_capacity(rows, rows * 16)),
            DataType::LargeBinary => Column::LargeBinary(LargeBinaryBuilder::with_capacity(rows, rows * 16)),
            DataType::BinaryView => Column::BinaryView(BinaryViewBuilder::with_capacity(rows)),
            _ => return None,
        })
    }

    /// True where a record's own text is appended.
    pub fn is_text(&self) -> bool {
        matches!(self, Column::Text(_) | Column::LargeText(_) | Column::TextView(_))
    }

    /// Appends what was read from a record for this column's type. The record may be empty for columns that are not
    /// text.
    #[inline]
    pub fn push(&mut self, cell: &Cell, record: &str, scratch: &Scratch) {
        match (self, cell) {
            (Column::Int64(builder), Cell::Int(value)) => builder.append_value(*value),
            (Column::Microsecond(builder), Cell::Timestamp(value)) => builder.append_value(*value),
            (Column::Float64(builder), Cell::Float64(value)) => builder.append_value(*value),
            (Column::Decimal(builder), Cell::Decimal(value)) => builder.append_value(value.get()),
            (Column::TextView(builder), Cell::Text(span)) => builder.append_value(span.part(record)),
            (column, cell) => column.push_rarer(cell.value(record.as_bytes(), scratch)),
        }
    }

    fn push_rarer(&mut self, value: Value<'_>) {
        match (self, value) {
            (Column::Boolean(builder), Value::Boolean(value)) => builder.append_value(value),
            // Reading has checked the range of the narrower integers.
            (Column::Int8(builder), Value::Int(value)) => builder.append_value(value as i8),
            (Column::Int16(builder), Value::Int(value)) => builder.append_value(value as i16),
            (Column::Int32(builder), Value::Int(value)) => builder.append_value(value as i32),
            (Column::UInt8(builder), Value::UInt(value)) => builder.append_value(value as u8),
            (Column::UInt16(builder), Value::UInt(value)) => builder.append_value(value as u16),
            (Column::UInt32(builder), Value::UInt(value)) => builder.append_value(value as u32),
            (Column::UInt64(builder), Value::UInt(value)) => builder.append_value(value),
            (Column::Float32(builder), Value::Float32(value)) => builder.append_value(value),
            (Column::Date(builder), Value::Date(value)) => builder.append_value(value),
            (Column::Second(builder), Value::Timestamp(value)) => builder.append_value(value),
            (Column::Millisecond(builder), Value::Timestamp(value)) => builder.append_value(value),
            (Column::Nanosecond(builder), Value::Timestamp(value)) => builder.append_value(value),
            (Column::Text(builder), Value::Text(value)) => builder.append_value(value),
            (Column::LargeText(builder), Value::Text(value)) => builder.append_value(value),
            (Column::TextView(builder), Value::Text(value)) => builder.append_value(value),
            (Column::Binary(builder), Value::Binary(value)) => builder.append_value(value),
            (Column::LargeBinary(builder), Value::Binary(value)) => builder.append_value(value),
            (Column::BinaryView(builder), Value::Binary(value)) => builder.append_value(value),
            (column, value) => {
                debug_assert_eq!(value, Value::Null, "a value of another type than its column's");
                each!(column, builder => builder.append_null());
            }
        }
    }

    /// The rows so far; the column is empty afterwards.
    pub fn finish(&mut self) -> ArrayRef {
        each!(self, builder => Arc::new(builder.finish()))
    }
}
