//! `POST /v1/streams/{name}`: rows as NDJSON, as an array or as one object. Success means that they are durable.

mod answer;
mod body;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headwater_base::ErrorKind;
use headwater_log::Ticket;
use headwater_query::relation::Stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use self::answer::{answer, refused, written};
use crate::Problem;
use crate::http::door::{Door, no_stream};
use crate::http::failure::Failure;
use crate::http::split;
use crate::ingest::keys::{Claim, Claimed, KEY_BYTES_MAX, Offsets, Work};
use crate::ingest::{self, Checked, OnError, extend};
use crate::node::Node;

/// More rows than this take several requests.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Names a request, so that it can be sent again.
pub const KEY: &str = "idempotency-key";

/// Says that an answer is that of an earlier request.
pub const REPLAYED: &str = "idempotency-replayed";

const MEDIA: &str = "send application/x-ndjson (one object a line) or application/json (an object, or an array)";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    on_error: Option<String>,
}

/// What a request came to before its rows are safe.
enum Step {
    /// It has its answer.
    Answered(Response),
    /// Appended, and on the way to stable storage.
    Started { tickets: Vec<(u32, Ticket)>, checked: Checked },
    /// To be appended with its key.
    Keyed(Work),
}

pub async fn post(
    State(door): State<Door>,
    name: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let bad_request = |message: String, hint: &str| Failure::invalid(StatusCode::BAD_REQUEST, message, hint);
    let Query(parameters) =
        parameters.map_err(|rejected| bad_request(rejected.body_text(), "the only parameter is on_error"))?;
    let Path(name) = name.map_err(|rejected| bad_request(rejected.body_text(), "a name is UTF-8, percent-encoded"))?;
    let on_error: OnError = match &parameters.on_error {
        None => OnError::default(),
        Some(name) => name.parse().map_err(|unknown| bad_request(unknown, "leave it out to refuse such requests"))?,
    };
    let (is_json, is_packed) = (media(&headers)?, is_packed(&headers)?);
    let key = key(&headers)?;
    let stream = stream(door.node.as_ref(), &name)?;
    // Reserved before the first byte is read: bodies that are still on their way take memory, too.
    let length = length(&headers)?;
    // What is packed may be of any size until it is unpacked.
    let memory = if is_packed { BODY_BYTES_MAX } else { length };
    let Ok(held) = Arc::clone(&door.work).try_acquire_many_owned(memory as u32) else {
        return Err(too_much());
    };
    let body = body::whole(body, length).await?;
    if key.is_some() {
        door.keys.ready().await?;
    }
    let request = Request { stream: Arc::clone(&stream), body, is_packed, is_json, on_error, key, held };
    let stopped = |_| Problem::new(ErrorKind::Unavailable, "the node is stopping; these rows may be there or not");
    let own = door.clone();
    match tokio::task::spawn_blocking(move || request.step(&own)).await.map_err(stopped)?? {
        Step::Answered(response) => Ok(response),
        Step::Keyed(work) => Ok(written(door.keys.append(work).await?)),
        Step::Started { tickets, checked } => {
            let mut offsets = Vec::new();
            for (partition, ticket) in tickets {
                extend(&mut offsets, partition, door.lanes.durable(&stream.topic, partition, ticket).await?);
            }
            offsets.sort_unstable_by_key(|(partition, _)| *partition);
            Ok(written(answer(checked.len(), &offsets, &checked.bad, on_error)))
        }
    }
}

/// A request with its whole body.
struct Request {
    stream: Arc<Stream>,
    body: Bytes,
    is_packed: bool,
    is_json: bool,
    on_error: OnError,
    key: Option<String>,
    held: OwnedSemaphorePermit,
}

impl Request {
    /// Checks the rows and, without a key, begins to append them. Computes and writes, but does not wait for a disk.
    fn step(self, door: &Door) -> Result<Step, Failure> {
        let Request { stream, body, is_packed, is_json, on_error, key, held } = self;
        let body = if is_packed { body::unpacked(&body)? } else { body };
        let claim = match &key {
            None => None,
            Some(key) => match claim(door, &stream, key, &[&[u8::from(is_json), on_error as u8], &body])? {
                Ok(claim) => Some(claim),
                Err(answered) => return Ok(Step::Answered(answered)),
            },
        };
        let records = if is_json {
            split::values(&body).map_err(|message| Failure::invalid(StatusCode::BAD_REQUEST, message, MEDIA))?
        } else {
            split::lines(&body)
        };
        let checked = ingest::check(&stream, &records, on_error)?;
        if !checked.bad.is_empty() && on_error == OnError::Refuse {
            return Ok(Step::Answered(refused(&checked.bad, records.len())));
        }
        let now_ms = door.clock.now_us() / 1000;
        let sticky = door.sticky.fetch_add(1, Ordering::Relaxed);
        let Some(claim) = claim else {
            let tickets = checked.start(door.node.log().as_ref(), now_ms, sticky)?;
            return Ok(Step::Started { tickets, checked });
        };
        let batches = checked.batches(now_ms, sticky)?;
        let (rows, bad) = (checked.len(), checked.bad);
        let answer = Box::new(move |offsets: &Offsets| answer(rows, offsets, &bad, on_error));
        Ok(Step::Keyed(Work { claim, topic: stream.topic.clone(), batches, now_ms, answer, held }))
    }
}

/// The key for this request alone, or the answer that it has already.
fn claim(door: &Door, stream: &Stream, key: &str, request: &[&[u8]]) -> Result<Result<Claim, Response>, Failure> {
    match door.keys.claim(&stream.topic, key, request)? {
        Claimed::New(claim) => Ok(Ok(claim)),
        Claimed::Answered(body) => Ok(Err(([(REPLAYED, "true")], written(body)).into_response())),
        Claimed::Busy => {
            let message = format!("another request with the key '{key}' is being appended");
            let failure = Failure::invalid(StatusCode::CONFLICT, message, "ask again for what became of it");
            Ok(Err(([(RETRY_AFTER, "1")], failure).into_response()))
        }
        Claimed::Other => {
            let message = format!("another request had the key '{key}'; nothing of this one was appended");
            let hint = "a key is for one request and its repetitions: body, content type and on_error must be the same";
            Err(Failure::invalid(StatusCode::UNPROCESSABLE_ENTITY, message, hint))
        }
    }
}

/// The key that the request has of its sender.
fn key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let refuse = |message: &str| {
        let hint = format!("send 1 to {KEY_BYTES_MAX} characters of ASCII, such as a UUID");
        Err(Failure::invalid(StatusCode::BAD_REQUEST, message, &hint))
    };
    match value.to_str() {
        Ok(key) if key.is_empty() || key.len() > KEY_BYTES_MAX => refuse("Idempotency-Key is empty or too long"),
        Ok(key) if headers.get_all(KEY).iter().count() == 1 => Ok(Some(key.to_owned())),
        Ok(_) => refuse("there are several Idempotency-Key headers"),
        Err(_) => refuse("Idempotency-Key is not ASCII"),
    }
}

/// Whether the body is JSON rather than lines of it. What is not understood is refused, never guessed.
fn media(headers: &HeaderMap) -> Result<bool, Failure> {
    let unsupported = |message: String, hint: &str| Failure::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message, hint);
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
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
    Err(no_stream(relations, name))
}

/// Whether gzip packed the body.
fn is_packed(headers: &HeaderMap) -> Result<bool, Failure> {
    let encodings: Vec<&[u8]> = headers.get_all(CONTENT_ENCODING).iter().map(|value| value.as_bytes()).collect();
    match encodings.as_slice() {
        [] | [b"identity"] => Ok(false),
        [one] if one.eq_ignore_ascii_case(b"gzip") => Ok(true),
        all => {
            let all: Vec<_> = all.iter().map(|each| String::from_utf8_lossy(each)).collect();
            let message = format!("content encoding '{}' is not known here", all.join(", "));
            Err(Failure::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message, "send the body as it is, or as gzip"))
        }
    }
}

/// The most bytes that the body can have: as it says, or as many as any may have.
fn length(headers: &HeaderMap) -> Result<usize, Failure> {
    let said = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length: u64 = said.unwrap_or(BODY_BYTES_MAX as u64);
    usize::try_from(length).ok().filter(|length| *length <= BODY_BYTES_MAX).ok_or_else(body::too_large)
}

fn too_much() -> Failure {
    let message = "more rows are being appended than the node takes at one time; nothing of this was appended";
    Failure::invalid(StatusCode::TOO_MANY_REQUESTS, message, "send it again in a second")
}
