//! Requests that a web page sends behind its reader's back: refused, since a node on loopback trusts who reaches it.
//!
//! A page elsewhere may name this node by a host name of its own (DNS rebinding), or post to it with its own origin.

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::failure::Failure;

/// Lets a request through, or says why not. `is_loopback` is whether the node can be reached from this machine only.
pub async fn check(State(is_loopback): State<bool>, request: Request, next: Next) -> Response {
    match refusal(request.method(), request.headers(), is_loopback) {
        Some(message) => {
            let hint = "ask by localhost or the address, from a program or from the node's own pages";
            Failure::invalid(StatusCode::FORBIDDEN, message, hint).into_response()
        }
        None => next.run(request).await,
    }
}

fn refusal(method: &Method, headers: &HeaderMap, is_loopback: bool) -> Option<String> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let host = text(HOST).unwrap_or_default();
    if is_loopback && !is_local(&host) {
        return Some(format!("this node is asked by the name of another host, '{host}'"));
    }
    let origin = text(ORIGIN)?;
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(&host));
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    (changes && !own).then(|| format!("pages of '{origin}' may not change this node"))
}

/// Whether a Host header names this machine; one that is absent or empty names nobody else.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or(host),
    };
    let is_address = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || is_address
}
