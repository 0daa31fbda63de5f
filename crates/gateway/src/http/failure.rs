//! Errors as responses: a status, and a JSON object that says what happened, where, and what to do.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use headwater_base::ErrorKind;
use headwater_query::Error;
use serde_json::{Value, json};

/// What a request came to instead of an answer.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    body: Value,
}

impl Failure {
    pub fn invalid(status: StatusCode, message: impl Into<String>, hint: &str) -> Failure {
        let body = json!({"error": {"kind": "invalid", "message": message.into(), "hint": hint}});
        Failure { status, body }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let kind = error.kind();
        let status = match kind {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Corrupt | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut body = json!({"error": {"kind": kind.to_string(), "message": error.to_string()}});
        if let Error::Sql(diagnostics) = &error {
            body["error"]["diagnostics"] = json!(diagnostics);
        }
        Failure { status, body }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

pub async fn not_found() -> Failure {
    Failure::invalid(StatusCode::NOT_FOUND, "there is nothing at this path", "POST a query to /v1/sql")
}

pub async fn wrong_method() -> Failure {
    Failure::invalid(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method", "POST a query to /v1/sql")
}
