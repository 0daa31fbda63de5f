//! Incidents of rows without times: they last while their group has a row. Times are the wall clock's.

use std::collections::BTreeMap;

use super::{Incidents, Meaning, Outcome, Row, SAMPLE_ROWS, State};

impl Incidents {
    /// Takes all rows that are there now.
    pub fn look(&mut self, rows: &[Row], meaning: &Meaning<'_>) -> Outcome {
        let mut groups: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            groups.entry(&row.labels).or_default().push(row);
        }
        let mut events = Vec::new();
        for (labels, rows) in &groups {
            let first = Row { time_us: meaning.now_us, ..rows[0].clone() };
            let number = self.open_of(labels).unwrap_or_else(|| self.begin(&first, meaning));
            let Some(incident) = self.all.get_mut(&number) else { continue };
            if incident.sample.is_empty() {
                incident.sample = rows.iter().take(SAMPLE_ROWS).map(|row| row.content.clone()).collect();
            }
            let count = rows.len() as u64;
            if std::mem::take(&mut incident.is_gone) || incident.rows < count {
                incident.rows = incident.rows.max(count);
                self.changed.insert(number);
            }
            incident.newest = Some(first.content);
            // What is there lasts until now. That alone is no news, which would have to be kept.
            incident.last_us = incident.last_us.max(meaning.now_us);
            events.extend(self.fire(number, meaning));
        }
        for number in self.open() {
            let Some(incident) = self.all.get_mut(&number) else { continue };
            if groups.contains_key(incident.labels.as_str()) {
                continue;
            }
            if !incident.is_gone {
                (incident.is_gone, incident.last_us) = (true, meaning.now_us);
                self.changed.insert(number);
            }
            if meaning.now_us.saturating_sub(incident.last_us) >= meaning.rule.resolve_after_us {
                events.extend(self.resolve(number, meaning));
            }
        }
        self.outcome(events)
    }

    /// Whether time alone may change something.
    pub fn waits(&self) -> bool {
        let waits = |state, is_gone| state == State::Pending || (is_gone && state == State::Firing);
        self.all.values().any(|incident| waits(incident.state, incident.is_gone))
    }

    fn open_of(&self, labels: &str) -> Option<u64> {
        let group = self.groups.get(labels)?;
        group.iter().rev().copied().find(|number| self.all[number].state != State::Resolved)
    }
}
