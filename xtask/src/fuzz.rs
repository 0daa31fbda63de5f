//! cargo-fuzz targets: each stands beside its decoder, in `crates/NAME/fuzz/fuzz_targets/`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The target; without one, all are listed.
    name: Option<String>,
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub fn run(options: &Options) -> Result<()> {
    let targets = targets()?;
    let listed = targets.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let Some(wanted) = &options.name else {
        println!("fuzz targets: {}", if listed.is_empty() { "none" } else { &listed });
        return Ok(());
    };
    let Some((name, folder)) = targets.iter().find(|(name, _)| name == wanted) else {
        bail!("there is no fuzz target {wanted}; there are: {listed}");
    };
    smoke(name, folder, options.seconds)
}

/// (name, fuzz folder of its crate) of every target.
pub fn targets() -> Result<Vec<(String, PathBuf)>> {
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(shell::root().join("crates"))? {
        let folder = entry?.path().join("fuzz");
        let Ok(files) = std::fs::read_dir(folder.join("fuzz_targets")) else { continue };
        for file in files {
            let path = file?.path();
            if let (Some(stem), Some("rs")) = (path.file_stem(), path.extension().and_then(|e| e.to_str())) {
                targets.push((stem.to_string_lossy().into_owned(), folder.clone()));
            }
        }
    }
    targets.sort();
    Ok(targets)
}

/// Runs one target for some seconds.
pub fn smoke(name: &str, folder: &std::path::Path, seconds: u64) -> Result<()> {
    let tools = shell::target_dir().join("tools");
    let cargo_fuzz = tools.join("bin/cargo-fuzz");
    if !cargo_fuzz.exists() {
        shell::run(shell::cargo().args(["install", "cargo-fuzz", "--locked", "--root"]).arg(&tools))?;
    }
    let folder = folder.to_str().context("the path of the fuzz folder is not UTF-8")?;
    let mut command = std::process::Command::new(cargo_fuzz);
    // The sanitizers need unstable flags, which the pinned toolchain accepts this way.
    command.current_dir(shell::root()).env("RUSTC_BOOTSTRAP", "1");
    command.args(["run", "--fuzz-dir", folder, name, "--", &format!("-max_total_time={seconds}")]);
    shell::run(&mut command)
}
