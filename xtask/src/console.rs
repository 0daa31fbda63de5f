//! The console in a real browser: its sources checked, then Debian's Chromium before the pages that a node serves.
//!
//! The binary's own console is tested, not a build beside it, so a binary without one fails.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::node::{Binary, Profile, Which};
use crate::{clients, shell};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    which: Which,
    /// Keeps a picture of every page in this folder.
    #[arg(long)]
    pictures: Option<std::path::PathBuf>,
}

/// A figure needs some samples before there is a line to see.
const PICTURES_AFTER_MS: &str = "6000";

pub fn run(options: &Options) -> Result<()> {
    let binary = options.which.get(Profile::Dev)?;
    let pictures = options.pictures.as_deref().map(std::path::absolute).transpose()?;
    test(&binary, pictures.as_deref()).map(|_| ())
}

/// Returns the number of tests that passed.
pub fn check(binary: &Binary) -> Result<usize> {
    test(binary, None)
}

fn test(binary: &Binary, pictures: Option<&Path>) -> Result<usize> {
    install()?;
    shell::run(npm().args(["run", "check"]))?;
    let mut command = npm();
    command.args(["test", "--", "--test-reporter=tap"]);
    command.env("HEADWATER_BINARY", binary.path()).env_remove("HEADWATER_CONSOLE");
    if let Some(folder) = pictures {
        command.env("HEADWATER_PICTURES", folder).env("HEADWATER_PICTURES_AFTER_MS", PICTURES_AFTER_MS);
    }
    let mut passed = 0;
    shell::run_watched(&mut command, |line| {
        if let Some(count) = line.strip_prefix("# pass ") {
            passed = count.trim().parse().unwrap_or(0);
        }
    })?;
    if passed == 0 {
        bail!("the console's tests checked nothing");
    }
    Ok(passed)
}

/// Node, Chromium, what makes certificates, and the packages of the lock file, unless the gateway's build has installed those.
pub fn install() -> Result<()> {
    shell::debian("npm", &["nodejs", "npm"])?;
    shell::debian("chromium", &["chromium"])?;
    clients::installed("openssl", &["version"], "openssl")?;
    let folder = shell::root().join("console");
    let wanted = std::fs::read_to_string(folder.join("package-lock.json"))?;
    let installed = folder.join("node_modules/.installed-by");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    shell::run(npm().args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    std::fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(shell::root().join("console"));
    command
}
