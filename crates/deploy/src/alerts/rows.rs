//! From an alert's rows to what incidents are made of: which group a row is of, and when it was.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use headwater_format::row_as_json;
use serde_json::Value;

use super::Declared;
use super::incident::Row;
use crate::Result;

/// The rows of a batch. One without a time counts as of `now_us`.
pub fn read(alert: &Declared, batch: &RecordBatch, now_us: i64) -> Result<Vec<Row>> {
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let failed = |error: &dyn std::fmt::Display| headwater_stream::Error::internal(format!("a row as JSON: {error}"));
    let times = alert.timestamp.map(|column| batch.column(column).as_primitive::<TimestampMicrosecondType>());
    let names: Vec<String> = alert.group_by.iter().map(|column| batch.schema().field(*column).name().clone()).collect();
    let mut rows = Vec::with_capacity(batch.num_rows());
    for at in 0..batch.num_rows() {
        let content: Value = serde_json::from_str(&row_as_json(batch, at)).map_err(|error| failed(&error))?;
        let labels: BTreeMap<&str, Value> =
            names.iter().map(|name| (name.as_str(), label(content.get(name).unwrap_or(&Value::Null)))).collect();
        let labels = serde_json::to_string(&labels).map_err(|error| failed(&error))?;
        let time_us = times.filter(|times| times.is_valid(at)).map_or(now_us, |times| times.value(at));
        rows.push(Row { labels, time_us, content });
    }
    Ok(rows)
}

/// Labels are texts wherever they are sent; NULL stays what it is.
fn label(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        other => Value::String(super::message::plain(other)),
    }
}
