//! One query sees one epoch: a stream, views over it and views over those agree in every answer, while rows come.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::node::Project;
use crate::web::Client;

const APPENDS: usize = 60;
const READS: usize = 150;

#[test]
fn no_query_sees_one_view_ahead_of_another() {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE STREAM events (id BIGINT NOT NULL, k BIGINT) PARTITION KEY (k) WITH (format = 'json', partitions = 3);
         CREATE MATERIALIZED VIEW by_key AS SELECT k, count(*) AS n FROM events GROUP BY k;
         CREATE MATERIALIZED VIEW of_all AS SELECT sum(n) AS n FROM by_key;
         CREATE MATERIALIZED VIEW copied AS SELECT id FROM events;
         CREATE MATERIALIZED VIEW paired AS SELECT e.id FROM events AS e JOIN copied AS c ON e.id = c.id;
         CREATE MATERIALIZED VIEW pairs AS SELECT count(*) AS n FROM paired;",
    );
    let node = project.serve_with(&["--workers", "2"]);
    let is_done = AtomicBool::new(false);
    let torn_question =
        "SELECT (SELECT count(*) FROM events) AS stream, (SELECT coalesce(sum(n), 0) FROM by_key) AS keyed,
        (SELECT coalesce(sum(n), 0) FROM of_all) AS of_all, (SELECT sum(n) FROM pairs) AS pairs";
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = Client::new(&node);
            for round in 0..APPENDS {
                let rows = (0..40).map(|at| (round * 40 + at, at % 7));
                let body: String = rows.map(|(id, k)| format!("{{\"id\":{id},\"k\":{k}}}\n")).collect();
                let answer = client.post("/v1/streams/events", "application/x-ndjson", &body);
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
            is_done.store(true, Ordering::Release);
        });
        let client = Client::new(&node);
        let mut seen = std::collections::BTreeSet::new();
        let mut reads = 0;
        while reads < READS || !is_done.load(Ordering::Acquire) {
            let answer = client.post("/v1/sql?format=csv", "text/plain", torn_question);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let line = answer.body.lines().last().unwrap().to_owned();
            let numbers: Vec<&str> = line.split(',').collect();
            assert!(numbers.len() == 4 && numbers.iter().all(|number| *number == numbers[0]), "torn: {line}");
            seen.insert(line);
            reads += 1;
        }
        // A test that always looked before or after all of it would catch nothing.
        assert!(seen.len() > 3, "only {} different answers", seen.len());
    });
}
