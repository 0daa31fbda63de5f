//! Ingest over HTTP, and other queries, beside a query of a PostgreSQL client that would not end for days.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::quantiles::{Quantiles, us};
use super::{Settings, figure, ingest, lookups, postgres, quantile_figures, ratio, usage};
use crate::node::Node;
use crate::shell;

/// 10^15 rows each: one makes them all, the other looks through them and keeps none.
const CROSS_JOINS: [(&str, &str); 2] = [
    ("cross_join", "SELECT sum((a.times + b.id + c.id) % 2) FROM seen a CROSS JOIN seen b CROSS JOIN seen c"),
    (
        "cross_join_filtered",
        "SELECT count(*) FROM seen a CROSS JOIN seen b CROSS JOIN seen c WHERE a.times * b.times + c.id < 0",
    ),
];

/// What somebody else asks meanwhile.
const OTHER: &str = "SELECT count(*), sum(times) FROM seen";
const OTHER_PAUSE: Duration = Duration::from_millis(20);

/// What a cross join is waited for beyond the length of the load: to see it compute, and to end once it is cancelled.
const OTHER_STEPS_LIMIT: Duration = Duration::from_secs(40);

/// Archives of what a load appended are written within this.
const REST_LIMIT: Duration = Duration::from_secs(60);

const REST_LOOK: Duration = Duration::from_secs(2);

/// Of cores: a node that takes more than this while nobody sends it anything runs a query.
const COMPUTES: f64 = 0.5;

pub fn run(settings: &Settings) -> Result<()> {
    for (name, query) in CROSS_JOINS {
        let folder = settings.folder.join("cross_join");
        shell::fresh_dir(&folder)?;
        let node = lookups::start(settings, &folder, &["events.sql", "seen.sql"])?;
        measure(settings, &node, name, query)?;
        drop(node);
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// Loads before, beside and after the cross join, since a node's speed may change as its data grow.
fn measure(settings: &Settings, node: &Node, name: &str, query: &'static str) -> Result<()> {
    let before = alone(settings, node, &format!("{name}_before"))?;
    usage::until_rest(node.pid(), REST_LIMIT);
    let beside = self::beside(settings, node, name, query)?;
    usage::until_rest(node.pid(), REST_LIMIT);
    let cores = cores(node, REST_LOOK);
    figure(&format!("{name}_cancelled_cpu"), cores, "cores");
    let alone = if cores < COMPUTES {
        (before + alone(settings, node, &format!("{name}_after"))?) / 2.0
    } else {
        println!("{name} still computes {} after it was cancelled", shell::spoken(REST_LIMIT));
        before
    };
    ratio(&format!("{name}_ingest"), beside, alone);
    Ok(())
}

fn alone(settings: &Settings, node: &Node, name: &str) -> Result<f64> {
    let http = lookups::http_address(node)?;
    let ((speed, times), others) = with_others(node, || ingest::into_node(&http, settings.seconds))?;
    figure(&format!("{name}_ingest"), speed, "MB/s");
    quantile_figures(&format!("{name}_ack"), &times);
    others.print(name)?;
    Ok(speed)
}

/// Loads while the query runs; it must run before, after, and end when it is cancelled.
fn beside(settings: &Settings, node: &Node, name: &str, query: &'static str) -> Result<f64> {
    let http = lookups::http_address(node)?;
    let mut client = postgres::Client::connect(&lookups::postgres_address(node)?)?;
    let cancel = client.cancel();
    client.patience(settings.seconds + OTHER_STEPS_LIMIT)?;
    std::thread::scope(|scope| {
        let running = scope.spawn(move || client.query(query));
        // Whatever fails from here on, the query is cancelled, or this scope would wait for it.
        let loaded =
            busy(node, settings, name).and_then(|()| with_others(node, || ingest::into_node(&http, settings.seconds)));
        let asked = shell::now();
        let still_ran = !running.is_finished();
        cancel.send()?;
        let answer = running.join();
        figure(&format!("{name}_cancelled_after"), asked.elapsed().as_secs_f64() * 1000.0, "ms");
        let said = match answer {
            Ok(Err(error)) => format!("{error:#}"),
            Ok(Ok(rows)) => format!("it gave {rows:?}"),
            Err(_) => "its thread panicked".to_string(),
        };
        if !still_ran || !said.contains("57014") {
            bail!("the cross join did not run until it was cancelled: {said}");
        }
        let ((speed, times), others) = loaded?;
        figure(&format!("{name}_ingest"), speed, "MB/s");
        quantile_figures(&format!("{name}_ack"), &times);
        others.print(name)?;
        Ok(speed)
    })
}

/// The query takes at least half a core, or nothing is learnt from running beside it.
fn busy(node: &Node, settings: &Settings, name: &str) -> Result<()> {
    let cores = cores(node, settings.seconds.min(REST_LOOK));
    figure(&format!("{name}_cpu"), cores, "cores");
    if cores < COMPUTES {
        bail!("the cross join takes {cores:.2} of a core: it does not compute");
    }
    Ok(())
}

fn cores(node: &Node, length: Duration) -> f64 {
    let before = usage::now(node).cpu_s;
    std::thread::sleep(length);
    (usage::now(node).cpu_s - before) / length.as_secs_f64()
}

/// Times of other queries while something ran.
#[derive(Default)]
struct Others {
    answered_us: Vec<u64>,
    /// From asking it until the load was over.
    unanswered: Option<Duration>,
}

impl Others {
    fn print(self, name: &str) -> Result<()> {
        if let Some(time) = self.unanswered {
            println!("beside {name} another query had no answer after {}", shell::spoken(time));
        }
        figure(&format!("{name}_others"), self.answered_us.len() as f64, "queries");
        if !self.answered_us.is_empty() {
            quantile_figures(&format!("{name}_others"), &Quantiles::of(self.answered_us)?);
        }
        Ok(())
    }
}

/// Asks other queries, one after the other, as long as `load` runs.
fn with_others<T>(node: &Node, load: impl FnOnce() -> Result<T>) -> Result<(T, Others)> {
    let mut client = postgres::Client::connect(&lookups::postgres_address(node)?)?;
    let cancel = client.cancel();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| -> Result<Vec<u64>> {
            let mut answered_us = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let asked = shell::now();
                let answer = client.query(OTHER);
                if !over.load(Ordering::Relaxed) {
                    answer?;
                    answered_us.push(us(asked.elapsed()));
                }
                std::thread::sleep(OTHER_PAUSE);
            }
            Ok(answered_us)
        });
        let began = shell::now();
        let loaded = load();
        let took = began.elapsed();
        over.store(true, Ordering::Relaxed);
        // One that waits for its turn would wait for the cross join's end.
        cancel.send()?;
        let answered_us = match asking.join() {
            Ok(answered_us) => answered_us?,
            Err(_) => bail!("the thread of other queries panicked"),
        };
        let spent = Duration::from_micros(answered_us.iter().sum()) + OTHER_PAUSE * answered_us.len() as u32;
        let rest = took.saturating_sub(spent);
        Ok((loaded?, Others { answered_us, unanswered: (rest > took / 2).then_some(rest) }))
    })
}
