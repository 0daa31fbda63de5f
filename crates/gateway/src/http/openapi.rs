//! `GET /v1/openapi.json`: the API as an OpenAPI 3.1 document, for client generators and for testers.
//!
//! Only what the routes do is written down here; a test holds the document against the table of routes.
//! Source: OpenAPI Specification 3.1.1.

mod experiments;
mod learning;
mod plans;
mod queries;
mod streams;
mod watching;

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

pub async fn get() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Headwater",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "SQL over streams and what is kept of them; rows in and rows out.",
        },
        // Names are asked for once the node has users.
        "security": [{}, {"basic": []}],
        "paths": {
            "/v1/sql": {"post": queries::sql()},
            "/v1/plan": {"post": plans::plan()},
            "/v1/queries/{id}": {"delete": queries::cancel()},
            "/v1/streams/{name}": {"get": streams::read(), "post": streams::append()},
            "/v1/tables/{view}/{key}": {"get": queries::look_up()},
            "/v1/features/{name}": {"post": learning::features()},
            "/get-online-features": {"post": learning::feast()},
            "/v1/models/{name}/invocations": {"post": learning::invocations("invocations")},
            "/endpoints/{name}/invocations": {"post": learning::invocations("endpoint_invocations")},
            "/v1/experiments/{name}/assignment": {
                "get": experiments::assign(),
                "post": experiments::assign_several(),
            },
            "/v1/openapi.json": {"get": watching::openapi()},
            "/health": {"get": watching::health()},
            "/metrics": {"get": watching::metrics()},
        },
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": {"Error": error(), "BrokenRow": broken_row()},
        },
    })
}

/// The body of every answer whose status is 400 or above.
fn error() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["kind", "message"],
            "properties": {
                "kind": {
                    "enum": ["invalid", "conflict", "unavailable", "corrupt", "internal"],
                    "description": "invalid: mend the request; conflict: look at the new state and ask again; \
                        unavailable: ask again later; corrupt: stored bytes are not what was written; \
                        internal: a bug of the node",
                },
                "message": {"type": "string", "description": "what happened"},
                "hint": {"type": "string", "description": "what to do"},
                "diagnostics": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "where the text of a statement or project is wrong",
                },
                "rows": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/BrokenRow"},
                    "maxItems": 100,
                    "description": "the first rows that are broken",
                },
            },
            "additionalProperties": false,
        }},
        "additionalProperties": false,
    })
}

fn broken_row() -> Value {
    json!({
        "type": "object",
        "required": ["row", "reason", "column", "detail"],
        "properties": {
            "row": {"type": "integer", "minimum": 0, "description": "its number in the request, from 0"},
            "reason": {"type": "string"},
            "column": {"type": ["string", "null"]},
            "detail": {"type": "string"},
        },
        "additionalProperties": false,
    })
}

/// The answers of an operation: the given one for status 200, the given refusals, and those that every path has.
fn responses(done: Value, refusals: &[(u16, &str)]) -> Value {
    let everywhere = [
        (401, "The node has users, and this is none of them."),
        (403, "Asked by the name of another host, or by a web page of another origin."),
        (500, "A bug of the node, or stored bytes are not what was written."),
    ];
    let mut all = Map::from_iter([("200".to_owned(), done)]);
    for (status, why) in refusals.iter().chain(&everywhere) {
        all.insert(status.to_string(), refusal(*status, why));
    }
    Value::Object(all)
}

fn refusal(status: u16, why: &str) -> Value {
    let schema = json!({"$ref": "#/components/schemas/Error"});
    let mut refusal = json!({"description": why, "content": {"application/json": {"schema": schema}}});
    match status {
        // Not every conflict passes by itself: the header is there where one does.
        409 | 429 => refusal["headers"] = json!({"Retry-After": header("integer", "seconds to wait")}),
        401 => refusal["headers"] = json!({"WWW-Authenticate": header("string", "asks for Basic authentication")}),
        _ => {}
    }
    refusal
}

fn header(kind: &str, why: &str) -> Value {
    json!({"description": why, "schema": {"type": kind}})
}

/// Headers that name the state of the views that an answer shows.
fn epoch_headers() -> Value {
    json!({
        "X-Headwater-Epoch": header("integer", "the epoch that the answer shows"),
        "X-Headwater-As-Of-Us": header("integer", "when that epoch was made: microseconds since 1970, UTC"),
    })
}

/// A parameter of the query string, which may be left out.
fn query(name: &str, why: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "required": false, "description": why, "schema": schema})
}

/// A part of the path.
fn part(name: &str, why: &str, schema: Value) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": why, "schema": schema})
}

/// A header of the request, which may be left out.
fn sent(name: &str, why: &str, schema: Value) -> Value {
    json!({"name": name, "in": "header", "required": false, "description": why, "schema": schema})
}

#[cfg(test)]
mod tests;
