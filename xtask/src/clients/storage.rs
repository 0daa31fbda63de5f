//! Nodes beside an S3 server (`moto`): one that keeps catalog, checkpoints and lake there, one that reads what others
//! have put there; what `deltalake` reads of a node's tables; and e-mails of
//! alerts at an SMTP server (`aiosmtpd`).

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::node::Binary;
use crate::{random, shell};

const SCRIPTS: [&str; 3] = ["storage", "tables", "mail"];

/// Returns the number of checks that passed.
pub fn check(binary: &Binary) -> Result<usize> {
    SCRIPTS.iter().map(|script| run(binary, script)).sum()
}

fn run(binary: &Binary, script: &str) -> Result<usize> {
    let python = super::python()?;
    let folder = shell::target_dir().join(format!("clients-{script}"));
    shell::fresh_dir(&folder)?;
    let seed = random::fresh_seed().to_string();
    let mut command = Command::new(&python);
    command.arg(shell::root().join(format!("tests/clients/{script}.py")));
    command.arg(binary.path()).arg(folder.join("run")).arg(&seed);
    let mut passed = 0;
    shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))
        .with_context(|| format!("{script}.py with seed {seed}, in {}", folder.display()))?;
    if passed == 0 {
        bail!("{script}.py checked nothing");
    }
    shell::fresh_dir(&folder)?;
    Ok(passed)
}
