//! Views that runs refresh, on a node: by the clock, by hand, in parts, and after it was killed.

use std::time::{Duration, Instant};

use super::node::Project;

const ORDERS: &str = "CREATE STREAM orders (id BIGINT NOT NULL, amount DECIMAL(10, 2) NOT NULL, at TIMESTAMP NOT NULL,
    WATERMARK FOR at AS at);\n";

fn project(views: &str) -> Project {
    let project = Project::new();
    project.write("shop.sql", &format!("{ORDERS}{views}"));
    project
}

/// Asks until the answer is the expected one.
#[expect(clippy::disallowed_methods, reason = "a test waits by the machine's own clock")]
fn until(project: &Project, query: &str, expected: &[&str]) {
    let began = Instant::now();
    loop {
        let found = project.sql(query);
        if found == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{query}: {found:?}, and not {expected:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_view_is_refreshed_when_it_is_due_and_after_what_it_reads() {
    let project = project(
        "CREATE MATERIALIZED VIEW total REFRESH EVERY '300 ms' AS SELECT sum(amount) AS total FROM orders;
         CREATE MATERIALIZED VIEW doubled REFRESH EVERY '300 ms' AS SELECT 2 * total AS total FROM total;",
    );
    let mut node = project.serve();
    project.sql("INSERT INTO orders VALUES (1, 2.50, '2026-01-01'), (2, 4.00, '2026-01-02')");
    until(&project, "SELECT total FROM doubled", &["13.00"]);
    project.sql("INSERT INTO orders VALUES (3, 1.00, '2026-01-03')");
    until(&project, "SELECT total FROM doubled", &["15.00"]);
    // Each run of the second read what the first had made for the same time.
    let behind = project.sql(
        "SELECT count(*) FROM system.runs b JOIN system.runs a ON a.object = 'total' AND a.due_at = b.due_at \
         WHERE b.object = 'doubled' AND b.cause = 'schedule' AND b.state = 'succeeded' \
         AND b.inputs <> '{\"total\":\"version ' || a.output_version || '\"}'",
    );
    assert_eq!(behind, ["0"]);
    let overlapping = project.sql(
        "SELECT count(*) FROM system.runs a JOIN system.runs b ON a.object = b.object AND a.run_id < b.run_id \
         AND a.ended_at > b.started_at",
    );
    assert_eq!(overlapping, ["0"]);
    assert!(node.end(Duration::from_secs(20)));
    // A node at rest knows of its runs; one that comes again goes on.
    let runs: u64 = project.sql("SELECT count(*) FROM system.runs")[0].parse().unwrap();
    assert!(runs >= 4);
    drop(node);
    let _node = project.serve();
    until(
        &project,
        "SELECT count(*) FROM system.runs WHERE cause IN ('catch-up', 'schedule') AND state = 'running'",
        &["0"],
    );
    until(&project, "SELECT total FROM doubled", &["15.00"]);
}

#[test]
fn runs_of_a_pool_take_its_places() {
    const SLOW: &str = "SELECT count(*) AS n FROM generate_series(1, 300000) AS a(x) \
                        JOIN generate_series(1, 3) AS b(y) ON x % 3 = y - 1";
    let view = |number: usize| {
        let pool = ["narrow", "wide"][number % 2];
        format!("CREATE MATERIALIZED VIEW v{number} REFRESH MANUAL WITH (pool = '{pool}') AS {SLOW};\n")
    };
    let project = project(&(0..8).map(view).collect::<String>());
    project.write("headwater.toml", "[pools]\nnarrow = 1\n");
    let _node = project.serve();
    until(&project, "SELECT count(*) FROM system.runs WHERE state = 'succeeded'", &["8"]);
    let at_one_time = |pool: &str| -> u64 {
        let found = project.sql(&format!(
            "WITH runs AS (SELECT run_id, started_at, ended_at FROM system.runs AS all_runs \
                           JOIN system.schedules ON schedules.object = all_runs.object WHERE pool = '{pool}') \
             SELECT count(*) FROM runs a JOIN runs b ON a.run_id < b.run_id \
             AND a.started_at < b.ended_at AND b.started_at < a.ended_at"
        ));
        found[0].parse().unwrap()
    };
    assert_eq!(at_one_time("narrow"), 0);
    assert!(at_one_time("wide") > 0, "runs that nothing bounds go on beside each other");
    project.write("headwater.toml", "[pools]\nnarrow = 0\n");
    assert!(project.fails(&["check"]).contains("narrow = 0"));
}

#[test]
fn a_run_that_somebody_asked_for_and_that_fails_says_why_and_leaves_the_rows() {
    let project = project(
        "CREATE MATERIALIZED VIEW shares REFRESH EVERY '1 hour' WITH (retries = 1, retry_delay = '1 second')
         AS SELECT CAST(10 / CAST(amount AS INT) AS INT) AS share FROM orders;
         CREATE MATERIALIZED VIEW above REFRESH MANUAL AS SELECT count(*) AS n FROM shares;",
    );
    let _node = project.serve();
    until(&project, "SELECT state FROM system.runs WHERE object = 'above'", &["succeeded"]);
    project.sql("INSERT INTO orders VALUES (1, 0.00, '2026-01-01')");
    let said = project.fails(&["sql", "REFRESH MATERIALIZED VIEW shares"]);
    assert!(said.contains("the refresh of shares failed: ") && said.contains("Divide by zero"), "{said}");
    // Who asked decides for himself; the last rows stay.
    assert_eq!(project.sql("SELECT count(*) FROM shares"), ["0"]);
    project.sql("REFRESH MATERIALIZED VIEW above");
}

#[test]
fn partitions_are_made_anew_in_parts() {
    let project = project(
        "CREATE MATERIALIZED VIEW daily PARTITIONED BY (day) REFRESH MANUAL
         AS SELECT CAST(at AS DATE) AS day, count(*) AS orders FROM orders GROUP BY CAST(at AS DATE);",
    );
    let _node = project.serve();
    let rows: Vec<String> =
        (0..60).map(|at| format!("({at}, 1.00, DATE '2026-01-01' + INTERVAL '{} days')", at / 2)).collect();
    project.sql(&format!("INSERT INTO orders VALUES {}", rows.join(", ")));
    project.sql("REFRESH MATERIALIZED VIEW daily");
    project.sql("INSERT INTO orders SELECT id + 100, amount, at FROM orders WHERE id < 60");
    let shown = project.ends(&["backfill", "daily", "--from", "2026-01-05", "--to", "2026-01-08", "--dry-run"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("2026-01-07") && shown.contains("(3 rows)") && shown.contains("in 1 run"), "{shown}");
    let said = project.fails(&["backfill", "daily", "--from", "2026-01-05", "--to", "2026-01-08"]);
    assert!(said.contains("nobody is there to be asked"), "{said}");
    assert_eq!(project.sql("SELECT max(orders) FROM daily"), ["2"], "nothing was done yet");
    let done =
        project.ends(&["backfill", "daily", "--from", "2026-01-05", "--to", "2026-01-12", "--by", "3 days", "--yes"]);
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && said.contains("2026-01-08 to 2026-01-11: REFRESH MATERIALIZED VIEW 3"), "{said}");
    let made = project.sql("SELECT count(*), min(day), max(day) FROM daily WHERE orders = 4");
    assert_eq!(made, ["7,2026-01-05,2026-01-11"]);
    assert_eq!(project.sql("SELECT count(*) FROM daily WHERE orders = 2"), ["23"]);
    assert_eq!(project.sql("SELECT count(*) FROM system.runs WHERE cause = 'backfill' AND state = 'succeeded'"), ["3"]);
    let said = project.fails(&["backfill", "orders", "--from", "2026-01-05", "--to", "2026-01-06", "--yes"]);
    assert!(said.contains("orders is not refreshed by runs"), "{said}");
}

#[test]
fn a_node_that_is_idle_has_refreshed_everything() {
    let project = project(
        "CREATE MATERIALIZED VIEW total REFRESH MANUAL AS SELECT count(*) AS n FROM numbers;
         CREATE MATERIALIZED VIEW doubled REFRESH EVERY '1 day' AS SELECT 2 * n AS n FROM total;
         CREATE MATERIALIZED VIEW live AS SELECT max(n) AS n FROM doubled;
         CREATE STREAM numbers (id BIGINT NOT NULL);
         CREATE SOURCE made INTO numbers FROM GENERATOR (ROWS 5000, FIELDS (id = 'sequence(1, 1)'));",
    );
    project.run();
    assert_eq!(project.sql("SELECT n FROM doubled"), ["10000"]);
    assert_eq!(project.sql("SELECT n FROM live"), ["10000"]);
    let runs = || project.sql("SELECT count(*) FROM system.runs");
    // The end of the source's transaction has an offset, too: a node that comes again may take it for news once.
    project.run();
    let before = runs();
    project.run();
    assert_eq!(runs(), before, "what is up to date is not made again");
}

/// However often and whenever it is killed: each run is done, failed, or made again, and the view is a run's.
#[test]
fn runs_of_a_node_that_is_killed() {
    let project = project(
        "CREATE MATERIALIZED VIEW pairs REFRESH EVERY '100 ms'
         AS SELECT count(*) AS n, sum(a.id * b.id) AS s FROM orders a CROSS JOIN orders b;",
    );
    let rows: Vec<String> = (1..=400).map(|id| format!("({id}, 1.00, '2026-01-01')")).collect();
    for life in 0..6 {
        let mut node = project.serve();
        if life == 0 {
            project.sql(&format!("INSERT INTO orders VALUES {}", rows.join(", ")));
        }
        std::thread::sleep(Duration::from_millis(300 + life * 77));
        node.stop();
    }
    let _node = project.serve();
    until(&project, "SELECT n, s FROM pairs", &[&format!("160000,{}", 80200u64 * 80200)]);
    project.sql("ALTER MATERIALIZED VIEW pairs PAUSE");
    until(&project, "SELECT count(*) FROM system.runs WHERE state IN ('queued', 'running')", &["0"]);
    // No version of the table was made by two runs, and none is missing.
    let versions = project.sql("SELECT count(output_version) - count(DISTINCT output_version) FROM system.runs");
    assert_eq!(versions, ["0"]);
    let made = project.sql("SELECT max(output_version) - count(DISTINCT output_version) FROM system.runs");
    assert_eq!(made, ["0"], "a version of the table is of no run that is known");
}
