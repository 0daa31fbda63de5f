//! `DELETE /v1/queries/{id}`: ends a running query, whoever asked it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use headwater_query::running::Refused;
use serde_json::{Value, json};

use super::failure::Failure;
use crate::node::Node;

pub async fn delete(
    State(node): State<Arc<dyn Node>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Failure> {
    let refuse = |status, message: String| {
        Failure::invalid(status, message, "SELECT id, text FROM system.queries WHERE state = 'running'")
    };
    let Path(id) = id.map_err(|rejected| refuse(StatusCode::BAD_REQUEST, rejected.body_text()))?;
    let Ok(number) = id.parse::<u64>() else {
        return Err(refuse(StatusCode::BAD_REQUEST, format!("'{id}' is no number of a query")));
    };
    match node.session().queries().cancel(number) {
        Ok(()) => Ok(Json(json!({"cancelled": number}))),
        Err(Refused::Unknown) => Err(refuse(StatusCode::NOT_FOUND, format!("no query {number} runs"))),
        Err(Refused::Change) => {
            let message = format!("query {number} changes something, and is not ended half-way");
            Err(refuse(StatusCode::CONFLICT, message))
        }
    }
}
