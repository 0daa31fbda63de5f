//! One task: its runs come one after the other.

use std::collections::VecDeque;

use super::{CAUGHT_UP_MAX, Task, caught_up};
use crate::runs::{Cause, Run, State};
use crate::schedule::Schedule;
use headwater_sql::settings::CatchUp;

/// How long after its first run something that is new runs again.
const EARLY_US: i64 = 30_000_000;

#[derive(Debug)]
pub(super) struct Lane {
    pub task: Task,
    pub queue: VecDeque<Run>,
    pub running: Option<u64>,
    pub next_due_us: Option<i64>,
    /// When the run that failed last is tried again.
    pub retry: Option<(i64, Run)>,
    /// When it runs before its schedule says so.
    pub early_us: Option<i64>,
    /// When what it does was new.
    pub new_us: Option<i64>,
    /// The last one that is over.
    pub last: Option<Run>,
    /// Of what the last whole run that succeeded did.
    pub last_success: Option<String>,
    /// The greatest time for which a whole run succeeded.
    pub made_us: Option<i64>,
    /// The greatest time that a run was for.
    pub covered_us: i64,
}

impl Lane {
    pub fn new(task: Task, covered_us: i64) -> Lane {
        Lane {
            task,
            queue: VecDeque::new(),
            running: None,
            next_due_us: None,
            retry: None,
            early_us: None,
            new_us: None,
            last: None,
            last_success: None,
            made_us: None,
            covered_us,
        }
    }

    pub fn timers(&self) -> impl Iterator<Item = i64> {
        self.next_due_us.into_iter().chain(self.early_us).chain(self.retry.as_ref().map(|(at_us, _)| *at_us))
    }

    /// Times that were due after the last run and before now, when nobody was there, of which runs are made.
    pub fn missed(&self, now_us: i64) -> Vec<i64> {
        caught_up(self.task.settings.catch_up, self.due_between(self.covered_us, now_us))
    }

    /// Times that have come since the last look: the last alone where not each is wanted.
    pub fn due(&self, now_us: i64) -> Vec<i64> {
        let Some(due_us) = self.next_due_us.filter(|due_us| *due_us <= now_us) else { return Vec::new() };
        let catch_up = match self.task.settings.catch_up {
            CatchUp::None => CatchUp::Latest,
            other => other,
        };
        let mut due = vec![due_us];
        due.extend(self.due_between(due_us, now_us));
        caught_up(catch_up, due)
    }

    fn due_between(&self, after_us: i64, until_us: i64) -> Vec<i64> {
        let schedule: &Schedule = &self.task.schedule;
        let mut due = Vec::new();
        if self.task.settings.catch_up != CatchUp::All {
            return schedule.last(until_us).filter(|last_us| *last_us > after_us).into_iter().collect();
        }
        let mut at_us = after_us;
        while let Some(next_us) = schedule.next(at_us).filter(|next_us| *next_us <= until_us) {
            due.push(next_us);
            at_us = next_us;
            if due.len() > CAUGHT_UP_MAX {
                due.remove(0);
            }
        }
        due
    }

    /// Adds runs that are due, or due again. Where not each is wanted, the latest stands for those before it.
    pub fn enqueue(&mut self, runs: Vec<Run>) {
        for run in runs {
            if self.task.settings.catch_up != CatchUp::All && is_timed(&run) {
                let is_later = |waits: &Run| is_timed(waits) && waits.due_us > run.due_us;
                if self.covered_us > run.due_us || self.queue.iter().any(is_later) {
                    continue;
                }
                self.queue.retain(|waits| !is_timed(waits));
            }
            let is_later = |waits: &Run| is_timed(&run) && is_timed(waits) && waits.due_us > run.due_us;
            let at = self.queue.iter().position(is_later).unwrap_or(self.queue.len());
            self.queue.insert(at, run);
        }
    }

    /// The run that may begin.
    pub fn first(&self) -> Option<&Run> {
        // Where each time is wanted, they come in their order.
        let waits = self.retry.is_some() && self.task.settings.catch_up == CatchUp::All;
        self.queue.front().filter(|run| self.running.is_none() && !(waits && is_timed(run)))
    }

    /// A run begins.
    pub fn begins(&mut self, run: &Run) {
        self.running = Some(run.id);
        self.early_us = None;
        // A later time stands for the one that failed.
        self.retry = self.retry.take().filter(|(_, failed)| !is_timed(run) || failed.due_us > run.due_us);
    }

    /// Whether something is still to be done that was due by then.
    pub fn is_busy_until(&self, due_us: i64) -> bool {
        let retries = self.retry.as_ref().is_some_and(|(_, run)| run.due_us <= due_us);
        self.running.is_some() || retries || self.queue.iter().any(|run| run.due_us <= due_us)
    }

    /// Whether it was not made for a time although it was due after another one.
    pub fn has_failed(&self, after_us: i64, due_us: i64) -> bool {
        let failed = |last: &Run| matches!(last.state, State::Failed | State::Held | State::Skipped);
        let failed = self.last.as_ref().is_some_and(|last| failed(last) && last.due_us > after_us);
        failed && self.made_us.is_none_or(|made_us| made_us < due_us)
    }

    /// Whether a run that is over is tried again. Who asked for one is told, and decides.
    pub fn retries(&self, run: &Run) -> bool {
        let by_itself = matches!(run.cause, Cause::Schedule | Cause::CatchUp | Cause::Created);
        run.state == State::Failed && by_itself && run.attempt <= self.task.settings.retries
    }

    /// A run is over.
    pub fn over(&mut self, run: &Run) {
        if run.range_us.is_none() {
            self.covered_us = self.covered_us.max(run.due_us);
            if run.state == State::Succeeded {
                self.last_success = Some(run.fingerprint.clone());
                self.made_us = self.made_us.max(Some(run.due_us));
            }
        }
        if run.cause == Cause::Created {
            self.new_us = Some(run.due_us);
        }
        self.last = Some(run.clone());
        self.early_us = self.next_early_us();
    }

    /// Of what is new: when it is twice as old as at the end of its last run.
    pub fn next_early_us(&self) -> Option<i64> {
        // What has run to the end of its input is as it is.
        let last = self.last.as_ref().filter(|run| run.cause != Cause::Final)?;
        let age_us = last.ended_us?.max(last.due_us) - self.new_us?;
        let early_us = last.ended_us?.saturating_add(age_us.max(EARLY_US));
        // Without a schedule until there was something to do.
        let is_early = match self.next_due_us {
            Some(due_us) => early_us < due_us,
            None => last.state == State::Succeeded && last.outcome.output_version.is_none(),
        };
        (self.task.early && is_early && last.fingerprint == self.task.fingerprint).then_some(early_us)
    }

    /// How long after so many attempts the next one comes.
    pub fn delay_us(&self, attempts: u32) -> i64 {
        let delay_us = i64::try_from(self.task.settings.retry_delay.as_micros()).unwrap_or(i64::MAX);
        delay_us.saturating_mul(1_i64 << (attempts.saturating_sub(1)).min(20))
    }
}

/// Whether time is what a run is for.
fn is_timed(run: &Run) -> bool {
    matches!(run.cause, Cause::Schedule | Cause::CatchUp)
}
