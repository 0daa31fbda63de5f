//! `POST /v1/sql`: one statement, as the body's text or as `{"query": "…"}`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use headwater_query::running::Asker;
use headwater_query::session::one;
use serde::Deserialize;

use super::answer::{self, Form};
use super::body;
use super::failure::Failure;
use super::login::User;
use crate::Reason;
use crate::node::{Node, Outcome};

/// How `system.queries` calls this way in.
const DOOR: &str = "http";

const TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Comes before the `Accept` header.
    format: Option<String>,
    /// Seconds that the query may take; 0 is for ever.
    timeout: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    query: String,
}

pub async fn post(
    State(node): State<Arc<dyn Node>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    user: Option<Extension<User>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let Query(parameters) = parameters.map_err(|rejected| {
        Failure::invalid(StatusCode::BAD_REQUEST, rejected.body_text(), "the parameters are format and timeout")
    })?;
    let form = form(&parameters, &headers)?;
    let body = body::text(body).await?;
    let user = user.map(|Extension(User(name))| name);
    let asker = Asker { door: DOOR, user, timeout: timeout(parameters.timeout)? };
    let own_limit = asker.timeout.is_some();
    let query = query(&headers, &body)?;
    let outcome = node.execute(one(&query)?, asker).await.map_err(|problem| match problem.reason {
        Some(Reason::TimedOut) if own_limit => Failure::from(problem).with_status(StatusCode::REQUEST_TIMEOUT),
        _ => problem.into(),
    })?;
    match outcome {
        Outcome::Rows(rows) => Ok(answer::respond(rows, form).await?),
        Outcome::Done(done) => Ok(answer::done(&done, form)),
    }
}

fn timeout(seconds: Option<f64>) -> Result<Option<Duration>, Failure> {
    let Some(seconds) = seconds else { return Ok(None) };
    let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| *limit <= TIMEOUT_MAX);
    limit.map(Some).ok_or_else(|| {
        let message = format!("a timeout of {seconds} seconds is none");
        Failure::invalid(StatusCode::BAD_REQUEST, message, "it is from 0 (for ever) to 604800 (a week)")
    })
}

fn form(parameters: &Parameters, headers: &HeaderMap) -> Result<Form, Failure> {
    let hint = "ask for json, ndjson, csv, table or arrow";
    if let Some(name) = &parameters.format {
        return name.parse().map_err(|unknown: String| Failure::invalid(StatusCode::BAD_REQUEST, unknown, hint));
    }
    let Some(accept) = headers.get(ACCEPT) else { return Ok(Form::Json) };
    let form = accept.to_str().ok().and_then(Form::accepted);
    form.ok_or_else(|| Failure::invalid(StatusCode::NOT_ACCEPTABLE, "none of the accepted media types is known", hint))
}

fn query(headers: &HeaderMap, body: &Bytes) -> Result<String, Failure> {
    let refuse = |message: String| {
        Failure::invalid(StatusCode::BAD_REQUEST, message, "send the query as text, or {\"query\": \"…\"} as JSON")
    };
    if body::is_json(headers) {
        let request: Request = serde_json::from_slice(body).map_err(|error| refuse(format!("the body: {error}")))?;
        return Ok(request.query);
    }
    let text = std::str::from_utf8(body).map_err(|error| refuse(format!("the body is not UTF-8: {error}")))?;
    Ok(text.to_owned())
}
