//! Structs, maps and lists of lists as JSON.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use headwater_query::render::json;

use crate::postgres::failure::Failure;

/// The JSON text of each value of a column.
pub fn texts(array: &ArrayRef) -> Result<Vec<Vec<u8>>, Failure> {
    let schema = Arc::new(Schema::new(vec![Field::new("v", array.data_type().clone(), true)]));
    let broken = |error: arrow::error::ArrowError| Failure::new("XX000", error.to_string());
    let batch = RecordBatch::try_new(schema, vec![ArrayRef::clone(array)]).map_err(broken)?;
    let mut lines = Vec::new();
    json::lines(&batch, &mut lines)?;
    // JSON escapes line feeds within texts.
    let lines = lines.split(|byte| *byte == b'\n').take(array.len());
    Ok(lines.map(|line| line[br#"{"v":"#.len()..line.len() - 1].to_vec()).collect())
}
