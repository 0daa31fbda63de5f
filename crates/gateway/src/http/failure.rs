//! Errors as responses: a status, and a JSON object that says what happened, where, and what to do.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use headwater_base::ErrorKind;
use serde_json::{Value, json};

use crate::Problem;
use crate::Reason;

/// What a request came to instead of an answer.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    body: Value,
    /// For 429: seconds.
    retry_after: u64,
}

impl Failure {
    pub fn invalid(status: StatusCode, message: impl Into<String>, hint: &str) -> Failure {
        let body = json!({"error": {"kind": "invalid", "message": message.into(), "hint": hint}});
        Failure { status, body, retry_after: 1 }
    }

    pub fn with_status(self, status: StatusCode) -> Failure {
        Failure { status, ..self }
    }

    /// Too many asked; it is of use again after some seconds.
    pub fn too_many(message: impl Into<String>, hint: &str, retry_after: u64) -> Failure {
        Failure { retry_after, ..Failure::invalid(StatusCode::TOO_MANY_REQUESTS, message, hint) }
    }
}

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Failure {
        let problem: Problem = error.into();
        let status = match problem.kind {
            _ if problem.reason == Some(Reason::TooManyQueries) => StatusCode::TOO_MANY_REQUESTS,
            _ if problem.reason == Some(Reason::TimedOut) => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Corrupt | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut body = json!({"error": {"kind": problem.kind.to_string(), "message": problem.message}});
        if let Some(hint) = &problem.hint {
            body["error"]["hint"] = json!(hint);
        }
        if let Some(diagnostics) = &problem.diagnostics {
            body["error"]["diagnostics"] = json!(diagnostics);
        }
        Failure { status, body, retry_after: 1 }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let answer = (self.status, Json(self.body));
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => ([(RETRY_AFTER, self.retry_after.to_string())], answer).into_response(),
            _ => answer.into_response(),
        }
    }
}

pub async fn not_found() -> Failure {
    Failure::invalid(StatusCode::NOT_FOUND, "there is nothing at this path", "POST a query to /v1/sql")
}

pub async fn wrong_method() -> Failure {
    Failure::invalid(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method", "POST a query to /v1/sql")
}
