//! What is known of alerts: incidents, and who was told. Each change is in the log before anybody acts on it, and where an
//! alert has read to is in the same record as what came of it; so a node that is killed goes on where it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_log::Log;
use serde::{Deserialize, Serialize};

use super::incident::{Incident, Incidents, Kind, Outcome, State};
use crate::Result;
use crate::history::{self, History};

/// The topic of what alerts came to.
pub const TOPIC: &str = "system.alerts";

/// Notifications that are remembered of one alert, once they are settled.
const SETTLED_MAX: usize = 10_000;

/// How long an alert says nothing before it says again what must not end with the topic's retention.
const SAY_AGAIN_US: i64 = 24 * 60 * 60 * 1_000_000;

/// How far the rows of an alert are read: the topic, and the first offset by partition that is not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    pub topic: String,
    pub next: Vec<i64>,
}

/// One incident to be told by one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Counts the notices of an alert.
    pub number: u64,
    pub channel: String,
    pub kind: Kind,
    pub delivery: Delivery,
    pub created_us: i64,
    /// The incident as it was then: every try sends the same.
    pub incident: Incident,
}

/// How far telling has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub state: Delivered,
    /// Tries that began.
    pub attempts: u32,
    /// Why the last one failed, or why there is none.
    pub error: Option<String>,
    /// Wall clock.
    pub sent_us: Option<i64>,
    /// A try began, and whether it arrived is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    Pending,
    Sent,
    Failed,
    /// Nobody is to be told.
    Suppressed,
}

/// What is kept in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Step(Step),
    Delivery {
        alert: String,
        notice: u64,
        delivery: Delivery,
    },
    /// The alert is declared no more.
    Dropped {
        alert: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    alert: String,
    at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    incidents: Vec<Incident>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notices: Vec<Notice>,
}

/// One alert's part.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    pub place: Option<Place>,
    pub incidents: Incidents,
    pub notices: BTreeMap<u64, Notice>,
    next_notice: u64,
    said_us: i64,
    /// Why it looks no more; of this life of the node.
    pub stopped: Option<String>,
}

/// Everything, by alert.
pub type Entries = BTreeMap<String, Entry>;

/// The book of a running node.
pub struct Book {
    history: History<Record>,
    clock: Arc<dyn Clock>,
    entries: Mutex<Entries>,
    changed: Condvar,
}

/// What the log has, for those who do not write.
pub fn read(log: &dyn Log) -> Result<Entries> {
    Ok(fold(history::read(log, TOPIC)?))
}

impl Book {
    pub fn open(log: &Arc<dyn Log>, clock: Arc<dyn Clock>) -> Result<Book> {
        let history = History::open(Arc::clone(log), Arc::clone(&clock), TOPIC)?;
        let entries = Mutex::new(fold(history.all()?));
        Ok(Book { history, clock, entries, changed: Condvar::new() })
    }

    pub fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An alert as it is known, to go on from there.
    pub fn entry(&self, alert: &str) -> Entry {
        self.entries().get(alert).cloned().unwrap_or_default()
    }

    /// Whether an alert must say again what it knows, though nothing has happened.
    pub(super) fn entry_is_silent(&self, alert: &str, now_us: i64) -> bool {
        self.entries().get(alert).is_some_and(|entry| entry.is_silent(now_us))
    }

    /// Keeps what a step of an alert came to, with who is to be told. Durable when this returns.
    pub fn step(&self, alert: &str, channels: &[&str], place: Option<Place>, outcome: Outcome) -> Result<()> {
        let now_us = self.clock.now_us();
        let (next, again) =
            self.entries().get(alert).map_or((0, Vec::new()), |entry| entry.due_again(now_us, &outcome));
        let Outcome { changed, removed, events } = outcome;
        let mut notices = Vec::new();
        for event in events {
            for channel in channels {
                let state = if event.suppressed.is_some() { Delivered::Suppressed } else { Delivered::Pending };
                let error = event.suppressed.clone();
                notices.push(Notice {
                    number: next + notices.len() as u64,
                    channel: (*channel).to_owned(),
                    kind: event.kind,
                    delivery: Delivery { state, attempts: 0, error, sent_us: None, is_open: false },
                    created_us: now_us,
                    incident: event.incident.clone(),
                });
            }
        }
        let incidents = changed.into_iter().chain(again).collect();
        self.keep(Record::Step(Step { alert: alert.to_owned(), at_us: now_us, place, incidents, removed, notices }))
    }

    /// Keeps how far telling has come.
    pub fn deliver(&self, alert: &str, notice: u64, delivery: Delivery) -> Result<()> {
        self.keep(Record::Delivery { alert: alert.to_owned(), notice, delivery })
    }

    /// Forgets alerts that are declared no more, and gives up notices by channels that are gone.
    pub fn follow(&self, declared: &BTreeMap<String, Vec<String>>) -> Result<()> {
        let (mut dropped, mut given_up) = (Vec::new(), Vec::new());
        for (name, entry) in self.entries().iter() {
            let Some(channels) = declared.get(name) else {
                dropped.push(name.clone());
                continue;
            };
            let pending = entry.notices.values().filter(|notice| notice.delivery.state == Delivered::Pending);
            let lost = pending.filter(|notice| !channels.contains(&notice.channel));
            given_up.extend(lost.map(|notice| (name.clone(), notice.number, notice.delivery.clone())));
        }
        for alert in dropped {
            self.keep(Record::Dropped { alert })?;
        }
        for (alert, notice, delivery) in given_up {
            let error = Some("the alert does not tell by this channel any more".to_owned());
            self.deliver(&alert, notice, Delivery { state: Delivered::Failed, error, ..delivery })?;
        }
        Ok(())
    }

    /// The first notice that is to be told by a channel.
    pub fn pending(&self, alert: &str, channel: &str) -> Option<Notice> {
        let entries = self.entries();
        let is_pending = |notice: &&Notice| notice.channel == channel && notice.delivery.state == Delivered::Pending;
        entries.get(alert)?.notices.values().find(is_pending).cloned()
    }

    /// Whether every notice was tried, successfully or not.
    pub fn all_tried(&self) -> bool {
        let waits = |notice: &Notice| {
            notice.delivery.state == Delivered::Pending && (notice.delivery.attempts == 0 || notice.delivery.is_open)
        };
        !self.entries().values().any(|entry| entry.notices.values().any(waits))
    }

    /// An alert looks no more, or does again.
    pub fn stop(&self, alert: &str, reason: Option<String>) {
        let mut entries = self.entries();
        if reason.is_some() || entries.contains_key(alert) {
            entries.entry(alert.to_owned()).or_default().stopped = reason;
        }
    }

    /// Waits for something new, but not for long.
    pub fn wait(&self, time: Duration) {
        drop(self.changed.wait_timeout(self.entries(), time));
    }

    pub(super) fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    pub fn wake(&self) {
        self.changed.notify_all();
    }

    fn keep(&self, record: Record) -> Result<()> {
        self.history.append(std::slice::from_ref(&record))?;
        apply(&mut self.entries(), record);
        self.changed.notify_all();
        Ok(())
    }
}

impl Entry {
    /// The number of the next notice, and open incidents that were not told of for so long that they are told again.
    fn due_again(&self, now_us: i64, outcome: &Outcome) -> (u64, Vec<Incident>) {
        if now_us.saturating_sub(self.said_us) < SAY_AGAIN_US {
            return (self.next_notice, Vec::new());
        }
        let is_told = |one: &&Incident| outcome.changed.iter().any(|changed| changed.number == one.number);
        let open = self.incidents.iter().filter(|one| one.state != State::Resolved && !is_told(one));
        (self.next_notice, open.filter(|one| !outcome.removed.contains(&one.number)).cloned().collect())
    }

    fn is_silent(&self, now_us: i64) -> bool {
        let has_open = || self.incidents.iter().any(|one| one.state != State::Resolved);
        (self.place.is_some() || has_open()) && now_us.saturating_sub(self.said_us) >= SAY_AGAIN_US
    }

    fn forget(&mut self) {
        let over = self.notices.len().saturating_sub(SETTLED_MAX);
        if over == 0 {
            return;
        }
        let settled = self.notices.values().filter(|notice| notice.delivery.state != Delivered::Pending);
        let settled: Vec<u64> = settled.map(|notice| notice.number).take(over).collect();
        settled.iter().for_each(|number| drop(self.notices.remove(number)));
    }
}

fn fold(records: Vec<Record>) -> Entries {
    let mut entries = Entries::new();
    records.into_iter().for_each(|record| apply(&mut entries, record));
    entries
}

fn apply(entries: &mut Entries, record: Record) {
    match record {
        Record::Step(Step { alert, at_us, place, incidents, removed, notices }) => {
            let entry = entries.entry(alert).or_default();
            entry.place = place.or_else(|| entry.place.take());
            entry.incidents.apply(incidents, &removed);
            for notice in notices {
                entry.next_notice = entry.next_notice.max(notice.number + 1);
                entry.notices.insert(notice.number, notice);
            }
            entry.said_us = at_us;
            entry.forget();
        }
        Record::Delivery { alert, notice, delivery } => {
            // Its record may have ended with the topic's retention.
            let notice = entries.get_mut(&alert).and_then(|entry| entry.notices.get_mut(&notice));
            notice.into_iter().for_each(|notice| notice.delivery = delivery.clone());
        }
        Record::Dropped { alert } => drop(entries.remove(&alert)),
    }
}

#[cfg(test)]
mod tests;
