//! What each path and header is answered with. They need the console in the binary, so they need Node.

use axum::body::to_bytes;
use axum::http::{HeaderValue, header};

use super::*;

fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

fn browser() -> HeaderMap {
    headers(&[(header::ACCEPT, "text/html,application/xhtml+xml"), (header::ACCEPT_ENCODING, "gzip, deflate, br")])
}

fn get(path: &str, headers: &HeaderMap) -> Option<Response> {
    answer(&Method::GET, path, headers)
}

fn header_of(response: &Response, name: HeaderName) -> &str {
    text(response.headers(), name)
}

#[test]
fn the_binary_has_its_console() {
    assert_eq!(MISSING, "");
    assert!(FILES.is_sorted_by_key(|file| file.path));
}

#[test]
fn pages_are_for_browsers_and_never_in_the_place_of_the_api() {
    let program = headers(&[(header::ACCEPT, "*/*")]);
    let cases = [
        ("/", true, true),
        ("/relations/orders", true, false),
        ("/relations/a%20b", true, false),
        ("/worksheet", true, false),
        ("/nowhere", true, false),
        ("/mark.svg", true, true),
        ("/assets/absent.js", false, false),
        ("/v1", false, false),
        ("/v1/absent", false, false),
        ("/health", false, false),
        ("/metrics/absent", false, false),
    ];
    for (path, for_browser, for_program) in cases {
        assert_eq!(get(path, &browser()).is_some(), for_browser, "{path} in a browser");
        assert_eq!(get(path, &program).is_some(), for_program, "{path} by a program");
        assert!(answer(&Method::POST, path, &browser()).is_none(), "{path} is only read");
    }
}

#[test]
fn files_with_a_hash_in_their_name_are_kept_for_good() {
    let script = FILES.iter().find(|file| file.path.starts_with("/assets/index-") && file.path.ends_with(".js"));
    let response = get(script.unwrap().path, &browser()).unwrap();
    assert!(header_of(&response, header::CACHE_CONTROL).contains("immutable"));
    assert_eq!(header_of(&response, header::CONTENT_TYPE), "text/javascript; charset=utf-8");
    let page = get("/", &browser()).unwrap();
    assert_eq!(header_of(&page, header::CACHE_CONTROL), "no-cache");
    let policy = header_of(&page, header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn what_the_browser_has_is_not_sent_again() {
    let tag = header_of(&get("/", &browser()).unwrap(), header::ETAG).to_owned();
    for (known, status) in [(tag.as_str(), 304), ("*", 304), ("W/\"other\"", 200), ("", 200)] {
        let mut headers = browser();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(known).unwrap());
        assert_eq!(get("/", &headers).unwrap().status().as_u16(), status, "{known}");
    }
}

#[tokio::test]
async fn whoever_does_not_unpack_gets_it_unpacked() {
    for (accepted, packed) in [("gzip", true), ("br, gzip;q=0.5", true), ("gzip;q=0", false), ("identity", false)] {
        let headers = headers(&[(header::ACCEPT_ENCODING, accepted)]);
        let response = get("/", &headers).unwrap();
        assert_eq!(header_of(&response, header::CONTENT_ENCODING) == "gzip", packed, "{accepted}");
        let content = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert_eq!(content.starts_with(b"<!doctype html>"), !packed, "{accepted}");
    }
}
