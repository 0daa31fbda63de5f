//! The node itself: how it is, what it measures, what it can be asked.

use serde_json::{Value, json};

use super::{header, responses};
use crate::metrics;

pub fn openapi() -> Value {
    let done = json!({"description": "this document", "content": {"application/json": {"schema": {
        "type": "object",
        "required": ["openapi", "info", "paths"],
    }}}});
    json!({"operationId": "openapi", "summary": "The API as an OpenAPI document", "responses": responses(done, &[])})
}

pub fn health() -> Value {
    let mut responses = responses(
        json!({
            "description": "The node answers; whether all of it goes on is in the body.",
            "headers": {"X-Headwater-Node": header("string", "names the node")},
            "content": {"application/json": {"schema": health_schema()}},
        }),
        &[],
    );
    if let Some(responses) = responses.as_object_mut() {
        responses.remove("401");
    }
    // Whatever starts and stops nodes asks this without a name.
    json!({"operationId": "health", "summary": "How the node is", "security": [], "responses": responses})
}

fn health_schema() -> Value {
    let count = |why: &str| json!({"type": "integer", "minimum": 0, "description": why});
    json!({
        "type": "object",
        "required": ["status", "version", "uptime_ms", "epoch", "lag", "checkpoint", "stopped"],
        "properties": {
            "status": {"enum": ["ok", "degraded"], "description": "degraded: something has stopped"},
            "version": {"type": "string"},
            "uptime_ms": count("since the node began"),
            "epoch": count("the latest that queries see"),
            "lag": count("records that are not in the views yet"),
            "checkpoint": {
                "type": ["object", "null"],
                "required": ["number", "age_ms"],
                "properties": {"number": count("of the last checkpoint"), "age_ms": count("since it was made")},
                "additionalProperties": false,
            },
            "stopped": {
                "type": "array",
                "items": {"type": "string"},
                "description": "what does not go on, each with its reason",
            },
        },
        "additionalProperties": false,
    })
}

pub fn metrics() -> Value {
    let done = json!({
        "description": "what the node measures, in the text format of Prometheus",
        "content": {metrics::CONTENT_TYPE: {"schema": {"type": "string"}}},
    });
    json!({"operationId": "metrics", "summary": "What the node measures", "responses": responses(done, &[])})
}
