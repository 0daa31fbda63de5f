//! Other people's clients: Delta readers over our archives (`deltalake`, `duckdb`), PostgreSQL clients at our door,
//! and Schemathesis at that of HTTP; Great Expectations beside our suites, scipy and statsmodels beside our
//! experiments, scikit-learn, shap and LightGBM beside our models, and models of scikit-learn behind our doors.
//! Python packages are in a virtual environment that is made on first use and kept below cargo's target folder.

mod expectations;
mod figures;
mod jdbc;
mod models;
mod openapi;
mod postgres;
mod storage;
mod users;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::facts;
use crate::node::{Binary, Profile};
use crate::retail;
use crate::shell;

/// Runs examples/retail and reads its archives from outside.
pub fn run(options: &facts::Options) -> Result<()> {
    let binary = options.which.get(Profile::Dev)?;
    let daily_files = retail::daily_files(options.data.as_deref())?;
    let (_, data_dir) = facts::check(&binary, daily_files.as_deref(), options.workers)?;
    check(&binary, &data_dir, daily_files.as_deref()).map(|_| ())
}

/// Checks the archives of a finished run; returns the number of checks.
/// What they should hold is asked of the node, whose answers the facts have checked before.
pub fn check(binary: &Binary, data_dir: &Path, daily_files: Option<&Path>) -> Result<usize> {
    let python = python()?;
    let mut passed =
        postgres::check(binary)? + users::check(binary)? + openapi::check(binary)? + storage::check(binary)?;
    passed += expectations::check(binary, daily_files)? + figures::check(daily_files)? + models::check(binary)?;
    for stream in retail::ARCHIVED {
        let rows = retail::value(binary, data_dir, &format!("SELECT count(*) FROM {stream}"))?;
        let sum = retail::value(binary, data_dir, &format!("SELECT sum(quantity * unitprice) FROM {stream}"))?;
        let mut command = Command::new(&python);
        command.arg(shell::root().join("tests/clients/archive.py")).arg(data_dir.join("lake").join(stream));
        shell::run_watched(command.args(["--rows", &rows, "--sum", &sum]), |line| {
            passed += usize::from(line.starts_with("ok "));
        })?;
    }
    if passed == 0 {
        bail!("the clients checked nothing");
    }
    Ok(passed)
}

/// Makes sure that a program is here: installs its Debian package where it does not answer.
pub fn installed(program: &str, asked: &[&str], package: &str) -> Result<()> {
    if Command::new(program).args(asked).output().is_ok() {
        return Ok(());
    }
    shell::run(Command::new("apt-get").arg("update"))
        .and_then(|()| shell::run(Command::new("apt-get").args(["install", "--yes", package])))
        .with_context(|| format!("{program} is not here: install the package {package}"))
}

/// The interpreter of an environment with the pinned packages.
pub fn python() -> Result<PathBuf> {
    let pinned = std::fs::read_to_string(shell::root().join("tests/clients/requirements.txt"))?;
    let folder = shell::target_dir().join("clients-python");
    let python = folder.join("bin/python");
    let installed = folder.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == pinned) {
        return Ok(python);
    }
    shell::fresh_dir(&folder)?;
    let mut make = Command::new("python3");
    if shell::run(make.args(["-m", "venv"]).arg(&folder)).is_err() {
        // Debian ships Python without it.
        shell::run(Command::new("apt-get").args(["install", "--yes", "python3-venv"]))
            .context("python3 -m venv does not work here: install the package python3-venv")?;
        shell::fresh_dir(&folder)?;
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let requirements = shell::root().join("tests/clients/requirements.txt");
    shell::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))?;
    std::fs::write(&installed, pinned)?;
    Ok(python)
}
