//! `POST /v1/streams/{name}` over real sockets: what is taken, what is refused and in which words, and a killed node.

use std::io::{Read, Write};
use std::net::TcpStream;
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
        ("events", format!("{typed}Content-Encoding: gzip\r\n"), b"", 415, "content encoding 'gzip' is not built yet"),
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
