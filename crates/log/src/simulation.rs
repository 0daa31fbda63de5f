//! A log on a disk that fails, tears and forgets, against a model of what it promised.
//!
//! One seed is one history: several lives of a process that appends, commits, prepares, fences, deletes and reads, each
//! ended by a power cut in the middle of some write, by an I/O error, by a kill or in good order. After each, the log is
//! opened again and must hold what [`model`] says. Single-threaded, so that a seed repeats exactly.

mod life;
mod model;
mod random;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::{Clock, ManualClock};
use headwater_base::files::simulated::{Faults, Simulated};
use headwater_base::random::Random;

use crate::embedded::{EmbeddedLog, Options, Sync};
use crate::{Error, Log, TopicConfig};
use headwater_base::ErrorKind;
use life::Life;
use model::Model;

/// What a history came to. Sums, so that reports can be added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Starts of the process that got as far as an open log.
    pub lives: u64,
    pub power_cuts: u64,
    /// Disk operations, of which any may be the one that fails.
    pub operations: u64,
    /// Records that were acknowledged, by themselves or in a transaction.
    pub acknowledged: u64,
    /// Transactions that a later life found undecided.
    pub in_doubt: u64,
    /// Torn ends that were cut off.
    pub truncated: u64,
}

/// A broken promise. The seed repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub seed: u64,
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.what)
    }
}

impl std::error::Error for Failure {}

/// Why a life ends early.
enum Stop {
    /// A fault of the disk, as was to be expected.
    Fault,
    /// A promise is broken.
    Wrong(String),
}

type Step<T> = std::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        match error.kind() {
            ErrorKind::Unavailable => Stop::Fault,
            _ => Stop::Wrong(format!("an unexpected error: {error}")),
        }
    }
}

fn wrong<T>(what: impl Into<String>) -> Step<T> {
    Err(Stop::Wrong(what.into()))
}

const PARTITIONS: u32 = 3;
const TOPIC: &str = "events";
const ROOT: &str = "/log";
const LIVES: u64 = 8;

/// Runs one history.
///
/// # Errors
/// The first broken promise.
pub fn simulate(seed: u64) -> std::result::Result<Report, Failure> {
    let mut world = World {
        disk: Simulated::new(seed),
        clock: ManualClock::at(1_700_000_000_000_000),
        random: Random::new(seed ^ 0x6c6f_6721),
        model: Model::new(PARTITIONS),
        report: Report::default(),
    };
    for life in 0..LIVES {
        if let Err(Stop::Wrong(what)) = world.live(life + 1 == LIVES) {
            return Err(Failure { seed, what: format!("life {life}: {what}") });
        }
    }
    world.report.operations = world.disk.operations();
    Ok(world.report)
}

struct World {
    disk: Simulated,
    clock: Arc<ManualClock>,
    random: Random,
    model: Model,
    report: Report,
}

impl World {
    /// One life, from opening to some end. The last one has a perfect disk, so that everything is looked at once more.
    fn live(&mut self, last: bool) -> Step<()> {
        self.choose_faults(last);
        let opened = self.open();
        let log = match opened {
            Ok(log) => log,
            Err(stop) => return self.end(None, Err(stop)),
        };
        self.report.lives += 1;
        self.report.truncated += log.truncated().len() as u64;
        let steps = 20 + self.random.below(120);
        let mut life = Life::new(&log, &mut self.model, &mut self.random, &self.clock, &mut self.report);
        let lived = life.begin().and_then(|()| (0..steps).try_for_each(|_| life.step())).and_then(|()| life.verify());
        drop(life);
        self.end(Some(log), lived)
    }

    fn choose_faults(&mut self, last: bool) {
        let mut faults = Faults::default();
        if !last {
            match self.random.below(4) {
                0 => {}
                1 => faults.error_chance = Some((1, 150)),
                _ => faults.crash_at_operation = Some(self.disk.operations() + 1 + self.random.below(400)),
            }
        }
        self.disk.set_faults(faults);
    }

    fn open(&mut self) -> Step<EmbeddedLog> {
        let options = Options {
            segment_bytes_max: 8 << 10,
            index_interval_bytes: 512,
            batch_bytes_max: 32 << 10,
            journal_bytes_min: 2 << 10,
            sync: Sync::Group { interval: Duration::ZERO, bytes: 1 << 20 },
            read_only: false,
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let log = EmbeddedLog::open(self.disk.shared(), ROOT.as_ref(), clock, options)?;
        // Everything is older than that at once.
        let retention = Some(Duration::from_millis(1));
        log.create_topic(TOPIC, &TopicConfig { partitions: PARTITIONS, retention, archived: true })?;
        Ok(log)
    }

    /// Ends the process, by chance with the machine.
    fn end(&mut self, log: Option<EmbeddedLog>, lived: Step<()>) -> Step<()> {
        if let Err(Stop::Wrong(what)) = lived {
            return wrong(what);
        }
        let is_fault = lived.is_err();
        if let Some(log) = log {
            match self.random.below(2) {
                // A failing close is a fault like any other.
                0 => drop(log),
                _ => log.abandon(),
            }
        }
        self.model.end_life();
        if self.disk.is_off() || self.random.chance(1, if is_fault { 2 } else { 3 }) {
            self.report.power_cuts += 1;
            self.disk.restart();
        }
        Ok(())
    }
}
