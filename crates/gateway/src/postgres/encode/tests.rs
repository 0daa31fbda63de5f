//! Each type as text and as binary, and both read back.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;

use super::*;
use crate::postgres::{decode, oids};

fn written(array: &ArrayRef, form: Form) -> Vec<u8> {
    let mut out = BytesMut::new();
    Column::new(array).unwrap().write(0, form, &mut out).unwrap();
    out.to_vec()
}

fn check(array: ArrayRef, text: &str) {
    let (arrow, oid) = (array.data_type().clone(), oids::oid(array.data_type()));
    let ours = written(&array, Form::Text);
    assert_eq!(String::from_utf8_lossy(&ours), text, "{arrow}");
    let value = ScalarValue::try_from_array(&array, 0).unwrap();
    for form in [Form::Text, Form::Binary] {
        let bytes = bytes::Bytes::from(written(&array, form));
        let read = decode::parameter(1, Some(bytes), form, oid, &arrow).unwrap();
        assert_eq!(read, value, "{arrow} {form:?}");
    }
}

#[test]
fn values_are_written_as_postgresql_does_and_read_back() {
    let at = |text: &str| ScalarValue::from(text).cast_to(&headwater_query::relation::timestamp_type()).unwrap();
    let time = |text: &str| at(text).to_array().unwrap();
    check(Arc::new(BooleanArray::from(vec![true])), "t");
    check(Arc::new(Int16Array::from(vec![-7])), "-7");
    check(Arc::new(Int32Array::from(vec![i32::MIN])), "-2147483648");
    check(Arc::new(Int64Array::from(vec![i64::MAX])), "9223372036854775807");
    check(Arc::new(Float32Array::from(vec![0.1])), "0.1");
    check(Arc::new(Float64Array::from(vec![1e20])), "1e+20");
    check(Arc::new(Float64Array::from(vec![-1.5e-7])), "-1.5e-07");
    check(Arc::new(Float64Array::from(vec![f64::INFINITY])), "Infinity");
    check(Arc::new(StringViewArray::from(vec!["a \"ß\" \\"])), "a \"ß\" \\");
    check(Arc::new(BinaryArray::from(vec![&b"\x00\xffa"[..]])), "\\x00ff61");
    check(Arc::new(Date32Array::from(vec![0])), "1970-01-01");
    check(Arc::new(Date32Array::from(vec![-25_567])), "1900-01-01");
    check(Arc::new(Time64MicrosecondArray::from(vec![3_723_000_400])), "01:02:03.0004");
    check(time("2024-02-29T12:00:00.5Z"), "2024-02-29 12:00:00.5+00");
    check(time("1969-12-31T23:59:59.999999Z"), "1969-12-31 23:59:59.999999+00");
    let interval = IntervalMonthDayNano::new(14, -3, 14_706_789_000_000);
    check(Arc::new(IntervalMonthDayNanoArray::from(vec![interval])), "1 year 2 mons -3 days +04:05:06.789");
}

#[test]
fn decimals_keep_their_digits() {
    for (value, scale, text) in [
        (0, 0, "0"),
        (0, 2, "0.00"),
        (1, 2, "0.01"),
        (-12_345, 2, "-123.45"),
        (100_000_000, 0, "100000000"),
        (1_000_000_001, 5, "10000.00001"),
        (99_999_999_999_999_999_999_999_999_999_999_999_999, 10, "9999999999999999999999999999.9999999999"),
    ] {
        let array = Decimal128Array::from(vec![value]).with_precision_and_scale(38, scale).unwrap();
        check(Arc::new(array), text);
    }
}

#[test]
fn arrays_are_quoted_where_they_must_be() {
    let mut builder = ListBuilder::new(StringViewBuilder::new());
    for item in [Some("a"), None, Some(""), Some("x,\"y\"\\"), Some("NULL")] {
        builder.values().append_option(item);
    }
    builder.append(true);
    check(Arc::new(builder.finish()), r#"{a,NULL,"","x,\"y\"\\","NULL"}"#);
    let mut builder = ListBuilder::new(Int64Builder::new());
    builder.append(true);
    check(Arc::new(builder.finish()), "{}");
}

#[test]
fn structs_are_json() {
    let text: ArrayRef = Arc::new(StringViewArray::from(vec!["x"]));
    let array: ArrayRef = Arc::new(StructArray::try_from(vec![("a", text)]).unwrap());
    assert_eq!(written(&array, Form::Text), br#"{"a":"x"}"#);
}
