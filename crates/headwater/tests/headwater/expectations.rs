//! Expectations that hold a refresh back, are checked by a schedule and with checkpoints, and are remembered.

use std::time::Duration;

use crate::node::Project;

const STATEMENTS: &str = "CREATE TABLE orders (id BIGINT, amount DOUBLE);
CREATE MATERIALIZED VIEW totals REFRESH MANUAL AS SELECT count(*) AS orders, sum(amount) AS amount FROM orders;
CREATE EXPECTATIONS sane ON orders (
    column_values_to_be_between(amount, 0, 100),
    column_values_to_not_be_null(id) WITH (severity = 'warning')
) BEFORE REFRESH OF totals;
";

/// What a statement answers, or why it is refused.
fn asks(project: &Project, query: &str) -> Result<Vec<String>, String> {
    let done = project.ends(&["sql", "--format", "csv", query]);
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()),
        false => Err(String::from_utf8(done.stderr).unwrap()),
    }
}

#[track_caller]
fn becomes(project: &Project, query: &str, expected: &str) {
    let mut told = Ok(Vec::new());
    for _ in 0..200 {
        told = asks(project, query);
        if told.as_ref().is_ok_and(|lines| lines.get(1).is_some_and(|line| line == expected)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{query} never gave {expected}: {told:?}");
}

#[test]
fn a_refresh_is_held_back_while_what_it_waits_for_is_not_met() {
    let project = Project::new();
    project.write("main.sql", STATEMENTS);
    let mut node = project.serve();
    let totals = "SELECT orders, amount FROM totals";
    asks(&project, "INSERT INTO orders VALUES (1, 20), (2, 30)").unwrap();
    asks(&project, "REFRESH MATERIALIZED VIEW totals").unwrap();
    assert_eq!(asks(&project, totals).unwrap(), ["orders,amount", "2,50.0"]);

    asks(&project, "INSERT INTO orders VALUES (3, 300), (NULL, 5)").unwrap();
    let refused = asks(&project, "REFRESH MATERIALIZED VIEW totals").unwrap_err();
    assert!(refused.contains("held") && refused.contains("1 of 2 expectations of sane are not met"), "{refused}");
    assert!(refused.contains("1 unexpected of 4 rows"), "{refused}");
    assert_eq!(asks(&project, totals).unwrap(), ["orders,amount", "2,50.0"], "the old rows stay");
    let last =
        asks(&project, "SELECT state, error FROM system.runs WHERE object = 'totals' ORDER BY run_id DESC LIMIT 1");
    assert!(last.as_ref().unwrap()[1].starts_with("held,"), "{last:?}");
    let results = "SELECT success, unexpected_count, samples FROM system.expectation_results \
        WHERE run_id = (SELECT max(run_id) FROM system.runs) ORDER BY expectation";
    let held = asks(&project, results).unwrap();
    assert_eq!(held, ["success,unexpected_count,samples", "false,1,[300.0]", "false,1,[null]"]);

    asks(&project, "DELETE FROM orders WHERE amount > 100").unwrap();
    asks(&project, "REFRESH MATERIALIZED VIEW totals").unwrap();
    assert_eq!(asks(&project, totals).unwrap(), ["orders,amount", "3,55.0"], "a warning holds nobody");
    let messages =
        asks(&project, "SELECT messages FROM system.runs WHERE object = 'totals' ORDER BY run_id DESC LIMIT 1");
    assert!(messages.as_ref().unwrap()[1].contains("warning: column_values_to_not_be_null(id)"), "{messages:?}");

    // What was found is known to a later node, and to who asks the folder.
    let before = asks(&project, "SELECT count(*) FROM system.expectation_results").unwrap();
    node.stop();
    assert_eq!(asks(&project, "SELECT count(*) FROM system.expectation_results").unwrap(), before);
    let _node = project.serve();
    assert_eq!(asks(&project, "SELECT count(*) FROM system.expectation_results").unwrap(), before);
}

#[test]
fn suites_are_checked_by_their_schedule_and_with_checkpoints() {
    let project = Project::new();
    project.write("main.sql", "CREATE STREAM events (id BIGINT);\n");
    let _node = project.serve();
    let events = |condition: &str| format!("CREATE EXPECTATIONS {condition}");
    asks(&project, &events("often ON events (column_values_to_be_between(id, 1, 2)) CHECK EVERY '200 ms'")).unwrap();
    asks(&project, &events("steady ON events (table_row_count_to_be_between(1)) ON EACH CHECKPOINT")).unwrap();
    asks(&project, "INSERT INTO events VALUES (1), (2), (3)").unwrap();
    let last = |suite: &str, what: &str| {
        format!("SELECT {what} FROM system.expectation_results WHERE suite = '{suite}' ORDER BY run_id DESC LIMIT 1")
    };
    becomes(&project, &last("often", "success, element_count, unexpected_count, samples"), "false,3,1,[3]");
    becomes(&project, &last("steady", "success, observed_value"), "true,3");
    let causes = "SELECT DISTINCT object, kind, cause FROM system.runs ORDER BY object";
    let told = asks(&project, causes).unwrap();
    assert_eq!(told, ["object,kind,cause", "often,check,schedule", "steady,check,checkpoint"]);
    asks(&project, "DROP EXPECTATIONS often, steady").unwrap();
    let refused = asks(&project, "CHECK EXPECTATIONS often").unwrap_err();
    assert!(refused.contains("there are no expectations often"), "{refused}");
}
