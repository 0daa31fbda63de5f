//! Crates that compute, beside the libraries of others that compute the same: over made-up rows and, where they are here,
//! real ones.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{random, shell};

/// A crate's example that answers, and the script that asks it and the others.
struct Beside {
    package: &'static str,
    example: &'static str,
    script: &'static str,
    /// What it takes of the real data.
    data: &'static str,
}

const ALL: [Beside; 2] = [
    Beside {
        package: "headwater-experiment",
        example: "analyse",
        script: "experiments.py",
        data: "ab_cookie_cats/cookie_cats.csv",
    },
    Beside { package: "headwater-learn", example: "compare", script: "learn.py", data: "" },
];

/// What LightGBM needs and its package does not bring.
const OPENMP: &str = "/usr/lib/x86_64-linux-gnu/libgomp.so.1";

/// Returns the number of checks that passed.
pub fn check(daily_files: Option<&Path>) -> Result<usize> {
    let python = super::python()?;
    if !Path::new(OPENMP).exists() {
        shell::run(Command::new("apt-get").args(["install", "--yes", "libgomp1"]))
            .context("LightGBM does not work here: install the package libgomp1")?;
    }
    let mut passed = 0;
    for beside in ALL {
        passed += beside.check(&python, daily_files.and_then(Path::parent))?;
    }
    Ok(passed)
}

impl Beside {
    fn check(&self, python: &Path, data: Option<&Path>) -> Result<usize> {
        let Beside { package, example, script, .. } = self;
        shell::run(shell::cargo().args(["build", "--package", package, "--example", example]))?;
        let folder = shell::target_dir().join("clients-figures");
        shell::fresh_dir(&folder)?;
        let seed = random::fresh_seed().to_string();
        let mut command = Command::new(python);
        command.arg(shell::root().join("tests/clients").join(script));
        command.arg(shell::target_dir().join("debug/examples").join(example)).arg(folder.join("run")).arg(&seed);
        command.args(data.map(|data| data.join(self.data)));
        let mut passed = 0;
        shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))
            .with_context(|| format!("{script} with seed {seed}, in {}", folder.display()))?;
        if passed == 0 {
            bail!("{script} checked nothing");
        }
        shell::fresh_dir(&folder)?;
        Ok(passed)
    }
}
