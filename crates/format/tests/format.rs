//! The crate as others use it: what each format reads, refuses and writes, against other readers and at random.

#![allow(clippy::unwrap_used, reason = "all of it is tests, helpers too")]

#[path = "format/csv.rs"]
mod csv;
#[path = "format/json.rs"]
mod json;
#[path = "format/keys.rs"]
mod keys;
#[path = "format/rewrite.rs"]
mod rewrite;
#[path = "format/round_trip.rs"]
mod round_trip;
#[path = "format/values.rs"]
mod values;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use headwater_format::{Format, Reason, RowError, decoder, row_as_json};
use proptest::prelude::ProptestConfig;

/// So many random cases, or as many as `PROPTEST_CASES` asks for; a failure prints its shrunken input.
pub fn cases(cases: u32) -> ProptestConfig {
    let told = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { told.cases } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..told }
}

/// Nullable columns of these types.
pub fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// One record as a row.
pub fn decode(format: Format, schema: &SchemaRef, record: &[u8]) -> Result<RecordBatch, RowError> {
    let mut decoder = decoder(format, Arc::clone(schema), None).unwrap();
    let pushed = decoder.push(record);
    assert_eq!(decoder.len(), usize::from(pushed.is_ok()));
    pushed.map(|()| decoder.finish())
}

/// What one value reads as: JSON as the encoder has it, or the reason of the refusal.
pub fn read(format: Format, data_type: &DataType, text: &str) -> Result<String, Reason> {
    let columns = schema(&[("value", data_type.clone())]);
    let record = match format {
        Format::Csv => text.to_string(),
        Format::Json => format!("{{\"value\":{text}}}"),
    };
    match decode(format, &columns, record.as_bytes()) {
        Ok(rows) => {
            let json = row_as_json(&rows, 0);
            Ok(json["{\"value\":".len()..json.len() - 1].to_string())
        }
        Err(error) => Err(error.reason),
    }
}

#[test]
fn unbuilt_and_unknown_formats_are_named() {
    assert_eq!("JSON".parse::<Format>().unwrap(), Format::Json);
    let unbuilt = "avro".parse::<Format>().unwrap_err();
    assert_eq!(unbuilt.to_string(), "format 'avro' is not built yet; use csv or json");
    let unknown = "xml".parse::<Format>().unwrap_err();
    assert_eq!(unknown.to_string(), "unknown format 'xml'; the formats are csv and json");
}

#[test]
fn a_projection_changes_what_is_built_and_not_what_is_accepted() {
    let columns = schema(&[("a", DataType::Int64), ("b", DataType::Utf8View), ("c", DataType::Float64)]);
    for (format, good, bad) in
        [(Format::Csv, "1,x,2.5", "1,x,y"), (Format::Json, r#"{"a":1,"b":"x","c":2.5}"#, r#"{"a":1,"b":"x","c":"y"}"#)]
    {
        for projection in [&[][..], &[1], &[2, 0], &[0, 0]] {
            let mut decoder = decoder(format, Arc::clone(&columns), Some(projection)).unwrap();
            decoder.push(good.as_bytes()).unwrap();
            let refused = decoder.push(bad.as_bytes()).unwrap_err();
            assert_eq!((refused.column.as_deref(), refused.reason), (Some("c"), Reason::Type), "{refused}");
            let rows = decoder.finish();
            assert_eq!((rows.num_rows(), rows.num_columns()), (1, projection.len()));
            assert!(decoder.is_empty());
        }
        assert!(decoder(format, Arc::clone(&columns), Some(&[3])).is_err());
    }
}

#[test]
fn a_missing_value_is_null_where_it_may_be() {
    let columns =
        Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, false), Field::new("b", DataType::Utf8View, true)]));
    assert_eq!(row_as_json(&decode(Format::Json, &columns, br#"{"a":1}"#).unwrap(), 0), r#"{"a":1,"b":null}"#);
    assert_eq!(row_as_json(&decode(Format::Csv, &columns, b"1,").unwrap(), 0), r#"{"a":1,"b":null}"#);
    for (format, record) in [(Format::Json, r#"{"b":"x"}"#), (Format::Json, r#"{"a":null}"#), (Format::Csv, ",x")] {
        let refused = decode(format, &columns, record.as_bytes()).unwrap_err();
        assert_eq!((refused.column.as_deref(), refused.reason), (Some("a"), Reason::Null));
    }
}

#[test]
fn types_that_no_record_holds_are_refused() {
    let columns = schema(&[("span", DataType::Duration(TimeUnit::Second))]);
    let refused = decoder(Format::Json, columns, None).err().unwrap();
    assert_eq!(refused.to_string(), "column 'span' is of type Duration(s), which a record can't hold");
}
