//! Looking at the rows of alerts as they come, one alert after the other, on one thread.
//!
//! Only what a checkpoint holds is looked at: what a crash could take back wakes nobody. Rows of a derived stream are
//! read from the log; of a keyed table those are taken that one epoch shows, once a checkpoint has that epoch. The time
//! of an epoch counts once all rows that were there in it are taken.

mod stream;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_log::Log;
use headwater_query::relation::Relation;
use headwater_stream::engine::published::{Inner, Published};
use headwater_stream::graph::Graph;

use super::Declared;
use super::book::{Book, Place};
use super::incident::{Incidents, Meaning, Outcome};
use crate::Result;

/// Between looks when there is nothing new.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// More rows than anybody looks at; what is wrong in so many ways is not told one by one.
pub(super) const ROWS_MAX: u64 = 10_000;

/// What alerts look at.
#[derive(Clone)]
pub struct Ground {
    pub log: Arc<dyn Log>,
    pub clock: Arc<dyn Clock>,
    pub published: Arc<Published>,
    pub graph: Arc<Graph>,
    pub book: Arc<Book>,
}

/// One alert, looked at step by step by whoever owns it.
pub struct Watch {
    declared: Arc<Declared>,
    ground: Ground,
    /// The streams whose watermarks are the time of its rows.
    inputs: Vec<String>,
    incidents: Incidents,
    place: Option<Place>,
    way: Way,
    /// Nothing was new at the last step.
    is_idle: bool,
}

enum Way {
    Stream(Box<stream::Reader>),
    Table(table::Looks),
}

/// What a look came to.
enum News {
    Nothing,
    /// With where the rows are read to, where that is to be kept.
    Taken(Outcome, Option<Place>),
}

impl Watch {
    /// Goes to where it was.
    pub fn open(declared: Arc<Declared>, ground: Ground) -> Result<Watch> {
        let part = ground.graph.part(|name| name == declared.name);
        let timed = part.inputs.iter().filter(|stream| stream.watermark.is_some());
        let inputs = timed.map(|stream| stream.name.clone()).collect();
        let entry = ground.book.entry(&declared.name);
        let way = match &declared.rows {
            Relation::Stream(stream) => {
                Way::Stream(Box::new(stream::Reader::open(stream, entry.place.as_ref(), ground.log.as_ref())?))
            }
            _ => Way::Table(table::Looks::default()),
        };
        let (incidents, place) = (entry.incidents, entry.place);
        Ok(Watch { declared, ground, inputs, incidents, place, way, is_idle: false })
    }

    pub fn name(&self) -> &str {
        &self.declared.name
    }

    /// Takes what is new. True when there was something.
    pub fn step(&mut self) -> Result<bool> {
        let (declared, ground) = (Arc::clone(&self.declared), self.ground.clone());
        let now_us = ground.clock.now_us();
        let message = |row: &serde_json::Value, labels: &str| declared.message.of(row, labels);
        let meaning = Meaning { rule: &declared.rule, message: &message, now_us };
        let look = Look { declared: &declared, ground: &ground, inputs: &self.inputs, meaning };
        let news = match &mut self.way {
            Way::Stream(reader) => reader.step(&look, &mut self.incidents)?,
            Way::Table(looks) => looks.step(&look, &mut self.incidents)?,
        };
        self.is_idle = matches!(news, News::Nothing);
        let (outcome, place) = match news {
            News::Nothing if ground.book.entry_is_silent(&declared.name, now_us) => {
                (Outcome::default(), self.place.clone())
            }
            News::Nothing => return Ok(false),
            News::Taken(outcome, place) => (outcome, place),
        };
        if outcome != Outcome::default() || place != self.place {
            let channels: Vec<&str> = declared.channels.iter().map(|(name, _)| name.as_str()).collect();
            ground.book.step(&declared.name, &channels, place.clone(), outcome)?;
        }
        if let Way::Stream(reader) = &mut self.way {
            reader.release(ground.log.as_ref())?;
        }
        self.place = place;
        Ok(true)
    }

    /// Whether all is taken that is there to be taken.
    fn is_settled(&self) -> bool {
        self.is_idle
            && match &self.way {
                Way::Stream(reader) => reader.is_settled(self.ground.log.as_ref()),
                Way::Table(looks) => looks.is_settled(&self.declared.name, &self.ground.published),
            }
    }
}

/// What every look needs.
struct Look<'a> {
    declared: &'a Declared,
    ground: &'a Ground,
    inputs: &'a [String],
    meaning: Meaning<'a>,
}

impl Look<'_> {
    /// The time of an epoch; `None` where nothing tells time.
    fn watermark_us(&self, epoch: &Inner) -> Option<i64> {
        let of = |stream: &String| epoch.watermarks_us.get(stream).copied().unwrap_or(i64::MIN);
        self.inputs.iter().map(of).min()
    }

    fn check(&self, epoch: &Inner) -> Result<()> {
        match epoch.failed.get(&self.declared.name) {
            Some(reason) => Err(headwater_stream::Error::invalid(format!("its query stopped: {reason}")).into()),
            None => Ok(()),
        }
    }
}

/// Questions whether all is taken, and the last one to which the answer was yes.
#[derive(Default)]
struct Settled {
    asked: AtomicU64,
    answered: AtomicU64,
}

/// All alerts that run, on a thread.
pub struct Watching {
    stop: Arc<AtomicBool>,
    settled: Arc<Settled>,
    thread: Option<JoinHandle<()>>,
}

impl Watching {
    /// Looks at alerts until it is dropped. What can't go on is told in the book.
    pub fn start(alerts: &[Arc<Declared>], ground: Ground) -> std::io::Result<Watching> {
        let (stop, settled) = (Arc::new(AtomicBool::new(false)), Arc::new(Settled::default()));
        settled.asked.store(1, Ordering::Release);
        let (stopped, at_rest) = (Arc::clone(&stop), Arc::clone(&settled));
        let looks = |alert: &&Arc<Declared>| alert.enabled && alert.schedule.is_none();
        let alerts: Vec<Arc<Declared>> = alerts.iter().filter(looks).cloned().collect();
        let work = move || serve(&alerts, &ground, &stopped, &at_rest);
        let thread = thread::Builder::new().name("alerts".to_owned()).spawn(work)?;
        Ok(Watching { stop, settled, thread: Some(thread) })
    }

    /// Whether every alert that can go on had taken all that there was at its last look.
    pub fn is_settled(&self) -> bool {
        self.settled.answered.load(Ordering::Acquire) == self.settled.asked.load(Ordering::Acquire)
    }

    /// From now on only what is looked at afterwards counts as settled.
    pub fn unsettle(&self) {
        self.settled.asked.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened.
            let _ = thread.join();
        }
    }
}

fn serve(alerts: &[Arc<Declared>], ground: &Ground, stop: &AtomicBool, settled: &Settled) {
    let mut running: BTreeMap<String, Watch> = BTreeMap::new();
    for alert in alerts {
        match Watch::open(Arc::clone(alert), ground.clone()) {
            Ok(watch) => {
                ground.book.stop(&alert.name, None);
                running.insert(alert.name.clone(), watch);
            }
            Err(error) => stop_alert(ground, &alert.name, &error.to_string()),
        }
    }
    while !stop.load(Ordering::Acquire) {
        let asked = settled.asked.load(Ordering::Acquire);
        let mut worked = false;
        let mut ended = Vec::new();
        for (name, watch) in &mut running {
            match watch.step() {
                Ok(did) => worked |= did,
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(alert = name, "looked at again: {error}");
                    // What could not be kept is not known.
                    if let Ok(again) = Watch::open(Arc::clone(&watch.declared), ground.clone()) {
                        *watch = again;
                    }
                }
                Err(error) => {
                    stop_alert(ground, name, &error.to_string());
                    ended.push(name.clone());
                }
            }
        }
        ended.iter().for_each(|name| drop(running.remove(name)));
        if !worked && running.values().all(Watch::is_settled) {
            settled.answered.store(asked, Ordering::Release);
        }
        if !worked {
            thread::sleep(LOOK_AGAIN);
        }
    }
}

fn stop_alert(ground: &Ground, name: &str, reason: &str) {
    tracing::error!(alert = name, "an alert stopped: {reason}");
    ground.book.stop(name, Some(reason.to_owned()));
}
