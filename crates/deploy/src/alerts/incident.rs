//! Incidents, made of rows and times alone: no clock, no storage, nobody to tell.
//!
//! Where rows have times, rows of one group that are at most `resolve_after` apart are one incident, however they come;
//! it is over when the watermark is further than that past its last row. So the incidents of a history do not depend on
//! how it was cut into ticks, as long as no row comes behind the watermark that was told. Where rows have no time, an
//! incident lasts as long as its group has a row.

#[cfg(test)]
mod tests;
mod timed;
mod untimed;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use timed::Rows;

/// Rows that are kept with an incident: its first ones.
pub const SAMPLE_ROWS: usize = 5;
/// Incidents that are remembered of one alert; those that are over go first.
const KEPT_MAX: usize = 20_000;

/// When rows become incidents, and those are told. Microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How long something is wrong before it counts.
    pub hold_us: i64,
    pub resolve_after_us: i64,
    /// How long after an incident that was told began, the next one of its group is not told.
    pub cool_down_us: i64,
    /// Incidents whose last row is older are not told.
    pub max_age_us: Option<i64>,
    pub send_resolved: bool,
}

/// A row that says that something is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// A JSON object: the same for rows of one group.
    pub labels: String,
    pub time_us: i64,
    /// A JSON object.
    pub content: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not for long enough yet.
    Pending,
    Firing,
    Resolved,
}

/// Whether an incident was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    No,
    Yes,
    /// It was too old. If it goes on until now, it is told.
    Old,
    /// Another one of its group was told shortly before.
    Cooling,
}

/// One time that something was wrong. Times are event times, where rows have such, but for two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Counts the incidents of an alert.
    pub number: u64,
    pub labels: String,
    pub state: State,
    /// Its first row, and its last.
    pub began_us: i64,
    pub last_us: i64,
    pub rows: u64,
    pub told: Told,
    pub message: String,
    /// Its first rows.
    pub sample: Vec<Value>,
    /// Wall clock: when it began to fire, and when it was found to be over.
    pub fired_us: Option<i64>,
    pub resolved_us: Option<i64>,
    /// Of rows without times: there is none any more since `last_us`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_gone: bool,
    /// Within a step.
    #[serde(skip)]
    newest: Option<Value>,
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The incident as it was then.
    pub incident: Incident,
    pub kind: Kind,
    /// Why nobody is told.
    pub suppressed: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Firing,
    Resolved,
}

/// What came of a step.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub changed: Vec<Incident>,
    /// Incidents that turned out to be parts of others, and ones that are forgotten.
    pub removed: Vec<u64>,
    /// In the order of what they tell of.
    pub events: Vec<Event>,
}

/// What an alert's rows mean, for every step.
pub struct Meaning<'a> {
    pub rule: &'a Rule,
    /// What is told of a row of a group.
    pub message: &'a dyn Fn(&Value, &str) -> String,
    /// Wall clock.
    pub now_us: i64,
}

/// The incidents of one alert.
#[derive(Debug, Clone, Default)]
pub struct Incidents {
    all: BTreeMap<u64, Incident>,
    /// Numbers by group, in the order of their beginnings.
    groups: HashMap<String, Vec<u64>>,
    next: u64,
    changed: BTreeSet<u64>,
    removed: BTreeSet<u64>,
}

impl Incidents {
    /// Incidents as they were.
    pub fn restore(kept: impl IntoIterator<Item = Incident>, next: u64) -> Incidents {
        let mut incidents = Incidents { next, ..Incidents::default() };
        for incident in kept {
            incidents.insert(incident);
        }
        incidents
    }

    pub fn iter(&self) -> impl Iterator<Item = &Incident> {
        self.all.values()
    }

    /// The number that the next one gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes what a step came to, as another one knows it.
    pub fn apply(&mut self, changed: impl IntoIterator<Item = Incident>, removed: &[u64]) {
        removed.iter().for_each(|number| self.remove(*number));
        for incident in changed {
            self.remove(incident.number);
            self.insert(incident);
        }
    }

    /// The time of the newest row, where rows have times.
    pub fn newest_us(&self) -> Option<i64> {
        self.all.values().map(|incident| incident.last_us).max()
    }

    fn insert(&mut self, incident: Incident) {
        self.next = self.next.max(incident.number + 1);
        let group = self.groups.entry(incident.labels.clone()).or_default();
        let all = &self.all;
        let at = group.partition_point(|number| all[number].began_us <= incident.began_us);
        group.insert(at, incident.number);
        self.all.insert(incident.number, incident);
    }

    fn remove(&mut self, number: u64) {
        let Some(incident) = self.all.remove(&number) else { return };
        if let Some(group) = self.groups.get_mut(&incident.labels) {
            group.retain(|each| *each != number);
            if group.is_empty() {
                self.groups.remove(&incident.labels);
            }
        }
    }

    fn begin(&mut self, row: &Row, meaning: &Meaning<'_>) -> u64 {
        let number = self.next;
        self.insert(Incident {
            number,
            labels: row.labels.clone(),
            state: State::Pending,
            began_us: row.time_us,
            last_us: row.time_us,
            rows: 0,
            told: Told::No,
            message: (meaning.message)(&row.content, &row.labels),
            sample: Vec::new(),
            fired_us: None,
            resolved_us: None,
            is_gone: false,
            newest: None,
        });
        self.changed.insert(number);
        number
    }

    /// Lets incidents begin to fire that have lasted for long enough, and says what is to be told of them.
    fn fire(&mut self, number: u64, meaning: &Meaning<'_>) -> Option<Event> {
        let incident = self.all.get(&number)?;
        let lasted = incident.last_us.saturating_sub(incident.began_us);
        let fires = incident.state == State::Pending && lasted >= meaning.rule.hold_us;
        let is_young = |age_us| meaning.now_us.saturating_sub(incident.last_us) <= age_us;
        let is_young = meaning.rule.max_age_us.is_none_or(is_young);
        let catches_up = incident.state == State::Firing && incident.told == Told::Old && is_young;
        if !fires && !catches_up {
            return None;
        }
        let (told, suppressed) = match (is_young, self.cooled_by(incident, meaning.rule)) {
            (false, _) => (Told::Old, Some("it is older than max_age".to_owned())),
            (true, Some(before)) => (Told::Cooling, Some(format!("cool_down: incident {before} was told before it"))),
            (true, None) => (Told::Yes, None),
        };
        let incident = self.all.get_mut(&number)?;
        if let Some(newest) = incident.newest.take() {
            incident.message = (meaning.message)(&newest, &incident.labels);
        }
        (incident.state, incident.told) = (State::Firing, told);
        incident.fired_us.get_or_insert(meaning.now_us);
        let event = Event { incident: incident.clone(), kind: Kind::Firing, suppressed };
        self.changed.insert(number);
        Some(event)
    }

    /// The incident of the group that was told so shortly before that this one is not.
    fn cooled_by(&self, incident: &Incident, rule: &Rule) -> Option<u64> {
        if rule.cool_down_us == 0 {
            return None;
        }
        let group = self.groups.get(&incident.labels)?.iter().map(|number| &self.all[number]);
        let told = group.filter(|one| one.told == Told::Yes && one.began_us < incident.began_us);
        let last = told.max_by_key(|one| one.began_us)?;
        (incident.began_us.saturating_sub(last.began_us) < rule.cool_down_us).then_some(last.number)
    }

    /// Ends an incident. Nobody is told of the end of what nobody was told.
    fn resolve(&mut self, number: u64, meaning: &Meaning<'_>) -> Option<Event> {
        let incident = self.all.get_mut(&number)?;
        incident.state = State::Resolved;
        incident.resolved_us = Some(meaning.now_us);
        self.changed.insert(number);
        let is_told = incident.told == Told::Yes && meaning.rule.send_resolved;
        is_told.then(|| Event { incident: incident.clone(), kind: Kind::Resolved, suppressed: None })
    }

    fn open(&self) -> Vec<u64> {
        let open = self.all.values().filter(|incident| incident.state != State::Resolved);
        open.map(|incident| incident.number).collect()
    }

    /// What the step came to, with what it forgets.
    fn outcome(&mut self, events: Vec<Event>) -> Outcome {
        let over = self.all.len().saturating_sub(KEPT_MAX);
        if over > 0 {
            let ended = self.all.values().filter(|incident| incident.state == State::Resolved);
            let ended: Vec<u64> = ended.map(|incident| incident.number).take(over).collect();
            for number in ended {
                self.remove(number);
                self.removed.insert(number);
            }
        }
        let changed = std::mem::take(&mut self.changed);
        for number in &changed {
            self.all.get_mut(number).into_iter().for_each(|incident| incident.newest = None);
        }
        let changed = changed.iter().filter_map(|number| self.all.get(number)).cloned().collect();
        Outcome { changed, removed: std::mem::take(&mut self.removed).into_iter().collect(), events }
    }
}
