//! `system.alerts` and `system.notifications`: incidents, and who was told of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array};
use headwater_deploy::alerts::book::{Book, Delivered, Entries, Entry, Notice};
use headwater_deploy::alerts::incident::{Incident, Kind, State};

use super::{text, times};

/// Where alerts are known from.
#[derive(Clone, Default)]
pub enum Alerts {
    #[default]
    Nowhere,
    Running(Arc<Book>),
    /// What the log has, of a node that does not run.
    AtRest(Arc<Entries>),
}

impl Alerts {
    fn with<T>(&self, show: impl FnOnce(&Entries) -> T) -> T {
        match self {
            Alerts::Nowhere => show(&Entries::new()),
            Alerts::Running(book) => show(&book.entries()),
            Alerts::AtRest(entries) => show(entries),
        }
    }

    pub fn incidents(&self) -> Vec<ArrayRef> {
        self.with(|entries| {
            let stopped = entries.iter().filter(|(_, entry)| entry.stopped.is_some());
            let incidents = entries.iter().flat_map(|(name, entry)| entry.incidents.iter().map(move |one| (name, one)));
            let all: Vec<(&String, Result<&Incident, &Entry>)> = stopped
                .map(|(name, entry)| (name, Err(entry)))
                .chain(incidents.map(|(name, incident)| (name, Ok(incident))))
                .collect();
            let each = |of: fn(&Incident) -> Option<i64>| times(all.iter().map(move |(_, one)| one.ok().and_then(of)));
            let state = |one: &Result<&Incident, &Entry>| match one.map(|incident| incident.state) {
                Ok(State::Pending) => "pending",
                Ok(State::Firing) => "firing",
                Ok(State::Resolved) => "resolved",
                Err(_) => "stopped",
            };
            let message = |one: &Result<&Incident, &Entry>| match one {
                Ok(incident) => Some(incident.message.clone()),
                Err(entry) => entry.stopped.clone(),
            };
            let messages: Vec<Option<String>> = all.iter().map(|(_, one)| message(one)).collect();
            vec![
                text(all.iter().map(|(name, _)| Some(name.as_str()))),
                Arc::new(all.iter().map(|(_, one)| one.ok().map(|one| one.number as i64)).collect::<Int64Array>()),
                text(all.iter().map(|(_, one)| one.ok().map(|one| one.labels.as_str()))),
                text(all.iter().map(|(_, one)| Some(state(one)))),
                each(|one| Some(one.began_us)),
                each(|one| (one.state == State::Resolved).then_some(one.last_us)),
                each(|one| one.fired_us),
                each(|one| one.resolved_us),
                text(messages.iter().map(Option::as_deref)),
                Arc::new(all.iter().map(|(_, one)| one.ok().map(|one| one.rows as i64)).collect::<Int64Array>()),
            ]
        })
    }

    pub fn notifications(&self) -> Vec<ArrayRef> {
        self.with(|entries| {
            let all: Vec<(&String, &Notice)> = entries
                .iter()
                .flat_map(|(name, entry)| entry.notices.values().map(move |notice| (name, notice)))
                .collect();
            let kind = |kind: Kind| if kind == Kind::Firing { "firing" } else { "resolved" };
            let state = |state: Delivered| match state {
                Delivered::Pending => "pending",
                Delivered::Sent => "sent",
                Delivered::Failed => "failed",
                Delivered::Suppressed => "suppressed",
            };
            vec![
                text(all.iter().map(|(name, _)| Some(name.as_str()))),
                Arc::new(all.iter().map(|(_, one)| Some(one.incident.number as i64)).collect::<Int64Array>()),
                text(all.iter().map(|(_, one)| Some(one.incident.labels.as_str()))),
                text(all.iter().map(|(_, one)| Some(one.channel.as_str()))),
                text(all.iter().map(|(_, one)| Some(kind(one.kind)))),
                text(all.iter().map(|(_, one)| Some(state(one.delivery.state)))),
                Arc::new(all.iter().map(|(_, one)| Some(one.delivery.attempts as i32)).collect::<Int32Array>()),
                text(all.iter().map(|(_, one)| one.delivery.error.as_deref())),
                times(all.iter().map(|(_, one)| Some(one.created_us))),
                times(all.iter().map(|(_, one)| one.delivery.sent_us)),
            ]
        })
    }
}
