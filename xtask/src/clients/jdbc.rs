//! PostgreSQL's JDBC driver, from Maven Central, against the node of the other PostgreSQL clients.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

const VERSION: &str = "42.7.14";
const SHA256: &str = "73914527305a40cce504b0d3d90b23caf565136912d607ae8ae7c5895512332c";

/// Returns the number of checks that passed.
pub fn check(address: &str) -> Result<usize> {
    super::installed("javac", &["-version"], "default-jdk-headless")?;
    let (mut passed, mut command) = (0, Command::new("java"));
    command.arg("-cp").arg(driver()?).arg(shell::root().join("tests/clients/Jdbc.java")).arg(address);
    shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))?;
    Ok(passed)
}

/// The driver's file, which is fetched on first use.
fn driver() -> Result<PathBuf> {
    let folder = shell::target_dir().join("clients-java");
    let file = folder.join(format!("postgresql-{VERSION}.jar"));
    if file.exists() {
        return Ok(file);
    }
    super::installed("curl", &["--version"], "curl")?;
    shell::fresh_dir(&folder)?;
    let draft = folder.join("draft.jar");
    let url = format!("https://repo1.maven.org/maven2/org/postgresql/postgresql/{VERSION}/postgresql-{VERSION}.jar");
    shell::run(Command::new("curl").args(["--silent", "--show-error", "--fail", "--output"]).arg(&draft).arg(url))?;
    let sum = shell::output(Command::new("sha256sum").arg(&draft))?;
    if !sum.starts_with(SHA256) {
        bail!("the JDBC driver {VERSION} is not the one that is pinned: {sum}");
    }
    std::fs::rename(&draft, &file)?;
    Ok(file)
}
