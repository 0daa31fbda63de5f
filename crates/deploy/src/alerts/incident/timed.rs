//! Incidents of rows that have times.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Incident, Incidents, Meaning, Outcome, Row, SAMPLE_ROWS, State, Told};

/// Rows as they come.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Each once: they are new.
    New(Vec<Row>),
    /// All that are there, whether they were there before or not.
    All(Vec<Row>),
}

impl Incidents {
    /// Takes rows, and how far time has come with them: the watermark of what they are made from. `None`: it has none, and
    /// the newest row tells the time.
    pub fn take(&mut self, rows: Rows, watermark_us: Option<i64>, meaning: &Meaning<'_>) -> Outcome {
        let (mut rows, is_new) = match rows {
            Rows::New(rows) => (rows, true),
            Rows::All(rows) => (rows, false),
        };
        rows.sort_by_key(|row| row.time_us);
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for row in &rows {
            let number = self.place(row, is_new, &mut counts, meaning);
            *counts.entry(number).or_default() += 1;
        }
        for (number, count) in &counts {
            let Some(incident) = self.all.get_mut(number) else { continue };
            let rows = if is_new { incident.rows + count } else { incident.rows.max(*count) };
            if rows != incident.rows {
                incident.rows = rows;
                self.changed.insert(*number);
            }
        }
        let mut events = self.fire_all(counts.into_keys().collect(), meaning);
        let passed_us = watermark_us.or_else(|| self.newest_us());
        for number in self.open() {
            let end_us = self.all[&number].last_us.saturating_add(meaning.rule.resolve_after_us);
            if passed_us.is_some_and(|passed_us| passed_us > end_us) {
                events.extend(self.resolve(number, meaning).map(|event| (end_us, event)));
            }
        }
        events.sort_by_key(|(time_us, _)| *time_us);
        self.outcome(events.into_iter().map(|(_, event)| event).collect())
    }

    /// In the order of their beginnings, since one that is told keeps the next from being told.
    fn fire_all(&mut self, touched: BTreeSet<u64>, meaning: &Meaning<'_>) -> Vec<(i64, Event)> {
        let began = touched.into_iter().filter_map(|number| Some((self.all.get(&number)?.began_us, number)));
        let mut began: Vec<(i64, u64)> = began.collect();
        began.sort_unstable();
        let fire = |(began_us, number)| self.fire(number, meaning).map(|event| (began_us, event));
        began.into_iter().filter_map(fire).collect()
    }

    /// The incident that a row is of. Open ones that it joins become one, under the number of the first.
    fn place(&mut self, row: &Row, is_new: bool, counts: &mut BTreeMap<u64, u64>, meaning: &Meaning<'_>) -> u64 {
        let near = self.near(row, meaning.rule.resolve_after_us);
        let is_open = |number: &&u64| self.all[*number].state != State::Resolved;
        let open: Vec<u64> = near.iter().filter(is_open).copied().collect();
        let number = match (open.as_slice(), near.as_slice()) {
            ([first, others @ ..], _) => {
                others.iter().for_each(|other| self.join(*first, *other, counts));
                *first
            }
            // It came behind the watermark that ended its incident, or it is seen once more.
            ([], [first, ..]) => *first,
            ([], []) => self.begin(row, meaning),
        };
        let Some(incident) = self.all.get_mut(&number) else { return number };
        let before = (incident.began_us, incident.last_us, incident.sample.len());
        let is_first = incident.rows == 0;
        if (is_new || is_first) && incident.sample.len() < SAMPLE_ROWS {
            incident.sample.push(row.content.clone());
        }
        if row.time_us >= incident.last_us {
            incident.newest = Some(row.content.clone());
        }
        incident.began_us = incident.began_us.min(row.time_us);
        incident.last_us = incident.last_us.max(row.time_us);
        if before != (incident.began_us, incident.last_us, incident.sample.len()) {
            self.changed.insert(number);
        }
        if before.0 != row.time_us.min(before.0) {
            self.reorder(&row.labels);
        }
        number
    }

    /// The incidents of a row's group that it is near enough to, in the order of their beginnings.
    fn near(&self, row: &Row, reach_us: i64) -> Vec<u64> {
        let Some(group) = self.groups.get(&row.labels) else { return Vec::new() };
        let of = |number: &u64| &self.all[number];
        let begun = group.partition_point(|number| of(number).began_us.saturating_sub(reach_us) <= row.time_us);
        // Incidents lie apart from each other, but for ones that late rows have made longer.
        let candidates = group[..begun].iter().rev().take(4);
        let near = candidates.filter(|number| of(number).last_us.saturating_add(reach_us) >= row.time_us);
        let mut near: Vec<u64> = near.copied().collect();
        near.reverse();
        near
    }

    /// An incident turned out to have begun earlier.
    fn reorder(&mut self, labels: &str) {
        if let Some(group) = self.groups.get_mut(labels) {
            let all = &self.all;
            group.sort_by_key(|number| all[number].began_us);
        }
    }

    fn join(&mut self, number: u64, other: u64, counts: &mut BTreeMap<u64, u64>) {
        let Some(Incident { began_us, last_us, rows, fired_us, state, told, .. }) = self.all.get(&other).cloned()
        else {
            return;
        };
        self.remove(other);
        self.removed.insert(other);
        self.changed.remove(&other);
        if let Some(count) = counts.remove(&other) {
            *counts.entry(number).or_default() += count;
        }
        let Some(incident) = self.all.get_mut(&number) else { return };
        incident.began_us = incident.began_us.min(began_us);
        incident.last_us = incident.last_us.max(last_us);
        incident.rows += rows;
        incident.fired_us = incident.fired_us.into_iter().chain(fired_us).min();
        if state == State::Firing {
            incident.state = State::Firing;
        }
        if incident.told != Told::Yes && told != Told::No {
            incident.told = told;
        }
        self.changed.insert(number);
    }
}
