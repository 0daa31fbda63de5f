//! `POST /v1/plan`: what applying a project would do, `{"files": [{"path": "…", "text": "…"}]}`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use super::failure::Failure;
use crate::node::{File, Node};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    files: Vec<File>,
}

pub async fn post(State(node): State<Arc<dyn Node>>, headers: HeaderMap, body: Body) -> Result<Json<Value>, Failure> {
    let refuse = |status, message: String| {
        Failure::invalid(status, message, "send {\"files\": [{\"path\": \"a.sql\", \"text\": \"CREATE …\"}]} as JSON")
    };
    if !body::is_json(&headers) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type is not application/json".to_owned()));
    }
    let request = serde_json::from_slice(&body::text(body).await?);
    let request: Request = request.map_err(|error| refuse(StatusCode::BAD_REQUEST, format!("the body: {error}")))?;
    let steps = node.plan(request.files).await?;
    Ok(Json(json!({"steps": steps})))
}
