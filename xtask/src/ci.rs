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
        stages.tests(daily_files.as_deref().and_then(Path::parent));
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
            stages.run(&format!("clients on {kind} data"), || clients::check(binary, dir, files));
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
    /// What cargo's tests said of those that failed: a log that is cut keeps its end.
    failed_tests: Vec<String>,
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

    /// The tests of all crates, each counted. Some take real data where it is here.
    fn tests(&mut self, data: Option<&Path>) {
        let mut seen = Tests::default();
        self.run("tests", || {
            let mut cargo = shell::cargo();
            cargo.args(["test", "--workspace", "--no-fail-fast"]).env_remove("HEADWATER_DATA");
            cargo.envs(data.map(|data| ("HEADWATER_DATA", data)));
            shell::run_watched(&mut cargo, |line| seen.read(line))?;
            Ok(0)
        });
        self.passed += seen.passed;
        self.failures.extend(seen.failed.iter().map(|name| format!("test {name}")));
        self.failed_tests = seen.told;
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
            for what in ["facts", "clients", "kills", "models"] {
                println!("not run for want of data: {what} on real data (give --data DIR, which holds online_retail)");
            }
        }
        for line in &self.failed_tests {
            println!("{line}");
        }
        println!("{} passed, {} failed", self.passed, self.failures.len());
        if self.failures.is_empty() { Ok(()) } else { Err(anyhow!("failed: {}", self.failures.join(", "))) }
    }
}

/// What `cargo test` prints, read line by line.
#[derive(Default)]
struct Tests {
    passed: usize,
    failed: Vec<String>,
    /// The output of those that failed, the beginning of each.
    told: Vec<String>,
    /// How many more lines of the test that is being told are kept; none outside of a list of failures.
    room: Option<usize>,
}

/// A panic's message and place come first; a test that logs can go on for long.
const LINES_OF_A_FAILED_TEST: usize = 30;

impl Tests {
    fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.room = None;
            self.passed +=
                rest.split(" passed").next().and_then(|text| text.rsplit(' ').next()?.parse().ok()).unwrap_or(0);
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failed.push(name.to_string());
        } else if line == "failures:" {
            self.room = Some(0);
        } else if let Some(room) = &mut self.room {
            if line.starts_with("---- ") {
                *room = LINES_OF_A_FAILED_TEST;
            }
            if *room > 0 {
                *room -= 1;
                self.told.push(line.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_test_prints_is_counted_and_failures_are_kept() {
        let mut tests = Tests::default();
        let output = "\
running 3 tests
test a ... ok
test b::c ... FAILED
test d ... ok

failures:

---- b::c stdout ----

thread 'b::c' panicked at src/lib.rs:1:2:
two is not three


failures:
    b::c

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s
running 1 test
test e ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        output.lines().for_each(|line| tests.read(line));
        assert_eq!(tests.passed, 3);
        assert_eq!(tests.failed, ["b::c"]);
        assert!(tests.told.iter().any(|line| line == "two is not three"), "{:?}", tests.told);
    }
}
