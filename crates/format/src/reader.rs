//! Arrow arrays read value by value, with the type looked up once a batch.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, LargeBinaryArray, LargeStringArray, PrimitiveArray,
    StringArray, StringViewArray,
};
use arrow_schema::{DataType, TimeUnit};

use crate::value::{Kind, Value};

/// One array, ready to be read.
pub(crate) struct Reader<'a> {
    array: &'a dyn Array,
    typed: Typed<'a>,
    pub kind: Kind,
    has_nulls: bool,
}

enum Typed<'a> {
    Boolean(&'a BooleanArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    UInt8(&'a PrimitiveArray<UInt8Type>),
    UInt16(&'a PrimitiveArray<UInt16Type>),
    UInt32(&'a PrimitiveArray<UInt32Type>),
    UInt64(&'a PrimitiveArray<UInt64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a PrimitiveArray<Decimal128Type>),
    Date(&'a PrimitiveArray<Date32Type>),
    Second(&'a PrimitiveArray<TimestampSecondType>),
    Millisecond(&'a PrimitiveArray<TimestampMillisecondType>),
    Microsecond(&'a PrimitiveArray<TimestampMicrosecondType>),
    Nanosecond(&'a PrimitiveArray<TimestampNanosecondType>),
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
}

impl<'a> Reader<'a> {
    /// `None` for arrays of types that records don't hold.
    pub fn new(array: &'a ArrayRef) -> Option<Reader<'a>> {
        let kind = Kind::of(array.data_type())?;
        let typed = match array.data_type() {
            DataType::Boolean => Typed::Boolean(array.as_boolean()),
            DataType::Int8 => Typed::Int8(array.as_primitive()),
            DataType::Int16 => Typed::Int16(array.as_primitive()),
            DataType::Int32 => Typed::Int32(array.as_primitive()),
            DataType::Int64 => Typed::Int64(array.as_primitive()),
            DataType::UInt8 => Typed::UInt8(array.as_primitive()),
            DataType::UInt16 => Typed::UInt16(array.as_primitive()),
            DataType::UInt32 => Typed::UInt32(array.as_primitive()),
            DataType::UInt64 => Typed::UInt64(array.as_primitive()),
            DataType::Float32 => Typed::Float32(array.as_primitive()),
            DataType::Float64 => Typed::Float64(array.as_primitive()),
            DataType::Decimal128(..) => Typed::Decimal(array.as_primitive()),
            DataType::Date32 => Typed::Date(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Second, _) => Typed::Second(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Typed::Millisecond(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Typed::Microsecond(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Typed::Nanosecond(array.as_primitive()),
            DataType::Utf8 => Typed::Text(array.as_string()),
            DataType::LargeUtf8 => Typed::LargeText(array.as_string()),
            DataType::Utf8View => Typed::TextView(array.as_string_view()),
            DataType::Binary => Typed::Binary(array.as_binary()),
            DataType::LargeBinary => Typed::LargeBinary(array.as_binary()),
            DataType::BinaryView => Typed::BinaryView(array.as_binary_view()),
            _ => return None,
        };
        Some(Reader { array: array.as_ref(), typed, kind, has_nulls: array.null_count() > 0 })
    }

    #[inline]
    pub fn value(&self, row: usize) -> Value<'a> {
        if self.has_nulls && self.array.is_null(row) {
            return Value::Null;
        }
        match &self.typed {
            Typed::Boolean(array) => Value::Boolean(array.value(row)),
            Typed::Int8(array) => Value::Int(array.value(row).into()),
            Typed::Int16(array) => Value::Int(array.value(row).into()),
            Typed::Int32(array) => Value::Int(array.value(row).into()),
            Typed::Int64(array) => Value::Int(array.value(row)),
            Typed::UInt8(array) => Value::UInt(array.value(row).into()),
            Typed::UInt16(array) => Value::UInt(array.value(row).into()),
            Typed::UInt32(array) => Value::UInt(array.value(row).into()),
            Typed::UInt64(array) => Value::UInt(array.value(row)),
            Typed::Float32(array) => Value::Float32(array.value(row)),
            Typed::Float64(array) => Value::Float64(array.value(row)),
            Typed::Decimal(array) => Value::Decimal(array.value(row)),
            Typed::Date(array) => Value::Date(array.value(row)),
            Typed::Second(array) => Value::Timestamp(array.value(row)),
            Typed::Millisecond(array) => Value::Timestamp(array.value(row)),
            Typed::Microsecond(array) => Value::Timestamp(array.value(row)),
            Typed::Nanosecond(array) => Value::Timestamp(array.value(row)),
            Typed::Text(array) => Value::Text(array.value(row)),
            Typed::LargeText(array) => Value::Text(array.value(row)),
            Typed::TextView(array) => Value::Text(array.value(row)),
            Typed::Binary(array) => Value::Binary(array.value(row)),
            Typed::LargeBinary(array) => Value::Binary(array.value(row)),
            Typed::BinaryView(array) => Value::Binary(array.value(row)),
        }
    }
}
