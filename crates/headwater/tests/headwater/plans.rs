//! Plans asked of a running node: what they show is what applying does, whoever changes definitions meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::node::{Node, Project};
use crate::web::Client;

const STREAM: &str = "CREATE STREAM events (id BIGINT NOT NULL, name TEXT) WITH (format = 'json');\n";
const COUNTS: &str = "CREATE MATERIALIZED VIEW counts AS SELECT name, count(*) AS n FROM events GROUP BY name;\n";

/// A node whose one stream, the project's, has four rows.
fn served() -> (Project, Node, Client) {
    let project = Project::new();
    project.write("main.sql", STREAM);
    project.write("views.sql", COUNTS);
    let node = project.serve();
    let client = Client::new(&node);
    let rows = r#"[{"id":1,"name":"a"},{"id":2,"name":"a"},{"id":3,"name":"b"},{"id":4}]"#;
    assert_eq!(client.post("/v1/streams/events", "application/json", rows).status, 200);
    rest(&client);
    (project, node, client)
}

fn post(client: &Client, body: &Value) -> (u16, Value) {
    let answer = client.post("/v1/plan", "application/json", &body.to_string());
    (answer.status, answer.json())
}

/// The plan of statements.
#[track_caller]
fn plan(client: &Client, statement: &str) -> Value {
    let (status, answer) = post(client, &json!({"statement": statement}));
    assert_eq!(status, 200, "{statement}: {answer}");
    answer
}

fn texts(planned: &Value) -> Vec<String> {
    let steps = planned["steps"].as_array().unwrap();
    steps.iter().map(|step| step["text"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn sql(client: &Client, statement: &str) -> Value {
    let answer = client.post("/v1/sql", "text/plain", statement);
    assert_eq!(answer.status, 200, "{statement}: {}", answer.body);
    answer.json()
}

/// Waits until no history is replayed any more.
#[track_caller]
fn rest(client: &Client) {
    for _ in 0..3000 {
        let running = sql(client, "SELECT count(*) AS n FROM system.replays WHERE state = 'running'");
        let behind = sql(client, "SELECT coalesce(sum(lag), 0) AS n FROM system.streams");
        if running[0]["n"] == 0 && behind[0]["n"] == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("history is still being replayed");
}

/// The version of what is declared, and the steps that led there.
fn applied(client: &Client) -> (u64, Vec<String>) {
    let query = "SELECT version, step FROM system.changes WHERE version = (SELECT max(version) FROM system.changes)";
    let rows = sql(client, query);
    let rows = rows.as_array().unwrap();
    let steps = rows.iter().map(|row| row["step"].as_str().unwrap().to_owned());
    (rows[0]["version"].as_u64().unwrap(), steps.collect())
}

#[test]
fn what_a_statement_would_do_is_what_it_does() {
    let (_project, _node, client) = served();
    let statements = [
        ("CREATE MATERIALIZED VIEW big AS SELECT id FROM events WHERE id > 2", 1),
        ("CREATE MATERIALIZED VIEW biggest AS SELECT id FROM big WHERE id > 3", 1),
        ("CREATE OR REPLACE MATERIALIZED VIEW big AS SELECT id, name FROM events WHERE id > 2", 2),
        ("CREATE OR REPLACE MATERIALIZED VIEW big AS SELECT name FROM events WHERE id > 2", 0),
        ("COMMENT ON COLUMN big.name IS 'as it came'", 1),
        ("CREATE TABLE kept (id BIGINT PRIMARY KEY, name TEXT)", 1),
        ("ALTER TABLE kept ADD COLUMN at TIMESTAMP", 1),
        ("CREATE VIEW both_names AS SELECT name FROM kept UNION ALL SELECT name FROM events", 1),
        ("CREATE SINK out FROM big INTO FILES (PATH 'out')", 1),
        ("ALTER SINK out SET (enabled = false)", 1),
        ("CREATE SECRET token FROM ENV 'TOKEN'", 1),
        ("CREATE STREAM other (n BIGINT) WITH (format = 'json')", 1),
        ("ALTER STREAM other ADD COLUMN m BIGINT", 1),
        ("DROP MATERIALIZED VIEW big CASCADE", 3),
        ("DROP VIEW both_names", 1),
        ("DROP TABLE kept", 1),
    ];
    for (statement, steps) in statements {
        let before = applied(&client);
        let (status, planned) = post(&client, &json!({"statement": statement}));
        assert_eq!(applied(&client), before, "{statement} was planned, not run");
        if steps == 0 {
            let told = client.post("/v1/sql", "text/plain", statement);
            assert_eq!((told.status, told.json()), (status, planned), "{statement} is refused alike");
            continue;
        }
        assert_eq!(texts(&planned).len(), steps, "{statement}: {planned}");
        sql(&client, statement);
        rest(&client);
        assert_eq!(applied(&client), (before.0 + 1, texts(&planned)), "{statement}");
    }
}

#[test]
fn a_step_says_what_it_means_for_rows_and_readers() {
    let (_project, _node, client) = served();
    let create = "CREATE MATERIALIZED VIEW big AS SELECT id FROM events WHERE id > 2";
    let expected = json!([{
        "text": "create materialized view big: non-breaking; replays 4 rows of history",
        "change": "create", "kind": "materialized view", "name": "big", "class": "non-breaking",
        "rows": "replayed", "replayed_rows": 4, "last_replay": null, "dependents": [],
    }]);
    assert_eq!(plan(&client, create)["steps"], expected);
    sql(&client, create);
    sql(&client, "CREATE VIEW names AS SELECT id FROM big");
    rest(&client);
    let altered = plan(&client, "CREATE OR REPLACE MATERIALIZED VIEW big AS SELECT id + 1 AS id FROM events");
    let step = &altered["steps"][0];
    assert_eq!((&step["last_replay"]["rows"], &step["dependents"]), (&json!(4), &json!(["names"])), "{altered}");
    assert_eq!(
        plan(&client, &create.replace("CREATE", "CREATE OR REPLACE")),
        json!({"steps": [], "notices": []}),
        "it is there already"
    );
    let nothing = plan(&client, "DROP VIEW IF EXISTS nothing");
    assert_eq!(nothing, json!({"steps": [], "notices": ["there is no nothing, nothing to drop"]}));
}

#[test]
fn statements_are_planned_each_after_those_before_it() {
    let (_project, _node, client) = served();
    let statements = [
        "CREATE MATERIALIZED VIEW big AS SELECT id, name FROM events WHERE id > 2",
        "CREATE MATERIALIZED VIEW by_name AS SELECT name, count(*) AS n FROM big GROUP BY name",
        "COMMENT ON COLUMN by_name.n IS 'how many'",
        "CREATE OR REPLACE MATERIALIZED VIEW big AS SELECT id, name FROM events WHERE id > 3",
        "DROP MATERIALIZED VIEW by_name",
        "CREATE TABLE kept (id BIGINT, extra TEXT)",
        "ALTER TABLE kept DROP COLUMN extra",
    ];
    let planned = texts(&plan(&client, &statements.join(";\n")));
    let mut done = Vec::new();
    for statement in statements {
        sql(&client, statement);
        rest(&client);
        done.extend(applied(&client).1);
    }
    let planned: Vec<String> = planned.iter().map(|step| without_last(step)).collect();
    let done: Vec<String> = done.iter().map(|step| without_last(step)).collect();
    assert_eq!(planned, done);
    // One after the other: what the third does to the second is found before anything is done.
    let again = "ALTER TABLE kept ADD COLUMN more TEXT; ALTER TABLE kept DROP COLUMN more; ALTER TABLE kept ADD COLUMN more TEXT";
    let (status, refused) = post(&client, &json!({"statement": again}));
    assert!(status == 400 && refused.to_string().contains("had a column more once"), "{status} {refused}");
}

/// A step without how long the last replay took, which is another time each time.
fn without_last(step: &str) -> String {
    let Some((before, after)) = step.split_once(", last time ") else { return step.to_owned() };
    format!("{before}{}", after.find(';').map_or("", |end| &after[end..]))
}

#[test]
fn what_has_no_plan_is_refused() {
    let (_project, _node, client) = served();
    let cases = [
        ("SELECT 1", "SELECT has no plan: it changes no definition"),
        ("CREATE VIEW one AS SELECT 1 AS n;\nINSERT INTO kept VALUES (1)", "INSERT has no plan"),
        ("REPLAY DEAD LETTERS OF events", "REPLAY DEAD LETTERS has no plan"),
        ("CREATE TABLE kept AS SELECT 1 AS n", "CREATE TABLE … AS has no plan"),
        ("CREATE USER ann PASSWORD 'pencil'", "CREATE USER has no plan: users are no part"),
        ("ALTER USER ann PASSWORD 'pencil'", "ALTER USER has no plan: users are no part"),
        ("DROP USER ann", "DROP USER has no plan: users are no part"),
        ("", "there is no statement"),
        ("CREATE VIEW one AS SELECT nothing FROM events", "there is no column nothing"),
        ("CREATE VIEW counts AS SELECT 1 AS n", "there is a materialized view of the name counts already"),
        ("DROP MATERIALIZED VIEW counts", "materialized view counts is declared by the project"),
        ("DROP STREAM evnts", "there is no evnts"),
        ("ALTER STREAM evnts ADD COLUMN n BIGINT", "there is no evnts"),
        ("COMMENT ON COLUMN counts.m IS 'x'", "counts is declared by the project"),
    ];
    for (statement, expected) in cases {
        let (status, answer) = post(&client, &json!({"statement": statement}));
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!((400..=409).contains(&status) && message.contains(expected), "{statement}: {status} {answer}");
        assert!(!answer.to_string().contains("pencil"), "{answer}");
    }
    let (_, placed) =
        post(&client, &json!({"statement": "CREATE VIEW one AS SELECT 1 AS n;\n INSERT INTO kept VALUES (1)"}));
    let place = &placed["error"]["diagnostics"][0];
    assert_eq!((&place["line"], &place["column"]), (&json!(2), &json!(2)), "{placed}");
    for (body, expected) in [
        (json!({"statement": "SELECT 1", "files": []}), "the body has files and a statement"),
        (json!({"statement": 1}), "invalid type"),
        (json!({"query": "SELECT 1"}), "unknown field"),
    ] {
        let (status, answer) = post(&client, &body);
        assert!(status == 400 && answer.to_string().contains(expected), "{body}: {answer}");
    }
}

/// What a client makes of `v` and `w`, over and over, each with what the plan of the project then says of `v`: once all
/// history is replayed, and while it is. Before the first round, all is as after the first statement.
const ROUND: [(&str, &[&str]); 5] = [
    ("DROP MATERIALIZED VIEW v", &["create materialized view v: non-breaking; replays 4 rows of history"]),
    (
        "CREATE MATERIALIZED VIEW v AS SELECT id FROM events WHERE id > 1",
        &[
            "alter materialized view v: no effect; its rows stay",
            "alter materialized view v: non-breaking; replays 4 rows of history",
        ],
    ),
    (
        "CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT id, 1 AS extra FROM events",
        &[
            "alter materialized view v: breaking; replays 4 rows of history",
            "alter materialized view v: no effect; its rows stay",
        ],
    ),
    ("CREATE MATERIALIZED VIEW w AS SELECT sum(n) AS n FROM counts", &["there is no relation counts"]),
    ("DROP MATERIALIZED VIEW w", &["alter materialized view v: breaking; replays 4 rows of history"]),
];
const CHANGED: &str = "CREATE MATERIALIZED VIEW v AS SELECT id FROM events WHERE id > 1;\n";

/// What the plan of the changed project says of `v`, or why there is none.
fn of_project(client: &Client) -> String {
    let files = [("main.sql", STREAM), ("views.sql", CHANGED)];
    let files: Vec<Value> = files.iter().map(|(path, text)| json!({"path": path, "text": text})).collect();
    let (status, answer) = post(client, &json!({"files": files}));
    if status != 200 {
        assert!((400..500).contains(&status), "{status} {answer}");
        return answer["error"]["diagnostics"][0]["message"].as_str().unwrap_or_default().to_owned();
    }
    let steps = texts(&answer);
    assert_eq!((steps.len(), steps[0].as_str()), (2, "drop materialized view counts: breaking; its rows are deleted"));
    without_last(&steps[1])
}

#[test]
fn a_plan_is_right_for_a_state_that_there_was_while_it_was_made() {
    let (_project, node, client) = served();
    // How many of the client's statements had been sent, and how many answered.
    let (sent, answered, enough) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = Client::new(&node);
            for (statement, _) in ROUND.iter().skip(1).chain(ROUND.iter().cycle()) {
                sent.fetch_add(1, Ordering::SeqCst);
                sql(&client, statement);
                answered.fetch_add(1, Ordering::SeqCst);
                rest(&client);
                if enough.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let mut missing: BTreeSet<&str> = ROUND.iter().map(|(_, plans)| plans[0]).collect();
        let mut asked = 0;
        while !missing.is_empty() && asked < 3000 {
            let first = answered.load(Ordering::SeqCst);
            let told = of_project(&client);
            let last = sent.load(Ordering::SeqCst);
            let right: Vec<&str> = (first..=last).flat_map(|state| ROUND[state % ROUND.len()].1).copied().collect();
            if !right.contains(&told.as_str()) {
                enough.store(true, Ordering::SeqCst);
                panic!("after statements {first} to {last}, {right:#?} would be right, and not {told}");
            }
            missing.remove(told.as_str());
            asked += 1;
        }
        enough.store(true, Ordering::SeqCst);
        assert!(missing.is_empty(), "never seen in {asked} plans: {missing:#?}");
    });
}

#[test]
fn applying_after_a_change_does_what_a_new_plan_says() {
    let (project, mut node, client) = served();
    project.write("views.sql", CHANGED);
    let plan = || {
        let done = project.ends(&["plan"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let shown = plan();
    // Between the plan and applying, a client takes the name, and makes something else of it.
    sql(&client, ROUND[2].0);
    rest(&client);
    let anew = plan();
    assert_ne!(shown, anew);
    assert!(node.end(Duration::from_secs(30)), "the node ends");
    assert_eq!(plan(), anew, "without a node, too");
    project.run();
    let query = "SELECT step FROM system.changes WHERE version = (SELECT max(version) FROM system.changes)";
    let steps = project.sql(query).into_iter().map(|step| step.trim_matches('"').replace("\"\"", "\""));
    assert_eq!(steps.collect::<Vec<_>>(), anew.lines().collect::<Vec<_>>());
    assert_eq!(project.sql("SELECT id FROM v ORDER BY id"), ["2", "3", "4"]);
    assert_eq!(plan(), "nothing to do: what runs is what is declared\n");
}

#[test]
fn a_project_s_tests_see_what_is_told_from_time_to_time() {
    let project = Project::new();
    project.write(
        "orders.sql",
        "CREATE STREAM orders (id INT, amount INT);
         CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n, sum(amount) AS amount FROM orders
         EMIT CHANGES EVERY INTERVAL '1 hour';
         CREATE MATERIALIZED VIEW doubled AS SELECT 2 * n AS n FROM totals EMIT CHANGES EVERY INTERVAL '1 day';",
    );
    project.write(
        "orders.test.sql",
        "TEST told GIVEN orders VALUES (1, 5), (2, 6) EXPECT totals VALUES (2, 11) EXPECT doubled VALUES (4)
         GIVEN orders VALUES (3, 1) EXPECT totals VALUES (3, 12) EXPECT doubled VALUES (6);",
    );
    let tested = project.ends(&["test"]);
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
}
