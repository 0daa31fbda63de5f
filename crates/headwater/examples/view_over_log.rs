//! How fast views follow a stream that is in the log already: `view_over_log PROJECT WORKERS RUNS SETTING=VALUE…`.
//!
//! The project's enabled sources fill a log in a temporary folder; then an engine without an archive reads it from its
//! beginning, decoding only the columns that views ask for, with a checkpoint a second as always. Each figure is the
//! best of some runs; CPU time is of the whole process, with everything that a tick costs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use headwater_base::clock::{Clock, SystemClock};
use headwater_base::files::Files;
use headwater_base::files::disk::Disk;
use headwater_base::objects::Objects;
use headwater_connect::{FileSource, Target, files};
use headwater_deploy::sources::Origin;
use headwater_deploy::{Declared, Project, resolve};
use headwater_log::embedded::Options as LogOptions;
use headwater_log::{EmbeddedLog, Log, TopicConfig};
use headwater_stream::engine::{Engine, Options, Parts, Step};
use headwater_stream::source::Progress;
use headwater_stream::source::runner::Runner;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [project, workers, runs, settings @ ..] = arguments.as_slice() else {
        bail!("usage: view_over_log PROJECT WORKERS RUNS SETTING=VALUE…");
    };
    let settings: BTreeMap<String, String> =
        settings.iter().filter_map(|each| each.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let declared = resolve(Project::load(&Disk, Path::new(project), &settings)?.statements)?;
    let folder = tempfile::tempdir()?;
    let clock = SystemClock::shared();
    let log: Arc<dyn Log> =
        Arc::new(EmbeddedLog::open(Disk::shared(), folder.path(), Arc::clone(&clock), LogOptions::default())?);
    fill(&declared, &log, &clock)?;
    let (mut wall_s, mut cpu_s, mut rows) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..runs.parse::<usize>()? {
        let (wall, cpu, read) = follow(&declared, &log, &clock, workers.parse()?)?;
        (wall_s, cpu_s, rows) = (wall_s.min(wall), cpu_s.min(cpu), read);
    }
    println!("figure view_over_log_rows {rows} rows");
    println!("figure view_over_log_per_cpu {:.0} rows/CPU-s", rows as f64 / cpu_s);
    println!("figure view_over_log_speed {:.0} rows/s", rows as f64 / wall_s);
    Ok(())
}

/// Reads all enabled sources into the log.
fn fill(declared: &Declared, log: &Arc<dyn Log>, clock: &Arc<dyn Clock>) -> Result<()> {
    let disk: Arc<dyn Files> = Disk::shared();
    for source in declared.sources.iter().filter(|source| source.enabled) {
        let stream = &source.stream;
        let config = TopicConfig { partitions: stream.partitions, retention: None, archived: false };
        log.create_topic(&stream.topic, &config)?;
        let Origin::Files(origin) = source.origin.clone() else { bail!("{} reads no files", source.name) };
        let target = Target { schema: Arc::clone(&stream.schema), format: stream.format, event_time: None };
        let options = files::Options { path: origin.path, format: origin.format, follow: false, speed: None };
        let opened = FileSource::new(Arc::clone(&disk), Arc::clone(clock), target, options)
            .map_err(headwater_stream::Error::from)?;
        let mut runner =
            Runner::open(&source.name, Box::new(opened), Arc::clone(stream), log.as_ref(), Arc::clone(clock))?;
        while runner.step()? != Progress::End {}
    }
    Ok(())
}

/// Follows the log from its beginning to its end; returns wall and CPU seconds and the rows read.
fn follow(declared: &Declared, log: &Arc<dyn Log>, clock: &Arc<dyn Clock>, workers: usize) -> Result<(f64, f64, u64)> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let options = Options { workers, threads: workers > 1, needed_columns_only: true, ..Options::default() };
    let mut engine = Engine::open(Parts {
        graph: Arc::clone(&declared.graph),
        log: Arc::clone(log),
        store,
        lake: None,
        clock: Arc::clone(clock),
        runtime: Arc::new(Runtime::new()?),
        options,
    })?;
    let (began, busy) = (clock.elapsed(), on_cpu()?);
    while matches!(engine.step()?, Step::Worked) {}
    engine.settle()?;
    let (wall, cpu) = (clock.elapsed() - began, on_cpu()? - busy);
    let published = engine.published().lock();
    if !published.stopped().is_empty() || published.status.dead_letters > 0 {
        bail!("{} dead letters; {:?}", published.status.dead_letters, published.stopped());
    }
    for (name, table) in &published.tables {
        eprintln!("{name}: {} rows", table.len());
    }
    Ok((wall.as_secs_f64(), cpu.as_secs_f64(), published.status.rows.values().sum()))
}

/// User and system time of this process so far, of all its threads, in steps of 10 ms.
fn on_cpu() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("no /proc here")?;
    // The name in parentheses may hold spaces; state is the first field after it, utime the 12th.
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok()).context("a short /proc/self/stat");
    Ok(Duration::from_millis((ticks()? + ticks()?) * 10))
}
