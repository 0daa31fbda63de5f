//! What a request that appends is told.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::ingest::keys::Offsets;
use crate::ingest::{Bad, OnError};

/// Errors of rows that an answer tells; the others are counted.
const ERRORS_MAX: usize = 100;

/// Nothing was appended, since some rows are broken.
pub fn refused(bad: &[Bad], rows: usize) -> Response {
    let message = format!("{} of {rows} rows are broken; nothing was appended", bad.len());
    let hint = "correct them, or send on_error=skip or on_error=quarantine";
    let body = json!({"error": {"kind": "invalid", "message": message, "hint": hint, "rows": errors(bad)}});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// The body of the answer.
pub fn answer(rows: usize, offsets: &Offsets, bad: &[Bad], on_error: OnError) -> String {
    let offsets: Vec<Value> = offsets
        .iter()
        .map(|(partition, range)| json!({"partition": partition, "first": range.start, "next": range.end}))
        .collect();
    let mut body = json!({"appended": rows, "offsets": offsets});
    if !bad.is_empty() {
        let verb = if on_error == OnError::Skip { "skipped" } else { "quarantined" };
        body[verb] = json!(bad.len());
        body["errors"] = errors(bad);
    }
    body.to_string()
}

pub fn written(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The first of them, with their places.
fn errors(bad: &[Bad]) -> Value {
    let told = bad.iter().take(ERRORS_MAX).map(|Bad { row, error }| {
        json!({"row": row, "reason": error.reason.as_str(), "column": error.column, "detail": error.detail})
    });
    told.collect()
}
