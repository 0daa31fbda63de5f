//! The console: the files that the build script embedded, compressed as they are sent.
//!
//! A path of the API is never answered with a page, and nothing is read from disk.

use std::io::Read;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::read::GzDecoder;

#[cfg(test)]
mod tests;

/// Only this node's own files and answers; no inline script, no frame, no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Files below it carry their hash in their name.
const ASSETS: &str = "/assets/";

/// What programs ask; a page in its place would look like an answer.
const OF_PROGRAMS: [&str; 3] = ["v1", "health", "metrics"];

/// One embedded file; `tag` is the hash of what `gzip` unpacks to.
struct File {
    path: &'static str,
    media_type: &'static str,
    tag: &'static str,
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// The console's answer to a request that no route of the API took; none if it is not for the console.
pub fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    if let Some(file) = find(path) {
        return Some(send(file, headers));
    }
    if !is_page(path, headers) {
        return None;
    }
    Some(find("/index.html").map_or_else(missing, |file| send(file, headers)))
}

fn find(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().map(|index| &FILES[index])
}

/// Whether a reader asks for a page; which pages there are, the console knows, and says so of others.
fn is_page(path: &str, headers: &HeaderMap) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    let by_browser = text(headers, header::ACCEPT).contains("text/html");
    path == "/" || (by_browser && !path.starts_with(ASSETS) && !OF_PROGRAMS.contains(&first))
}

fn send(file: &File, headers: &HeaderMap) -> Response {
    let caching = match file.path.starts_with(ASSETS) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let always = [
        (header::ETAG, file.tag),
        (header::CACHE_CONTROL, caching),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let known = text(headers, header::IF_NONE_MATCH);
    if known.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim() == file.tag) {
        return (StatusCode::NOT_MODIFIED, always).into_response();
    }
    let media_type = [(header::CONTENT_TYPE, file.media_type)];
    if takes_gzip(text(headers, header::ACCEPT_ENCODING)) {
        let encoding = [(header::CONTENT_ENCODING, "gzip")];
        return (always, media_type, encoding, Body::from(Bytes::from_static(file.gzip))).into_response();
    }
    let mut content = Vec::new();
    match GzDecoder::new(file.gzip).read_to_end(&mut content) {
        Ok(_) => (always, media_type, Body::from(content)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The page of a binary that was built without the console.
fn missing() -> Response {
    let reason = MISSING.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>Headwater</title><h1>This node runs, without its console</h1>\
         <p>The console was left out when this binary was built: {reason}</p>\
         <p>Ask it by <code>headwater sql</code>, by POST to /v1/sql, or with a PostgreSQL client.</p></html>"
    );
    let policy = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
    let media_type = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (policy, media_type, page).into_response()
}

/// Whether `accepted`, an Accept-Encoding, names gzip and does not refuse it by a weight of nothing.
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|each| {
        let (name, weight) = each.split_once(';').unwrap_or((each, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|text| text.parse::<f32>().ok()).unwrap_or(1.0);
        matches!(name.trim(), "gzip" | "*") && weight > 0.0
    })
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
