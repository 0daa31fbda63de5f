//! Statements, running queries, and rows under a key.

use serde_json::{Value, json};

use super::{epoch_headers, header, part, query, responses};
use crate::http::answer::Form;

/// `POST /v1/sql`.
pub fn sql() -> Value {
    let formats: Vec<&str> = Form::names().collect();
    let statement = json!({"type": "string", "examples": ["SELECT 1 AS one"]});
    let request = json!({
        "type": "object",
        "required": ["query"],
        "properties": {"query": statement.clone()},
        "additionalProperties": false,
    });
    let refusals = [
        (400, "No statement, several, one that is wrong, or an unknown parameter."),
        (406, "None of the accepted media types is known."),
        (408, "The body stood still for too long, or the query took longer than its `timeout`."),
        (409, "It was cancelled, or others changed things first."),
        (413, "More than 4 MiB."),
        (429, "As many queries run as may."),
        (503, "What it reads has stopped or is being built, or the node is stopping."),
        (504, "It took longer than the node lets queries run."),
    ];
    json!({
        "operationId": "sql",
        "summary": "Runs one statement",
        "description": "An error that comes after the first rows breaks the answer off.",
        "parameters": [
            query("format", "comes before the header Accept", json!({"enum": formats, "default": "json"})),
            query(
                "timeout",
                "seconds that the query may take; 0 is for ever",
                json!({"type": "number", "minimum": 0, "maximum": 604_800}),
            ),
        ],
        "requestBody": {"required": true, "content": {
            "text/plain": {"schema": statement},
            "application/json": {"schema": request},
        }},
        "responses": responses(rows(), &refusals),
    })
}

/// Rows in each of the forms, or what a statement without rows came to.
fn rows() -> Value {
    let mut content = json!({});
    for media in Form::media_types() {
        content[media] = match media {
            "application/json" => json!({"schema": {"anyOf": [
                {"type": "array", "items": {"type": "object"}, "description": "rows, by the names of their columns"},
                {
                    "type": "object",
                    "required": ["done", "notices"],
                    "properties": {
                        "done": {"type": "string", "description": "the tag of a statement that gives no rows"},
                        "notices": {"type": "array", "items": {"type": "string"}},
                    },
                    "additionalProperties": false,
                },
            ]}}),
            "application/vnd.apache.arrow.stream" => json!({}),
            _ => json!({"schema": {"type": "string"}}),
        };
    }
    let mut headers = epoch_headers();
    headers["X-Headwater-Query"] = header("integer", "the number of the query in system.queries");
    json!({"description": "Rows, or what the statement did.", "headers": headers, "content": content})
}

/// `DELETE /v1/queries/{id}`.
pub fn cancel() -> Value {
    let cancelled = json!({
        "type": "object",
        "required": ["cancelled"],
        "properties": {"cancelled": {"type": "integer"}},
        "additionalProperties": false,
    });
    let done = json!({"description": "it ends", "content": {"application/json": {"schema": cancelled}}});
    let refusals = [
        (400, "This is no number."),
        (404, "No such query runs."),
        (409, "It changes something, and is not ended half-way."),
    ];
    json!({
        "operationId": "cancel",
        "summary": "Ends a running query",
        "parameters": [part("id", "its number in system.queries", json!({"type": "integer", "minimum": 0}))],
        "responses": responses(done, &refusals),
    })
}

/// `GET /v1/tables/{view}/{key}`.
pub fn look_up() -> Value {
    let done = json!({
        "description": "the row",
        "headers": epoch_headers(),
        "content": {"application/json": {"schema": {"type": "object"}}},
    });
    let refusals = [
        (400, "Another number of values, one that is not of its column's type, or a relation without a key."),
        (404, "No row under the key, or no such view."),
        (503, "The view stopped, or is being built."),
    ];
    let key = "its key: the text of each value, percent-encoded, with / between them; \\N is NULL. A key of several \
               values has as many parts in the path";
    json!({
        "operationId": "look_up",
        "summary": "The row of a materialized view under one key",
        "parameters": [
            part("view", "a keyed view", json!({"type": "string", "examples": ["orders_by_category"]})),
            part("key", key, json!({"type": "string", "examples": ["toys"]})),
        ],
        "responses": responses(done, &refusals),
    })
}
