//! The long tests by name, each with its count and the seed that repeats it.

use std::path::PathBuf;

use anyhow::Result;

use crate::node::Which;
use crate::{kills, shell};

#[derive(Debug, clap::Args)]
pub struct Options {
    name: Name,
    /// `kills`: how often the node is killed.
    #[arg(long, default_value_t = 20)]
    pub kills: usize,
    /// `log` and `stream`: how many seeds the simulated disk runs through; `views`: how many sets of random views.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Repeats a run; without it a fresh one is taken and printed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The folder of real data (the one that holds `online_retail`).
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// `kills`: over how many seconds the rows come; 0 is as fast as can be.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub paced: f64,
    #[arg(long)]
    pub workers: Option<usize>,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Name {
    /// Kills a node over examples/retail again and again; no number may change.
    Kills,
    /// The log on a disk that fails, tears and forgets.
    Log,
    /// Log, views and archives on such a disk.
    Stream,
    /// Random views over random rows, each against its query in batch.
    Views,
}

pub fn run(options: &Options) -> Result<()> {
    match options.name {
        Name::Kills => kills::soak(options),
        Name::Log => simulate("headwater-log", "simulated", options),
        Name::Stream => simulate("headwater-stream", "simulated", options),
        Name::Views => simulate("headwater-stream", "random_views", options),
    }
}

/// Some tests of a crate on the simulated disk, over as many seeds as asked.
fn simulate(package: &str, tests: &str, options: &Options) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--package", package, "--", tests, "--nocapture"]);
    cargo.env("HEADWATER_SEEDS", options.seeds.to_string());
    if let Some(seed) = options.seed {
        cargo.env("HEADWATER_SEED", seed.to_string());
    }
    shell::run(&mut cargo)
}
