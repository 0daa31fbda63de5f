//! Input, folders and settings that are not as they should be: each is told with its place, and no number is wrong.

use std::path::{Path, PathBuf};

use crate::node::Project;

const EVENTS: &str = "
CREATE STREAM events (id BIGINT NOT NULL, name VARCHAR, at TIMESTAMP NOT NULL, WATERMARK FOR at AS at)
WITH (format = 'csv');
CREATE SOURCE event_files INTO events FROM FILES (PATH 'in/*.csv');
CREATE MATERIALIZED VIEW by_name AS SELECT name, count(*) AS events FROM events GROUP BY name;
CREATE MATERIALIZED VIEW by_hour AS
SELECT window_start, count(*) AS events FROM TUMBLE(events, at, INTERVAL '1 hour') GROUP BY window_start, window_end;
";

const ROWS: &str = "id,name,at\n1,ann,2024-03-01 10:00:00\n2,bob,2024-03-01 10:30:00\n3,ann,2024-03-01 11:00:00\n";

fn project(files: &[(&str, &[u8])]) -> Project {
    let project = Project::new();
    project.write("events.sql", EVENTS);
    std::fs::create_dir(project.path().join("in")).unwrap();
    for (name, bytes) in files {
        std::fs::write(project.path().join("in").join(name), bytes).unwrap();
    }
    project
}

/// Runs until idle, which must fail, and returns what was said.
fn stops(project: &Project) -> String {
    project.fails(&["run", "--http", "off", "--postgres", "off", "--until-idle"])
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// Every file below a folder whose name ends so, sorted.
pub fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path, end)),
            false if path.to_string_lossy().ends_with(end) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

/// Changes one byte of a file, some way before its end.
pub fn damage(path: &Path, from_end: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() - from_end;
    bytes[at] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_huge_line_stops_its_source_and_loses_nothing() {
    let mut huge = ROWS.as_bytes().to_vec();
    huge.resize(huge.len() + (100 << 20), b'x');
    huge.extend_from_slice(b"\n4,dan,2024-03-01 12:00:00\n");
    let project = project(&[("a.csv", &huge)]);
    says(&stops(&project), &["source event_files stopped", "in/a.csv, line 5", "16777216 bytes", "hint"]);
    assert_eq!(project.sql("SELECT count(*), sum(id) FROM events"), ["3,6"]);
    // Mended at that line, it goes on from there.
    std::fs::write(project.path().join("in/a.csv"), format!("{ROWS}4,dan,2024-03-01 12:00:00\n")).unwrap();
    project.run();
    assert_eq!(project.sql("SELECT count(*), sum(id) FROM events"), ["4,10"]);
}

#[test]
fn files_that_changed_behind_our_back_stop_their_source() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    project.run();
    let path = project.path().join("in/a.csv");
    std::fs::write(&path, "id,name,at\n").unwrap();
    says(&stops(&project), &["in/a.csv is shorter than before", "hint"]);
    std::fs::write(&path, ROWS.replace("bob", "rob") + "4,dan,2024-03-01 12:00:00\n").unwrap();
    says(&stops(&project), &["in/a.csv is another file than before"]);
    std::fs::write(&path, format!("{ROWS}4,dan,2024-03-01 12:00:00\n")).unwrap();
    project.run();
    std::fs::remove_file(&path).unwrap();
    project.run();
    assert_eq!(project.sql("SELECT count(*), sum(id) FROM events"), ["4,10"]);
}

#[test]
fn columns_that_nobody_declared_are_named_and_a_missing_one_stops() {
    let project = project(&[("a.csv", b"extra,at,id\n?,2024-03-01 10:00:00,1\n")]);
    let done = project.ends(&["run", "--http", "off", "--postgres", "off", "--until-idle"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}");
    says(&said, &["in/a.csv", "extra"]);
    assert_eq!(project.sql("SELECT id, name, at FROM events"), ["1,,2024-03-01T10:00:00Z"]);
    std::fs::write(project.path().join("in/b.csv"), "id,name\n2,bob\n").unwrap();
    says(&stops(&project), &["in/b.csv: column 'at' is NOT NULL, and the header does not name it"]);
}

#[test]
fn a_clock_that_jumped_ahead_closes_no_window() {
    let rows = format!("{ROWS}4,eve,2199-01-01 00:00:00\n5,dan,2024-03-01 11:59:59\n");
    let project = project(&[("a.csv", rows.as_bytes())]);
    project.run();
    assert_eq!(project.sql("SELECT events FROM by_hour ORDER BY window_start"), ["2", "2"]);
    let letters = project.sql("SELECT relation, reason, record_offset FROM system.dead_letters");
    assert_eq!(letters, ["events,future,3"]);
}

#[test]
fn one_data_folder_has_one_node() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    let mut node = project.serve();
    let said = stops(&project);
    says(&said, &["is in use by another node (process ", "--data-dir"]);
    node.stop();
    project.run();
    assert_eq!(project.sql("SELECT count(*) FROM events"), ["3"]);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    says(
        &project.fails(&["run", "--http", &address, "--postgres", "off"]),
        &["cannot listen for HTTP on", &address, "port 0"],
    );
    says(&project.fails(&["run", "--http", "here", "--postgres", "off"]), &["'here' is no address"]);
}

#[test]
fn a_damaged_manifest_is_named() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    project.run();
    let manifests: Vec<_> = files(&project.data_folder().join("checkpoints"), "")
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("manifest-"))
        .collect();
    damage(manifests.last().unwrap(), 20);
    let name = manifests.last().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    says(&stops(&project), &[&name, "checksum", "restore the data folder from a backup"]);
    says(&project.fails(&["sql", "SELECT count(*) FROM events"]), &[&name, "checksum"]);
}

#[test]
fn damaged_state_of_a_checkpoint_is_named() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    project.run();
    let states = files(&project.data_folder().join("checkpoints"), ".bin");
    damage(&states[0], 40);
    let name = states[0].file_name().unwrap().to_string_lossy().into_owned();
    says(&stops(&project), &[&name, "checksum"]);
}

#[test]
fn a_damaged_segment_is_named_and_not_served() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    project.run();
    // The last segment's end is what a crash may tear; what stands before it was synced and must be there.
    std::fs::write(project.path().join("in/b.csv"), ROWS).unwrap();
    project.run();
    std::fs::remove_dir_all(project.data_folder().join("lake")).unwrap();
    let segments = files(&project.data_folder().join("log/topics/events"), ".log");
    let segment = segments.first().unwrap_or_else(|| panic!("no segment of the stream"));
    let mut bytes = std::fs::read(segment).unwrap();
    bytes[70] ^= 1;
    std::fs::write(segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    says(&project.fails(&["sql", "SELECT count(*) FROM events"]), &[&name]);
    says(&stops(&project), &[&name]);
}

#[test]
fn a_damaged_archive_is_named_and_not_served() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    project.run();
    let lake = project.data_folder().join("lake/events");
    let data = files(&lake, ".parquet");
    let whole = std::fs::read(&data[0]).unwrap();
    let name = data[0].file_name().unwrap().to_string_lossy().into_owned();
    damage(&data[0], whole.len() / 2);
    says(&project.fails(&["sql", "SELECT * FROM events"]), &[&name]);
    std::fs::remove_file(&data[0]).unwrap();
    says(&project.fails(&["sql", "SELECT * FROM events"]), &[&name]);
    std::fs::write(&data[0], whole).unwrap();
    assert_eq!(project.sql("SELECT count(*) FROM events"), ["3"]);
    let commits = files(&lake.join("_delta_log"), ".json");
    std::fs::write(commits.last().unwrap(), "{\"add\": ").unwrap();
    says(&project.fails(&["sql", "SELECT * FROM events"]), &["archive", "events"]);
}

#[test]
fn cycles_and_relations_that_are_not_there_are_told_together() {
    let project = Project::new();
    project.write(
        "views.sql",
        "CREATE MATERIALIZED VIEW a AS SELECT * FROM b;\nCREATE MATERIALIZED VIEW b AS SELECT * FROM a;\n\
         CREATE MATERIALIZED VIEW c AS SELECT * FROM nowhere;\n",
    );
    let said = project.fails(&["check", "."]);
    says(&said, &["views.sql:1:", "a", "b", "nowhere", "views.sql:3:"]);
}

#[test]
fn settings_that_nobody_declared_are_told() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    says(&project.fails(&["check", "--set", "dta=x"]), &["--set dta", "did you mean data?"]);
    says(&project.fails(&["check", "--set", "data"]), &["name=value"]);
    project.write("headwater.toml", "[settings]\ndata = ''\n[node]\nworker = 3\n");
    says(&project.fails(&["check"]), &["headwater.toml", "worker"]);
    project.write("headwater.toml", "");
    project.write("more.sql", "CREATE SOURCE more INTO events FROM FILES (PATH '${nothing}/*.csv');");
    says(&project.fails(&["check"]), &["more.sql:1:", "nothing"]);
    says(&project.fails(&["sql", "SELECT 1"]), &["there is no data folder"]);
    let empty = Project::new();
    says(&empty.fails(&["run"]), &["no .sql files"]);
    says(&empty.fails(&["run", "nowhere"]), &["nowhere"]);
}

#[test]
fn definitions_may_change_while_there_are_no_rows() {
    let project = project(&[("a.csv", b"id,name,at\n")]);
    project.run();
    let wider = EVENTS.replace("name VARCHAR,", "name VARCHAR, more INT,").replace("'csv')", "'csv', partitions = 3)");
    project.write("events.sql", &wider);
    std::fs::write(project.path().join("in/b.csv"), "id,more,at\n1,7,2024-03-01 10:00:00\n").unwrap();
    project.run();
    assert_eq!(project.sql("SELECT id, more FROM events"), ["1,7"]);
    assert_eq!(project.sql("SELECT id, more FROM archive.events"), ["1,7"]);
    project.write("events.sql", EVENTS);
    says(&stops(&project), &["stream events has rows: the number of its partitions stays 3", "hint"]);
    project.write("events.sql", &EVENTS.replace("name VARCHAR,", "name VARCHAR, _offset INT,"));
    says(&project.fails(&["check"]), &["events.sql:2:15", "_offset"]);
}

#[test]
fn only_the_folders_own_node_is_asked() {
    let (ours, theirs) = (project(&[("a.csv", ROWS.as_bytes())]), project(&[("a.csv", b"id,name,at\n")]));
    ours.run();
    let _node = theirs.serve();
    // As a node leaves it that was killed, and whose port another one took.
    std::fs::copy(theirs.data_folder().join("node.json"), ours.data_folder().join("node.json")).unwrap();
    assert_eq!(ours.sql("SELECT count(*) FROM events"), ["3"]);
    assert_eq!(theirs.sql("SELECT count(*) FROM events"), ["0"]);
}

#[test]
fn the_configured_data_folder_is_the_one_that_is_asked() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    project.write("headwater.toml", "[node]\ndata_dir = 'elsewhere'\n");
    project.run();
    assert!(project.path().join("elsewhere").is_dir() && !project.data_folder().exists());
    assert_eq!(project.sql("SELECT count(*) FROM events"), ["3"]);
}

#[test]
fn a_view_that_stopped_is_not_served_nor_what_reads_it() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    let views = "CREATE MATERIALIZED VIEW kept (CONSTRAINT not_bob EXPECT (name <> 'bob') ON VIOLATION FAIL)
                 AS SELECT * FROM events;
                 CREATE MATERIALIZED VIEW the_same AS SELECT * FROM kept;";
    project.write("kept.sql", views);
    says(&stops(&project), &["view kept stopped", "view the_same stopped", "not_bob"]);
    for view in ["kept", "the_same"] {
        says(&project.fails(&["sql", &format!("SELECT * FROM {view}")]), &[&format!("view {view} stopped"), "not_bob"]);
    }
    assert_eq!(project.sql("SELECT count(*) FROM events"), ["3"]);
}

#[test]
fn a_view_that_keeps_too_much_stops_alone_until_it_may_keep_more() {
    let project = project(&[("a.csv", ROWS.as_bytes())]);
    let views = |limit: &str| {
        format!(
            "CREATE MATERIALIZED VIEW by_id WITH (state_limit = '{limit}') AS SELECT id, count(*) AS n FROM events GROUP BY id;
             CREATE MATERIALIZED VIEW of_all AS SELECT sum(n) AS n FROM by_id;
             CREATE MATERIALIZED VIEW beside WITH (state_limit = '1 MiB') AS SELECT count(*) AS n FROM events;"
        )
    };
    project.write("views.sql", &views("100 B"));
    says(&stops(&project), &["view by_id stopped", "view of_all stopped", "state_limit is 100"]);
    assert_eq!(project.sql("SELECT n FROM beside"), ["3"]);
    project.write("views.sql", &views("1 MiB"));
    project.run();
    assert_eq!(project.sql("SELECT n FROM of_all"), ["3"]);
}

#[test]
fn a_rule_that_fails_stops_its_stream_and_says_so() {
    let project = Project::new();
    project.write(
        "events.sql",
        "CREATE STREAM events (id BIGINT NOT NULL, CONSTRAINT not_two EXPECT (id <> 2) ON VIOLATION FAIL)
         WITH (format = 'csv');
         CREATE SOURCE event_files INTO events FROM FILES (PATH 'events.csv');
         CREATE MATERIALIZED VIEW total AS SELECT count(*) AS events FROM events;",
    );
    project.write("events.csv", "id\n1\n2\n3\n");
    says(&stops(&project), &["stream events stopped", "not_two", "offset 1"]);
    assert_eq!(project.sql("SELECT count(*) FROM events"), ["1"]);
    assert_eq!(project.sql("SELECT events FROM total"), ["1"]);
}
