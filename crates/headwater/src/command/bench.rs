//! `headwater bench`: how fast a project's views follow their streams on this machine, apart from sources and archives.
//!
//! The enabled sources fill a log in a temporary folder; then an engine without an archive reads it from its beginning,
//! decoding only the columns that views ask for, with a checkpoint a second as always. Each figure is the best of some
//! runs, and counts only the second part. CPU time is of the whole process, with everything that a tick costs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use headwater_base::clock::{Clock, SystemClock};
use headwater_base::files::disk::Disk;
use headwater_deploy::{Declared, resolve};
use headwater_log::{Log, TopicConfig};
use headwater_stream::engine::{Engine, Options as EngineOptions, Parts, Step};
use headwater_stream::source::Progress;
use headwater_stream::source::runner::Runner;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use tokio::runtime::Runtime;

use super::ProjectOptions;
use crate::folder::DataFolder;
use crate::sources;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    project: ProjectOptions,

    /// Threads that run views
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: usize,

    /// How often the log is read
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
}

pub fn run(options: &Options) -> Result<()> {
    let project = options.project.load()?;
    let declared = resolve(project.statements)?;
    check_tables(&declared)?;
    let clock = SystemClock::shared();
    let (mut wall_s, mut cpu_s, mut rows) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..options.runs.max(1) {
        // A log of its own each time: what an engine noted in one stands for its checkpoints.
        let folder = Temporary(std::env::temp_dir().join(format!("headwater-bench-{}", std::process::id())));
        let log: Arc<dyn Log> = Arc::new(DataFolder::new(folder.0.clone()).log(false)?);
        fill(&declared, &project.root, &log, &clock)?;
        let (wall, cpu, read) = follow(&declared, &log, &clock, options.workers.max(1))?;
        (wall_s, cpu_s, rows) = (wall_s.min(wall), cpu_s.min(cpu), read);
    }
    println!("figure views_rows {rows} rows");
    println!("figure views_per_cpu {:.0} rows/CPU-s", rows as f64 / cpu_s);
    println!("figure views_speed {:.0} rows/s", rows as f64 / wall_s);
    Ok(())
}

/// A folder that goes with its handle.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // The system's temporary folder is swept by others, too.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads all enabled sources into the log.
fn fill(declared: &Declared, root: &Path, log: &Arc<dyn Log>, clock: &Arc<dyn Clock>) -> Result<()> {
    for source in declared.sources.iter().filter(|source| source.enabled) {
        let stream = &source.stream;
        let config = TopicConfig { partitions: stream.partitions, retention: None, archived: false };
        log.create_topic(&stream.topic, &config)?;
        let opened = sources::open(source, &Disk::shared(), root, clock, &Arc::default())?;
        let mut runner = Runner::open(&source.name, opened, Arc::clone(stream), log.as_ref(), Arc::clone(clock))?;
        while runner.step()? != Progress::End {}
    }
    Ok(())
}

/// Refuses what a measurement has not: tables that somebody wrote.
fn check_tables(declared: &Declared) -> Result<()> {
    match declared.graph.tables().next() {
        Some((_, plan)) => bail!("views read table {}: bench measures views over streams alone", plan.table.name),
        None => Ok(()),
    }
}

/// Follows the log from its beginning to its end; returns wall and CPU seconds and the rows read.
fn follow(declared: &Declared, log: &Arc<dyn Log>, clock: &Arc<dyn Clock>, workers: usize) -> Result<(f64, f64, u64)> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let options =
        EngineOptions { workers, threads: workers > 1, needed_columns_only: true, ..EngineOptions::default() };
    let mut engine = Engine::open(Parts {
        graph: Arc::clone(&declared.graph),
        log: Arc::clone(log),
        store,
        lake: None,
        tables: Arc::new(()),
        clock: Arc::clone(clock),
        runtime: Arc::new(Runtime::new()?),
        options,
        role: headwater_stream::engine::Role::Node,
        board: headwater_stream::sink::archive::Board::default(),
    })?;
    let (began, busy) = (clock.elapsed(), on_cpu()?);
    while matches!(engine.step()?, Step::Worked) {}
    engine.settle()?;
    let (wall, cpu) = (clock.elapsed() - began, on_cpu()? - busy);
    let published = engine.published().lock();
    if !published.stopped().is_empty() || published.status.dead_letters > 0 {
        bail!("{} dead letters; {:?}", published.status.dead_letters, published.stopped());
    }
    let rows = declared.sources.iter().filter_map(|source| published.status.rows.get(&source.stream.name));
    Ok((wall.as_secs_f64(), cpu.as_secs_f64(), rows.max().copied().unwrap_or(0)))
}

/// User and system time of this process so far, of all its threads, in steps of 10 ms.
fn on_cpu() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("no /proc here")?;
    // The name in parentheses may hold spaces; state is the first field after it, utime the 12th.
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok()).context("a short /proc/self/stat");
    Ok(Duration::from_millis((ticks()? + ticks()?) * 10))
}
