//! Everything that must hold before a change goes in, in one command.
//!
//! The order puts what fails fastest first. The engine is compiled once for lints (check
//! artifacts) and once for everything that runs (dev profile, the same features throughout).

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::kills::Plan;
use crate::node::{Binary, Profile};
use crate::{clicks, clients, console, facts, fuzz, kills, random, retail, shell, tidy};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder of real data (the one that holds `online_retail`); default: the one beside the project.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Repeats a run; without it a fresh one is taken and printed.
    #[arg(long)]
    seed: Option<u64>,
}

const SMOKE_KILLS: usize = 6;
const SMOKE_FUZZ_SECONDS: u64 = 10;

const SMOKE_SECONDS: f64 = 10.0;

/// Runs all stages, also after one has failed, unless nothing was built to go on with.
pub fn run(options: &Options) -> Result<()> {
    let started = shell::now();
    let seed = options.seed.unwrap_or_else(random::fresh_seed);
    let daily_files = retail::daily_files(options.data.as_deref())?;
    println!("ci: --seed {seed}");
    let mut stages = Stages::default();
    // First, since a binary that is built without Node has no console.
    stages.run("packages of the console", || console::install().map(|()| 1));
    stages.run("format", || shell::run(shell::cargo().args(["fmt", "--all", "--check"])).map(|()| 1));
    stages.run("tidy", || tidy::run().map(|()| 1));
    stages.run("lints", || {
        let mut cargo = shell::cargo();
        shell::run(cargo.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])).map(|()| 1)
    });
    let mut built = None;
    stages.run("build", || {
        built = Some(Binary::build(Profile::Dev)?);
        Ok(1)
    });
    if let Some(binary) = &built {
        stages.tests();
        platform(&mut stages, binary, daily_files.as_deref(), seed);
        stages.run("console", || console::check(binary));
    }
    stages.fuzz();
    stages.close(started.elapsed(), daily_files.is_some())
}

/// `cargo test` over the workspace.
pub fn test(arguments: &[String]) -> Result<()> {
    shell::run(shell::cargo().args(["test", "--workspace"]).args(arguments))
}

/// What drives the whole binary from outside: on generated data always, on real data where there is some.
fn platform(stages: &mut Stages, binary: &Binary, daily_files: Option<&Path>, seed: u64) {
    let mut kinds = vec![(None, "generated")];
    if daily_files.is_some() {
        kinds.push((daily_files, "real"));
    }
    for (files, kind) in kinds {
        let mut data_dir = None;
        stages.run(&format!("facts on {kind} data"), || {
            let (passed, dir) = facts::check(binary, files, None)?;
            data_dir = Some(dir);
            Ok(passed)
        });
        if let Some(dir) = &data_dir {
            stages.run(&format!("clients on {kind} data"), || clients::check(binary, dir));
        }
        if let Some(files) = files {
            stages.run("sessions of real clicks", || clicks::check(binary, files));
        }
        stages.run(&format!("kills on {kind} data"), || {
            let daily_files = files.map(Path::to_path_buf);
            kills::check(binary, &Plan { kills: SMOKE_KILLS, seed, daily_files, seconds: SMOKE_SECONDS, workers: None })
        });
    }
}

/// What has been run, and how it went.
#[derive(Default)]
struct Stages {
    times: Vec<(String, Duration)>,
    passed: usize,
    failures: Vec<String>,
}

impl Stages {
    /// Runs a stage, which returns how many checks passed in it.
    fn run(&mut self, name: &str, stage: impl FnOnce() -> Result<usize>) {
        println!("\n== {name}");
        let started = shell::now();
        match stage() {
            Ok(passed) => self.passed += passed,
            Err(error) => {
                println!("FAILED {name}: {error:#}");
                self.failures.push(name.to_string());
            }
        }
        println!("== {name}: {}", shell::spoken(started.elapsed()));
        self.times.push((name.to_string(), started.elapsed()));
    }

    /// The tests of all crates, each counted.
    fn tests(&mut self) {
        let (mut passed, mut failed) = (0, 0);
        self.run("tests", || {
            let mut cargo = shell::cargo();
            shell::run_watched(cargo.args(["test", "--workspace", "--no-fail-fast"]), |line| {
                if let Some((ok, not_ok)) = counts(line) {
                    (passed, failed) = (passed + ok, failed + not_ok);
                }
            })?;
            Ok(0)
        });
        self.passed += passed;
        // The stage itself counts as one failure.
        self.failures.extend((1..failed).map(|_| "a test".to_string()));
    }

    fn fuzz(&mut self) {
        match fuzz::targets() {
            Ok(targets) => {
                for (name, folder) in targets {
                    self.run(&format!("fuzz {name}"), || fuzz::smoke(&name, &folder, SMOKE_FUZZ_SECONDS).map(|()| 1));
                }
            }
            Err(error) => self.failures.push(format!("fuzz targets: {error:#}")),
        }
    }

    /// Times, what was not run for want of data, and the closing line.
    fn close(self, total: Duration, with_real_data: bool) -> Result<()> {
        println!("\nstages:");
        for (name, time) in &self.times {
            let mark = if self.failures.contains(name) { "FAILED" } else { "ok" };
            println!("  {mark:6} {name}: {}", shell::spoken(*time));
        }
        println!("  in all {}", shell::spoken(total));
        if !with_real_data {
            for what in ["facts", "clients", "kills"] {
                println!("not run for want of data: {what} on real data (give --data DIR, which holds online_retail)");
            }
        }
        println!("{} passed, {} failed", self.passed, self.failures.len());
        if self.failures.is_empty() { Ok(()) } else { Err(anyhow!("failed: {}", self.failures.join(", "))) }
    }
}

/// (passed, failed) from a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_prefix("test result: ")?;
    let count = |word: &str| rest.split(word).next()?.rsplit([' ', ';']).next()?.parse().ok();
    Some((count(" passed")?, count(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_summary_line() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(counts(line), Some((12, 3)));
        assert_eq!(counts("running 3 tests"), None);
    }
}
