//! What is encoded decodes to the same rows, for every type and both formats.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, Decimal128Builder, TimestampMicrosecondBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int8Array, Int64Array, RecordBatch, StringArray,
    StringViewArray, TimestampNanosecondArray, UInt64Array,
};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use headwater_format::{Encoded, Format, decoder, encoder, row_as_json};
use proptest::prelude::*;
use serde_json::Value;

use crate::{schema, timestamp};

pub fn all_types() -> SchemaRef {
    schema(&[
        ("flag", DataType::Boolean),
        ("tiny", DataType::Int8),
        ("big", DataType::Int64),
        ("unsigned", DataType::UInt64),
        ("single", DataType::Float32),
        ("double", DataType::Float64),
        ("amount", DataType::Decimal128(38, 9)),
        ("text", DataType::Utf8),
        ("a \"quoted\" name, é", DataType::Utf8View),
        ("day", DataType::Date32),
        ("at", timestamp()),
        ("nanos", DataType::Timestamp(TimeUnit::Nanosecond, None)),
        ("bytes", DataType::Binary),
    ])
}

type Row = (
    (Option<bool>, Option<i8>, Option<i64>, Option<u64>, Option<f32>, Option<f64>),
    (Option<i128>, Option<String>, Option<String>),
    (Option<i32>, Option<i64>, Option<i64>, Option<Vec<u8>>),
);

fn row() -> impl Strategy<Value = Row> {
    let limit = 10i128.pow(38);
    let maybe = prop::option::of::<BoxedStrategy<i64>>;
    (
        (
            any::<Option<bool>>(),
            any::<Option<i8>>(),
            maybe(any::<i64>().boxed()),
            any::<Option<u64>>(),
            prop::option::of(prop::num::f32::ANY),
            prop::option::of(prop::num::f64::ANY),
        ),
        (
            prop::option::of(1 - limit..limit),
            any::<Option<String>>(),
            prop::option::of("[a-z\",\\\\\n\r\t\u{1}é😀 ]{0,20}"),
        ),
        (
            prop::option::of(-3_000_000..3_000_000i32),
            maybe(prop_oneof![any::<i64>(), 0..4_000_000_000_000_000i64].boxed()),
            maybe(any::<i64>().boxed()),
            any::<Option<Vec<u8>>>(),
        ),
    )
}

pub fn rows() -> impl Strategy<Value = RecordBatch> {
    prop::collection::vec(row(), 0..6).prop_map(|rows| {
        let mut amounts = Decimal128Builder::new().with_data_type(DataType::Decimal128(38, 9));
        let mut times = TimestampMicrosecondBuilder::new().with_data_type(timestamp());
        let mut bytes = BinaryBuilder::new();
        for (_, (amount, ..), (_, at, _, binary)) in &rows {
            amounts.append_option(*amount);
            times.append_option(*at);
            bytes.append_option(binary.as_ref());
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|row| row.0.0).collect::<BooleanArray>()),
            Arc::new(rows.iter().map(|row| row.0.1).collect::<Int8Array>()),
            Arc::new(rows.iter().map(|row| row.0.2).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.0.3).collect::<UInt64Array>()),
            // One NaN is like another: the bits of others do not survive text.
            Arc::new(
                rows.iter().map(|row| row.0.4.map(|v| if v.is_nan() { f32::NAN } else { v })).collect::<Float32Array>(),
            ),
            Arc::new(
                rows.iter().map(|row| row.0.5.map(|v| if v.is_nan() { f64::NAN } else { v })).collect::<Float64Array>(),
            ),
            Arc::new(amounts.finish()),
            Arc::new(rows.iter().map(|row| row.1.1.clone()).collect::<StringArray>()),
            Arc::new(rows.iter().map(|row| row.1.2.clone()).collect::<StringViewArray>()),
            Arc::new(rows.iter().map(|row| row.2.0).collect::<Date32Array>()),
            Arc::new(times.finish()),
            Arc::new(rows.iter().map(|row| row.2.2).collect::<TimestampNanosecondArray>()),
            Arc::new(bytes.finish()),
        ];
        RecordBatch::try_new(all_types(), arrays).unwrap()
    })
}

proptest! {
    #![proptest_config(crate::cases(400))]

    #[test]
    fn encoded_rows_decode_to_the_same(rows in rows()) {
        for format in [Format::Csv, Format::Json] {
            let mut encoded = Encoded::default();
            encoder(format, all_types()).unwrap().encode(&rows, &mut encoded).unwrap();
            prop_assert_eq!(encoded.len(), rows.num_rows());
            let mut decoder = decoder(format, all_types(), None).unwrap();
            for record in encoded.records() {
                let pushed = decoder.push(record);
                prop_assert!(pushed.is_ok(), "{:?}: {}", pushed, String::from_utf8_lossy(record));
            }
            prop_assert_eq!(&decoder.finish(), &rows);
            if format == Format::Json {
                for (row, record) in encoded.records().enumerate() {
                    prop_assert!(serde_json::from_slice::<Value>(record).is_ok());
                    let shown = row_as_json(&rows, row);
                    prop_assert_eq!(record, shown.as_bytes());
                }
            }
        }
    }
}

#[test]
fn rows_of_other_columns_are_refused() {
    let other = schema(&[("x", DataType::Int64)]);
    let mut encoder = encoder(Format::Json, all_types()).unwrap();
    let rows = RecordBatch::new_empty(other);
    assert!(encoder.encode(&rows, &mut Encoded::default()).is_err());
}

#[test]
fn any_row_can_be_shown() {
    let list =
        arrow_array::ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>([Some(vec![Some(1), None])]);
    let rows = RecordBatch::try_from_iter([("l", Arc::new(list) as ArrayRef)]).unwrap();
    assert_eq!(row_as_json(&rows, 0), r#"{"l":"[1, ]"}"#);
}
