//! Values as text: exact, and told apart from NULL.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray,
};

use super::*;

fn rows() -> (SchemaRef, RecordBatch) {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(-1)]))),
        (
            "d",
            Arc::new(Decimal128Array::from(vec![Some(100), Some(-5), None]).with_precision_and_scale(30, 2).unwrap()),
        ),
        ("f", Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NAN), Some(1e300)]))),
        ("s", Arc::new(StringViewArray::from(vec![Some("a,\"b\"\n"), Some(""), None]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), Some(-1_000_000), None]).with_timezone("UTC"))),
        ("on", Arc::new(Date32Array::from(vec![Some(0), Some(-1), None]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    (batch.schema(), batch)
}

fn rendered(format: Format) -> String {
    let (schema, batch) = rows();
    render(&schema, &[batch], format).unwrap()
}

#[test]
fn csv_tells_null_from_empty() {
    assert_eq!(
        rendered(Format::Csv),
        "n,d,f,s,b,at,on\n\
         9223372036854775807,1.00,0.1,\"a,\"\"b\"\"\n\",true,1970-01-01T00:00:00.000001Z,1970-01-01\n\
         ,-0.05,NaN,\"\",false,1969-12-31T23:59:59Z,1969-12-31\n\
         -1,,1e300,,,,\n"
    );
}

#[test]
fn json_keeps_every_digit() {
    assert_eq!(
        rendered(Format::Json),
        r#"[
{"n":9223372036854775807,"d":1.00,"f":0.1,"s":"a,\"b\"\n","b":true,"at":"1970-01-01T00:00:00.000001Z","on":"1970-01-01"},
{"n":null,"d":-0.05,"f":"NaN","s":"","b":false,"at":"1969-12-31T23:59:59Z","on":"1969-12-31"},
{"n":-1,"d":null,"f":1e300,"s":null,"b":null,"at":null,"on":null}
]
"#
    );
}

#[test]
fn a_table_aligns_numbers_to_the_right() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("count", Arc::new(Int64Array::from(vec![7, 1234567]))),
        ("name", Arc::new(StringViewArray::from(vec![Some("zwölf"), None]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    assert_eq!(
        render(&batch.schema(), std::slice::from_ref(&batch), Format::Table).unwrap(),
        "   count | name\n---------+-------\n       7 | zwölf\n 1234567 |\n(2 rows)\n"
    );
}

#[test]
fn nothing_is_an_empty_array() {
    let (schema, _) = rows();
    assert_eq!(render(&schema, &[], Format::Json).unwrap(), "[]\n");
    assert!(render(&schema, &[], Format::Table).unwrap().ends_with("(0 rows)\n"));
}

#[test]
fn nested_values_are_json_too() {
    use arrow::array::{Int32Builder, ListBuilder};
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_null();
    let batch = RecordBatch::try_from_iter([("l", Arc::new(lists.finish()) as ArrayRef)]).unwrap();
    let mut out = Vec::new();
    json::lines(&batch, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "{\"l\":[1,null]}\n{\"l\":null}\n");
}
