//! Files as sources, through the binary: where paths begin, compressed files, files of another format.

use std::process::Command;

use super::node::Project;

#[test]
fn paths_begin_in_the_project_wherever_the_node_is_started() {
    let project = Project::new();
    project.write(
        "events.sql",
        "CREATE STREAM events (id BIGINT NOT NULL, name VARCHAR) WITH (format = 'csv');
         CREATE SOURCE event_files INTO events FROM FILES (PATH 'in/*.json*', FORMAT 'json');",
    );
    std::fs::create_dir(project.path().join("in")).unwrap();
    project.write("in/a.json", "{\"id\": 1, \"name\": \"a,b\"}\n{\"id\": 2");
    project.write("in/b.jsonl", "{\"name\": \"c\", \"id\": 3}\n");
    assert!(Command::new("gzip").arg(project.path().join("in/b.jsonl")).status().unwrap().success());
    let elsewhere = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut command = project.command(&["run", "--http", "off", "--postgres", "off", "--until-idle"]);
        let done = command.arg(project.path()).current_dir(elsewhere.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(project.sql("SELECT id, name FROM events ORDER BY id"), ["1,\"a,b\"", "3,c"]);
        assert_eq!(project.sql("SELECT count(*) FROM system.dead_letters"), ["1"]);
    }
}
