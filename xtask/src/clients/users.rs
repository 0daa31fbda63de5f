//! psql, psycopg, curl and `headwater sql` against a node with a certificate and users.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::node::{Binary, Start};
use crate::shell;

const READY: Duration = Duration::from_secs(60);
const PROJECT: &str = "CREATE STREAM orders (order_id BIGINT NOT NULL) WITH (format = 'json');\n";

/// Returns the number of checks that passed.
pub fn check(binary: &Binary) -> Result<usize> {
    let python = super::python()?;
    super::installed("openssl", &["version"], "openssl")?;
    super::installed("curl", &["--version"], "curl")?;
    let folder = shell::target_dir().join("clients-users");
    shell::fresh_dir(&folder)?;
    let (project, data) = (folder.join("project"), folder.join("data"));
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("orders.sql"), PROJECT)?;
    let (certificate, key) = certificate(&folder)?;
    let start = Start::new(&project, data.clone())
        .variable("HEADWATER_TLS_CERTIFICATE", &certificate)
        .variable("HEADWATER_TLS_KEY", &key)
        .variable("HEADWATER_TEST_PASSWORD", "from the environment");
    let mut node = start.spawn(binary)?;
    let checked = (|| {
        node.wait_ready(READY)?;
        let postgres = node.postgres().context("the node has announced no address for PostgreSQL clients")?;
        let http = node.http().context("the node has announced no address for HTTP")?;
        let mut passed = 0;
        let mut command = Command::new(&python);
        command.arg(shell::root().join("tests/clients/users.py")).args([&postgres, &http]);
        command.arg(&certificate).arg(binary.path()).arg(&data);
        shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))?;
        Ok(passed)
    })();
    node.kill()?;
    match checked {
        Ok(0) => bail!("the clients of a node with users checked nothing"),
        other => other,
    }
}

/// A certificate for loopback that is its own authority, and its key.
fn certificate(folder: &Path) -> Result<(String, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]);
    make.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    shell::run(make.args(["-keyout", &key, "-out", &certificate]))?;
    Ok((certificate, key))
}
