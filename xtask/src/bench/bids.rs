//! A tumbling view over JSON bids in the log, and the same query in Flink over the same bytes.

pub mod flink;
pub mod generate;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::flink::Figures;
use super::usage::{self, Usage};
use super::{Options, figure, headline, project, ratio};
use crate::node::{Binary, Profile, Start};
use crate::{retail, shell};

const EVENTS: u64 = 3_000_000;
const REPEATS: usize = 3;
const LIMIT: Duration = Duration::from_secs(1800);

pub fn run(options: &Options) -> Result<()> {
    let events = options.rows.unwrap_or(EVENTS);
    let binary = options.which.get(Profile::Release)?;
    let folder = shell::target_dir().join("bench/bids");
    std::fs::create_dir_all(&folder)?;
    let files = generate::files(&folder, events)?;
    let peer = flink::from_environment();
    let peer_said = flink::said(peer.as_ref());
    headline(options, &format!("{events} bids of {} bytes of JSON, best of {REPEATS}, {peer_said}", files.mean_bytes));

    let load = project("bids", &folder, "load", &["bids.sql"])?;
    let view = project("bids", &folder, "view", &["bids.sql", "bids_by_auction.sql"])?;
    let over_log = over_log(&binary, options, &view, "bids", &files.for_us, "bids_view_over_log")?;
    let (mut loaded, mut at_once) = (Vec::new(), Vec::new());
    let data_dir = folder.join("data");
    for _ in 0..REPEATS {
        shell::fresh_dir(&data_dir)?;
        loaded.push(measure(&binary, options, &load, &data_dir, &files.for_us)?);
        shell::fresh_dir(&data_dir)?;
        at_once.push(measure(&binary, options, &view, &data_dir, &files.for_us)?);
        check(&binary, &data_dir, events)?;
    }
    shell::fresh_dir(&data_dir)?;
    let per_cpu = |runs: &[Usage]| events as f64 / runs.iter().map(|run| run.cpu_s).fold(f64::INFINITY, f64::min);
    let per_second = |runs: &[Usage]| events as f64 / runs.iter().map(|run| run.wall_s).fold(f64::INFINITY, f64::min);
    for (name, runs) in [("bids_load", &loaded), ("bids_load_and_view", &at_once)] {
        figure(&format!("{name}_per_cpu"), per_cpu(runs), "events/CPU-s");
        figure(&format!("{name}_speed"), per_second(runs), "events/s");
        let peak = runs.iter().map(|run| run.rss_peak_mib).fold(0.0, f64::max);
        figure(&format!("{name}_rss_peak"), peak, "MiB");
    }
    if let Some(peer) = peer {
        let mut theirs = peer.run(&files.for_flink, events, REPEATS, &["tumble_agg"])?;
        let theirs = theirs.remove("tumble_agg").context("Flink printed no figures")?;
        figure("flink_tumbling_per_cpu", theirs.per_cpu, "events/CPU-s");
        figure("flink_tumbling_speed", theirs.per_second, "events/s");
        ratio("bids_view_over_log_per_cpu", over_log.per_cpu, theirs.per_cpu);
        ratio("bids_load_and_view_per_cpu", per_cpu(&at_once), theirs.per_cpu);
        ratio("bids_view_over_log_speed", over_log.per_second, theirs.per_second);
        ratio("bids_load_and_view_speed", per_second(&at_once), theirs.per_second);
    }
    Ok(())
}

/// Views alone, over streams that are in the log: the binary measures that itself. The best of all numbers of workers, for
/// each figure.
pub fn over_log(
    binary: &Binary,
    options: &Options,
    project: &Path,
    setting: &str,
    files: &Path,
    figures: &str,
) -> Result<Figures> {
    let mut best = Figures { per_cpu: 0.0, per_second: 0.0 };
    let mut workers: Vec<usize> = options.workers.into_iter().collect();
    if workers.is_empty() {
        workers = vec![1, 2];
    }
    for workers in workers {
        let bids = format!("{setting}={}", files.display());
        let (workers_said, runs) = (workers.to_string(), REPEATS.to_string());
        let mut command = binary.command(&["bench", "--set", &bids, "--workers", &workers_said, "--runs", &runs]);
        let text = shell::output(command.arg(project))?;
        let read = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("figure views_{name} ")));
            let value = line.and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
            value.with_context(|| format!("no {name} in {text}"))
        };
        let (per_cpu, per_second) = (read("per_cpu")?, read("speed")?);
        figure(&format!("{figures}_per_cpu_{workers}_workers"), per_cpu, "events/CPU-s");
        figure(&format!("{figures}_speed_{workers}_workers"), per_second, "events/s");
        best = Figures { per_cpu: best.per_cpu.max(per_cpu), per_second: best.per_second.max(per_second) };
    }
    Ok(best)
}

fn measure(binary: &Binary, options: &Options, project: &Path, data_dir: &Path, files: &Path) -> Result<Usage> {
    let start = Start::new(project, data_dir).set("bids", files.display()).workers(options.workers).until_idle();
    usage::until_end(&mut start.spawn(binary)?, LIMIT)
}

/// No bid is missing from the windows, or the figures mean nothing.
fn check(binary: &Binary, data_dir: &Path, events: u64) -> Result<()> {
    let counted = retail::value(binary, data_dir, "SELECT sum(bids) FROM bids_by_auction")?;
    if counted != events.to_string() {
        bail!("the windows count {counted} bids, should count {events}");
    }
    Ok(())
}
