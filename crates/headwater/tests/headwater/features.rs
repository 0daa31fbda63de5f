//! Feature views on a node: asked by HTTP, by their own shape and by Feast's; computed by runs; replayed to the same.

use serde_json::json;

use crate::node::Project;
use crate::web::Client;

const SHOP: &str = "CREATE STREAM orders (customer VARCHAR NOT NULL, amount BIGINT, at TIMESTAMP NOT NULL,
    WATERMARK FOR at AS at - INTERVAL '1 minute') PARTITION KEY (customer);
CREATE FEATURE VIEW spending ENTITY (customer) TIMESTAMP last_at TTL '36500 days'
AS SELECT customer, max(at) AS last_at, count(*) AS orders, sum(amount) AS spent FROM orders GROUP BY customer;
CREATE FEATURE VIEW lately ENTITY (customer) TIMESTAMP last_at TTL '1 minute'
AS SELECT customer, max(at) AS last_at, count(*) AS orders FROM orders GROUP BY customer;
CREATE FEATURE VIEW share ENTITY (customer) TIMESTAMP at REFRESH MANUAL
AS SELECT customer, now() AS at, sum(amount) / (SELECT sum(amount) FROM orders)::DOUBLE AS share FROM orders GROUP BY customer;
";

const ROWS: &str = "INSERT INTO orders VALUES ('ann', 10, '2026-01-01 00:00:00'), ('bob', 30, '2026-01-01 00:00:05'),
    ('ann', 40, '2026-01-01 00:00:09')";

#[track_caller]
fn becomes(project: &Project, query: &str, expected: &[&str]) {
    let mut found = Vec::new();
    for _ in 0..400 {
        found = project.sql(query);
        if found == expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{query} never gave {expected:?}: {found:?}");
}

#[test]
fn features_are_asked_for_by_http() {
    let project = Project::new();
    project.write("main.sql", SHOP);
    let node = project.serve();
    let client = Client::new(&node);
    project.sql(ROWS);
    becomes(&project, "SELECT orders, spent FROM spending ORDER BY customer", &["2,50", "1,30"]);
    let ask = |view: &str, entities: serde_json::Value| {
        let body = json!({"entities": entities}).to_string();
        client.post(&format!("/v1/features/{view}"), "application/json", &body)
    };
    let found = ask("spending", json!([{"customer": "ann"}, {"customer": "zoe"}])).json();
    let ann = json!({"customer": "ann", "last_at": "2026-01-01T00:00:09Z", "orders": 2, "spent": 50});
    assert_eq!(found["results"][0], json!({"entity": {"customer": "ann"}, "status": "present", "values": ann}));
    assert_eq!(found["results"][1]["status"], "not_found");
    let old = ask("lately", json!([{"customer": "ann"}])).json();
    assert_eq!((&old["results"][0]["status"], &old["results"][0]["values"]), (&json!("outside_ttl"), &json!(null)));

    let feast = json!({"features": ["spending:spent", "lately:orders"], "entities": {"customer": ["bob", "zoe"]}});
    let found = client.post("/get-online-features", "application/json", &feast.to_string()).json();
    assert_eq!(found["metadata"]["feature_names"], json!(["customer", "spent", "orders"]));
    assert_eq!(found["results"][1]["values"], json!([30, null]));
    assert_eq!(found["results"][1]["statuses"], json!(["PRESENT", "NOT_FOUND"]));
    assert_eq!(found["results"][2]["statuses"], json!(["OUTSIDE_MAX_AGE", "NOT_FOUND"]));

    let scalar = json!({"features": ["spending:spent"], "entities": {"customer": "bob"}});
    let refused = client.post("/get-online-features", "application/json", &scalar.to_string());
    assert_eq!(
        (refused.status, refused.json()["error"]["message"].clone()),
        (400, json!("the values of customer are no list"))
    );

    let looked = "SELECT feature_view, mode, ttl, entities, newest_at, compared > 0, different, error
        FROM system.feature_views WHERE compared_at IS NOT NULL ORDER BY 1";
    becomes(
        &project,
        looked,
        &[
            "lately,continuous,1 minute,2,2026-01-01T00:00:09Z,true,0,",
            "share,scheduled,,0,,false,0,",
            "spending,continuous,36500 days,2,2026-01-01T00:00:09Z,true,0,",
        ],
    );
    let features = "SELECT feature, compared > 0, different, largest, entity FROM system.feature_differences
        WHERE feature_view = 'spending' ORDER BY 1";
    assert_eq!(project.sql(features), ["orders,true,0,,", "spent,true,0,,"]);

    let (status, message) = ask("spendin", json!([])).refusal();
    assert_eq!((status, message.as_str()), (404, "there is no feature view spendin"));
    let (status, message) = ask("spending", json!([{"client": 3}])).refusal();
    assert_eq!((status, message.as_str()), (400, "an entity has no customer: {\"client\":3}"));
}

#[test]
fn runs_compute_what_can_not_be_kept_up_to_date() {
    let project = Project::new();
    project.write("main.sql", SHOP);
    let mut node = project.serve();
    project.sql(ROWS);
    becomes(&project, "SELECT spent FROM spending ORDER BY customer", &["50", "30"]);
    becomes(&project, "SELECT count(*) FROM system.runs WHERE object = 'share' AND state = 'succeeded'", &["1"]);
    project.sql("REFRESH FEATURE VIEW share");
    assert_eq!(project.sql("SELECT customer, share FROM share ORDER BY customer"), ["ann,0.625", "bob,0.375"]);
    let refused = |statement| project.fails(&["sql", statement]);
    assert!(refused("REFRESH FEATURE VIEW spending").contains("what is kept up to date all the time needs none"));
    assert!(refused("REFRESH FEATURE VIEW spendig").contains("did you mean spending?"));
    assert!(refused("REFRESH MATERIALIZED VIEW share").contains("REFRESH FEATURE VIEW share"));
    assert!(refused("REFRESH FEATURE VIEW share FROM '2026-01-01'").contains("a run tells the values of all entities"));
    node.stop();
    project.run();
    assert_eq!(project.sql("SELECT customer, share FROM share ORDER BY customer"), ["ann,0.625", "bob,0.375"]);
    let told = project.sql("SELECT count(*), count(_known_at), count(DISTINCT _known_at) > 0 FROM history.share");
    assert!(["2,2,true", "4,4,true"].contains(&told[0].as_str()), "{told:?}");
    project.run();
    let again = project.sql("SELECT count(*), count(_known_at), count(DISTINCT _known_at) > 0 FROM history.share");
    assert_eq!(again, told, "nothing is computed twice");
}

/// The history is the same however its rows are gone through: at once, or again for a view that came later.
#[test]
fn a_history_is_the_same_again() {
    let later = "CREATE FEATURE VIEW again ENTITY (customer) TIMESTAMP last_at
        AS SELECT customer, max(at) AS last_at, count(*) AS orders, sum(amount) AS spent FROM orders GROUP BY customer;";
    let project = Project::new();
    project.write("main.sql", SHOP);
    let mut node = project.serve();
    for part in 0..5 {
        project.sql(&format!(
            "INSERT INTO orders SELECT 'c' || CAST(n % 11 AS VARCHAR), n % 97, to_timestamp_seconds(1767225600 + n * 3 - (n * 13) % 50)
             FROM generate_series({}, {}) AS g (n)",
            part * 400 + 1,
            part * 400 + 400
        ));
    }
    becomes(&project, "SELECT count(*) FROM history.spending", &["2000"]);
    node.stop();
    project.write("later.sql", later);
    project.run();
    let all = |history: &str| {
        project.sql(&format!("SELECT customer, last_at, orders, spent, _known_at FROM history.{history} ORDER BY 1, 3"))
    };
    assert_eq!(all("spending").len(), 2000);
    assert_eq!(all("spending"), all("again"));
    assert_eq!(project.sql("SELECT * FROM spending ORDER BY 1"), project.sql("SELECT * FROM again ORDER BY 1"));
}
