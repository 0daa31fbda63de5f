//! The `headwater` binary: command line, configuration, wiring.
//!
//! Everything that a node does lives in the rooms below; here they are only put together.

mod alerts;
mod allocator;
mod command;
mod folder;
mod node;
mod report;
mod sinks;
mod sources;
mod storage;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    allocator::set();
    let arguments = command::Arguments::parse();
    report::start_logging();
    match arguments.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}
