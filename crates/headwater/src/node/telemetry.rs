//! What a node tells those who watch it: `/metrics` and `/health`.

use headwater_base::clock::Clock;
use headwater_gateway::metrics::{Family, Sample};
use headwater_gateway::node::{Checkpoint, Health};
use headwater_query::running::Queries;
use headwater_stream::engine::published::{Inner, Published};
use headwater_stream::letter;

/// Measurements of the engine, of queries and of the process.
pub fn metrics(published: &Published, queries: &Queries, clock: &dyn Clock) -> Vec<Family> {
    let inner = published.lock();
    let mut all = streams(&inner, clock.now_us());
    all.extend(views(&inner));
    all.extend(checkpoints(&inner, clock.now_us()));
    drop(inner);
    all.extend(statements(queries));
    all.extend(process());
    all
}

fn streams(inner: &Inner, now_us: i64) -> Vec<Family> {
    let names = || inner.ends.keys().filter(|name| *name != letter::TOPIC);
    let status = &inner.status;
    let rows = names().map(|name| (name.as_str(), status.rows.get(name).map_or(0.0, |rows| *rows as f64)));
    let of = |name: &str| status.partitions.iter().filter(move |each| each.stream == name).collect::<Vec<_>>();
    let declared: Vec<&str> = names().map(String::as_str).filter(|name| !of(name).is_empty()).collect();
    let lag = |name: &str| of(name).iter().map(|each| (each.stable - each.next).max(0) as f64).sum::<f64>();
    let behind = |name: &str| {
        // Of the partition that is furthest behind, as long as all have one.
        let watermarks = of(name).iter().map(|each| each.watermark_us).collect::<Option<Vec<i64>>>()?;
        Some((now_us - watermarks.into_iter().min()?) as f64 / 1e6)
    };
    let letters = status.dead_letters as f64;
    vec![
        Family::counter("headwater_stream_rows_total", "Rows that passed since the node started.").each("stream", rows),
        Family::gauge("headwater_stream_lag_records", "Records that may be read and are not in the views yet.")
            .each("stream", declared.iter().map(|name| (*name, lag(name)))),
        Family::gauge("headwater_stream_watermark_lag_seconds", "How far the watermark is behind the wall clock.")
            .each("stream", declared.iter().filter_map(|name| Some((*name, behind(name)?)))),
        Family::counter("headwater_dead_letters_total", "Dead letters since the data folder began.").one(letters),
    ]
}

fn views(inner: &Inner) -> Vec<Family> {
    let tables = || inner.tables.iter();
    let operators = || inner.status.operators.iter();
    let name = |name: &'static str, help| Family::gauge(name, help);
    let stopped = inner.failed.keys().map(|view| (view.as_str(), 1.0));
    vec![
        name("headwater_view_rows", "Rows that a keyed table holds.")
            .each("view", tables().map(|(view, table)| (view.as_str(), table.len() as f64))),
        name("headwater_view_bytes", "Memory of a keyed table.")
            .each("view", tables().map(|(view, table)| (view.as_str(), table.bytes() as f64))),
        name("headwater_view_stopped", "1 for a view that does not go on.").each("view", stopped),
        Family::counter("headwater_operator_rows_total", "Rows that came into a step of the dataflow.")
            .each("operator", operators().map(|(name, status)| (name.as_str(), status.rows as f64))),
        Family::counter("headwater_operator_busy_seconds_total", "Time spent in a step, summed over workers.")
            .each("operator", operators().map(|(name, status)| (name.as_str(), status.busy.as_secs_f64()))),
        name("headwater_operator_groups", "Groups that a step holds.")
            .each("operator", operators().map(|(name, status)| (name.as_str(), status.state.groups as f64))),
        name("headwater_operator_state_bytes", "State that a step holds.")
            .each("operator", operators().map(|(name, status)| (name.as_str(), status.state.state_bytes as f64))),
    ]
}

fn checkpoints(inner: &Inner, now_us: i64) -> Vec<Family> {
    let epoch = Family::counter("headwater_epochs_total", "Epochs since the data folder began.");
    let epoch = epoch.one(inner.epoch as f64);
    let Some(last) = inner.status.checkpoint else { return vec![epoch] };
    let age = (now_us - last.taken_us).max(0) as f64 / 1e6;
    let mut all = vec![
        epoch,
        Family::counter("headwater_checkpoints_total", "Checkpoints since the data folder began.")
            .one(last.number as f64),
        Family::gauge("headwater_checkpoint_age_seconds", "Time since the last checkpoint was taken.").one(age),
    ];
    if let Some(written) = last.written {
        all.push(
            Family::gauge("headwater_checkpoint_duration_seconds", "How long the last checkpoint took.")
                .one(written.duration_us as f64 / 1e6),
        );
        all.push(
            Family::gauge("headwater_checkpoint_bytes", "State that the last checkpoint wrote.")
                .one(written.bytes as f64),
        );
    }
    all
}

fn statements(queries: &Queries) -> Vec<Family> {
    let mut ended = Family::counter("headwater_queries_total", "Statements of clients that ended.");
    for (door, state, count) in queries.counts() {
        let labels = vec![("door", door.to_owned()), ("state", state.as_str().to_owned())];
        ended.samples.push(Sample { suffix: "", labels, value: count as f64 });
    }
    let running = Family::gauge("headwater_queries_running", "Statements of clients that run now.");
    vec![running.one(queries.running() as f64), ended]
}

fn process() -> Vec<Family> {
    let info = Family::gauge("headwater_info", "The version, as a label.");
    let mut all = vec![info.each("version", [(env!("CARGO_PKG_VERSION"), 1.0)])];
    if let Some(bytes) = memory_bytes() {
        let memory = Family::gauge("headwater_process_memory_bytes", "Memory of the process that is in RAM.");
        all.push(memory.one(bytes));
    }
    all
}

/// What Linux counts as resident.
fn memory_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

pub fn health(published: &Published, clock: &dyn Clock, given_up: Vec<String>) -> Health {
    let inner = published.lock();
    let checkpoint = inner
        .status
        .checkpoint
        .map(|last| Checkpoint { number: last.number, age_ms: (clock.now_us() - last.taken_us).max(0) / 1000 });
    let stopped: Vec<String> = inner.stopped().into_iter().chain(given_up).collect();
    let lag = inner.status.partitions.iter().map(|each| (each.stable - each.next).max(0)).sum();
    Health {
        status: if stopped.is_empty() { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        uptime_ms: i64::try_from(clock.elapsed().as_millis()).unwrap_or(i64::MAX),
        epoch: inner.epoch,
        lag,
        checkpoint,
        stopped,
    }
}
