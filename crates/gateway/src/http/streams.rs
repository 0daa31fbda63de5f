//! `POST /v1/streams/{name}`: rows as NDJSON, as an array or as one object. Success means that they are durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headwater_base::ErrorKind;
use headwater_base::clock::{Clock, SystemClock};
use headwater_query::relation::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::split;
use crate::Problem;
use crate::ingest::{self, Appended, Bad, OnError};
use crate::node::Node;

/// More rows than this take several requests.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Bytes of bodies that are being received, checked and appended at one time.
const WORK_BYTES_MAX: usize = 128 << 20;

/// Errors of rows that an answer tells; the others are counted.
const ERRORS_MAX: usize = 100;

const MEDIA: &str = "send application/x-ndjson (one object a line) or application/json (an object, or an array)";

/// What requests of this path share.
#[derive(Clone)]
pub struct Door(Arc<Shared>);

struct Shared {
    node: Arc<dyn Node>,
    clock: Arc<dyn Clock>,
    /// One permit a byte.
    work: Arc<Semaphore>,
    /// Spreads requests without keys over the partitions.
    sticky: AtomicUsize,
}

impl Door {
    pub fn new(node: Arc<dyn Node>) -> Door {
        let work = Arc::new(Semaphore::new(WORK_BYTES_MAX));
        Door(Arc::new(Shared { node, clock: SystemClock::shared(), work, sticky: AtomicUsize::new(0) }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    on_error: Option<String>,
}

pub async fn post(
    State(Door(door)): State<Door>,
    Path(name): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let bad_request = |message: String, hint: &str| Failure::invalid(StatusCode::BAD_REQUEST, message, hint);
    let Query(parameters) =
        parameters.map_err(|rejected| bad_request(rejected.body_text(), "the only parameter is on_error"))?;
    let on_error: OnError = match &parameters.on_error {
        None => OnError::default(),
        Some(name) => name.parse().map_err(|unknown| bad_request(unknown, "leave it out to refuse such requests"))?,
    };
    let is_json = media(&headers)?;
    let stream = stream(door.node.as_ref(), &name)?;
    // Reserved before the first byte is read: bodies that are still on their way take memory, too.
    let length = length(&headers)?;
    let Ok(permit) = Arc::clone(&door.work).try_acquire_many_owned(length as u32) else {
        return Ok(too_much());
    };
    let body = to_bytes(body, length).await.map_err(|error| unread(&error))?;
    let (log, now_ms) = (door.node.log(), door.clock.now_us() / 1000);
    let sticky = door.sticky.fetch_add(1, Ordering::Relaxed);
    let append = move || -> Result<Response, Failure> {
        let _permit = permit;
        let records = if is_json {
            split::values(&body).map_err(|message| Failure::invalid(StatusCode::BAD_REQUEST, message, MEDIA))?
        } else {
            split::lines(&body)
        };
        let checked = ingest::check(&stream, &records, on_error)?;
        if !checked.bad.is_empty() && on_error == OnError::Refuse {
            return Ok(refused(&checked.bad, records.len()));
        }
        let appended = checked.append(log.as_ref(), now_ms, sticky)?;
        Ok(Json(answer(&appended, &checked.bad, on_error)).into_response())
    };
    let stopped = |_| Problem::new(ErrorKind::Unavailable, "the node is stopping; these rows may be there or not");
    tokio::task::spawn_blocking(append).await.map_err(stopped)?
}

/// Whether the body is JSON rather than lines of it. What is not understood is refused, never guessed.
fn media(headers: &HeaderMap) -> Result<bool, Failure> {
    let unsupported = |message: String, hint: &str| Failure::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message, hint);
    if headers.contains_key("idempotency-key") {
        let hint = "leave the header out; a request that is sent again appends its rows again";
        return Err(Failure::invalid(StatusCode::NOT_IMPLEMENTED, "Idempotency-Key is not built yet", hint));
    }
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(encoding) = text(CONTENT_ENCODING).filter(|encoding| encoding != "identity") {
        return Err(unsupported(format!("content encoding '{encoding}' is not built yet"), "send the body as it is"));
    }
    let Some(media) = text(CONTENT_TYPE) else {
        return Err(unsupported("the request has no Content-Type".to_owned(), MEDIA));
    };
    match media.split(';').next().unwrap_or("").trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(true),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(false),
        _ => Err(unsupported(format!("content type '{media}' is not known here"), MEDIA)),
    }
}

fn stream(node: &dyn Node, name: &str) -> Result<Arc<Stream>, Failure> {
    let session = node.session();
    let relations = &session.sources().relations;
    if let Some(stream) = ingest::target(relations, name)? {
        return Ok(stream);
    }
    let near = headwater_sql::nearest(name, relations.names());
    let hint = near.map_or_else(|| "declare it with CREATE STREAM".to_owned(), |near| format!("did you mean {near}?"));
    Err(Failure::invalid(StatusCode::NOT_FOUND, format!("there is no stream {name}"), &hint))
}

/// The most bytes that the body can have: as it says, or as many as any may have.
fn length(headers: &HeaderMap) -> Result<usize, Failure> {
    let said = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length: u64 = said.unwrap_or(BODY_BYTES_MAX as u64);
    usize::try_from(length).ok().filter(|length| *length <= BODY_BYTES_MAX).ok_or_else(too_large)
}

fn unread(error: &axum::Error) -> Failure {
    if error.to_string().contains("length limit exceeded") {
        return too_large();
    }
    Failure::invalid(StatusCode::BAD_REQUEST, format!("the body broke off: {error}"), "send the request again")
}

fn too_large() -> Failure {
    let message = format!("the body is larger than {} MiB; nothing of it was appended", BODY_BYTES_MAX >> 20);
    Failure::invalid(StatusCode::PAYLOAD_TOO_LARGE, message, "send the rows in several requests")
}

fn too_much() -> Response {
    let message = "more rows are being appended than the node takes at one time; nothing of this was appended";
    let failure = Failure::invalid(StatusCode::TOO_MANY_REQUESTS, message, "send it again in a second");
    ([(RETRY_AFTER, "1")], failure).into_response()
}

fn refused(bad: &[Bad], rows: usize) -> Response {
    let message = format!("{} of {rows} rows are broken; nothing was appended", bad.len());
    let hint = "correct them, or send on_error=skip or on_error=quarantine";
    let body = json!({"error": {"kind": "invalid", "message": message, "hint": hint, "rows": errors(bad)}});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn answer(appended: &Appended, bad: &[Bad], on_error: OnError) -> Value {
    let offsets: Vec<Value> = appended
        .offsets
        .iter()
        .map(|(partition, range)| json!({"partition": partition, "first": range.start, "next": range.end}))
        .collect();
    let mut body = json!({"appended": appended.rows, "offsets": offsets});
    if !bad.is_empty() {
        let verb = if on_error == OnError::Skip { "skipped" } else { "quarantined" };
        body[verb] = json!(bad.len());
        body["errors"] = errors(bad);
    }
    body
}

/// The first of them, with their places.
fn errors(bad: &[Bad]) -> Value {
    let told = bad.iter().take(ERRORS_MAX).map(|Bad { row, error }| {
        json!({"row": row, "reason": error.reason.as_str(), "column": error.column, "detail": error.detail})
    });
    told.collect()
}
