//! One run of examples/retail at full speed, then every fact and invariant about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::node::{Binary, Profile, Which};
use crate::retail::{self, Report};
use crate::{clicks, shell};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder of real data (the one that holds `online_retail`); without one, generated data.
    #[arg(long)]
    pub data: Option<PathBuf>,
    #[arg(long)]
    pub workers: Option<usize>,
    #[command(flatten)]
    pub which: Which,
}

/// Longer than any run that still makes sense, on a slow machine with a dev build.
pub const LIMIT: Duration = Duration::from_secs(900);

pub fn run(options: &Options) -> Result<()> {
    let binary = options.which.get(Profile::Dev)?;
    let daily_files = retail::daily_files(options.data.as_deref())?;
    check(&binary, daily_files.as_deref(), options.workers)?;
    if let Some(files) = daily_files {
        clicks::check(&binary, &files)?;
    }
    Ok(())
}

/// Runs and checks; returns the number of checks and where the data folder is.
pub fn check(binary: &Binary, daily_files: Option<&Path>, workers: Option<usize>) -> Result<(usize, PathBuf)> {
    let of = if daily_files.is_some() { "real" } else { "generated" };
    let folder = shell::target_dir().join("facts").join(of);
    shell::fresh_dir(&folder)?;
    let data_dir = folder.join("data");
    let took = retail::start(&data_dir, daily_files).workers(workers).until_idle().finish(binary, LIMIT)?;
    println!("examples/retail on {of} data ran in {}", shell::spoken(took));
    let mut report = Report::default();
    if daily_files.is_some() {
        retail::check_facts(binary, &data_dir, &mut report);
    }
    retail::check_invariants(binary, &data_dir, &mut report)?;
    Ok((report.close(&format!("facts on {of} data"))?, data_dir))
}
