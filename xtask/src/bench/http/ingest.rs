//! Events appended in batches, each batch acknowledged: the node over HTTP, NATS JetStream and Redis streams.
//!
//! Every system gets the same events in batches of the same sizes over as many connections, one batch in flight on
//! each, starts with an empty folder each time, and must tell itself that it has each event that it acknowledged.

mod headwater;
mod nats;
mod peer;
mod redis;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::events::{EVENT_BYTES, Pool};
use super::quantiles::{Quantiles, us};
use super::{Settings, figure, ratio, usage};
use crate::shell;

const CONNECTIONS: [usize; 4] = [1, 4, 16, 64];
const BATCHES: [usize; 4] = [10, 100, 1000, 4000];

/// The node takes 128 MiB at a time; more in flight says nothing about any system.
const IN_FLIGHT_BYTES_MAX: usize = 100 << 20;

/// Where a batch takes longer than this, larger ones would only wait longer.
const ACK_P50_MAX_MS: f64 = 1000.0;

/// What a system does later with what it has acknowledged (archives, say) ends within this, or is not counted.
const REST_LIMIT: Duration = Duration::from_secs(60);

/// Something that keeps events.
trait System {
    /// As figures name it.
    fn name(&self) -> &'static str;

    /// Starts it in an empty folder.
    fn start(&self, folder: &Path) -> Result<Box<dyn Running>>;
}

/// It ends when it is dropped.
trait Running {
    fn pid(&self) -> u32;

    /// A connection that sends these batches in turn.
    fn connect(&self, number: usize, batches: &[Vec<&str>]) -> Result<Box<dyn Connection>>;

    /// How many events it has, counted by itself.
    fn stored(&self) -> Result<u64>;
}

trait Connection: Send {
    /// Sends the next batch and waits until all of it is acknowledged.
    fn send(&mut self) -> Result<()>;
}

pub fn run(settings: &Settings) -> Result<()> {
    let pool = Pool::new();
    let ours = best(settings, &headwater::Headwater::new(settings)?, &pool)?;
    let mut systems: Vec<Box<dyn System>> = vec![Box::new(redis::Redis::install()?)];
    systems.extend(nats::installed(&settings.folder)?.into_iter().map(|nats| Box::new(nats) as Box<dyn System>));
    for system in &systems {
        let theirs = best(settings, &**system, &pool)?;
        ratio(&format!("http_ingest_to_{}", system.name()), ours.mb_per_s(), theirs.mb_per_s());
        ratio(&format!("http_ingest_per_cpu_to_{}", system.name()), ours.mb_per_cpu_s(), theirs.mb_per_cpu_s());
    }
    Ok(())
}

/// Measures a system at every number of connections and size of batches, and tells the best of them.
fn best(settings: &Settings, system: &dyn System, pool: &Pool) -> Result<Load> {
    let name = system.name();
    println!(
        "sweep of {name}: connections x events a batch, MB/s, events/s, milliseconds to a batch's acknowledgement"
    );
    let mut best: Option<Load> = None;
    for connections in CONNECTIONS {
        for batch in BATCHES {
            if connections * batch * EVENT_BYTES > IN_FLIGHT_BYTES_MAX {
                continue;
            }
            let load = measure(settings, system, pool, connections, batch)
                .with_context(|| format!("{name} with {batch} events a batch over {connections} connections"))?;
            println!("  {}", load.row());
            let slow = load.times.ms(0.5) > ACK_P50_MAX_MS;
            if best.as_ref().is_none_or(|best| load.mb_per_s() > best.mb_per_s()) {
                best = Some(load);
            }
            if slow {
                break;
            }
        }
    }
    let best = best.context("nothing was measured")?;
    figure(&format!("{name}_ingest"), best.mb_per_s(), "MB/s");
    figure(&format!("{name}_ingest_events"), best.events as f64 / best.seconds, "events/s");
    figure(&format!("{name}_ingest_connections"), best.connections as f64, "connections");
    figure(&format!("{name}_ingest_batch"), best.batch as f64, "events");
    figure(&format!("{name}_ingest_ack_p50"), best.times.ms(0.5), "ms");
    figure(&format!("{name}_ingest_ack_p99"), best.times.ms(0.99), "ms");
    figure(&format!("{name}_ingest_cpu"), best.cpu_s, "CPU-s");
    figure(&format!("{name}_ingest_cpu_after"), best.cpu_after_s, "CPU-s");
    figure(&format!("{name}_ingest_per_cpu"), best.mb_per_cpu_s(), "MB/CPU-s");
    figure(&format!("{name}_ingest_rss_peak"), best.rss_peak_mib, "MiB");
    Ok(best)
}

/// What one load came to.
struct Load {
    connections: usize,
    batch: usize,
    /// Acknowledged, and counted by the system.
    events: u64,
    seconds: f64,
    /// Of the system while events came.
    cpu_s: f64,
    /// Of the system from then until it rested.
    cpu_after_s: f64,
    /// Of the load's own threads.
    generator_cpu_s: f64,
    rss_peak_mib: f64,
    /// From sending a batch to its acknowledgement.
    times: Quantiles,
}

impl Load {
    fn mb_per_s(&self) -> f64 {
        self.mb() / self.seconds
    }

    /// By all that the system did for them, later work included.
    fn mb_per_cpu_s(&self) -> f64 {
        self.mb() / (self.cpu_s + self.cpu_after_s)
    }

    fn mb(&self) -> f64 {
        self.events as f64 * EVENT_BYTES as f64 / 1e6
    }

    fn row(&self) -> String {
        format!(
            "{:>2} x {:<4} {:>6.1} MB/s {:>7.0} events/s  P50 {:>7.2} P99 {:>7.2} max {:>7.2} ms  \
             CPU {:.2} s + {:.2} s after, {:.2} s of the load; peak {:.0} MiB",
            self.connections,
            self.batch,
            self.mb_per_s(),
            self.events as f64 / self.seconds,
            self.times.ms(0.5),
            self.times.ms(0.99),
            self.times.max_ms(),
            self.cpu_s,
            self.cpu_after_s,
            self.generator_cpu_s,
            self.rss_peak_mib,
        )
    }
}

fn measure(settings: &Settings, system: &dyn System, pool: &Pool, connections: usize, batch: usize) -> Result<Load> {
    let folder = settings.folder.join("ingest");
    shell::fresh_dir(&folder)?;
    // What an earlier run left to be written would be written during this one.
    shell::output(&mut Command::new("sync"))?;
    let running = system.start(&folder)?;
    let clients = (0..connections).map(|number| running.connect(number, &pool.batches(number, connections, batch)));
    let clients = clients.collect::<Result<Vec<_>>>()?;
    let (us_before, it_before) = (usage::of(std::process::id()), usage::of(running.pid()));
    let sent = send(clients, settings.seconds)?;
    let (us_after, it_after) = (usage::of(std::process::id()), usage::of(running.pid()));
    let rested = usage::until_rest(running.pid(), REST_LIMIT);
    let events = sent.times_us.len() as u64 * batch as u64;
    let stored = running.stored()?;
    if stored != events {
        bail!("it has {stored} events and acknowledged {events}: the figures would mean nothing");
    }
    drop(running);
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(Load {
        connections,
        batch,
        events,
        seconds: sent.seconds,
        cpu_s: it_after.cpu_s - it_before.cpu_s,
        cpu_after_s: rested.cpu_s - it_after.cpu_s,
        generator_cpu_s: us_after.cpu_s - us_before.cpu_s,
        rss_peak_mib: rested.rss_peak_mib,
        times: Quantiles::of(sent.times_us)?,
    })
}

/// Batches that were sent until the time was over, the last ones to their end.
struct Sent {
    times_us: Vec<u64>,
    seconds: f64,
}

fn send(clients: Vec<Box<dyn Connection>>, length: Duration) -> Result<Sent> {
    let start = shell::now();
    let mut times_us = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            clients.into_iter().map(|client| scope.spawn(move || send_until(client, length))).collect();
        for thread in threads {
            match thread.join() {
                Ok(times) => times_us.extend(times?),
                Err(_) => bail!("a thread of the load panicked"),
            }
        }
        Ok(())
    })?;
    Ok(Sent { times_us, seconds: start.elapsed().as_secs_f64() })
}

fn send_until(mut client: Box<dyn Connection>, length: Duration) -> Result<Vec<u64>> {
    let start = shell::now();
    let mut times = Vec::new();
    while start.elapsed() < length {
        let sent = shell::now();
        client.send()?;
        times.push(us(sent.elapsed()));
    }
    Ok(times)
}

/// Over 16 connections with 1,000 events a batch into a node that runs: MB/s and the times to acknowledgements.
pub fn into_node(address: &str, length: Duration) -> Result<(f64, Quantiles)> {
    let (connections, batch) = (16, 1000);
    let pool = Pool::new();
    let clients = (0..connections).map(|number| {
        let client = headwater::connect(address, &pool.batches(number, connections, batch))?;
        Ok(Box::new(client) as Box<dyn Connection>)
    });
    let sent = send(clients.collect::<Result<Vec<_>>>()?, length)?;
    let mb = (sent.times_us.len() * batch * EVENT_BYTES) as f64 / 1e6;
    Ok((mb / sent.seconds, Quantiles::of(sent.times_us)?))
}
