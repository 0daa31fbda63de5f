//! Alerts over a node that is killed again and again, told to a server that fails: each incident is found once, and told
//! under one key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::node::Project;

const MINUTES: usize = 600;
/// Seconds of event time that a second has: the file takes a few seconds.
const SPEED: usize = 9000;
const KILLS: usize = 8;

/// Minutes in which a country's visits end at an error.
const BROKEN: [(&str, &[usize]); 2] = [("CH", &[60, 61, 62, 66, 200]), ("DE", &[61, 62, 63, 64, 65, 400, 401])];

/// What is to be found: country, and the ends of the first and the last broken minute.
const INCIDENTS: [(&str, &str, &str); 4] =
    [("CH", "01:01", "01:07"), ("CH", "03:21", "03:21"), ("DE", "01:02", "01:06"), ("DE", "06:41", "06:42")];

const ERRORS: &str = "SELECT country, window_end, count(*) AS errors FROM TUMBLE(visits, at, INTERVAL '1 minute')
     WHERE NOT ok GROUP BY country, window_start, window_end HAVING count(*) >= 5";

fn visits() -> String {
    let mut file = String::from("at,country,ok\n");
    for minute in 0..MINUTES {
        for (second, visit) in (0..60).step_by(5).zip(0..) {
            let (country, broken) = BROKEN[visit % 2];
            let ok = !broken.contains(&minute);
            let (hour, minute) = (minute / 60, minute % 60);
            writeln!(file, "2026-01-01T{hour:02}:{minute:02}:{second:02}Z,{country},{ok}").unwrap();
        }
    }
    file
}

fn project(alerts: &str) -> Project {
    let project = Project::new();
    project.write("visits.csv", &visits());
    project.write(
        "main.sql",
        &format!(
            "CREATE STREAM visits (at TIMESTAMP NOT NULL, country VARCHAR, ok BOOLEAN,
                 WATERMARK FOR at AS at - INTERVAL '10 seconds');
             CREATE SOURCE file INTO visits FROM FILES (PATH 'visits.csv', FORMAT 'csv', SPEED {SPEED});
             {alerts}"
        ),
    );
    project
}

/// Requests by their key: each body that came.
type Received = BTreeMap<String, Vec<Value>>;

/// A server that is busy at each fifth request, and goes away before it has answered each seventh.
fn server() -> (String, Arc<Mutex<Received>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let received: Arc<Mutex<Received>> = Arc::default();
    let (shared, mut requests) = (Arc::clone(&received), 0usize);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            requests += 1;
            // A client that dies in the middle of a request has not sent it.
            let _ = answer(&connection, &shared, requests);
        }
    });
    (address, received)
}

fn answer(mut connection: &TcpStream, received: &Mutex<Received>, number: usize) -> std::io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
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
    assert_eq!(header("authorization"), "bearer tell nobody");
    let status = if number.is_multiple_of(5) {
        "503 Busy"
    } else {
        let body = serde_json::from_slice(&body).unwrap();
        received.lock().unwrap().entry(header("idempotency-key")).or_default().push(body);
        "200 OK"
    };
    if number.is_multiple_of(7) {
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    connection.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes())
}

/// Kills nodes at different moments, then lets the last ones come to their end.
fn live(project: &Project) {
    for kill in 0..KILLS {
        let mut node = project.serve();
        std::thread::sleep(Duration::from_millis(150 + 170 * (kill as u64 % 5)));
        node.stop();
    }
    for _ in 0..20 {
        project.run();
        if project.sql("SELECT count(*) FROM system.notifications WHERE state = 'pending'") == ["0"] {
            return;
        }
    }
    panic!("notifications are pending for ever: {:?}", project.sql("SELECT * FROM system.notifications"));
}

fn expected() -> Vec<String> {
    let line = |(country, began, ended): &(&str, &str, &str)| format!("{country} {began} {ended} resolved");
    INCIDENTS.iter().map(line).collect()
}

fn incidents(project: &Project, alert: &str) -> Vec<String> {
    project.sql(&format!(
        "SELECT substr(labels, 13, 2) || ' ' || to_char(event_at, '%H:%M') || ' ' || to_char(ended_at, '%H:%M') || ' '
             || state AS incident FROM system.alerts WHERE alert = '{alert}' ORDER BY 1"
    ))
}

#[test]
fn each_incident_is_found_once_and_told_under_one_key() {
    let (address, received) = server();
    let with = "WITH (max_age = 'none', message = '{errors} errors in {country}')";
    let group = "GROUP BY (country) TIMESTAMP window_end";
    let project = project(&format!(
        "CREATE SECRET token FROM FILE 'token';
         CREATE ALERT down NOTIFY WEBHOOK (URL 'http://{address}/hook', HEADERS (authorization = SECRET token)), LOG
             {group} {with} AS {ERRORS} EMIT ON WINDOW CLOSE;
         CREATE ALERT live NOTIFY LOG {group} AS {ERRORS};
         CREATE ALERT ever NOTIFY LOG GROUP BY (country) AS
             SELECT country, count(*) AS errors FROM visits WHERE NOT ok GROUP BY country;
         CREATE ALERT looks EVERY '200 milliseconds' NOTIFY LOG GROUP BY (country) AS
             SELECT country, count(*) AS errors FROM visits WHERE NOT ok GROUP BY country;"
    ));
    project.write("token", "Bearer tell nobody\n");
    live(&project);
    assert_eq!(incidents(&project, "down"), expected());
    assert_eq!(incidents(&project, "live"), expected());
    assert_eq!(project.sql("SELECT country, errors FROM ever ORDER BY 1"), ["CH,30", "DE,42"]);
    for alert in ["ever", "looks"] {
        let one_each = format!("SELECT state, count(*) FROM system.alerts WHERE alert = '{alert}' GROUP BY state");
        assert_eq!(project.sql(&one_each), ["firing,2"], "{alert}");
    }
    let told =
        "SELECT alert, channel, kind, state, count(*) FROM system.notifications GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3";
    assert_eq!(
        project.sql(told),
        [
            "down,log,firing,sent,4",
            "down,log,resolved,sent,4",
            "down,webhook,firing,sent,4",
            "down,webhook,resolved,sent,4",
            "ever,log,firing,sent,2",
            "live,log,firing,suppressed,4",
            "looks,log,firing,sent,2",
        ]
    );
    let received = received.lock().unwrap();
    let mut found = BTreeSet::new();
    for (key, bodies) in received.iter() {
        assert!(bodies.iter().all(|body| body == &bodies[0]), "{key}: what was sent again has changed");
        let (body, alert) = (&bodies[0], &bodies[0]["alerts"][0]);
        assert_eq!((&body["version"], &body["status"]), (&Value::from("4"), &alert["status"]));
        assert_eq!(alert["labels"]["alertname"], "down");
        assert_eq!(
            alert["annotations"]["summary"],
            format!("6 errors in {}", body["groupLabels"]["country"].as_str().unwrap())
        );
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of = (text(&body["groupLabels"]["country"]), text(&alert["startsAt"]), text(&alert["status"]));
        assert!(found.insert(of), "{key}: told twice");
    }
    assert_eq!(found.len(), 2 * INCIDENTS.len());
    // A server that took a request and did not answer sees it again, and no other.
    let again: usize = received.values().map(|bodies| bodies.len() - 1).sum();
    let unanswered = "SELECT sum(attempts) - count(*) FROM system.notifications WHERE channel = 'webhook'";
    assert!(again <= project.sql(unanswered)[0].parse().unwrap());
}

#[test]
fn an_alert_is_changed_stopped_and_dropped() {
    let project = project("");
    let node = project.serve();
    let sql = |text: &str| project.sql(text);
    sql(&format!(
        "CREATE ALERT down NOTIFY LOG GROUP BY (country) TIMESTAMP window_end WITH (max_age = 'none')
         AS {ERRORS} EMIT ON WINDOW CLOSE"
    ));
    let eventually = |query: &str, expected: &[&str]| {
        let mut found = Vec::new();
        for _ in 0..600 {
            found = sql(query);
            if found == expected {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{query}: {found:?}");
    };
    eventually("SELECT count(*) FROM system.alerts WHERE state = 'resolved'", &["4"]);
    // The same rows once more, by another query, are the same incidents.
    sql("ALTER ALERT down SET (enabled = false, message = 'changed')");
    sql("ALTER ALERT down SET (enabled = true)");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(sql("SELECT count(*) FROM system.alerts"), ["4"]);
    assert_eq!(sql("SELECT count(*) FROM down"), ["12"]);
    sql("CREATE ALERT many NOTIFY LOG AS SELECT at, country, count(*) AS n FROM visits GROUP BY at, country");
    eventually("SELECT count(*) FROM system.alerts WHERE alert = 'many' AND state = 'firing'", &["1"]);
    eventually("SELECT kind FROM system.relations WHERE name = 'many'", &["alert"]);
    sql("DROP ALERT down");
    eventually("SELECT count(*) FROM system.alerts WHERE alert = 'down'", &["0"]);
    sql("DROP ALERT many");
    sql("CREATE TABLE stock (product VARCHAR, pieces BIGINT)");
    sql(
        "CREATE ALERT empty EVERY '100 milliseconds' NOTIFY LOG GROUP BY (product) AS SELECT * FROM stock WHERE pieces = 0",
    );
    sql("INSERT INTO stock VALUES ('tea', 0), ('salt', 3)");
    let of_empty = "SELECT labels, state FROM system.alerts WHERE alert = 'empty'";
    eventually(of_empty, &[r#""{""product"":""tea""}",firing"#]);
    sql("UPDATE stock SET pieces = 5 WHERE product = 'tea'");
    eventually(of_empty, &[r#""{""product"":""tea""}",resolved"#]);
    eventually("SELECT count(*) > 1 FROM system.runs WHERE object = 'empty' AND kind = 'alert'", &["true"]);
    let refused = project.fails(&["sql", "CREATE ALERT a NOTIFY WEBHOOK (URL 'ftp://x') AS SELECT * FROM visits"]);
    assert!(refused.contains("is neither http:// nor https://"), "{refused}");
    drop(node);
}
