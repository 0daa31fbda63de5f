//! The one door for developers: `cargo xtask ci`, `tidy`, `soak`, `bench` and their like.
//!
//! It builds and drives the real binary from outside, as a user would, and must not use any
//! crate of the platform: what it finds is then found with nothing shared.

mod bench;
mod ci;
mod clicks;
mod clients;
mod console;
mod csv;
mod facts;
mod fuzz;
mod kills;
mod node;
mod random;
mod retail;
mod shell;
mod slt;
mod soak;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "What developers and CI run")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Exactly what CI runs: format, lints, tests, tidy, facts, clients, the console and a smoke share of kills.
    Ci(ci::Options),
    /// The tests of the workspace; further arguments go to `cargo test`.
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The SQL logic tests.
    Slt(slt::Options),
    /// One run of examples/retail at full speed, and every fact about it.
    Facts(facts::Options),
    /// The archives of examples/retail as other people's Delta readers see them.
    Clients(facts::Options),
    /// The console in a browser.
    Console(console::Options),
    /// The long tests.
    Soak(soak::Options),
    /// Measurements, as `figure` and `ratio` lines.
    Bench(bench::Options),
    /// Runs a cargo-fuzz target, or lists them.
    Fuzz(fuzz::Options),
    /// The house rules that a machine can check.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Ci(options) => ci::run(&options),
        Task::Test { arguments } => ci::test(&arguments),
        Task::Slt(options) => slt::run(&options),
        Task::Facts(options) => facts::run(&options),
        Task::Clients(options) => clients::run(&options),
        Task::Console(options) => console::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Tidy => tidy::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
