//! `GET /v1/streams/{name}`: committed rows from some place on, with the place to go on from.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headwater_query::Relations;
use headwater_query::relation::{Relation, Stream};
use headwater_query::render::json;
use serde::Deserialize;
use serde_json::json;

use super::events;
use crate::http::door::{Door, GATHER, Woken, no_stream};
use crate::http::failure::Failure;
use crate::read::{From, Part, Reader};

pub const ROWS_DEFAULT: usize = 1000;
pub const ROWS_MAX: usize = 10_000;

/// What stands between a client and a node rarely keeps a silent connection for longer.
pub const WAIT_SECONDS_MAX: u64 = 60;

/// Where the next answer begins, for answers that have no room for it.
pub const NEXT_HEADER: &str = "x-headwater-next";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    from: Option<String>,
    limit: Option<usize>,
    /// Seconds to wait for a first row.
    wait: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    JsonLines,
    Events,
}

pub async fn get(
    State(door): State<Door>,
    name: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Query(parameters) =
        parameters.map_err(|rejected| refused(rejected.body_text(), "the parameters are from, limit and wait"))?;
    let Path(name) = name.map_err(|rejected| refused(rejected.body_text(), "a name is UTF-8, percent-encoded"))?;
    let form = form(&headers)?;
    let session = door.node.session();
    let stream = stream(&session.sources().relations, &name)?;
    let resumed = headers.get("last-event-id").filter(|id| form == Form::Events && !id.is_empty());
    let from = match (resumed, &parameters.from) {
        (Some(id), _) => From::Place(String::from_utf8_lossy(id.as_bytes()).into_owned()),
        (None, Some(text)) => from(text, stream.partitions)?,
        (None, None) if form == Form::Events => From::Latest,
        (None, None) => From::Earliest,
    };
    if form == Form::Events {
        if parameters.limit.is_some() || parameters.wait.is_some() {
            let message = "limit and wait are for answers that end; events go on until the client leaves";
            return Err(refused(message, "leave them out, or accept application/json"));
        }
        let reader = Reader::open(session, stream, from).await?;
        return Ok(events::respond(Arc::clone(&door.node), reader, door.waiter()));
    }
    let limit = parameters.limit.unwrap_or(ROWS_DEFAULT);
    if limit == 0 || limit > ROWS_MAX {
        return Err(refused(format!("limit is from 1 to {ROWS_MAX}, not {limit}"), "read on from 'next'"));
    }
    let wait = parameters.wait.unwrap_or(0);
    if wait > WAIT_SECONDS_MAX {
        return Err(refused(format!("wait is at most {WAIT_SECONDS_MAX} seconds, not {wait}"), "ask again then"));
    }
    let mut reader = Reader::open(session, stream, from).await?;
    let parts = poll(&door, &mut reader, limit, Duration::from_secs(wait)).await?;
    answer(form, &reader, &parts)
}

/// Rows that are there, or the first that come.
async fn poll(door: &Door, reader: &mut Reader, limit: usize, wait: Duration) -> Result<Vec<Part>, Failure> {
    let mut waiter = door.waiter();
    let until = door.clock.elapsed() + wait;
    loop {
        waiter.mark();
        let parts = reader.next(limit).await?;
        let left = until.saturating_sub(door.clock.elapsed());
        if !parts.is_empty() || left.is_zero() {
            return Ok(parts);
        }
        match tokio::time::timeout(left, waiter.wait()).await {
            Ok(Woken::Changed) => tokio::time::sleep(GATHER).await,
            Ok(Woken::Stopping) | Err(_) => return Ok(Vec::new()),
        }
    }
}

fn answer(form: Form, reader: &Reader, parts: &[Part]) -> Result<Response, Failure> {
    let next = reader.cursor().to_string();
    let mut body = Vec::new();
    if form == Form::JsonLines {
        for part in parts {
            json::lines(&part.rows, &mut body)?;
        }
        return Ok(
            ([(CONTENT_TYPE.as_str(), "application/x-ndjson"), (NEXT_HEADER, next.as_str())], body).into_response()
        );
    }
    body.extend_from_slice(b"{\"rows\":");
    let mut array = json::Array::new(&mut body);
    for part in parts {
        array.rows(&part.rows, &mut body)?;
    }
    array.finish(&mut body);
    body.extend_from_slice(format!(",\"next\":{}", json!(next)).as_bytes());
    let stopped = reader.stopped().map(|(partition, reason)| json!({"partition": partition, "reason": reason}));
    let stopped: Vec<_> = stopped.collect();
    if !stopped.is_empty() {
        body.extend_from_slice(format!(",\"stopped\":{}", json!(stopped)).as_bytes());
    }
    body.extend_from_slice(b"}\n");
    Ok(([(CONTENT_TYPE.as_str(), "application/json"), (NEXT_HEADER, next.as_str())], body).into_response())
}

fn form(headers: &HeaderMap) -> Result<Form, Failure> {
    let Some(accept) = headers.get(ACCEPT) else { return Ok(Form::Json) };
    let accept = String::from_utf8_lossy(accept.as_bytes());
    let known = accept.split(',').find_map(|each| match each.split(';').next().unwrap_or(each).trim() {
        "application/json" | "application/*" | "*/*" => Some(Form::Json),
        "application/x-ndjson" => Some(Form::JsonLines),
        "text/event-stream" => Some(Form::Events),
        _ => None,
    });
    known.ok_or_else(|| {
        let hint = "accept application/json, application/x-ndjson or text/event-stream";
        Failure::invalid(StatusCode::NOT_ACCEPTABLE, format!("rows are not answered as '{accept}'"), hint)
    })
}

fn stream(relations: &Relations, name: &str) -> Result<Arc<Stream>, Failure> {
    match relations.get(name) {
        Some(Relation::Stream(stream)) => Ok(stream),
        Some(_) => {
            let message = format!("{name} is not a stream: its rows change, and there is no log of them");
            Err(refused(message, "query it with POST /v1/sql"))
        }
        None => Err(no_stream(relations, name)),
    }
}

fn from(text: &str, partitions: u32) -> Result<From, Failure> {
    match text {
        "earliest" => return Ok(From::Earliest),
        "latest" => return Ok(From::Latest),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            ..0 => Ok(From::Last(number.saturating_neg())),
            _ if partitions == 1 => Ok(From::Place(format!("0:{number}"))),
            _ => {
                let message = format!("the stream has {partitions} partitions, each with offsets of its own");
                Err(refused(message, "say from=0:12,1:5 and so on"))
            }
        };
    }
    if let Some(time_us) = time_us(text) {
        return Ok(From::Time(time_us));
    }
    if text.contains(':') && !text.contains('T') {
        return Ok(From::Place(text.to_owned()));
    }
    let hint = "say earliest, latest, -10 (the last ten), PARTITION:OFFSET, a time (2026-01-31T12:00:00Z), \
                or the 'next' of an earlier answer";
    Err(refused(format!("from='{text}' is no place in a stream"), hint))
}

/// Microseconds UTC of an RFC 3339 time. In a query string a plus sign is a space.
fn time_us(text: &str) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?;
    Some(time.timestamp_micros())
}

fn refused(message: impl Into<String>, hint: &str) -> Failure {
    Failure::invalid(StatusCode::BAD_REQUEST, message, hint)
}
