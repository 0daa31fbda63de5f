//! Measurements anyone can repeat: what they measure is said in `bench/README.md`.
//!
//! They print `figure NAME VALUE UNIT` and `ratio NAME OURS PEER OURS/PEER` lines after one that
//! names machine, versions and settings. Nothing here asserts a speed.

mod asof;
mod bids;
mod calendar;
mod expectations;
mod http;
mod lookups;
mod nexmark;
mod nexmark_all;
mod retail;
mod runs;
mod serving;
mod shop;
mod training;
mod usage;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::node::{Profile, Which};
use crate::shell;

#[derive(Debug, clap::Args)]
pub struct Options {
    name: Name,
    /// The queries of `nexmark-all` that are asked; default: all.
    #[arg(long, value_delimiter = ',')]
    queries: Vec<String>,
    /// The folder of real data (the one that holds `online_retail`), for `retail`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// How many rows or events at least; default 10 million for `retail`, 3 million for `bids`.
    #[arg(long)]
    rows: Option<u64>,
    #[arg(long)]
    workers: Option<usize>,
    /// How long each measurement of `http` takes; where nothing is said, 10 for loads, 60 for latencies.
    #[arg(long)]
    seconds: Option<u64>,
    /// Only this part of `http`; all of them where none is named.
    #[arg(long, value_enum)]
    part: Vec<http::Part>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Name {
    /// Real sales repeated to 10 million rows: rows per second, memory, time until ready.
    Retail,
    /// A tumbling view over JSON bids: events per CPU-second, against Flink where PEERS is set.
    Bids,
    /// Queries of Nexmark over JSON bids, each against Flink where PEERS is set.
    Nexmark,
    /// The other queries of Nexmark, over persons, auctions and bids, each against Flink where PEERS is set.
    NexmarkAll,
    /// Rows of a keyed view by their keys, over PostgreSQL's protocol: lookups per second, latency.
    Lookups,
    /// Events in over HTTP, against Redis and NATS; until a view shows them; rows out; many connections.
    Http,
    /// A million labels with the last of ten million versions, over Parquet files, beside DuckDB.
    Asof,
    /// Five expectations over 10 million rows, beside Great Expectations, Pandera and Soda where PEERS is set.
    Expectations,
    /// Ten empty refreshes in a chain, beside Airflow where PEERS is set; how late runs begin among 10,000 schedules.
    Runs,
    /// Features and predictions over HTTP, beside Feast and MLflow where PEERS is set; rows scored in a view.
    Serving,
    /// Gradient boosting on 200,000 rows of 20 features, beside LightGBM.
    Training,
    /// 90 days of examples/shop, and its dashboard in a browser.
    Shop,
    /// The embedded log alone on this machine's disk.
    Log,
    /// Decoding alone on one core, beside arrow's own readers.
    Decode,
}

pub fn run(options: &Options) -> Result<()> {
    match options.name {
        Name::Retail => retail::run(options),
        Name::Bids => bids::run(options),
        Name::Nexmark => nexmark::run(options),
        Name::NexmarkAll => nexmark_all::run(options),
        Name::Lookups => lookups::run(options),
        Name::Http => http::run(options),
        Name::Asof => asof::run(options),
        Name::Expectations => expectations::run(options),
        Name::Runs => runs::run(options),
        Name::Serving => serving::run(options),
        Name::Training => training::run(options),
        Name::Shop => shop::run(options),
        Name::Log => example(options, "headwater-log", "throughput"),
        Name::Decode => example(options, "headwater-format", "decode_speed"),
    }
}

/// A measurement that stands beside what it measures, as an example of its crate.
fn example(options: &Options, package: &str, name: &str) -> Result<()> {
    headline(options, &format!("example {name} of {package}"));
    shell::run(&mut example_command(package, name))
}

fn example_command(package: &str, name: &str) -> Command {
    let mut command = shell::cargo();
    command.args(["run", "--quiet", "--release", "--package", package, "--example", name]);
    command
}

/// A project of some of the files in `bench/NAME`.
fn project(bench: &str, folder: &Path, name: &str, files: &[&str]) -> Result<PathBuf> {
    let project = folder.join(name);
    shell::fresh_dir(&project)?;
    for file in files.iter().chain(&["headwater.toml"]) {
        let from = shell::root().join("bench").join(bench).join(file);
        let name = Path::new(file).file_name().context("a file has a name")?;
        std::fs::copy(&from, project.join(name)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(project)
}

/// The line that says what was measured on.
fn headline(options: &Options, settings: &str) {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    let first_line = |command: &mut Command| {
        shell::output(command).ok().and_then(|text| text.lines().next().map(str::to_string)).unwrap_or_default()
    };
    let commit = first_line(Command::new("git").current_dir(shell::root()).args(["describe", "--always", "--dirty"]));
    let rustc = first_line(Command::new("rustc").current_dir(shell::root()).arg("--version"));
    println!(
        "on {} ({cores} cores, {} GiB); headwater {commit}, {rustc}, {}, workers {}; {settings}",
        model.unwrap_or("unknown processor"),
        memory_kib / (1 << 20),
        options.which.named(Profile::Release),
        options.workers.map_or("default".to_string(), |n| n.to_string()),
    );
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("figure {name} {} {unit}", rounded(value));
}

fn ratio(name: &str, ours: f64, peer: f64) {
    println!("ratio {name} {} {} {:.2}", rounded(ours), rounded(peer), ours / peer);
}

fn rounded(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
