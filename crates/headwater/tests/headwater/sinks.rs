//! Sinks: every row once in files, at least once at a server, over a node that is killed again and again.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::node::Project;

const ROWS: usize = 20_000;
/// How often the node is killed while rows leave.
const KILLS: usize = 8;

fn project(sinks: &str) -> Project {
    let project = Project::new();
    project.write(
        "main.sql",
        &format!(
            "CREATE STREAM events (id BIGINT NOT NULL, v BIGINT, CONSTRAINT few EXPECT (v < 90) ON VIOLATION QUARANTINE)
                 PARTITION KEY (id) WITH (partitions = 3);
             CREATE SOURCE made INTO events FROM GENERATOR (ROWS {ROWS}, RATE 9000, SEED 3,
                 FIELDS (id = 'sequence(1, 1)', v = 'integer(0, 99)'));
             CREATE MATERIALIZED VIEW even AS SELECT id, v FROM events WHERE v % 2 = 0;
             {sinks}"
        ),
    );
    project
}

/// Kills nodes at different moments, then lets the last one come to its end.
fn live(project: &Project) {
    for kill in 0..KILLS {
        let mut node = project.serve();
        std::thread::sleep(Duration::from_millis(120 + 130 * (kill as u64 % 4)));
        node.stop();
    }
    project.run();
}

/// The lines of all files in a folder.
fn lines(project: &Project, folder: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for file in std::fs::read_dir(project.path().join(folder)).unwrap() {
        let path = file.unwrap().path();
        assert!(!path.file_name().unwrap().to_string_lossy().starts_with('.'), "a draft was left: {}", path.display());
        let text = std::fs::read_to_string(&path).unwrap();
        let skip = usize::from(path.extension().is_some_and(|end| end == "csv"));
        lines.extend(text.lines().skip(skip).map(str::to_owned));
    }
    lines.sort();
    lines
}

/// Thousands of lines are not shown where two differ.
fn same(found: &[String], expected: &[String]) {
    let differs = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let first = differs.map(|at| (&found[at], &expected[at]));
    assert!(found == expected, "{} lines for {}; first that differ: {first:?}", found.len(), expected.len());
}

#[test]
fn every_row_is_in_one_file() {
    let project = project(
        "CREATE SINK all_json FROM events INTO FILES (PATH 'out/all', ROWS 700, INTERVAL '50 milliseconds');
         CREATE SINK even_csv FROM even INTO FILES (PATH 'out/even', FORMAT 'csv', INTERVAL '30 milliseconds');",
    );
    live(&project);
    let mut all = project.sql("SELECT '{\"id\":' || id || ',\"v\":' || v || '}' FROM events");
    all.iter_mut().for_each(|line| *line = line.trim_matches('"').replace("\"\"", "\""));
    all.sort();
    assert!(all.len() > ROWS * 8 / 10);
    same(&lines(&project, "out/all"), &all);
    let mut even = project.sql("SELECT id, v FROM even");
    even.sort();
    same(&lines(&project, "out/even"), &even);
}

/// What a server was sent: by idempotency key, every body that came with it.
#[derive(Default)]
struct Received {
    bodies: BTreeMap<String, Vec<String>>,
    requests: usize,
    unauthorized: usize,
}

/// A server that is busy at each fifth request, and goes away before it has answered each seventh.
fn server() -> (String, Arc<Mutex<Received>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let received: Arc<Mutex<Received>> = Arc::default();
    let shared = Arc::clone(&received);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            // A client that dies in the middle of a request has not sent it.
            std::thread::spawn(move || while answer(&connection, &shared).is_ok() {});
        }
    });
    (address, received)
}

fn answer(mut connection: &TcpStream, received: &Mutex<Received>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let header = |name: &str| {
        let lines = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        lines.unwrap_or_default().to_owned()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    connection.read_exact(&mut body)?;
    let mut received = received.lock().unwrap();
    received.requests += 1;
    received.unauthorized += usize::from(header("authorization") != "bearer tell nobody");
    let (busy, away) = (received.requests.is_multiple_of(5), received.requests.is_multiple_of(7));
    let status = if busy {
        "503 Busy"
    } else {
        let bodies = received.bodies.entry(header("idempotency-key")).or_default();
        bodies.push(String::from_utf8(body).unwrap());
        "200 OK"
    };
    drop(received);
    if away {
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    connection.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
}

#[test]
fn every_row_comes_to_the_server() {
    let (address, received) = server();
    let project = project(&format!(
        "CREATE SECRET token FROM FILE 'token';
         CREATE CONNECTION others TO HTTP (URL 'http://{address}', HEADERS (authorization = SECRET token));
         CREATE SINK even_out FROM even INTO CONNECTION others (PATH '/rows', ROWS 100, INTERVAL '20 milliseconds');"
    ));
    project.write("token", "Bearer tell nobody\n");
    live(&project);
    let received = received.lock().unwrap();
    assert_eq!(received.unauthorized, 0);
    let mut found = Vec::new();
    for (key, bodies) in &received.bodies {
        // What was sent again under a key had not changed.
        assert!(bodies.iter().all(|body| body == &bodies[0]), "{key}");
        assert!(bodies[0].lines().count() <= 100);
        found.extend(bodies[0].lines().map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row["id"].to_string()
        }));
    }
    assert!(received.bodies.values().any(|bodies| bodies.len() > 1), "no answer was lost");
    // And each row came under one key.
    let mut expected: Vec<String> = project.sql("SELECT id FROM even");
    expected.sort();
    found.sort();
    same(&found, &expected);
}

#[test]
fn what_a_sink_can_not_do_is_said() {
    let refused = |sinks: &str| project(sinks).fails(&["run", "--until-idle", "--http", "off", "--postgres", "off"]);
    let said = refused(
        "CREATE SECRET t FROM ENV 'HEADWATER_NO_SUCH_VARIABLE';
         CREATE SINK s FROM even INTO HTTP (URL 'http://127.0.0.1:9', HEADERS (authorization = SECRET t));",
    );
    assert!(said.contains("HEADWATER_NO_SUCH_VARIABLE is not in the node's environment"), "{said}");
    let said = refused("CREATE SINK s FROM even INTO HTTP (URL 'ftp://127.0.0.1:9');");
    assert!(said.contains("neither http:// nor https://"), "{said}");
    // A server that refuses for good stops the sink, and nothing else.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut some = [0; 65536];
            let _ = connection.read(&mut some);
            let _ = connection.write_all(b"HTTP/1.1 422 No\r\ncontent-length: 5\r\nconnection: close\r\n\r\nnever");
        }
    });
    let said = refused(&format!("CREATE SINK s FROM even INTO HTTP (URL 'http://{address}');"));
    assert!(said.contains("sink s stopped: the server answered 422") && said.contains("never"), "{said}");
}
