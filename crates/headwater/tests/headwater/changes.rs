//! Definitions that change: what a plan shows is what happens, and clients and projects leave each other's alone.

use crate::bad_input;
use crate::node::Project;

const STREAM: &str = "CREATE STREAM events (id BIGINT NOT NULL, at TIMESTAMP NOT NULL) WITH (format = 'csv');\n\
    CREATE SOURCE files INTO events FROM FILES (PATH 'in/*.csv');\n";
const COUNTS: &str = "CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM events;\n";

fn project() -> Project {
    let project = Project::new();
    project.write("main.sql", STREAM);
    project.write("views.sql", COUNTS);
    std::fs::create_dir(project.path().join("in")).unwrap();
    let rows: String = (0..500).map(|id| format!("{id},2024-03-01 10:00:00\n")).collect();
    project.write("in/a.csv", &format!("id,at\n{rows}"));
    project
}

/// What a command that succeeds prints.
#[track_caller]
fn prints(project: &Project, arguments: &[&str]) -> String {
    let done = project.ends(arguments);
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Asks until history has been replayed.
#[track_caller]
fn becomes(project: &Project, query: &str, expected: &str) {
    let mut told = String::new();
    for _ in 0..200 {
        let done = project.ends(&["sql", "--format", "csv", query]);
        told = String::from_utf8(if done.status.success() { done.stdout } else { done.stderr }).unwrap();
        if told.lines().nth(1) == Some(expected) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{query} never gave {expected}: {told}");
}

#[test]
fn a_plan_says_what_applying_then_does() {
    let project = project();
    assert_eq!(
        prints(&project, &["plan"]),
        "create stream events: non-breaking\ncreate source files: non-breaking\ncreate materialized view counts: non-breaking\n"
    );
    project.run();
    assert_eq!(prints(&project, &["plan"]), "nothing to do: what runs is what is declared\n");
    // White space and comments change nothing that anybody sees.
    project.write("views.sql", &format!("-- How many.\n{}", COUNTS.replace(" FROM", "\n  FROM")));
    assert_eq!(prints(&project, &["plan"]), "nothing to do: what runs is what is declared\n");

    let larger = "CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n, sum(id) AS total FROM events;\n\
                  CREATE MATERIALIZED VIEW many AS SELECT n FROM counts WHERE n > 10;\n";
    project.write("views.sql", larger);
    let plan = prints(&project, &["plan"]);
    assert!(plan.starts_with("alter materialized view counts: non-breaking; replays 50"), "{plan}");
    assert!(plan.contains("; many depend on it\ncreate materialized view many: non-breaking; replays 50"), "{plan}");
    assert_eq!(prints(&project, &["plan"]), plan, "planning does nothing");
    assert_eq!(project.sql("SELECT * FROM counts"), ["500"], "nor does it show what is not there");
    project.run();
    assert_eq!(project.sql("SELECT n, total FROM counts"), ["500,124750"]);
    assert_eq!(project.sql("SELECT n FROM many"), ["500"]);

    project.write("views.sql", "");
    assert_eq!(
        prints(&project, &["plan"]),
        "drop materialized view counts: breaking; its rows are deleted\n\
         drop materialized view many: breaking; its rows are deleted\n"
    );
    project.run();
    assert!(project.fails(&["sql", "SELECT * FROM counts"]).contains("there is no relation counts"));
    project.write("main.sql", &STREAM.replace("id BIGINT", "id INT"));
    let refused = project.fails(&["plan"]);
    assert!(refused.contains("stream events has rows") && refused.contains("hint"), "{refused}");
}

#[test]
fn clients_and_projects_leave_each_other_alone() {
    let project = project();
    let mut node = project.serve();
    becomes(&project, "SELECT n FROM counts", "500");
    let created = prints(&project, &["sql", "CREATE MATERIALIZED VIEW even AS SELECT id FROM events WHERE id % 2 = 0"]);
    assert!(created.starts_with("CREATE MATERIALIZED VIEW\n"), "{created}");
    becomes(&project, "SELECT count(*) FROM even", "250");
    let refused = project.fails(&["sql", "CREATE MATERIALIZED VIEW even AS SELECT id FROM events"]);
    assert!(refused.contains("there is a materialized view of the name even already"), "{refused}");
    let refused = project.fails(&["sql", "DROP MATERIALIZED VIEW counts"]);
    assert!(refused.contains("declared by the project") && refused.contains("hint"), "{refused}");
    let refused = project.fails(&["sql", "DROP STREAM even"]);
    assert!(refused.contains("even is a materialized view"), "{refused}");

    // The plan is asked of the node, which knows what is its client's.
    project.write("views.sql", "");
    assert_eq!(prints(&project, &["plan"]), "drop materialized view counts: breaking; its rows are deleted\n");
    node.stop();
    project.run();
    assert_eq!(project.sql("SELECT count(*) FROM even"), ["250"], "a client's view outlives a change of the project");
    assert_eq!(project.sql("SELECT owner FROM system.relations WHERE name = 'even'"), ["client"]);

    let _node = project.serve();
    prints(&project, &["sql", "DROP MATERIALIZED VIEW even"]);
    assert!(project.fails(&["sql", "SELECT * FROM even"]).contains("there is no relation even"));
    // The name is free, and nothing of the old rows is left under it.
    prints(&project, &["sql", "CREATE MATERIALIZED VIEW even AS SELECT id FROM events WHERE id < 3"]);
    becomes(&project, "SELECT count(*) FROM even", "3");
}

#[test]
fn every_template_is_a_project_that_runs() {
    for template in ["starter", "files"] {
        let place = Project::new();
        prints(&place, &["init", "new", "--template", template]);
        assert!(place.fails(&["init", "new"]).contains("is there already and not empty"));
        prints(&place, &["check", "new"]);
        assert!(prints(&place, &["plan", "new"]).starts_with("create stream "), "{template}");
    }
    let files = Project::new();
    prints(&files, &["init", "new", "--template", "files"]);
    prints(&files, &["run", "new", "--http", "off", "--postgres", "off", "--until-idle"]);
    let rows = prints(
        &files,
        &["sql", "--project", "new", "--format", "csv", "SELECT sensor, readings FROM by_sensor ORDER BY 1"],
    );
    assert_eq!(rows, "sensor,readings\ncellar,2\nroof,1\n");
}

#[test]
fn nothing_listens_beyond_loopback_unasked() {
    let project = project();
    for door in ["--http", "--postgres"] {
        let other = if door == "--http" { "--postgres" } else { "--http" };
        let refused = project.fails(&["run", door, "0.0.0.0:0", other, "off"]);
        assert!(refused.contains("0.0.0.0:0 can be reached from other machines"), "{refused}");
    }
    let done = project.ends(&["run", "--http", "0.0.0.0:0", "--postgres", "off", "--unprotected", "--until-idle"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && said.contains("no password is asked for and nothing is encrypted"), "{said}");
}

#[test]
fn a_replay_that_fails_stops_nothing_else() {
    let project = project();
    project.run();
    let archived = bad_input::files(&project.data_folder().join("lake/events"), "parquet").pop().unwrap();
    let whole = std::fs::read(&archived).unwrap();
    bad_input::damage(&archived, 20);
    let evens = "CREATE MATERIALIZED VIEW evens AS SELECT count(*) AS n FROM events WHERE id % 2 = 0;\n";
    project.write("views.sql", &format!("{COUNTS}{evens}"));
    let said = project.fails(&["run", "--http", "off", "--postgres", "off", "--until-idle"]);
    assert!(said.contains("view evens could not be built") && said.contains("is damaged"), "{said}");

    let mut node = project.serve();
    becomes(&project, "SELECT n FROM counts", "500");
    let refused = project.fails(&["sql", "SELECT n FROM evens"]);
    assert!(refused.contains("view evens could not be built") && refused.contains("is damaged"), "{refused}");
    becomes(&project, "SELECT state FROM system.replays WHERE view = 'evens'", "failed");
    node.stop();

    std::fs::write(&archived, whole).unwrap();
    project.run();
    assert_eq!(project.sql("SELECT n FROM evens"), ["250"]);
}

#[test]
fn a_source_that_comes_again_gives_no_row_twice() {
    let project = project();
    project.run();
    let (stream, source) = STREAM.split_once('\n').unwrap();
    project.write("main.sql", stream);
    project.run();
    project.write("main.sql", &format!("{stream}\n{source}"));
    project.write("in/b.csv", "id,at\n1000,2024-03-01 10:00:00\n");
    project.run();
    assert_eq!(project.sql("SELECT n FROM counts"), ["501"]);
}
