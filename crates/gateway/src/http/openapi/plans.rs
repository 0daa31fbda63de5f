//! Plans: what a change of definitions would do.

use serde_json::{Value, json};

use super::responses;

/// `POST /v1/plan`.
pub fn plan() -> Value {
    let planned = json!({
        "type": "object",
        "required": ["steps", "notices"],
        "properties": {
            "steps": {"type": "array", "items": step(), "description": "none: there is nothing to do"},
            "notices": {"type": "array", "items": {"type": "string"}, "description": "what there is already, or is not"},
        },
        "additionalProperties": false,
    });
    let done = json!({
        "description": "the steps, in the order in which they would be made",
        "content": {"application/json": {"schema": planned}},
    });
    let refusals = [
        (400, "The body, the project or a statement is wrong, or a statement changes no definition."),
        (408, "The body stood still for too long."),
        (409, "What the node runs cannot become this."),
        (413, "More than 4 MiB."),
        (415, "The content type is not application/json."),
        (503, "The node is stopping."),
    ];
    json!({
        "operationId": "plan",
        "summary": "Says what a project or statements would change, and does nothing",
        "description": "A project is planned as a whole, as headwater run applies it. Statements are planned as \
            POST /v1/sql runs them, one after the other, each when all before it is done.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": request()}}},
        "responses": responses(done, &refusals),
    })
}

fn request() -> Value {
    let file = json!({
        "type": "object",
        "required": ["path", "text"],
        "properties": {
            "path": {"type": "string", "examples": ["orders.sql"]},
            "text": {"type": "string", "examples": ["CREATE STREAM orders (id BIGINT) WITH (format = 'json');"]},
        },
        "additionalProperties": false,
    });
    let statement = json!({
        "type": "string",
        "description": "CREATE, ALTER or DROP of what is declared, or COMMENT ON; one statement or several",
        "examples": ["CREATE VIEW one AS SELECT 1 AS one"],
    });
    let of = |field: &str, schema: Value| {
        json!({
            "type": "object",
            "required": [field],
            "properties": {field: schema},
            "additionalProperties": false,
        })
    };
    json!({"oneOf": [of("files", json!({"type": "array", "items": file})), of("statement", statement)]})
}

fn step() -> Value {
    let last = json!({
        "type": ["object", "null"],
        "description": "the last replay of a view of this name",
        "required": ["rows", "took_ms"],
        "properties": {
            "rows": {"type": "integer", "minimum": 0},
            "took_ms": {"type": "integer", "minimum": 0},
        },
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "required": [
            "text", "change", "kind", "name", "class", "rows", "replayed_rows", "last_replay", "dependents",
        ],
        "properties": {
            "text": {"type": "string", "description": "all of it as headwater plan prints it"},
            "change": {"enum": ["create", "alter", "drop", "rebuild", "pause", "resume", "reset"]},
            "kind": {"type": "string", "examples": ["materialized view"]},
            "name": {"type": "string"},
            "class": {"enum": ["no effect", "non-breaking", "breaking"]},
            "rows": {
                "enum": ["kept", "replayed", "made", "deleted", "archived", "none"],
                "description": "what becomes of its rows; made: from what is held, without history; archived: they leave the log, and their archive stays",
            },
            "replayed_rows": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "at most so many records of the streams that it reads are gone through once more",
            },
            "last_replay": last,
            "dependents": {"type": "array", "items": {"type": "string"}, "description": "what reads it, directly or not"},
        },
        "additionalProperties": false,
    })
}
