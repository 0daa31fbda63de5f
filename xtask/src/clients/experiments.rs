//! hashlib, scipy and statsmodels beside our experiments, over made-up rows and, where they are here, real ones.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{random, shell};

/// Below the folder of real data.
const COOKIE_CATS: &str = "ab_cookie_cats/cookie_cats.csv";

/// Returns the number of checks that passed.
pub fn check(daily_files: Option<&Path>) -> Result<usize> {
    let python = super::python()?;
    shell::run(shell::cargo().args(["build", "--package", "headwater-experiment", "--example", "analyse"]))?;
    let folder = shell::target_dir().join("clients-experiments");
    shell::fresh_dir(&folder)?;
    let seed = random::fresh_seed().to_string();
    let mut command = Command::new(&python);
    command.arg(shell::root().join("tests/clients/experiments.py"));
    command.arg(shell::target_dir().join("debug/examples/analyse")).arg(folder.join("run")).arg(&seed);
    command.args(daily_files.and_then(Path::parent).map(|data| data.join(COOKIE_CATS)));
    let mut passed = 0;
    shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))
        .with_context(|| format!("experiments.py with seed {seed}, in {}", folder.display()))?;
    if passed == 0 {
        bail!("experiments.py checked nothing");
    }
    shell::fresh_dir(&folder)?;
    Ok(passed)
}
