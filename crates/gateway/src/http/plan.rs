//! `POST /v1/plan`: what applying a project would do, `{"files": [{"path": "…", "text": "…"}]}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use crate::node::{File, Node};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    files: Vec<File>,
}

pub async fn post(
    State(node): State<Arc<dyn Node>>,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Json<Value>, Failure> {
    let Json(request) = request.map_err(|rejected| {
        let hint = "send {\"files\": [{\"path\": \"a.sql\", \"text\": \"CREATE …\"}]} as JSON";
        let status = match rejected.status() {
            status @ (StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE) => status,
            _ => StatusCode::BAD_REQUEST,
        };
        Failure::invalid(status, rejected.body_text(), hint)
    })?;
    let steps = node.plan(request.files).await?;
    Ok(Json(json!({"steps": steps})))
}
