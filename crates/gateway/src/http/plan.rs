//! `POST /v1/plan`: what applying a project would do, `{"files": [{"path": "…", "text": "…"}]}`, or what statements that
//! change definitions would do, `{"statement": "…"}`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headwater_deploy::Step;
use headwater_deploy::plan::Rows;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use super::failure::Failure;
use crate::node::{File, Node};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    files: Option<Vec<File>>,
    statement: Option<String>,
}

pub async fn post(State(node): State<Arc<dyn Node>>, headers: HeaderMap, body: Body) -> Result<Json<Value>, Failure> {
    let refuse = |status, message: String| {
        let hint = "send {\"statement\": \"CREATE …\"} or {\"files\": [{\"path\": \"a.sql\", \"text\": \"CREATE …\"}]} as JSON";
        Failure::invalid(status, message, hint)
    };
    if !body::is_json(&headers) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type is not application/json".to_owned()));
    }
    let request = serde_json::from_slice(&body::text(body).await?);
    let request: Request = request.map_err(|error| refuse(StatusCode::BAD_REQUEST, format!("the body: {error}")))?;
    let planned = match request {
        Request { files: Some(files), statement: None } => node.plan_project(files).await?,
        Request { files: None, statement: Some(text) } => node.plan_statements(text).await?,
        Request { files: None, .. } => {
            return Err(refuse(StatusCode::BAD_REQUEST, "the body has neither files nor a statement".to_owned()));
        }
        Request { .. } => {
            return Err(refuse(StatusCode::BAD_REQUEST, "the body has files and a statement".to_owned()));
        }
    };
    let steps: Vec<Value> = planned.steps.iter().map(step).collect();
    Ok(Json(json!({"steps": steps, "notices": planned.notices})))
}

fn step(step: &Step) -> Value {
    let (rows, replayed, last) = match &step.rows {
        Rows::Kept => ("kept", None, None),
        Rows::Replayed { rows, last } => ("replayed", Some(*rows), *last),
        Rows::Made => ("made", None, None),
        Rows::Deleted => ("deleted", None, None),
        Rows::Archived => ("archived", None, None),
        Rows::Empty => ("none", None, None),
    };
    json!({
        "text": step.to_string(),
        "change": step.change.to_string(),
        "kind": step.kind.to_string(),
        "name": step.name,
        "class": step.class.to_string(),
        "rows": rows,
        "replayed_rows": replayed,
        "last_replay": last.map(|last| json!({"rows": last.rows, "took_ms": last.took_us / 1000})),
        "dependents": step.dependents,
    })
}
