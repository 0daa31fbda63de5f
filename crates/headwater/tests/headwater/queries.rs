//! `system.queries` over both doors, and the ends of queries: cancelled, out of time, too many.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::node::Project;
use crate::web::Client;

/// It would take years, and gives no row before its end.
const ENDLESS: &str =
    "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value + b.value = 0";

fn project() -> Project {
    let project = Project::new();
    project.write("main.sql", "CREATE STREAM events (id BIGINT) WITH (format = 'json');\n");
    project
}

const CANCELLED: &str = "cancelled,the query was cancelled";

fn eventually(project: &Project, query: &str, expected: &str) {
    let mut looks = 0;
    while project.sql(query) != [expected] && looks < 500 {
        looks += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(project.sql(query), [expected], "{query}");
}

fn running(project: &Project) -> Vec<String> {
    let query = "SELECT id FROM system.queries WHERE state = 'running' AND text LIKE '%+ b.value = 0'";
    for _ in 0..500 {
        let found = project.sql(query);
        if !found.is_empty() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it never ran");
}

#[test]
fn queries_are_told_of_and_cancelled() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    let answer = client.post("/v1/sql?format=csv", "text/plain", "SELECT * FROM (VALUES (1), (2))");
    let id = answer.header("x-headwater-query");
    let told = format!("SELECT text, door, \"user\", state, rows, error FROM system.queries WHERE id = {id}");
    assert_eq!(project.sql(&told), ["\"SELECT * FROM (VALUES (1), (2))\",http,,done,2,"]);
    assert_eq!(client.post("/v1/sql", "text/plain", "SELECT nothing").status, 400);
    let failed = "SELECT state, error FROM system.queries WHERE text = 'SELECT nothing'";
    assert!(project.sql(failed)[0].starts_with("failed,"), "{:?}", project.sql(failed));
    assert_eq!(client.post("/v1/sql", "text/plain", "CREATE STREAM other (id BIGINT)").status, 200);
    let changed = "SELECT state FROM system.queries WHERE text LIKE 'CREATE STREAM other%'";
    assert_eq!(project.sql(changed), ["done"]);

    std::thread::scope(|scope| {
        let endless = scope.spawn(|| Client::new(&node).post("/v1/sql", "text/plain", ENDLESS));
        let id = running(&project).remove(0);
        let cancelled = client.ask("DELETE", &format!("/v1/queries/{id}"), &[], Vec::new());
        assert_eq!((cancelled.status, cancelled.json()["cancelled"].to_string()), (200, id.clone()));
        assert_eq!(endless.join().unwrap().refusal(), (409, "the query was cancelled".to_owned()));
        // It counts as running until its work is over.
        eventually(&project, &format!("SELECT state, error FROM system.queries WHERE id = {id}"), CANCELLED);
    });
    std::thread::scope(|scope| {
        let endless = scope.spawn(|| Client::new(&node).post("/v1/sql", "text/plain", ENDLESS));
        let id = running(&project).remove(0);
        let cancelled = client.post("/v1/sql", "text/plain", &format!("CANCEL QUERY '{id}'"));
        assert_eq!(cancelled.json()["done"], "CANCEL QUERY");
        assert_eq!(endless.join().unwrap().refusal(), (409, "the query was cancelled".to_owned()));
    });
    for (id, message) in [("999999", "no query 999999 runs"), ("x", "'x' is no number of a query")] {
        let refused = client.post("/v1/sql", "text/plain", &format!("CANCEL QUERY '{id}'")).refusal();
        assert!(refused.0 == 400 && refused.1.contains(message), "{refused:?}");
    }
    for (id, status, message) in [("999999", 404, "no query 999999 runs"), ("x", 400, "'x' is no number of a query")] {
        let answer = client.ask("DELETE", &format!("/v1/queries/{id}"), &[], Vec::new());
        assert_eq!(answer.refusal(), (status, message.to_owned()));
    }
}

#[test]
fn queries_that_compute_for_ever_keep_nobody_waiting_and_end_with_their_clients() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    // More of them than threads that run queries.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let head = format!("POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", ENDLESS.len());
    let mut sockets = Vec::new();
    for _ in 0..threads + 2 {
        let mut socket = TcpStream::connect(&node.address).unwrap();
        socket.write_all(format!("{head}{ENDLESS}").as_bytes()).unwrap();
        sockets.push(socket);
    }
    let count = "SELECT count(*) FROM system.queries WHERE text LIKE '%+ b.value = 0' AND state";
    eventually(&project, &format!("{count} = 'running'"), &sockets.len().to_string());
    for _ in 0..20 {
        let answer = client.post("/v1/sql?format=csv&timeout=10", "text/plain", "SELECT 1 AS one");
        assert_eq!(answer.body, "one\n1\n");
    }
    let all = sockets.len().to_string();
    drop(sockets);
    eventually(&project, &format!("{count} = 'cancelled'"), &all);
}

#[test]
fn queries_have_their_time_and_their_number() {
    let project = project();
    let node = project.serve_with(&["--query-timeout", "300ms", "--queries-max", "2"]);
    let client = Client::new(&node);
    let late = |target: &str| client.post(target, "text/plain", ENDLESS).refusal();
    assert_eq!(late("/v1/sql"), (504, "the query took longer than 300ms".to_owned()));
    // Those have gone when others come.
    eventually(&project, "SELECT count(*) FROM system.queries WHERE state = 'running'", "1");
    assert_eq!(late("/v1/sql?timeout=0.05"), (408, "the query took longer than 50ms".to_owned()));
    assert_eq!(late("/v1/sql?timeout=-1"), (400, "a timeout of -1 seconds is none".to_owned()));
    assert_eq!(late("/v1/sql?timeout=1e9"), (400, "a timeout of 1000000000 seconds is none".to_owned()));

    std::thread::scope(|scope| {
        let patient = || {
            let client = Client::new(&node);
            loop {
                let answer = client.post("/v1/sql?timeout=0", "text/plain", ENDLESS);
                // The place may have been taken by a question whether there is one.
                if answer.status != 429 {
                    return answer;
                }
            }
        };
        let endless = [scope.spawn(patient), scope.spawn(patient)];
        let mut refused = client.post("/v1/sql", "text/plain", "SELECT 1");
        for _ in 0..500 {
            if refused.status == 429 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            refused = client.post("/v1/sql", "text/plain", "SELECT 1");
        }
        assert_eq!(refused.refusal(), (429, "2 queries run already, and no more may at one time".to_owned()));
        assert_eq!(refused.header("retry-after"), "1");
        // Rows are taken all the same.
        let appended = client.post("/v1/streams/events", "application/json", "{\"id\":1}");
        assert_eq!(appended.status, 200);
        for id in 1..100 {
            client.ask("DELETE", &format!("/v1/queries/{id}"), &[], Vec::new());
        }
        for each in endless {
            assert_eq!(each.join().unwrap().status, 409);
        }
    });
}

#[test]
fn limits_that_are_none_are_refused() {
    let project = project();
    for (time, why) in [("5", "a unit is missing after the number"), ("soon", "a whole number is expected at 'soon'")] {
        let said = project.fails(&["run", "--query-timeout", time]);
        assert!(said.contains(&format!("'{time}' is no query timeout, since {why}")), "{said}");
    }
    assert!(project.fails(&["run", "--query-timeout", "0 seconds"]).contains("leaves no time"));
}
