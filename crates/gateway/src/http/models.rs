//! `POST /v1/models/{name}/invocations`, and the same at `/endpoints/{name}/invocations`: rows in, predictions out, in the
//! shapes of MLflow's scoring server and of SageMaker's endpoints.
//!
//! Sources: MLflow, "Local Inference Server Specs"; Amazon SageMaker AI, "Common data formats for inference".

mod answer;
mod rows;

use std::sync::Arc;

use arrow::array::ArrayRef;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use headwater_query::model::{Champion, Model, Task};

use super::body;
use super::failure::Failure;
use crate::node::Node;
use answer::Said;
use rows::{Rows, Shape};

/// Items that are recommended to each user.
const ITEMS: usize = 10;

pub async fn post(
    State(node): State<Arc<dyn Node>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let session = node.session();
    let relations = &session.sources().relations;
    let Some(model) = relations.model(&name) else {
        let near = headwater_sql::nearest(&name, relations.models().map(|model| model.name.as_str()));
        let hint =
            near.map_or_else(|| "declare it with CREATE MODEL".to_owned(), |near| format!("did you mean {near}?"));
        return Err(Failure::invalid(StatusCode::NOT_FOUND, format!("there is no model {name}"), &hint));
    };
    let Some(champion) = model.seat.champion() else {
        let message = format!("no version of {name} is the champion yet");
        let hint = "TRAIN MODEL trains it now; system.runs says why the last training failed, if it did";
        return Err(Failure::invalid(StatusCode::SERVICE_UNAVAILABLE, message, hint));
    };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let content = header(CONTENT_TYPE).unwrap_or("application/json");
    let rows = Rows::read(model, content, &body::text(body).await?)?;
    let wants_csv = header(ACCEPT).is_some_and(|accepted| accepted.starts_with("text/csv"));
    let said = ask(model, champion.as_ref(), &rows)?;
    Ok(answer::answer(&said, if wants_csv { Shape::Csv } else { rows.shape }))
}

fn ask(model: &Model, champion: &dyn Champion, rows: &Rows) -> Result<Said, Failure> {
    let version = champion.version();
    let columns: Vec<ArrayRef> = match model.task {
        Task::Recommendation => vec![champion.recommend(&rows.columns[0], ITEMS)?],
        _ => champion.predict(&rows.columns, rows.number)?,
    };
    Ok(Said { task: model.task.clone(), columns, rows: rows.number, version })
}
