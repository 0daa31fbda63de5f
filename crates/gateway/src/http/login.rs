//! Basic authentication (RFC 7617) on every path but `/health`, once there are users.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headwater_base::ErrorKind;
use tokio::sync::Mutex;

use super::connection::Peer;
use super::failure::Failure;
use crate::Problem;
use crate::access::Access;
use crate::guesses::TooMany;

/// Says nothing of the node but that it lives.
const OPEN: &str = "/health";

/// Who sent a request, where users are asked for.
#[derive(Debug, Clone)]
pub struct User(pub String);

/// Asks for passwords.
#[derive(Clone)]
pub struct Login {
    access: Access,
    /// Held while a password is looked at: of many requests that come at once with a right one, which is not known to
    /// be right yet, the others would count as guesses.
    looking: Arc<Mutex<()>>,
}

/// Lets a request through, or says why not.
pub async fn check(State(login): State<Login>, mut request: Request, next: Next) -> Response {
    if login.access.users.is_empty() || request.uri().path() == OPEN {
        return next.run(request).await;
    }
    // Every connection says where it comes from; what would not is counted together.
    let from = request.extensions().get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
    match login.allowed(request.headers(), from).await {
        Ok(name) => {
            request.extensions_mut().insert(User(name));
            next.run(request).await
        }
        Err(refused) => refused,
    }
}

impl Login {
    pub fn new(access: Access) -> Login {
        Login { access, looking: Arc::default() }
    }

    /// The user's name.
    async fn allowed(&self, headers: &HeaderMap, from: IpAddr) -> Result<String, Response> {
        let Some(given) = headers.get(AUTHORIZATION) else {
            return Err(refused("this node asks for a user and a password"));
        };
        let Some((name, password)) = basic(given) else {
            return Err(refused("the header Authorization is not as Basic authentication has it"));
        };
        if self.is_proved(&name, &password, from) {
            return Ok(name);
        }
        let looking = self.looking.lock().await;
        if self.is_proved(&name, &password, from) {
            return Ok(name);
        }
        if self.access.users.is_refused(&name, &password) {
            return Err(not_the_password(&name));
        }
        let begun = self.access.guesses.begin(&name, from);
        let wait = begun.map_err(|TooMany { after }| too_many(&name, after))?;
        if !wait.is_zero() {
            drop(looking);
            tokio::time::sleep(wait).await;
            return self.prove(name, password, from).await;
        }
        self.prove(name, password, from).await
    }

    /// Known without work, where being quick tells a guesser nothing.
    fn is_proved(&self, name: &str, password: &str, from: IpAddr) -> bool {
        self.access.guesses.is_free(name, from) && self.access.users.is_proved(name, password)
    }

    async fn prove(&self, name: String, password: String, from: IpAddr) -> Result<String, Response> {
        let (asked, users) = (name.clone(), Arc::clone(&self.access.users));
        let internal = |detail: String| Failure::from(Problem::new(ErrorKind::Internal, detail)).into_response();
        match tokio::task::spawn_blocking(move || users.takes(&name, &password)).await {
            Ok(Ok(true)) => {
                self.access.guesses.proved(&asked, from);
                Ok(asked)
            }
            Ok(Ok(false)) => Err(not_the_password(&asked)),
            Ok(Err(error)) => Err(internal(error.to_string())),
            Err(error) => Err(internal(error.to_string())),
        }
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

fn not_the_password(name: &str) -> Response {
    refused(format!("this is not the password of user {name}"))
}

fn too_many(name: &str, after: Duration) -> Response {
    let seconds = after.as_secs() + 1;
    let message = format!("there were too many wrong passwords for user {name}");
    Failure::too_many(message, &format!("try again in {seconds} seconds"), seconds).into_response()
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
