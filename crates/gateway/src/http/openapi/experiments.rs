//! Assignments of experiments.

use serde_json::{Value, json};

use super::{part, query, responses};

/// `GET /v1/experiments/{name}/assignment`.
pub fn assign() -> Value {
    let mut unit = query("unit", "who is assigned", json!({"type": "string", "examples": ["42"]}));
    unit["required"] = json!(true);
    let mut properties = of_unit();
    properties["experiment"] = json!({"type": "string"});
    properties["exposure"] = exposure_told();
    let schema = json!({
        "type": "object",
        "required": ["experiment", "exposure", "unit", "variant", "forced", "reason"],
        "properties": properties,
        "additionalProperties": false,
    });
    let done = json!({"description": "its variant", "content": {"application/json": {"schema": schema}}});
    json!({
        "operationId": "assign",
        "summary": "The variant of a unit",
        "description": "The same for ever. The unit counts as exposed from its first time on.",
        "parameters": [name(), unit, exposure()],
        "responses": responses(done, &refusals()),
    })
}

/// `POST /v1/experiments/{name}/assignment`.
pub fn assign_several() -> Value {
    let request = json!({
        "type": "object",
        "required": ["units"],
        "properties": {"units": {"type": "array", "maxItems": 10_000, "items": {"type": ["string", "integer"]}}},
        "additionalProperties": false,
    });
    let of_unit = json!({
        "type": "object",
        "required": ["unit", "variant", "forced", "reason"],
        "properties": of_unit(),
        "additionalProperties": false,
    });
    let schema = json!({
        "type": "object",
        "required": ["experiment", "exposure", "assignments"],
        "properties": {
            "experiment": {"type": "string"},
            "exposure": exposure_told(),
            "assignments": {"type": "array", "items": of_unit},
        },
        "additionalProperties": false,
    });
    let done = json!({"description": "their variants", "content": {"application/json": {"schema": schema}}});
    let mut refusals = refusals().to_vec();
    refusals.extend([
        (408, "The body stood still for too long."),
        (413, "More units than are taken at one time."),
        (415, "The body is no JSON."),
    ]);
    json!({
        "operationId": "assign_several",
        "summary": "The variants of several units",
        "parameters": [name(), exposure()],
        "requestBody": {"required": true, "content": {"application/json": {"schema": request}}},
        "responses": responses(done, &refusals),
    })
}

fn refusals() -> [(u16, &'static str); 3] {
    [(400, "No unit, or an unknown parameter."), (404, "No such experiment."), (503, "The node is stopping.")]
}

fn name() -> Value {
    part("name", "an experiment", json!({"type": "string", "examples": ["free_shipping"]}))
}

fn exposure() -> Value {
    query(
        "exposure",
        "true: the unit is shown its variant now, and the answer does not wait for the disk; durable: it waits; false: \
         nothing is shown",
        json!({"enum": ["true", "durable", "false"], "default": "true"}),
    )
}

fn exposure_told() -> Value {
    json!({"enum": ["sent", "durable", "none"], "description": "what became of the exposure"})
}

fn of_unit() -> Value {
    json!({
        "unit": {"type": "string"},
        "variant": {"type": ["string", "null"], "description": "null: what it would see without the experiment"},
        "forced": {"type": "boolean", "description": "chosen by the declaration, not drawn: it is not counted"},
        "reason": {"enum": ["drawn", "forced", "out of traffic", "out of slot"]},
    })
}
