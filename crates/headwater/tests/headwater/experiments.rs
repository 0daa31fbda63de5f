//! Experiments from the first exposure to a verdict, and what makes a verdict invalid.

use std::time::Duration;

use serde_json::{Value, json};

use crate::node::{Node, Project};

/// What a statement answers, or why it is refused.
fn asks(project: &Project, query: &str) -> Result<Vec<String>, String> {
    let done = project.ends(&["sql", "--format", "csv", query]);
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()),
        false => Err(String::from_utf8(done.stderr).unwrap()),
    }
}

#[track_caller]
fn becomes(project: &Project, query: &str, expected: &str) {
    let mut told = Ok(Vec::new());
    for _ in 0..200 {
        told = asks(project, query);
        if told.as_ref().is_ok_and(|lines| lines.first().is_some_and(|line| line == expected)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{query} never gave {expected}: {told:?}");
}

/// A request's status and body.
fn sends(node: &Node, request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = request(&client, &format!("http://{}", node.address));
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    })
}

fn assigns(node: &Node, query: &str) -> (u16, Value) {
    sends(node, |client, address| client.get(format!("{address}/v1/experiments/{query}")))
}

const STATEMENTS: &str = "CREATE STREAM orders (
    customer_id BIGINT NOT NULL, amount DOUBLE NOT NULL, ordered_at TIMESTAMP NOT NULL, WATERMARK FOR ordered_at AS ordered_at
);
CREATE EXPERIMENT free_shipping UNIT customer_id VARIANTS (control, treatment)
METRICS (conversion PROPORTION (true) FROM orders TIMESTAMP ordered_at, revenue MEAN (amount) FROM orders TIMESTAMP ordered_at)
ANALYZE MANUAL
WITH (traffic = 0.5, forced = (\"anna\" = 'treatment'));
";

#[test]
fn who_is_assigned_over_http_is_exposed_once() {
    let project = Project::new();
    project.write("main.sql", STATEMENTS);
    let mut node = project.serve();
    let (status, first) = assigns(&node, "free_shipping/assignment?unit=7");
    assert_eq!((status, &first["reason"], &first["exposure"]), (200, &json!("drawn"), &json!("sent")), "{first}");
    let (_, again) = assigns(&node, "free_shipping/assignment?unit=7&exposure=durable");
    assert_eq!((&again["variant"], &again["exposure"]), (&first["variant"], &json!("durable")));
    let (_, unseen) = assigns(&node, "free_shipping/assignment?unit=9&exposure=false");
    assert_eq!(unseen["exposure"], json!("none"), "{unseen}");
    let (_, anna) = assigns(&node, "free_shipping/assignment?unit=anna");
    assert_eq!((&anna["variant"], &anna["forced"]), (&json!("treatment"), &json!(true)), "{anna}");
    let units: Vec<Value> = (0..200).map(|unit| json!(unit)).collect();
    let (status, several) = sends(&node, |client, address| {
        let path = format!("{address}/v1/experiments/free_shipping/assignment?exposure=durable");
        client.post(path).json(&json!({"units": units}))
    });
    assert_eq!(status, 200, "{several}");
    let drawn: Vec<&Value> =
        several["assignments"].as_array().unwrap().iter().filter(|one| !one["variant"].is_null()).collect();
    assert!((70..130).contains(&drawn.len()), "half of the traffic: {}", drawn.len());
    let sql = "SELECT count(*) FILTER (WHERE ASSIGN('free_shipping', unit) = variant), count(*), count(DISTINCT unit) FROM exposures.free_shipping";
    becomes(&project, sql, &format!("{0},{0},{1}", drawn.len() + 3, drawn.len() + 1));

    let variant = first["variant"].as_str().unwrap();
    asks(&project, "INSERT INTO orders VALUES (7, 20, now() + INTERVAL '1 minute'), (7, 5, TIMESTAMP '2020-01-01')")
        .unwrap();
    let analysed = asks(&project, "ANALYZE EXPERIMENT free_shipping").unwrap();
    assert_eq!(analysed.len(), 4);
    let counted = "SELECT sum(units) FILTER (WHERE metric = 'revenue'), round(sum(units * mean) FILTER (WHERE metric = 'revenue'), 9) \
        FROM system.experiment_results WHERE metric = 'revenue'";
    assert_eq!(asks(&project, counted).unwrap(), [format!("{},20.0", drawn.len())]);
    assert_eq!(
        asks(&project, "SELECT units, mixed_units, forced_units FROM system.experiments").unwrap(),
        [format!("{},0,1", drawn.len())]
    );

    for (query, status) in [
        ("free_shiping/assignment?unit=1", 404),
        ("free_shipping/assignment?unit=", 400),
        ("free_shipping/assignment", 400),
        ("free_shipping/assignment?unit=1&exposure=maybe", 400),
    ] {
        let (told, body) = assigns(&node, query);
        assert_eq!(told, status, "{query}: {body}");
    }
    node.stop();
    let known = asks(&project, "SELECT state, units FROM system.experiments").unwrap();
    assert_eq!(known, [format!("valid,{}", drawn.len())], "the folder knows it, too");
    let node = project.serve();
    let (_, later) = assigns(&node, "free_shipping/assignment?unit=7");
    assert_eq!(later["variant"], json!(variant));
}

#[test]
fn what_was_drawn_stays_while_there_are_exposures() {
    let project = Project::new();
    project.write("main.sql", "");
    let _node = project.serve();
    asks(&project, "CREATE TABLE t (id BIGINT, x DOUBLE)").unwrap();
    let experiment = |variants: &str, with: &str| {
        format!(
            "CREATE OR REPLACE EXPERIMENT e UNIT id VARIANTS ({variants}) METRICS (m MEAN (x) FROM t) ANALYZE MANUAL WITH ({with})"
        )
    };
    asks(&project, &experiment("a, b", "traffic = 0.5")).unwrap();
    asks(&project, &experiment("a, c", "traffic = 0.5")).unwrap();
    asks(&project, "INSERT INTO exposures.e (unit, variant, exposed_at) VALUES ('1', 'a', TIMESTAMP '2026-03-01')")
        .unwrap();
    asks(&project, &experiment("a, c", "traffic = 1")).unwrap();
    let refused = asks(&project, &experiment("a, b", "traffic = 1")).unwrap_err();
    assert!(refused.contains("experiment e has exposures"), "{refused}");
    asks(&project, "INSERT INTO exposures.e (unit, variant, exposed_at) VALUES ('1', 'b', TIMESTAMP '2026-03-01')")
        .unwrap();
    becomes(&project, "SELECT relation, rule FROM system.dead_letters", "exposures.e,declared_variant");
    asks(&project, "DROP EXPERIMENT e").unwrap();
    assert!(asks(&project, "SELECT * FROM exposures.e").unwrap_err().contains("there is no relation exposures.e"));
    asks(&project, &experiment("a, b", "traffic = 1")).unwrap();
    assert_eq!(asks(&project, "SELECT count(*) FROM exposures.e").unwrap(), ["0"]);
}

#[test]
fn a_view_that_assigns_follows_the_experiment() {
    let project = Project::new();
    project.write("main.sql", "");
    let _node = project.serve();
    asks(&project, "CREATE STREAM s (id BIGINT NOT NULL)").unwrap();
    let experiment = |salt: &str| {
        format!(
            "CREATE OR REPLACE EXPERIMENT e UNIT id VARIANTS (a, b) METRICS (m MEAN (1) FROM s) ANALYZE MANUAL WITH (salt = '{salt}')"
        )
    };
    asks(&project, &experiment("one")).unwrap();
    asks(&project, "CREATE MATERIALIZED VIEW v AS SELECT ASSIGN('e', id) AS arm, count(*) AS n FROM s GROUP BY 1")
        .unwrap();
    asks(&project, "INSERT INTO s SELECT value FROM generate_series(1, 100)").unwrap();
    let differs =
        "SELECT count(*) FROM (SELECT arm, n FROM v EXCEPT SELECT ASSIGN('e', id), count(*) FROM s GROUP BY 1)";
    becomes(&project, "SELECT sum(n) FROM v", "100");
    becomes(&project, differs, "0");
    let refused = asks(&project, "DROP EXPERIMENT e").unwrap_err();
    assert!(refused.contains('v'), "{refused}");
    asks(&project, &experiment("two")).unwrap();
    becomes(&project, "SELECT sum(n) FROM v", "100");
    becomes(&project, differs, "0");
}

#[test]
fn a_broken_sample_ratio_makes_results_invalid() {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE TABLE seen (id BIGINT, arm VARCHAR, x DOUBLE);
        CREATE EXPERIMENT e UNIT id VARIANTS (control, treatment) EXPOSURES FROM seen (VARIANT arm)
        METRICS (m MEAN (x) FROM seen) ANALYZE MANUAL;\n",
    );
    let _node = project.serve();
    asks(&project, "INSERT INTO seen SELECT value, CASE WHEN value % 5 < 2 THEN 'control' ELSE 'treatment' END, value % 7 FROM generate_series(1, 1000)").unwrap();
    asks(&project, "ANALYZE EXPERIMENT e").unwrap();
    let told =
        asks(&project, "SELECT verdict, invalid FROM system.experiment_results WHERE variant = 'treatment'").unwrap();
    assert!(
        told[0].starts_with(",") && told[0].contains("the sample ratio is broken: 400 control, 600 treatment"),
        "{told:?}"
    );
    let state = asks(&project, "SELECT state, sample_ratio_p_value < 0.001 FROM system.experiments").unwrap();
    assert_eq!(state, ["invalid,true"]);
}

#[test]
fn a_failed_expectation_freezes_the_verdict_at_once() {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE TABLE raw (id BIGINT, arm VARCHAR, x DOUBLE);
        CREATE VIEW clean AS SELECT * FROM raw WHERE x IS NOT NULL;
        CREATE EXPECTATIONS sane ON raw (column_values_to_be_between(x, 0, 100)) CHECK MANUAL;
        CREATE EXPECTATIONS others ON raw (table_row_count_to_equal(0) WITH (severity = 'warning')) CHECK MANUAL;
        CREATE EXPERIMENT e UNIT id VARIANTS (control, treatment) EXPOSURES FROM clean (VARIANT arm)
        METRICS (m MEAN (x) FROM clean) ANALYZE MANUAL WITH (looks = 'once');\n",
    );
    let mut node = project.serve();
    asks(&project, "INSERT INTO raw SELECT value, CASE WHEN value % 2 = 0 THEN 'control' ELSE 'treatment' END, value % 10 FROM generate_series(1, 1000)").unwrap();
    asks(&project, "CHECK EXPECTATIONS sane").unwrap();
    asks(&project, "CHECK EXPECTATIONS others").unwrap();
    asks(&project, "ANALYZE EXPERIMENT e").unwrap();
    let verdict = "SELECT verdict, invalid FROM system.experiment_results WHERE variant = 'treatment' ORDER BY run_id DESC LIMIT 1";
    assert_eq!(asks(&project, verdict).unwrap(), ["better,"]);

    asks(&project, "INSERT INTO raw VALUES (1001, 'control', 500)").unwrap();
    asks(&project, "CHECK EXPECTATIONS sane").unwrap();
    let frozen = asks(&project, verdict).unwrap();
    assert!(frozen[0].starts_with(",\"expectations sane of raw are not met"), "{frozen:?}");
    let state =
        asks(&project, "SELECT state, invalid LIKE 'expectations sane of raw%' FROM system.experiments").unwrap();
    assert_eq!(state, ["invalid,true"]);
    asks(&project, "ANALYZE EXPERIMENT e").unwrap();
    assert!(asks(&project, verdict).unwrap()[0].starts_with(",\"expectations sane"), "analysed anew, it is so still");
    node.stop();
    assert_eq!(asks(&project, "SELECT state FROM system.experiments").unwrap(), ["invalid"], "of the folder, too");

    let _node = project.serve();
    asks(&project, "DELETE FROM raw WHERE x > 100").unwrap();
    asks(&project, "CHECK EXPECTATIONS sane").unwrap();
    asks(&project, "ANALYZE EXPERIMENT e").unwrap();
    assert_eq!(asks(&project, verdict).unwrap(), ["better,"]);
}

/// The figures that the data's notes give, to the last digit that they show.
#[test]
fn cookie_cats_come_out_as_they_are_known() {
    let Some(folder) = std::env::var_os("HEADWATER_DATA") else {
        println!("not run: cookie cats in SQL, for want of HEADWATER_DATA (the folder of real data)");
        return;
    };
    let file = std::path::PathBuf::from(folder).join("ab_cookie_cats/cookie_cats.csv");
    let project = Project::new();
    project.write(
        "main.sql",
        &format!(
            "CREATE EXTERNAL TABLE cats STORED AS CSV LOCATION '{}';
            CREATE EXPERIMENT gate UNIT userid VARIANTS (gate_40, gate_30) EXPOSURES FROM cats (VARIANT version)
            METRICS (
                day_1  PROPORTION (retention_1) FROM cats,
                day_7  PROPORTION (retention_7) FROM cats,
                rounds MEAN (sum_gamerounds) FROM cats CAPPED AT 0.999
            ) WITH (looks = 'once');\n",
            file.display()
        ),
    );
    project.run();
    let told = project.sql(
        "SELECT metric, variant, units, round(mean, 6), round(difference / ((high - low) / 2 / 1.959963984540054), 2), \
         round(p_value, 5), verdict FROM system.experiment_results WHERE run_id = (SELECT max(run_id) FROM system.runs) \
         AND metric <> 'rounds'",
    );
    let expected = [
        "day_1,gate_40,45489,0.442283,,,",
        "day_1,gate_30,44700,0.448188,1.78,0.07441,no difference shown",
        "day_7,gate_40,45489,0.182,,,",
        "day_7,gate_30,44700,0.190201,3.16,0.00155,better",
    ];
    assert_eq!(told, expected);
    let units = project
        .sql("SELECT units, mixed_units, unknown_rows, round(sample_ratio_p_value, 6), state FROM system.experiments");
    assert_eq!(units, ["90189,0,0,0.008608,valid"]);
}

/// A hundred metrics with an effect of one: of what a table has of units' rows before and after their exposure. About 95
/// intervals of 100 hold the effect, and those by CUPED are narrower.
#[test]
fn intervals_hold_the_effect_as_often_as_they_say() {
    let project = Project::new();
    let (metrics, units) = (100, 400);
    let mut rows = String::from("metric,id,before,noise\n");
    let mut random = Random(20_261_201);
    for metric in 0..metrics {
        for id in 0..units {
            let before = 10.0 + 3.0 * random.normal();
            let noise = before + 2.0 * random.normal();
            rows.push_str(&format!("{metric},{id},{before},{noise}\n"));
        }
    }
    project.write("noise.csv", &rows);
    let of = |metric| format!("m{metric} MEAN (x) FROM rows TIMESTAMP at WHERE metric = {metric} CUPED '10 days'");
    let of_metrics = (0..metrics).map(of).collect::<Vec<_>>().join(",\n");
    project.write(
        "main.sql",
        &format!(
            "CREATE EXTERNAL TABLE noise STORED AS CSV LOCATION 'noise.csv';
            CREATE TABLE rows (metric BIGINT, id BIGINT, x DOUBLE, at TIMESTAMP);
            CREATE EXPERIMENT e UNIT id VARIANTS (control, treatment) METRICS ({of_metrics}) ANALYZE MANUAL;\n"
        ),
    );
    let _node = project.serve();
    let exposed = format!(
        "INSERT INTO exposures.e (unit, variant, exposed_at) \
         SELECT value, ASSIGN('e', value), TIMESTAMP '2026-03-10 00:00:00' FROM generate_series(0, {})",
        units - 1
    );
    asks(&project, &exposed).unwrap();
    let after = "INSERT INTO rows SELECT metric, id, noise + CASE ASSIGN('e', id) WHEN 'treatment' THEN 1 ELSE 0 END, \
         TIMESTAMP '2026-03-11 00:00:00' FROM noise";
    asks(&project, after).unwrap();
    asks(&project, "INSERT INTO rows SELECT metric, id, before, TIMESTAMP '2026-03-09 00:00:00' FROM noise").unwrap();
    asks(&project, "ANALYZE EXPERIMENT e").unwrap();
    let told = asks(
        &project,
        "SELECT count(*), count(*) FILTER (WHERE low <= 1 AND 1 <= high), count(*) FILTER (WHERE cuped_low <= 1 AND 1 <= cuped_high), \
         count(*) FILTER (WHERE sequential_low <= 1 AND 1 <= sequential_high), avg((cuped_high - cuped_low) / (high - low)) < 0.7 \
         FROM system.experiment_results WHERE variant = 'treatment'",
    );
    let told = told.unwrap();
    let figures: Vec<&str> = told[0].split(',').collect();
    let count = |at: usize| figures[at].parse::<u32>().unwrap();
    assert_eq!((count(0), figures[4]), (metrics, "true"), "{told:?}");
    assert!((89..=100).contains(&count(1)) && (89..=100).contains(&count(2)) && count(3) >= 95, "{told:?}");
}

/// A linear congruential generator (Knuth).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }
}
