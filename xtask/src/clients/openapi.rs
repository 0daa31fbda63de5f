//! Schemathesis asks a node whatever its OpenAPI document allows, and much that it does not, and holds the answers
//! against the document.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::node::{Binary, Start};
use crate::shell;

const READY: Duration = Duration::from_secs(60);

/// What the examples of the document name is there.
const PROJECT: &str = "
CREATE STREAM orders (id BIGINT NOT NULL, category VARCHAR) WITH (format = 'json');
CREATE SOURCE feed INTO orders FROM FILES (PATH '${rows}', FORMAT 'json');
CREATE MATERIALIZED VIEW orders_by_category AS SELECT category, count(*) AS orders FROM orders GROUP BY category;
";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Requests of each kind to each path; what a whole run takes is under a minute.
const EXAMPLES: &str = "150";

/// What the answers' form is asked for: headers of that kind are no part of a document.
const ACCEPTED: [&str; 2] = ["application/json", "application/x-ndjson, application/json;q=0.9"];

/// Returns the number of checks that passed.
pub fn check(binary: &Binary) -> Result<usize> {
    let python = super::python()?;
    let folder = shell::target_dir().join("clients-openapi");
    shell::fresh_dir(&folder)?;
    let (project, rows) = (folder.join("project"), folder.join("orders.ndjson"));
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("headwater.toml"), "[settings]\nrows = ''\n")?;
    std::fs::write(project.join("orders.sql"), PROJECT)?;
    let lines = (0..100).map(|id| format!("{{\"id\":{id},\"category\":\"{}\"}}\n", ["toys", "tools"][id % 2]));
    std::fs::write(&rows, lines.collect::<String>())?;
    let start = Start::new(&project, folder.join("data")).set("rows", rows.display());
    let mut node = start.spawn(binary)?;
    let checked = (|| {
        node.wait_ready(READY)?;
        let address = node.http().context("the node has announced no address for HTTP")?;
        for accepted in ACCEPTED {
            ask(&python, &folder, &address, accepted)?;
        }
        // Each run fails by itself where one of its checks does.
        Ok(ACCEPTED.len() * CHECKS.split(',').count())
    })();
    node.kill()?;
    checked
}

fn ask(python: &Path, folder: &Path, address: &str, accepted: &str) -> Result<()> {
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.current_dir(folder).env("SCHEMATHESIS_HOOKS", shell::root().join("tests/clients/openapi.py"));
    command.args(["run", &format!("http://{address}/v1/openapi.json"), "--checks", CHECKS]);
    command.args(["--max-examples", EXAMPLES, "--header", &format!("Accept: {accepted}")]);
    // A failure prints the request, and the seed by which the run is repeated.
    shell::run(command.args(["--continue-on-failure", "--no-color"]))
}
