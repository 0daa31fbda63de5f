//! Nodes whose catalog, checkpoints and lake are in a bucket of an S3 server (`moto`).

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::node::Binary;
use crate::{random, shell};

/// Returns the number of checks that passed.
pub fn check(binary: &Binary) -> Result<usize> {
    let python = super::python()?;
    let folder = shell::target_dir().join("clients-storage");
    shell::fresh_dir(&folder)?;
    let seed = random::fresh_seed().to_string();
    let mut command = Command::new(&python);
    command.arg(shell::root().join("tests/clients/storage.py")).arg(binary.path()).arg(folder.join("run")).arg(&seed);
    let mut passed = 0;
    shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))
        .with_context(|| format!("with seed {seed}, in {}", folder.display()))?;
    if passed == 0 {
        bail!("the nodes over a bucket checked nothing");
    }
    shell::fresh_dir(&folder)?;
    Ok(passed)
}
