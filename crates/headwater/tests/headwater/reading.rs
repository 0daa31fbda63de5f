//! `GET /v1/streams/{name}`: pages, places, long polls and events, over real sockets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::node::{Node, Project};
use crate::web::Client;

const LINES: &str = "application/x-ndjson";
const EVENTS: &[(&str, &str)] = &[("accept", "text/event-stream")];

fn project() -> Project {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE STREAM events (id BIGINT NOT NULL, name TEXT, CONSTRAINT small EXPECT (id < 1000) ON VIOLATION QUARANTINE)\n\
         PARTITION KEY (id) WITH (format = 'json', partitions = 3);\n\
         CREATE STREAM single (id BIGINT) WITH (format = 'json', partitions = 1);\n\
         CREATE MATERIALIZED VIEW doubled AS SELECT id * 2 AS twice FROM single;\n\
         CREATE MATERIALIZED VIEW counts AS SELECT name, count(*) AS n FROM events GROUP BY name;\n",
    );
    project
}

fn append(client: &Client, stream: &str, ids: std::ops::Range<i64>) {
    let body: String = ids.map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let answer = client.post(&format!("/v1/streams/{stream}"), LINES, &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn ids(rows: &Value) -> Vec<i64> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[test]
fn pages_hold_every_row_once_in_the_order_of_its_partition() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    append(&client, "events", 0..100);
    // Against the rule: kept in the log, and not a row.
    append(&client, "events", 1000..1010);
    let (mut from, mut found, mut last) = ("earliest".to_owned(), Vec::new(), [-1; 3]);
    loop {
        let page = client.get(&format!("/v1/streams/events?from={from}&limit=7")).json();
        let rows = page["rows"].as_array().unwrap();
        assert!(rows.len() <= 7);
        for row in rows {
            let (partition, offset) = (row["_partition"].as_u64().unwrap() as usize, row["_offset"].as_i64().unwrap());
            assert!(offset > last[partition] && row["_timestamp"].is_string(), "{row}");
            last[partition] = offset;
        }
        found.extend(ids(&page["rows"]));
        let next = page["next"].as_str().unwrap().to_owned();
        if rows.is_empty() && next == from {
            break;
        }
        from = next;
    }
    found.sort_unstable();
    assert_eq!(found, (0..100).collect::<Vec<_>>());

    let lines = client.get_with("/v1/streams/events?limit=100", &[("accept", LINES)]);
    assert_eq!((lines.status, lines.body.lines().count()), (200, 100));
    assert_eq!(lines.header("content-type"), LINES);
    assert!(!lines.header("x-headwater-next").is_empty());
}

#[test]
fn reading_begins_where_it_is_told_to() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    append(&client, "single", 0..3);
    std::thread::sleep(Duration::from_millis(20));
    let page = client.get("/v1/streams/single").json();
    let time = page["rows"][2]["_timestamp"].as_str().unwrap().to_owned();
    std::thread::sleep(Duration::from_millis(20));
    append(&client, "single", 3..5);
    let later = client.get("/v1/streams/single?from=3").json()["rows"][0]["_timestamp"].as_str().unwrap().to_owned();
    for (from, expected) in [
        ("earliest".to_owned(), vec![0, 1, 2, 3, 4]),
        ("latest".to_owned(), vec![]),
        ("-2".to_owned(), vec![3, 4]),
        ("4".to_owned(), vec![4]),
        ("0:1".to_owned(), vec![1, 2, 3, 4]),
        (time.replace(' ', "T"), vec![0, 1, 2, 3, 4]),
        (later.replace(' ', "T"), vec![3, 4]),
        ("2099-01-01T00:00:00%2B02:00".to_owned(), vec![]),
    ] {
        let page = client.get(&format!("/v1/streams/single?from={from}"));
        assert_eq!((page.status, ids(&page.json()["rows"])), (200, expected), "{from}: {}", page.body);
    }
    // The output of a view comes with the checkpoint that holds it.
    let page = client.get("/v1/streams/doubled?from=earliest&wait=30").json();
    assert_eq!(page["rows"][0]["twice"], 0, "{page}");
}

#[test]
fn a_long_poll_answers_with_the_first_row_or_at_its_end() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    let empty = client.get("/v1/streams/single?from=latest&wait=1").json();
    assert_eq!(empty["rows"], json!([]));
    std::thread::scope(|scope| {
        let polled = scope.spawn(|| {
            let client = Client::new(&node);
            client.get(&format!("/v1/streams/single?from={}&wait=50", empty["next"].as_str().unwrap())).json()
        });
        std::thread::sleep(Duration::from_millis(300));
        append(&client, "single", 7..8);
        assert_eq!(ids(&polled.join().unwrap()["rows"]), [7]);
    });
}

#[test]
fn events_go_on_after_the_last_one_that_a_client_has_seen() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    append(&client, "events", 0..3);
    let mut following = client.follow("/v1/streams/events?from=earliest", EVENTS);
    following.until("\"id\":2,");
    append(&client, "events", 3..6);
    let text = following.until("\"id\":5,").to_owned();
    let events: Vec<&str> = text.split("\n\n").filter(|event| event.contains("data: ")).collect();
    let id = events[3].lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    drop(following);
    let again = Client::new(&node);
    let mut following = again.follow("/v1/streams/events", &[EVENTS[0], ("last-event-id", id)]);
    append(&client, "events", 6..7);
    let text = following.until("\"id\":6,");
    let seen = |id: &i64| text.contains(&format!("\"id\":{id},"));
    let missed: Vec<i64> = (0..7).filter(seen).collect();
    let first: Vec<i64> =
        (0..6).filter(|id| events[..4].iter().any(|one| one.contains(&format!("\"id\":{id},")))).collect();
    assert_eq!(missed, (0..7).filter(|id| !first.contains(id)).collect::<Vec<_>>(), "{text}");

    // A quiet stream says that it is there; one that is dropped says that it is not.
    following.until(": still here");
    project.sql("CREATE STREAM fleeting (id BIGINT) WITH (format = 'json')");
    let mut following = client.follow("/v1/streams/fleeting", EVENTS);
    following.until("id: ");
    project.sql("DROP STREAM fleeting");
    following.until("event: end\ndata: {\"reason\":\"stream fleeting was dropped\"}");
}

#[test]
fn a_node_that_stops_lets_its_readers_go() {
    let project = project();
    let mut node = project.serve();
    let (other, polling) = (Client::new(&node), Client::new(&node));
    let mut following = other.follow("/v1/streams/single", EVENTS);
    following.until("id: ");
    std::thread::scope(|scope| {
        let polled = scope.spawn(move || polling.get("/v1/streams/single?from=latest&wait=60"));
        std::thread::sleep(Duration::from_millis(300));
        assert!(node.end(Duration::from_secs(20)), "it did not stop");
        assert_eq!(polled.join().unwrap().status, 200);
    });
    following.until("the node is stopping");
}

#[test]
fn what_can_not_be_read_is_refused_with_the_reason() {
    let project = project();
    let node: Node = project.serve();
    let client = Client::new(&node);
    append(&client, "single", 0..3);
    for (target, status, message) in [
        ("event", 404, "there is no stream event"),
        ("counts", 400, "counts is not a stream: its rows change, and there is no log of them"),
        ("events?from=12", 400, "the stream has 3 partitions, each with offsets of its own"),
        ("events?from=soon", 400, "from='soon' is no place in a stream"),
        ("events?from=9:1", 400, "there is no partition 9; the stream has 3, from 0 on"),
        ("single?from=4", 400, "partition 0 ends at offset 3; 4 is past it"),
        (
            "single?from=00000000@0:1",
            409,
            "'00000000@0:1' is a place in rows that were replaced since, or in another stream",
        ),
        ("single?limit=0", 400, "limit is from 1 to 10000, not 0"),
        ("single?wait=61", 400, "wait is at most 60 seconds, not 61"),
        (
            "single?until=4",
            400,
            "Failed to deserialize query string: until: unknown field `until`, expected one of `from`, `limit`, `wait`",
        ),
    ] {
        let answer = client.get(&format!("/v1/streams/{target}"));
        assert_eq!(answer.refusal(), (status, message.to_owned()), "{target}");
    }
    let answer = client.get_with("/v1/streams/single", &[("accept", "text/csv")]);
    assert_eq!(answer.refusal(), (406, "rows are not answered as 'text/csv'".to_owned()));
    let answer = client.get_with("/v1/streams/single?limit=3", EVENTS);
    assert_eq!(
        answer.refusal(),
        (400, "limit and wait are for answers that end; events go on until the client leaves".to_owned())
    );
}
