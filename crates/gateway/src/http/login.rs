//! Basic authentication (RFC 7617) on every path but `/health`, once there are users.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headwater_base::ErrorKind;

use super::failure::Failure;
use crate::Problem;
use crate::users::Users;

/// Says nothing of the node but that it lives.
const OPEN: &str = "/health";

/// Who sent a request, where users are asked for.
#[derive(Debug, Clone)]
pub struct User(pub String);

/// Lets a request through, or says why not.
pub async fn check(State(users): State<Arc<Users>>, mut request: Request, next: Next) -> Response {
    if users.is_empty() || request.uri().path() == OPEN {
        return next.run(request).await;
    }
    match allowed(&users, request.headers()).await {
        Ok(name) => {
            request.extensions_mut().insert(User(name));
            next.run(request).await
        }
        Err(refused) => refused,
    }
}

/// The user's name.
async fn allowed(users: &Arc<Users>, headers: &HeaderMap) -> Result<String, Response> {
    let Some(given) = headers.get(AUTHORIZATION) else {
        return Err(refused("this node asks for a user and a password"));
    };
    let Some((name, password)) = basic(given) else {
        return Err(refused("the header Authorization is not as Basic authentication has it"));
    };
    if users.is_proved(&name, &password) {
        return Ok(name);
    }
    let (asked, users) = (name.clone(), Arc::clone(users));
    let internal = |detail: String| Failure::from(Problem::new(ErrorKind::Internal, detail)).into_response();
    match tokio::task::spawn_blocking(move || users.takes(&name, &password)).await {
        Ok(Ok(true)) => Ok(asked),
        Ok(Ok(false)) => Err(refused(format!("this is not the password of user {asked}"))),
        Ok(Err(error)) => Err(internal(error.to_string())),
        Err(error) => Err(internal(error.to_string())),
    }
}

/// The name and the password of a header's value.
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

fn refused(message: impl Into<String>) -> Response {
    let hint = "send both by Basic authentication: curl --user NAME, headwater sql --user NAME";
    let mut response = Failure::invalid(StatusCode::UNAUTHORIZED, message, hint).into_response();
    let asks = HeaderValue::from_static("Basic realm=\"headwater\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, asks);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_as_its_standard_has_it() {
        let cases = [
            ("Basic YW5uOnBlbjpjaWw=", Some(("ann", "pen:cil"))),
            ("basic YW5uOg==", Some(("ann", ""))),
            ("Basic YW5u", None),
            ("Basic ?", None),
            ("Bearer YW5uOg==", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(name, password)| (name.to_owned(), password.to_owned()));
            assert_eq!(basic(&HeaderValue::from_static(text)), expected, "{text}");
        }
    }
}
