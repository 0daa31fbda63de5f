//! Users of a data folder, and what a node asks for before it listens where others reach it.

use std::process::Output;

use crate::node::{Node, Project};
use crate::web::Client;

fn project() -> Project {
    let project = Project::new();
    project.write("main.sql", "CREATE STREAM events (id BIGINT NOT NULL) WITH (format = 'json');\n");
    project
}

fn ask(project: &Project, login: Option<(&str, &str)>, query: &str) -> Output {
    let mut command = project.command(&["sql", "--format", "csv", query]);
    if let Some((user, password)) = login {
        command.env("HEADWATER_USER", user).env("HEADWATER_PASSWORD", password);
    }
    command.output().unwrap()
}

fn says(project: &Project, login: Option<(&str, &str)>, query: &str, expected: &str) {
    let Output { stdout, stderr, .. } = ask(project, login, query);
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(said.contains(expected), "{query}: {said}");
}

fn status(node: &Node, target: &str) -> u16 {
    Client::new(node).get(target).status
}

#[test]
fn users_are_asked_for_their_passwords_after_a_restart_too() {
    let project = project();
    let mut node = project.serve();
    assert_eq!(status(&node, "/v1/streams/events"), 200);
    says(&project, None, "CREATE USER ann PASSWORD 'pencil'", "");
    for _ in 0..2 {
        assert_eq!(status(&node, "/v1/streams/events"), 401);
        assert_eq!(status(&node, "/health"), 200);
        says(&project, None, "SELECT 1", "this node asks for a user and a password\nhint: ");
        says(&project, Some(("ann", "Pencil")), "SELECT 1", "this is not the password of user ann");
        says(&project, Some(("ann", "pencil")), "SELECT name FROM system.users", "name\nann\n");
        node.stop();
        node = project.serve();
    }
    node.stop();
    // Who can read the folder needs no node, and so no password.
    says(&project, None, "SHOW USERS", "ann,");
}

#[test]
fn users_do_not_belong_into_a_projects_files() {
    let project = project();
    project.write("users.sql", "CREATE USER ann PASSWORD 'pencil';\n");
    let said = project.fails(&["check"]);
    assert!(said.contains("CREATE USER does not belong into a project's files"), "{said}");
}

#[test]
fn nothing_listens_where_others_reach_it_without_a_password_and_encryption() {
    let project = project();
    let lacks = "error: 0.0.0.0:0 can be reached from other machines, and ";
    let hint =
        "\nhint: create a user with CREATE USER while the node listens on loopback, and give it --tls-certificate";
    for (doors, what) in [
        (["--http", "0.0.0.0:0", "--postgres", "off"], "no password is asked for and nothing is encrypted"),
        (["--http", "off", "--postgres", "0.0.0.0:0"], "no password is asked for and nothing is encrypted"),
    ] {
        let said = project.fails(&[&["run", "--until-idle"], &doors[..]].concat());
        assert!(said.contains(&format!("{lacks}{what}{hint}")), "{said}");
    }
    let mut node = project.serve();
    says(&project, None, "CREATE USER ann PASSWORD 'pencil'", "");
    node.stop();
    let said = project.fails(&["run", "--until-idle", "--http", "0.0.0.0:0", "--postgres", "off"]);
    assert!(said.contains(&format!("{lacks}nothing is encrypted{hint}")), "{said}");
}

#[test]
fn what_does_not_protect_is_refused_at_the_start() {
    let project = project();
    let said = project.fails(&["run", "--tls-certificate", "cert.pem"]);
    assert!(said.contains("a certificate needs its key: give --tls-key too"), "{said}");
    let said = project.fails(&["run", "--tls-certificate", "cert.pem", "--tls-key", "key.pem"]);
    assert!(said.contains("cannot read") && said.contains("cert.pem"), "{said}");
    project.write("cert.pem", "nothing\n");
    let said = project.fails(&["run", "--tls-certificate", "cert.pem", "--tls-key", "key.pem"]);
    assert!(said.contains("cert.pem is no PEM file with certificates"), "{said}");
    project.run();
    std::fs::write(project.data_folder().join("users.json"), "{").unwrap();
    let said = project.fails(&["run", "--until-idle", "--http", "off", "--postgres", "off"]);
    assert!(said.contains("users.json is no list of users"), "{said}");
}
