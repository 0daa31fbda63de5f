//! `POST /v1/streams/{name}` over real sockets: what is taken, what is refused and in which words, and a killed node.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::node::{Node, Project};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

fn project() -> Project {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE STREAM events (id BIGINT NOT NULL, name TEXT) WITH (format = 'json');\n\
         CREATE MATERIALIZED VIEW counts AS SELECT name, count(*) AS n FROM events GROUP BY name;\n",
    );
    project
}

/// Sends a request as it is; the answer's status and body.
fn send(node: &Node, target: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    let mut socket = TcpStream::connect(&node.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let size = body.len();
    let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
    let head = format!("POST {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {size}\r\n{host}{headers}\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    // A body that is too large is answered before all of it is read.
    let _ = socket.write_all(body);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn append(node: &Node, target: &str, media: &str, body: &str) -> (u16, Value) {
    send(node, target, &format!("Content-Type: {media}\r\n"), body.as_bytes())
}

/// What was appended is seen by queries with the next tick.
fn eventually(project: &Project, query: &str, expected: &[&str]) {
    let mut looks = 0;
    while project.sql(query) != expected && looks < 400 {
        looks += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(project.sql(query), expected, "{query}");
}

#[test]
fn rows_are_taken_as_lines_as_an_array_and_as_one_object() {
    let (project, path) = (project(), "/v1/streams/events");
    let node = project.serve();
    for (media, body, rows) in [
        (LINES, "{\"id\":1,\"name\":\"a\"}\n\n{\"id\":2}\r\n", 2),
        (JSON, "[{\"id\":3,\"name\":\"],\"}, {\"id\":4}]", 2),
        (JSON, "{\"id\":5}", 1),
        (JSON, "[]", 0),
    ] {
        let (status, answer) = append(&node, path, media, body);
        assert_eq!((status, answer["appended"].as_u64()), (200, Some(rows)), "{body}: {answer}");
    }
    let expected = ["1,a", "2,", "3,\"],\"", "4,", "5,"];
    eventually(&project, "SELECT id, name FROM events ORDER BY id", &expected);
}

#[test]
fn broken_rows_are_refused_skipped_or_kept_as_dead_letters() {
    let project = project();
    let node = project.serve();
    let body = "{\"id\":1}\n{\"id\":\"x\"}\n{\"id\":3}\n";
    let (status, answer) = append(&node, "/v1/streams/events", LINES, body);
    assert_eq!(status, 400);
    assert_eq!(answer["error"]["message"], "1 of 3 rows are broken; nothing was appended");
    assert_eq!(answer["error"]["rows"][0]["row"], 1);
    assert_eq!(answer["error"]["rows"][0]["reason"], "type");
    assert_eq!(answer["error"]["rows"][0]["column"], "id");
    assert_eq!(project.sql("SELECT count(*) FROM events"), ["0"]);

    let (status, answer) = append(&node, "/v1/streams/events?on_error=skip", LINES, body);
    assert_eq!((status, &answer["appended"], &answer["skipped"]), (200, &2.into(), &1.into()));
    let (status, answer) = append(&node, "/v1/streams/events?on_error=quarantine", LINES, body);
    assert_eq!((status, &answer["appended"], &answer["quarantined"]), (200, &3.into(), &1.into()));
    eventually(&project, "SELECT count(*) FROM events", &["4"]);
    eventually(&project, "SELECT count(*) FROM system.dead_letters", &["1"]);
}

#[test]
fn what_can_not_be_appended_is_refused_with_the_reason() {
    let project = project();
    let node = project.serve();
    let typed = format!("Content-Type: {LINES}\r\n");
    let large = vec![b'x'; (16 << 20) + 1];
    let cases: &[(&str, String, &[u8], u16, &str)] = &[
        ("event", typed.clone(), b"{}", 404, "there is no stream event"),
        ("counts", typed.clone(), b"{}", 400, "counts is a view; its rows come from its query"),
        ("events", String::new(), b"{}", 415, "the request has no Content-Type"),
        ("events", "Content-Type: text/csv\r\n".into(), b"1", 415, "content type 'text/csv' is not known here"),
        ("events", format!("{typed}Content-Encoding: br\r\n"), b"", 415, "content encoding 'br' is not known here"),
        (
            "events",
            format!("{typed}Content-Encoding: gzip\r\n"),
            b"{}",
            400,
            "the body is not gzip: unexpected end of file",
        ),
        ("events?on_error=drop", typed.clone(), b"{}", 400, "on_error is refuse, skip or quarantine, not 'drop'"),
        ("events", "Content-Type: application/json\r\n".into(), b"", 400, "the body is empty"),
        ("events", typed.clone(), b"\0\0", 400, "1 of 1 rows are broken; nothing was appended"),
        (
            "events",
            format!("{typed}Host: evil.example\r\n"),
            b"{}",
            403,
            "this node is asked by the name of another host, 'evil.example'",
        ),
        (
            "events",
            format!("{typed}Origin: http://evil.example\r\n"),
            b"{}",
            403,
            "pages of 'http://evil.example' may not change this node",
        ),
        ("events", typed, &large, 413, "the body is larger than 16 MiB; nothing of it was appended"),
    ];
    for (name, headers, body, status, message) in cases {
        let (found, answer) = send(&node, &format!("/v1/streams/{name}"), headers, body);
        assert_eq!((found, answer["error"]["message"].as_str()), (*status, Some(*message)), "{name} {headers}");
    }
    assert_eq!(project.sql("SELECT count(*) FROM events"), ["0"]);
}

#[test]
fn what_no_route_takes_is_refused_in_the_form_of_errors() {
    let project = project();
    let node = project.serve();
    let (json, text) = (format!("Content-Type: {JSON}\r\n"), "Content-Type: text/plain\r\n".to_owned());
    let large = vec![b' '; (4 << 20) + 1];
    let cases: &[(&str, &str, &[u8], u16, &str)] = &[
        ("/v1/streams/%FF", &json, b"{}", 400, "UTF-8"),
        ("/v1/sql", &text, &large, 413, "the body is larger than 4 MiB"),
        ("/v1/plan", &json, &large, 413, "the body is larger than 4 MiB"),
        ("/v1/plan", &text, b"{}", 415, "application/json"),
        ("/v1/plan", &json, b"{}", 400, "neither files nor a statement"),
        ("/v1/openapi.json", &json, b"{}", 405, "this path takes another method"),
        ("/metrics", &json, b"{}", 405, "this path takes another method"),
        ("/v1/queries/1", &json, b"{}", 405, "this path takes another method"),
        ("/v2", &json, b"{}", 404, "there is nothing at this path"),
    ];
    for (path, headers, body, status, part) in cases {
        let (found, answer) = send(&node, path, headers, body);
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(found == *status && message.contains(part), "{path}: {found} {answer}");
    }
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let project = project();
    let node = project.serve();
    for id in 0..50 {
        let (status, _) = append(&node, "/v1/streams/events", JSON, &format!("{{\"id\":{id}}}"));
        assert_eq!(status, 200);
    }
    // Dropping a node kills it.
    drop(node);
    let _node = project.serve();
    eventually(&project, "SELECT count(*), count(DISTINCT id) FROM events", &["50,50"]);
}

/// What `gzip` makes of bytes.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut process = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let packed = process.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    packed
}

#[test]
fn packed_bodies_are_unpacked_as_far_as_they_may_be_large() {
    let project = project();
    let node = project.serve();
    let headers = format!("Content-Type: {LINES}\r\nContent-Encoding: gzip\r\n");
    let (status, answer) = send(&node, "/v1/streams/events", &headers, &gzip(b"{\"id\":1}\n{\"id\":2}\n"));
    assert_eq!((status, answer["appended"].as_u64()), (200, Some(2)), "{answer}");
    let (status, answer) = send(&node, "/v1/streams/events", &headers, &gzip(&vec![b'\n'; (16 << 20) + 1]));
    let message = "the body is larger than 16 MiB; nothing of it was appended";
    assert_eq!((status, answer["error"]["message"].as_str()), (413, Some(message)));
    eventually(&project, "SELECT count(*) FROM events", &["2"]);
}

#[test]
fn requests_that_stand_still_are_given_up_and_others_refused_meanwhile() {
    let project = project();
    let node = project.serve();
    let size = 16 << 20;
    let head = format!(
        "POST /v1/streams/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: {LINES}\r\nContent-Length: {size}\r\n\r\n{{"
    );
    // They hold all the memory that there is for bodies.
    let mut slow: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(&node.address).unwrap()).collect();
    slow.iter_mut().for_each(|socket| socket.write_all(head.as_bytes()).unwrap());
    // A question that comes before the last of them would take its place.
    std::thread::sleep(Duration::from_secs(2));
    let mut looks = 0;
    let mut refused = append(&node, "/v1/streams/events", JSON, "{\"id\":1}");
    while refused.0 != 429 && looks < 200 {
        looks += 1;
        std::thread::sleep(Duration::from_millis(10));
        refused = append(&node, "/v1/streams/events", JSON, "{\"id\":1}");
    }
    let message = "more rows are being appended than the node takes at one time; nothing of this was appended";
    assert_eq!((refused.0, refused.1["error"]["message"].as_str()), (429, Some(message)));
    for socket in &mut slow {
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
    assert_eq!(append(&node, "/v1/streams/events", JSON, "{\"id\":1}").0, 200);
}

#[test]
fn garbage_on_the_port_ends_its_connection_alone() {
    let project = project();
    let node = project.serve();
    let cases: [&[u8]; 6] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/streams/events HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/streams/%00%ff HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /health HTTP/9.9\r\n\r\n",
    ];
    for case in cases {
        let mut socket = TcpStream::connect(&node.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.write_all(case).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", case.escape_ascii());
    }
    assert_eq!(append(&node, "/v1/streams/events", JSON, "{\"id\":1}").0, 200);
}
