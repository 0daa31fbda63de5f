//! Rows of streams: in and out.

use serde_json::{Value, json};

use super::{header, part, query, responses, sent};
use crate::http::streams::{append, read};
use crate::ingest::keys::KEY_BYTES_MAX;

fn name() -> Value {
    part("name", "of the stream", json!({"type": "string", "examples": ["orders"]}))
}

/// `POST /v1/streams/{name}`.
pub fn append() -> Value {
    let row = json!({"type": "object", "examples": [{"id": 1, "category": "toys"}]});
    let rows = json!({"anyOf": [row.clone(), {"type": "array", "items": row}]});
    let lines = json!({"schema": {"type": "string"}, "example": "{\"id\":1,\"category\":\"toys\"}\n"});
    let policies = ["refuse", "skip", "quarantine"];
    let refusals = [
        (400, "Broken rows, a broken array, an unknown parameter, or a relation that cannot be appended to."),
        (404, "No such stream."),
        (408, "The body stood still for too long."),
        (409, "Another request with the same key is being appended."),
        (413, "More than 16 MiB, once it is unpacked."),
        (415, "Another content type or content encoding."),
        (422, "Another request had the same key."),
        (429, "As many rows are being appended as may."),
        (503, "The node is stopping or cannot write; without a key, rows may have been appended in part."),
    ];
    json!({
        "operationId": "append",
        "summary": "Appends rows to a declared stream",
        "parameters": [
            name(),
            query("on_error", "what becomes of a request with broken rows", json!({"enum": policies, "default": "refuse"})),
            sent(
                append::KEY,
                "names the request: sent again with the same key, its rows are appended once",
                json!({"type": "string", "minLength": 1, "maxLength": KEY_BYTES_MAX, "pattern": "^[!-~]+$"}),
            ),
            sent("Content-Encoding", "how the body is packed", json!({"enum": ["identity", "gzip"]})),
        ],
        "requestBody": {"required": true, "content": {
            "application/x-ndjson": lines,
            "application/json": {"schema": rows},
        }},
        "responses": responses(appended(), &refusals),
    })
}

fn appended() -> Value {
    let count = |why: &str| json!({"type": "integer", "minimum": 0, "description": why});
    let offsets = json!({
        "type": "object",
        "required": ["partition", "first", "next"],
        "properties": {
            "partition": count("where the rows are"),
            "first": count("the offset of the first of them"),
            "next": count("the offset after the last"),
        },
        "additionalProperties": false,
    });
    let schema = json!({
        "type": "object",
        "required": ["appended", "offsets"],
        "properties": {
            "appended": count("rows that are on stable storage"),
            "offsets": {"type": "array", "items": offsets},
            "skipped": count("broken rows that were left out"),
            "quarantined": count("broken rows that became dead letters"),
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/BrokenRow"}, "maxItems": 100},
        },
        "additionalProperties": false,
    });
    json!({
        "description": "The rows are on stable storage.",
        "headers": {append::REPLAYED: header("boolean", "the answer is that of an earlier request with the key")},
        "content": {"application/json": {"schema": schema}},
    })
}

/// `GET /v1/streams/{name}`.
pub fn read() -> Value {
    let refusals = [
        (400, "An unknown parameter or place, or a relation that is no stream."),
        (404, "No such stream."),
        (406, "None of the accepted media types is known."),
        (409, "The place is of a stream that was dropped and made again."),
        (503, "The node is stopping."),
    ];
    let from = "where to begin: earliest, latest, -10 (the last ten), 0:12,1:5 (offsets by partition), 12 (in a stream \
                of one partition), a time (2026-01-31T12:00:00Z), or the next of an earlier answer";
    json!({
        "operationId": "read",
        "summary": "Reads rows of a declared or derived stream, as pages or as events",
        "description": "Events go on until the client leaves; they take neither limit nor wait.",
        "parameters": [
            name(),
            query("from", from, json!({"type": "string", "examples": ["earliest"]})),
            query(
                "limit",
                "the most rows of one answer",
                json!({"type": "integer", "minimum": 1, "maximum": read::ROWS_MAX, "default": read::ROWS_DEFAULT}),
            ),
            query(
                "wait",
                "seconds to wait for a first row",
                json!({"type": "integer", "minimum": 0, "maximum": read::WAIT_SECONDS_MAX, "default": 0}),
            ),
            sent("Last-Event-ID", "where events go on; comes before from", json!({"type": "string"})),
        ],
        "responses": responses(page(), &refusals),
    })
}

fn page() -> Value {
    let stopped = json!({
        "type": "object",
        "required": ["partition", "reason"],
        "properties": {"partition": {"type": "integer", "minimum": 0}, "reason": {"type": "string"}},
        "additionalProperties": false,
    });
    let row = json!({
        "type": "object",
        "required": ["_partition", "_offset", "_timestamp"],
        "properties": {
            "_partition": {"type": "integer", "minimum": 0},
            "_offset": {"type": "integer", "minimum": 0},
            "_timestamp": {"type": "string", "description": "when it was appended"},
        },
    });
    let schema = json!({
        "type": "object",
        "required": ["rows", "next"],
        "properties": {
            "rows": {"type": "array", "items": row},
            "next": {"type": "string", "description": "the place after these rows"},
            "stopped": {
                "type": "array",
                "items": stopped,
                "description": "partitions that are read up to a row which violates a rule",
            },
        },
        "additionalProperties": false,
    });
    json!({
        "description": "Rows, in the order of their offsets within each partition.",
        "headers": {read::NEXT_HEADER: header("string", "the place after these rows; events have it as their ids")},
        "content": {
            "application/json": {"schema": schema},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    })
}
