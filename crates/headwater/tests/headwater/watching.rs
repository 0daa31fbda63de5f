//! `/health`, `/metrics` and `system.metrics` of a node that has something to tell.

use std::time::Duration;

use crate::node::Project;
use crate::web::Client;

fn project() -> Project {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE STREAM events (id BIGINT, at TIMESTAMP, WATERMARK FOR at AS at,\n\
             CONSTRAINT positive EXPECT (id > 0) ON VIOLATION FAIL) WITH (format = 'json');\n\
         CREATE MATERIALIZED VIEW counts AS SELECT id, count(*) AS n FROM events GROUP BY id;\n",
    );
    project
}

/// The value of a line of `/metrics`, once it is there.
fn measured(client: &Client, name: &str) -> f64 {
    for _ in 0..500 {
        let text = client.get("/metrics").body;
        if let Some(value) = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')) {
            return value.parse().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("there is no {name}: {}", client.get("/metrics").body);
}

fn eventually(project: &Project, query: &str, expected: &str) {
    let mut looks = 0;
    while project.sql(query) != [expected] && looks < 1000 {
        looks += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(project.sql(query), [expected], "{query}");
}

#[test]
fn what_a_node_does_is_measured() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    let rows = "{\"id\":1,\"at\":\"2024-01-01T00:00:00Z\"}\n{\"id\":2,\"at\":\"2024-01-01T00:00:01Z\"}";
    assert_eq!(client.post("/v1/streams/events", "application/x-ndjson", rows).status, 200);
    eventually(&project, "SELECT count(*) FROM counts", "2");
    let text = client.get("/metrics");
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(measured(&client, "headwater_stream_rows_total{stream=\"events\"}"), 2.0);
    assert_eq!(measured(&client, "headwater_view_rows{view=\"counts\"}"), 2.0);
    assert_eq!(measured(&client, "headwater_stream_lag_records{stream=\"events\"}"), 0.0);
    assert!(measured(&client, "headwater_stream_watermark_lag_seconds{stream=\"events\"}") > 1e6);
    assert!(measured(&client, "headwater_process_memory_bytes") > 1e6);
    let answered = "headwater_http_requests_total{method=\"POST\",path=\"/v1/streams/{name}\",status=\"200\"}";
    assert_eq!(measured(&client, answered), 1.0);
    let timed =
        "headwater_http_request_duration_seconds_bucket{method=\"POST\",path=\"/v1/streams/{name}\",le=\"+Inf\"}";
    assert_eq!(measured(&client, timed), 1.0);
    assert!(measured(&client, "headwater_queries_total{door=\"http\",state=\"done\"}") >= 1.0);
    // Each name has its help and its type once, before its samples.
    let text = client.get("/metrics").body;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family =
            ["_bucket", "_sum", "_count"].iter().fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
        assert_eq!(text.matches(&format!("# TYPE {family} ")).count(), 1, "{line}");
    }
    eventually(&project, "SELECT max(value) FROM system.metrics WHERE relation = 'counts' AND metric = 'rows'", "2.0");
    let metrics = "SELECT DISTINCT metric FROM system.metrics WHERE relation = 'events' ORDER BY metric";
    let mut looks = 0;
    while project.sql(metrics).len() < 4 && looks < 600 {
        looks += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(project.sql(metrics), ["lag", "rate", "rows", "watermark_lag_ms"]);
}

#[test]
fn health_says_what_does_not_go_on() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    let health = client.get("/health").json();
    assert_eq!(
        (health["status"].as_str(), health["stopped"].as_array().map(Vec::len)),
        (Some("ok"), Some(0)),
        "{health}"
    );
    let row = "{\"id\":0,\"at\":\"2024-01-01T00:00:00Z\"}";
    assert_eq!(client.post("/v1/streams/events", "application/json", row).status, 200);
    let mut health = client.get("/health");
    for _ in 0..500 {
        if health.json()["status"] == "degraded" {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        health = client.get("/health");
    }
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("degraded")));
    assert!(health.json()["stopped"][0].as_str().unwrap().starts_with("stream events stopped: "), "{}", health.body);
    assert!(health.headers.contains_key("x-headwater-node"));
}
