//! From the moment a batch of events is due to be sent over HTTP until a view shows all of it to a PostgreSQL client.
//!
//! One reader asks for the view again and again. A batch is visible when the view counts all events of its producer up
//! to it; they have their order, since a producer sends one batch after the other into a stream of one partition.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::client::{self, Client};
use super::events::Generator;
use super::quantiles::{Quantiles, us};
use super::schedule::Schedule;
use super::{READY, Settings, events, figure, number, postgres, quantile_figures, usage};
use crate::bench;
use crate::node::{Node, Start};
use crate::shell;

/// Events a second.
const RATES: [u64; 2] = [10_000, 100_000];

/// A batch has the events of this time.
const BATCH: Duration = Duration::from_millis(10);

/// They take turns, each over its own connection: an answer may take 160 ms before its sender's next batch waits.
const PRODUCERS: usize = 16;

/// Between two questions of the reader, so that it does not take a core from the node.
const READ_PAUSE: Duration = Duration::from_millis(1);

/// After the last batch was due.
const SHOWN_LIMIT: Duration = Duration::from_secs(60);

const SHOWN: &str = "SELECT producer, events FROM events_by_producer";

pub fn run(settings: &Settings) -> Result<()> {
    let files = ["events.sql", "events_by_producer.sql"];
    let project = bench::project("http", &settings.folder, "events_by_producer", &files)?;
    for rate in RATES {
        let data = settings.folder.join("latency");
        shell::fresh_dir(&data)?;
        let measured = at(settings, &project, &data, rate);
        std::fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
        measured.with_context(|| format!("at {rate} events a second"))?;
    }
    Ok(())
}

fn at(settings: &Settings, project: &Path, folder: &Path, rate: u64) -> Result<()> {
    let mut node = Start::new(project, folder.join("data")).workers(settings.workers).spawn(&settings.binary)?;
    node.wait_ready(READY)?;
    let batch = (rate as f64 * BATCH.as_secs_f64()) as u64;
    let plan = Plan::new(batch, settings.latency_seconds, &node)?;
    let before = usage::now(&node);
    let (sent_us, shown) = plan.measure()?;
    let after = usage::now(&node);
    let mut client = postgres::Client::connect(&plan.postgres)?;
    let stored = number(&client.query("SELECT count(*) FROM events")?)?;
    let newest = number(&client.query("SELECT max(sent_us) FROM events")?)?;
    let sent = plan.batches() * batch;
    if stored != sent || newest != plan.newest_us() {
        bail!("the stream has {stored} events up to {newest}, and {sent} were acknowledged: the figures mean nothing");
    }
    let name = format!("http_visible_{rate}");
    let times = Quantiles::of(shown.times_us)?;
    figure(&format!("{name}_batches"), times.count() as f64, "batches");
    quantile_figures(&name, &times);
    quantile_figures(&format!("{name}_ack"), &Quantiles::of(sent_us)?);
    quantile_figures(&format!("{name}_read"), &Quantiles::of(shown.reads_us)?);
    let cores = (after.cpu_s - before.cpu_s) / settings.latency_seconds.as_secs_f64();
    figure(&format!("{name}_cpu"), cores, "cores");
    figure(&format!("{name}_rss_peak"), after.rss_peak_mib, "MiB");
    Ok(())
}

/// Who sends what when.
struct Plan {
    http: String,
    postgres: String,
    batch: u64,
    start: Instant,
    /// The wall clock at `start`.
    start_us: u64,
    schedules: Vec<Schedule>,
    counts: Vec<u64>,
    deadline: Instant,
    failed: AtomicBool,
}

/// Times of the reader.
struct Shown {
    /// From a batch's moment to the answer that shows it.
    times_us: Vec<u64>,
    /// Of each question.
    reads_us: Vec<u64>,
}

impl Plan {
    fn new(batch: u64, length: Duration, node: &Node) -> Result<Plan> {
        /// For threads to start and bodies to be made.
        const HEAD_START: Duration = Duration::from_millis(500);
        let start = shell::now() + HEAD_START;
        let schedules = Schedule::turns(start, BATCH, PRODUCERS);
        Ok(Plan {
            http: node.http().context("the node has announced no address for HTTP")?,
            postgres: node.postgres().context("the node has announced no address for PostgreSQL clients")?,
            batch,
            start,
            start_us: wall_clock_us() + us(HEAD_START),
            counts: schedules.iter().map(|schedule| schedule.count(start + length)).collect(),
            schedules,
            deadline: start + length + SHOWN_LIMIT,
            failed: AtomicBool::new(false),
        })
    }

    fn batches(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What stands in the events of the last batch.
    fn newest_us(&self) -> u64 {
        let last = (0..PRODUCERS).filter(|producer| self.counts[*producer] > 0);
        last.map(|producer| self.clock_us(producer, self.counts[producer] - 1)).max().unwrap_or(0)
    }

    /// What stands in the events of a batch: the moment at which it is due.
    fn clock_us(&self, producer: usize, number: u64) -> u64 {
        self.start_us + us(self.schedules[producer].due(number) - self.start)
    }

    /// Sends and reads at once: the times of acknowledgements, and what the reader saw.
    fn measure(&self) -> Result<(Vec<u64>, Shown)> {
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..PRODUCERS).map(|producer| scope.spawn(move || self.send(producer))).collect();
            let shown = self.read();
            let mut sent_us = Vec::new();
            for sender in senders {
                match sender.join() {
                    Ok(times) => sent_us.extend(times?),
                    Err(_) => bail!("a sender panicked"),
                }
            }
            Ok((sent_us, shown?))
        })
    }

    fn send(&self, producer: usize) -> Result<Vec<u64>> {
        let sent = self.send_all(producer);
        if sent.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        sent
    }

    fn send_all(&self, producer: usize) -> Result<Vec<u64>> {
        let mut generator = Generator::new(producer as u64);
        let batch: Vec<String> = (0..self.batch).map(|id| generator.event(id, producer)).collect();
        let mut request = client::append("events", &events::lines(batch.iter().map(String::as_str)));
        let clocks = events::clocks(&request);
        let mut client = Client::connect(&self.http)?;
        let mut times = Vec::new();
        for number in 0..self.counts[producer] {
            events::set_clocks(&mut request, &clocks, self.clock_us(producer, number));
            let due = self.schedules[producer].wait(number);
            client.ok(&request)?;
            times.push(us(due.elapsed()));
        }
        Ok(times)
    }

    fn read(&self) -> Result<Shown> {
        let mut client = postgres::Client::connect(&self.postgres)?;
        let mut shown = Shown { times_us: Vec::new(), reads_us: Vec::new() };
        let mut visible = vec![0; PRODUCERS];
        while visible != self.counts {
            if self.failed.load(Ordering::Relaxed) {
                bail!("a sender failed");
            }
            if shell::now() > self.deadline {
                let limit = shell::spoken(SHOWN_LIMIT);
                let missing = self.batches() - visible.iter().sum::<u64>();
                bail!("{missing} of {} batches were not visible {limit} after the last was due", self.batches());
            }
            let asked = shell::now();
            let rows = client.query(SHOWN)?;
            let answered = shell::now();
            shown.reads_us.push(us(answered - asked));
            for row in rows {
                let number = |at: usize| row.get(at).and_then(|value| value.as_deref()?.parse::<u64>().ok());
                let (Some(producer), Some(events)) = (number(0), number(1)) else { bail!("the view showed {row:?}") };
                let Some(known) = visible.get_mut(producer as usize) else { bail!("there is no producer {producer}") };
                let before = std::mem::replace(known, events / self.batch);
                for number in before..*known {
                    shown.times_us.push(us(answered - self.schedules[producer as usize].due(number)));
                }
            }
            std::thread::sleep(READ_PAUSE);
        }
        Ok(shown)
    }
}

#[expect(clippy::disallowed_methods, reason = "events tell when they were sent, as real ones do")]
fn wall_clock_us() -> u64 {
    us(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default())
}
