//! Great Expectations beside our suites, over generated rows and, where they are here, real ones.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::node::Binary;
use crate::{random, shell};

/// Returns the number of checks that passed.
pub fn check(binary: &Binary, daily_files: Option<&Path>) -> Result<usize> {
    let python = super::python()?;
    let folder = shell::target_dir().join("clients-expectations");
    shell::fresh_dir(&folder)?;
    let seed = random::fresh_seed().to_string();
    let mut command = Command::new(&python);
    command.arg(shell::root().join("tests/clients/expectations.py"));
    command.arg(binary.path()).arg(folder.join("run")).arg(&seed).args(daily_files);
    let mut passed = 0;
    shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))
        .with_context(|| format!("expectations.py with seed {seed}, in {}", folder.display()))?;
    if passed == 0 {
        bail!("expectations.py checked nothing");
    }
    shell::fresh_dir(&folder)?;
    Ok(passed)
}
