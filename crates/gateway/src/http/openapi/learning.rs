//! Features and models: what is known of entities now, and predictions.

use serde_json::{Value, json};

use super::{part, responses};

/// `POST /v1/features/{name}`.
pub fn features() -> Value {
    let result = json!({
        "type": "object",
        "required": ["entity", "status", "values"],
        "properties": {
            "entity": {"type": "object", "description": "as it was asked for"},
            "status": {"enum": ["present", "not_found", "outside_ttl"]},
            "values": {"type": ["object", "null"], "description": "all columns of the feature view, where it is present"},
        },
        "additionalProperties": false,
    });
    let found = json!({
        "type": "object",
        "required": ["feature_view", "results"],
        "properties": {
            "feature_view": {"type": "string"},
            "results": {"type": "array", "items": result, "description": "in the order of the request"},
        },
        "additionalProperties": false,
    });
    let done = json!({"description": "the features", "content": {"application/json": {"schema": found}}});
    let request = json!({
        "type": "object",
        "required": ["entities"],
        "properties": {"entities": {
            "type": "array",
            "maxItems": 10_000,
            "items": {"type": "object"},
            "description": "objects with the columns of ENTITY",
            "examples": [[{"customer_id": 7}]],
        }},
        "additionalProperties": false,
    });
    json!({
        "operationId": "features",
        "summary": "What is known of entities now",
        "parameters": [part("name", "a feature view", json!({"type": "string", "examples": ["spending"]}))],
        "requestBody": {"required": true, "content": {"application/json": {"schema": request}}},
        "responses": responses(done, &refusals("feature view")),
    })
}

/// `POST /get-online-features`.
pub fn feast() -> Value {
    let done = json!({
        "description": "columns of values, with the status and the time of each, as Feast's feature server answers",
        "content": {"application/json": {"schema": {"type": "object"}}},
    });
    let request = json!({
        "type": "object",
        "required": ["features", "entities"],
        "properties": {
            "features": {"type": "array", "items": {"type": "string"}, "examples": [["spending:orders"]]},
            "entities": {"type": "object", "examples": [{"customer_id": [7, 8]}]},
            "full_feature_names": {"type": "boolean"},
        },
    });
    json!({
        "operationId": "get_online_features",
        "summary": "The same in the shape of Feast's feature server",
        "requestBody": {"required": true, "content": {"application/json": {"schema": request}}},
        "responses": responses(done, &refusals("feature view")),
    })
}

/// `POST /v1/models/{name}/invocations`, and the same under `/endpoints`.
pub fn invocations(operation: &str) -> Value {
    let done = json!({
        "description": "a prediction for each row, in the shape of the request",
        "headers": {"X-Headwater-Model-Version": {
            "schema": {"type": "integer"},
            "description": "the version that predicted",
        }},
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/jsonlines": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        },
    });
    let row = json!({"type": "object", "description": "a value for each feature"});
    let request = json!({
        "type": "object",
        "properties": {
            "dataframe_records": {"type": "array", "items": row},
            "dataframe_split": {"type": "object"},
            "instances": {"type": "array"},
            "inputs": {},
        },
    });
    json!({
        "operationId": operation,
        "summary": "Predictions, in the shapes of MLflow and SageMaker",
        "parameters": [part("name", "a model", json!({"type": "string", "examples": ["churn"]}))],
        "requestBody": {"required": true, "content": {
            "application/json": {"schema": request},
            "application/jsonlines": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        }},
        "responses": responses(done, &refusals("model")),
    })
}

fn refusals(what: &str) -> Vec<(u16, &'static str)> {
    let missing = if what == "model" { "There is no such model." } else { "There is no such feature view." };
    vec![
        (400, "The body is not one that is taken, or lacks a column."),
        (404, missing),
        (408, "The body stood still for too long."),
        (413, "More than 4 MiB."),
        (415, "The content type is none of these."),
        (503, "Nothing can answer yet, or any more."),
    ]
}
