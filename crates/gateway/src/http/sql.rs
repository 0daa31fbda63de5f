//! `POST /v1/sql`: one statement, as the body's text or as `{"query": "…"}`.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Span};
use serde::Deserialize;
use std::sync::Arc;

use super::answer::{self, Form};
use super::failure::Failure;
use crate::node::{Node, Outcome};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Comes before the `Accept` header.
    format: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    query: String,
}

pub async fn post(
    State(node): State<Arc<dyn Node>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Query(parameters) = parameters.map_err(|rejected| {
        Failure::invalid(StatusCode::BAD_REQUEST, rejected.body_text(), "the only parameter is format")
    })?;
    let form = form(&parameters, &headers)?;
    let query = query(&headers, &body)?;
    match node.execute(one(&query)?).await? {
        Outcome::Rows(rows) => Ok(answer::respond(rows, form).await?),
        Outcome::Done(done) => Ok(answer::done(&done, form)),
    }
}

/// The one statement of a text. Diagnostics point into a text called `query`.
fn one(text: &str) -> Result<Parsed, Diagnostics> {
    let source = SourceText::new("query", text);
    let mut statements = headwater_sql::parse(&source)?.into_iter();
    match (statements.next(), statements.next()) {
        (Some(statement), None) => Ok(statement),
        (None, _) => Err(Diagnostic::new(source, Span::default(), "there is no statement").into()),
        (_, Some(second)) => {
            Err(Diagnostic::new(source, second.span, "one statement at a time, please: this is a second one").into())
        }
    }
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
    let media = headers.get(CONTENT_TYPE).and_then(|each| each.to_str().ok()).unwrap_or("");
    if media.split(';').next().map(str::trim) == Some("application/json") {
        let request: Request = serde_json::from_slice(body).map_err(|error| refuse(format!("the body: {error}")))?;
        return Ok(request.query);
    }
    let text = std::str::from_utf8(body).map_err(|error| refuse(format!("the body is not UTF-8: {error}")))?;
    Ok(text.to_owned())
}
