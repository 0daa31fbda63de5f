//! `Idempotency-Key` on `POST /v1/streams/{name}`: repeated, changed, and over a node that is killed again and again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::node::{Node, Project};
use crate::web::{Answer, Client};

const LINES: &str = "application/x-ndjson";
const PATH: &str = "/v1/streams/events";

fn project() -> Project {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE STREAM events (id BIGINT NOT NULL) PARTITION KEY (id) WITH (format = 'json', partitions = 4);\n\
         CREATE MATERIALIZED VIEW counts AS SELECT id, count(*) AS n FROM events GROUP BY id;\n",
    );
    project
}

fn send(client: &Client, key: &str, target: &str, body: &str) -> Answer {
    client.ask("POST", target, &[("content-type", LINES), ("idempotency-key", key)], body.as_bytes().to_vec())
}

fn eventually(project: &Project, query: &str, expected: &[&str]) {
    let mut looks = 0;
    while project.sql(query) != expected && looks < 500 {
        looks += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(project.sql(query), expected, "{query}");
}

#[test]
fn a_request_with_a_key_is_appended_once() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    let body = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n";
    let first = send(&client, "one", PATH, body);
    assert_eq!(
        (first.status, first.json()["appended"].as_u64(), first.header("idempotency-replayed")),
        (200, Some(3), "")
    );
    let again = send(&client, "one", PATH, body);
    assert_eq!((again.status, &again.body, again.header("idempotency-replayed")), (200, &first.body, "true"));

    let other = "another request had the key 'one'; nothing of this one was appended".to_owned();
    assert_eq!(send(&client, "one", PATH, "{\"id\":4}").refusal(), (422, other.clone()));
    let skipping = format!("{PATH}?on_error=skip");
    assert_eq!(send(&client, "one", &skipping, body).refusal(), (422, other));
    // What was refused had no effect, and its key none either.
    assert_eq!(send(&client, "two", PATH, "{\"id\":\"x\"}").status, 400);
    assert_eq!(send(&client, "two", PATH, "{\"id\":4}").status, 200);
    let skipped = send(&client, "three", &skipping, "{\"id\":\"x\"}\n{\"id\":5}");
    assert_eq!((skipped.status, skipped.json()["skipped"].as_u64()), (200, Some(1)));
    assert_eq!(send(&client, "three", &skipping, "{\"id\":\"x\"}\n{\"id\":5}").body, skipped.body);
    for (key, message) in [
        ("", "Idempotency-Key is empty or too long"),
        (&"x".repeat(256), "Idempotency-Key is empty or too long"),
        ("é", "Idempotency-Key is not ASCII"),
    ] {
        assert_eq!(send(&client, key, PATH, body).refusal(), (400, message.to_owned()));
    }
    eventually(&project, "SELECT id, n FROM counts ORDER BY id", &["1,1", "2,1", "3,1", "4,1", "5,1"]);

    drop(node);
    let node = project.serve();
    let again = send(&Client::new(&node), "one", PATH, body);
    assert_eq!((again.status, again.body, again.headers.contains_key("idempotency-replayed")), (200, first.body, true));
    eventually(&project, "SELECT count(*) FROM events", &["5"]);
}

/// How often the node is killed while clients send.
const KILLS: usize = 6;
const CLIENTS: usize = 4;
const ROWS: usize = 20;

#[test]
fn a_killed_node_has_each_row_of_each_request_once() {
    let project = project();
    let stopped = AtomicBool::new(false);
    let sent = AtomicUsize::new(0);
    let address = std::sync::Mutex::new(String::new());
    let mut node: Node = project.serve();
    address.lock().unwrap().clone_from(&node.address);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (stopped, sent, address) = (&stopped, &sent, &address);
            scope.spawn(move || {
                let mut request = number;
                // The last request is repeated until it has its answer, as all are.
                while !stopped.load(Ordering::Relaxed) {
                    let ids = request * ROWS..(request + 1) * ROWS;
                    let body: String = ids.map(|id| format!("{{\"id\":{id}}}\n")).collect();
                    let key = format!("request {request}");
                    loop {
                        let client = Client::at(&address.lock().unwrap().clone());
                        let headers = [("content-type", LINES), ("idempotency-key", key.as_str())];
                        match client.try_ask("POST", PATH, &headers, body.clone().into_bytes()) {
                            Ok(answer) if answer.status == 200 => break,
                            Ok(answer) => assert!(matches!(answer.status, 409 | 503), "{}", answer.body),
                            Err(_) => {}
                        }
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    sent.fetch_add(ROWS, Ordering::Relaxed);
                    request += CLIENTS;
                }
            });
        }
        for kill in 0..KILLS {
            std::thread::sleep(Duration::from_millis(150 + 130 * kill as u64));
            node.stop();
            node = project.serve();
            address.lock().unwrap().clone_from(&node.address);
        }
        stopped.store(true, Ordering::Relaxed);
    });
    let rows = sent.load(Ordering::Relaxed);
    assert!(rows >= CLIENTS * ROWS);
    let expected = format!("{rows},{rows}");
    eventually(&project, "SELECT count(*), count(DISTINCT id) FROM events", &[&expected]);
    eventually(&project, "SELECT sum(n), count(*) FROM counts", &[&expected]);
}
