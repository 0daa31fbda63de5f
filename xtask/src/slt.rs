//! The SQL logic tests: `tests/slt/**/*.slt`, run by the one test binary that hosts them.

use anyhow::Result;

use crate::shell;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write what the engine answers into the files instead of comparing; read the diff after.
    #[arg(long)]
    complete: bool,
    /// Only files whose path contains this.
    filter: Option<String>,
}

/// Runs the files; the host reads `SLT_COMPLETE` and `SLT_FILTER`.
pub fn run(options: &Options) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--package", "headwater", "--test", "headwater", "--", "slt", "--nocapture"]);
    if options.complete {
        cargo.env("SLT_COMPLETE", "1");
    }
    if let Some(filter) = &options.filter {
        cargo.env("SLT_FILTER", filter);
    }
    shell::run(&mut cargo)
}
