//! What clients get over the network: events in over HTTP, until a view shows them, rows out by their keys, many
//! connections at once.
//!
//! Loads are threads of this process that send bytes made beforehand. Where a rate is given, requests have their
//! moments beforehand and times count from those, so that a stall is seen by every request that it delays.

pub(in crate::bench) mod client;
mod connections;
mod cross_join;
mod events;
mod ingest;
mod latency;
mod lookups;
mod postgres;
pub(in crate::bench) mod quantiles;
mod schedule;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, figure, headline, ratio, usage};
use crate::node::{Binary, Profile};
use crate::shell;

const LOAD: Duration = Duration::from_secs(10);
const LATENCY: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Events in over HTTP, and into Redis and NATS.
    Ingest,
    /// From sending an event until a view shows it.
    Latency,
    /// Rows of a keyed view, at a fixed rate.
    Lookups,
    /// Many idle and many busy connections.
    Connections,
    /// Ingest beside a query that never ends.
    CrossJoin,
}

/// What all parts are told.
struct Settings {
    binary: Binary,
    workers: Option<usize>,
    /// Emptied of a part's data when the part ends.
    folder: PathBuf,
    /// Of each load.
    seconds: Duration,
    /// Of each measurement of latency.
    latency_seconds: Duration,
}

type Measure = fn(&Settings) -> Result<()>;

pub fn run(options: &Options) -> Result<()> {
    let asked = options.seconds.map(Duration::from_secs);
    let settings = Settings {
        binary: options.which.get(Profile::Release)?,
        workers: options.workers,
        folder: shell::target_dir().join("bench/http"),
        seconds: asked.unwrap_or(LOAD),
        latency_seconds: asked.unwrap_or(LATENCY),
    };
    std::fs::create_dir_all(&settings.folder)?;
    let said = format!(
        "events of {} bytes; {} a load, {} a latency; loads run on the same cores",
        events::EVENT_BYTES,
        shell::spoken(settings.seconds),
        shell::spoken(settings.latency_seconds)
    );
    headline(options, &said);
    let parts: [(Part, Measure); 5] = [
        (Part::Ingest, ingest::run),
        (Part::Latency, latency::run),
        (Part::Lookups, lookups::run),
        (Part::Connections, connections::run),
        (Part::CrossJoin, cross_join::run),
    ];
    for (part, run) in parts {
        if options.part.is_empty() || options.part.contains(&part) {
            room(&settings, part)?;
            run(&settings)?;
        }
    }
    Ok(())
}

/// A full disk would end a node in the middle of its measurement.
fn room(settings: &Settings, part: Part) -> Result<()> {
    // Events as fast as any system took them so far, or at the highest rate, and their archive; all loads on one node.
    let (mib_per_second, seconds) = match part {
        Part::Ingest => (450, settings.seconds),
        Part::Latency => (170, settings.latency_seconds),
        Part::CrossJoin => (3 * 300, settings.seconds),
        Part::Lookups | Part::Connections => (0, Duration::ZERO),
    };
    let needed_mib = 1024 + mib_per_second * seconds.as_secs();
    let mut df = Command::new("df");
    let told = shell::output(df.args(["--output=avail", "--block-size=1M"]).arg(&settings.folder))?;
    let free_mib: u64 = told.split_whitespace().last().and_then(|n| n.parse().ok()).context("df tells no number")?;
    if free_mib < needed_mib {
        let folder = settings.folder.display();
        bail!(
            "{folder} has room for {free_mib} MiB, and {needed_mib} may be needed: give fewer --seconds, or make room"
        );
    }
    Ok(())
}

/// Four figures of one list of times.
fn quantile_figures(name: &str, times: &quantiles::Quantiles) {
    figure(&format!("{name}_p50"), times.ms(0.5), "ms");
    figure(&format!("{name}_p95"), times.ms(0.95), "ms");
    figure(&format!("{name}_p99"), times.ms(0.99), "ms");
    figure(&format!("{name}_max"), times.max_ms(), "ms");
}

/// The first value of an answer's first row as a number.
fn number(rows: &[postgres::Row]) -> Result<u64> {
    let value = rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
    value.context("the query gave no number")
}
