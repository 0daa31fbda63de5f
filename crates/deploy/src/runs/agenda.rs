//! What begins when: the pure part of runs. It knows no clock, and does nothing itself.
//!
//! Each task has a lane, in which one run goes on at a time. A run that is due waits until all that its task reads have
//! done what was due by then; where one of them has failed, it is skipped.

mod lane;
mod pools;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headwater_sql::settings::{CatchUp, RunSettings};

use super::{Cause, Failure, Kind, Outcome, Run, State};
use crate::schedule::Schedule;
use lane::Lane;
use pools::{Pools, Waiting};

/// Runs that are told of, about, beside the last ones of each task.
const KEPT: usize = 20_000;

/// Runs that are caught up with after one absence.
const CAUGHT_UP_MAX: usize = 10_000;

/// Something that runs.
#[derive(Debug, Clone)]
pub struct Task {
    pub object: String,
    pub kind: Kind,
    pub schedule: Schedule,
    pub settings: RunSettings,
    /// Tasks whose runs come first where both are due.
    pub after: Vec<String>,
    /// Of what it does: runs by another one have done something else.
    pub fingerprint: String,
    /// It runs at once where it has never done what it does.
    pub at_once: bool,
    /// After that it runs again and again, at twice the age each time, until its schedule takes over or, without one, it
    /// has made something: it is declared before the rows come that it is about.
    pub early: bool,
}

impl Task {
    /// Where its runs take their places.
    pub fn pool(&self) -> &str {
        self.settings.pool.as_deref().unwrap_or(self.kind.pool())
    }
}

/// Why somebody wants a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub cause: Cause,
    pub range_us: Option<(i64, i64)>,
}

/// A task, when it is due and what its last run came to.
#[derive(Debug, Clone)]
pub struct Next {
    pub object: String,
    pub kind: Kind,
    pub schedule: String,
    pub pool: String,
    pub next_due_us: Option<i64>,
    pub last: Option<Run>,
}

/// All tasks and their runs.
#[derive(Debug, Default)]
pub struct Agenda {
    lanes: BTreeMap<String, Lane>,
    /// By their numbers.
    runs: BTreeMap<u64, Run>,
    /// When a lane has to be looked at.
    timers: BTreeSet<(i64, String)>,
    pools: Pools,
    /// Of an earlier node: begun and not ended.
    interrupted: Vec<u64>,
    last_id: u64,
}

impl Agenda {
    /// With runs as they were remembered: of each, what was remembered last.
    pub fn new(remembered: Vec<Run>) -> Agenda {
        let mut agenda = Agenda::default();
        for run in remembered {
            agenda.last_id = agenda.last_id.max(run.id);
            agenda.runs.insert(run.id, run);
        }
        let open = agenda.runs.values().filter(|run| !run.state.is_over()).map(|run| run.id);
        agenda.interrupted = open.collect();
        agenda.forget();
        agenda
    }

    /// How many runs of a pool go on at a time: what is said of some, and of all others.
    pub fn with_pools(self, places: BTreeMap<String, usize>, usual: usize) -> Agenda {
        Agenda { pools: Pools::new(places, usual), ..self }
    }

    /// Replaces all tasks.
    pub fn declare(&mut self, tasks: Vec<Task>, now_us: i64) {
        let mut before = std::mem::take(&mut self.lanes);
        let mut remembered: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for run in self.runs.values().filter(|run| !before.contains_key(&run.object)) {
            remembered.entry(run.object.clone()).or_default().push(run.clone());
        }
        // One that waited has a number that is less than its time.
        remembered.values_mut().for_each(|runs| runs.sort_by_key(|run| (run.began_us.or(run.ended_us), run.id)));
        self.timers.clear();
        self.pools.empty();
        for task in tasks {
            let object = task.object.clone();
            let was_there = before.contains_key(&object);
            let mut lane = match before.remove(&object) {
                Some(lane) => Lane { task, ..lane },
                None => self.opened(task, remembered.get(&object).map_or(&[], Vec::as_slice), now_us),
            };
            let done = lane.last_success.as_deref() == Some(&lane.task.fingerprint);
            let is_asked = lane.queue.iter().any(|run| run.cause == Cause::Created);
            let is_this = |run: &Run| run.fingerprint == lane.task.fingerprint && run.range_us.is_none();
            let runs = lane.running.iter().any(|id| self.runs.get(id).is_some_and(is_this));
            let retries = lane.retry.iter().any(|(_, run)| is_this(run));
            // What has failed as it is fails again, whatever else is declared.
            let is_tried = lane.task.early && was_there && lane.last.as_ref().is_some_and(is_this);
            let goes_on = self.interrupted.iter().any(|id| self.runs.get(id).is_some_and(|run| run.object == object));
            if lane.task.at_once && !done && !is_asked && !runs && !retries && !is_tried && !goes_on {
                let run = self.new_run(&lane.task, Cause::Created, now_us, now_us);
                lane.queue.push_back(run);
            }
            lane.next_due_us = lane.task.schedule.next(now_us);
            lane.early_us = lane.next_early_us();
            self.timers.extend(lane.timers().map(|at_us| (at_us, object.clone())));
            self.lanes.insert(object.clone(), lane);
            self.wait(&object);
        }
    }

    /// The lane of a task that was not there before, with what is remembered of it and what was missed.
    fn opened(&mut self, task: Task, of_task: &[Run], now_us: i64) -> Lane {
        let covered_us = of_task.iter().filter(|run| run.range_us.is_none()).map(|run| run.due_us).max();
        let mut lane = Lane::new(task, now_us);
        of_task.iter().filter(|run| run.state.is_over()).for_each(|run| lane.over(run));
        lane.covered_us = covered_us.unwrap_or(now_us);
        // What was taken away while it ran, and comes again, still runs.
        let is_on = |run: &&Run| !run.state.is_over() && !self.interrupted.contains(&run.id);
        lane.running = of_task.iter().find(is_on).map(|run| run.id);
        // Where nothing came after it, its next attempt was on its way.
        let retried = of_task.last().filter(|last| lane.retries(last));
        if let Some(failed) = retried {
            let again = self.again(failed, failed.attempt + 1, now_us);
            lane.queue.push_back(again);
        }
        for due_us in lane.missed(now_us) {
            let run = self.new_run(&lane.task, Cause::CatchUp, due_us, now_us);
            lane.queue.push_back(run);
        }
        lane
    }

    /// Asks for a run; `None` where there is no such task.
    pub fn ask(&mut self, object: &str, asked: Asked, now_us: i64) -> Option<u64> {
        let task = self.lanes.get(object)?.task.clone();
        let run = Run { range_us: asked.range_us, ..self.new_run(&task, asked.cause, now_us, now_us) };
        let id = run.id;
        self.lanes.get_mut(object)?.queue.push_back(run);
        self.wait(object);
        Some(id)
    }

    /// What begins now, and what is over before it began.
    pub fn begin(&mut self, now_us: i64) -> Vec<Run> {
        while let Some((at_us, object)) = self.timers.first().cloned().filter(|(at_us, _)| *at_us <= now_us) {
            self.timers.remove(&(at_us, object.clone()));
            self.look(&object, now_us);
        }
        let mut begun = Vec::new();
        // What is skipped lets what waits for it be skipped, too.
        loop {
            let before = begun.len();
            let mut last: Option<Waiting> = None;
            while let Some(waiting) = self.pools.next(last.as_ref()) {
                begun.extend(self.begin_in(&waiting.3, now_us));
                last = Some(waiting);
            }
            if begun[before..].iter().all(|run: &Run| !run.state.is_over()) {
                break;
            }
        }
        for run in &begun {
            self.runs.insert(run.id, run.clone());
        }
        self.forget();
        begun
    }

    /// Takes up what is due in a lane.
    fn look(&mut self, object: &str, now_us: i64) {
        let Some(lane) = self.lanes.get(object) else { return };
        let due = lane.due(now_us);
        let retry = lane.retry.clone().filter(|(at_us, _)| *at_us <= now_us);
        let early_us = lane.early_us.filter(|at_us| *at_us <= now_us);
        let task = lane.task.clone();
        let mut queued = Vec::new();
        if let Some((_, failed)) = &retry {
            queued.push(self.again(failed, failed.attempt + 1, now_us));
        }
        if let Some(early_us) = early_us.filter(|_| due.is_empty()) {
            queued.push(self.new_run(&task, Cause::Early, early_us, now_us));
        }
        for due_us in due {
            queued.push(self.new_run(&task, Cause::Schedule, due_us, now_us));
        }
        let Some(lane) = self.lanes.get_mut(object) else { return };
        if retry.is_some() {
            lane.retry = None;
        }
        if early_us.is_some() {
            lane.early_us = None;
        }
        if lane.next_due_us.is_some_and(|due_us| due_us <= now_us) {
            lane.next_due_us = task.schedule.next(now_us);
            self.timers.extend(lane.next_due_us.map(|at_us| (at_us, object.to_owned())));
        }
        lane.enqueue(queued);
        self.wait(object);
    }

    /// What a lane waits for now, after it has changed.
    fn wait(&mut self, object: &str) {
        let Some(lane) = self.lanes.get(object) else { return };
        self.pools.waits(object, lane.task.pool(), lane.first().map(|run| (run.due_us, run.id)));
    }

    /// The first run of a lane, if it can begin.
    fn begin_in(&mut self, object: &str, now_us: i64) -> Option<Run> {
        let lane = self.lanes.get(object)?;
        let run = lane.first()?;
        let mut failed = None;
        if !matches!(run.cause, Cause::Manual | Cause::Backfill) {
            let first = lane.task.after.iter().filter_map(|name| self.lanes.get(name));
            let first: Vec<&Lane> = first.collect();
            if first.iter().any(|lane| lane.is_busy_until(run.due_us)) {
                return None;
            }
            let has_failed = |each: &&&Lane| each.has_failed(lane.covered_us, run.due_us);
            failed = first.iter().find(has_failed).map(|lane| lane.task.object.clone());
        }
        let lane = self.lanes.get_mut(object)?;
        let mut run = lane.queue.pop_front()?;
        match failed {
            None => {
                run.state = State::Running;
                run.began_us = Some(now_us);
                lane.begins(&run);
                self.pools.takes(run.id, lane.task.pool());
            }
            Some(failed) => {
                run.state = State::Skipped;
                run.ended_us = Some(now_us);
                run.error = Some(format!("{failed}, which it reads, was not made"));
                lane.over(&run);
                self.timers.extend(lane.early_us.map(|at_us| (at_us, object.to_owned())));
            }
        }
        self.wait(object);
        Some(run)
    }

    /// How a run ended; `None` where it is not known.
    pub fn ended(&mut self, id: u64, done: Result<Outcome, Failure>, now_us: i64) -> Option<Run> {
        self.pools.leaves(id);
        let run = self.runs.get_mut(&id)?;
        run.ended_us = Some(now_us);
        match done {
            Ok(outcome) => {
                run.state = State::Succeeded;
                run.outcome = outcome;
            }
            Err(Failure::Held(why)) => {
                run.state = State::Held;
                run.error = Some(why);
            }
            Err(Failure::Failed(why)) => {
                run.state = State::Failed;
                run.error = Some(why);
            }
        }
        let Some(lane) = self.lanes.get_mut(&run.object) else { return Some(run.clone()) };
        if lane.retries(run) {
            let at_us = now_us.saturating_add(lane.delay_us(run.attempt));
            lane.retry = Some((at_us, run.clone()));
            self.timers.insert((at_us, run.object.clone()));
        }
        lane.running = lane.running.filter(|running| *running != id);
        lane.over(run);
        self.timers.extend(lane.early_us.map(|at_us| (at_us, run.object.clone())));
        let run = run.clone();
        self.wait(&run.object);
        Some(run)
    }

    /// Runs that an earlier node had begun.
    pub fn interrupted(&self) -> Vec<Run> {
        self.interrupted.iter().filter_map(|id| self.runs.get(id).cloned()).collect()
    }

    /// What such a run came to. One that came to nothing is made again.
    pub fn settle(&mut self, id: u64, found: Option<Outcome>, now_us: i64) -> Option<Run> {
        self.interrupted.retain(|each| *each != id);
        let run = self.runs.get_mut(&id)?;
        run.ended_us = Some(now_us);
        match found {
            Some(outcome) => {
                run.state = State::Succeeded;
                run.outcome = outcome;
            }
            None => {
                run.state = State::Interrupted;
                run.error = Some("the node ended before the run had done anything that counts".to_owned());
            }
        }
        let run = run.clone();
        let again = self.again(&run, run.attempt, now_us);
        if let Some(lane) = self.lanes.get_mut(&run.object) {
            lane.over(&run);
            if run.state == State::Interrupted {
                lane.queue.push_front(again);
            }
        }
        self.wait(&run.object);
        Some(run)
    }

    /// When it has to be looked at next; `None` where nothing is due.
    pub fn next_us(&self) -> Option<i64> {
        self.timers.first().map(|(at_us, _)| *at_us)
    }

    /// Whether nothing runs, waits, or is due.
    pub fn is_idle(&self, now_us: i64) -> bool {
        let is_quiet = |lane: &Lane| lane.running.is_none() && lane.queue.is_empty() && lane.retry.is_none();
        let is_due = self.timers.first().is_some_and(|(at_us, _)| *at_us <= now_us);
        self.interrupted.is_empty() && !is_due && self.lanes.values().all(is_quiet)
    }

    pub fn timeout(&self, object: &str) -> Option<Duration> {
        self.lanes.get(object)?.task.settings.timeout
    }

    /// Whether a run is one of those that are told of, or waits.
    pub fn knows(&self, id: u64) -> bool {
        self.runs.contains_key(&id) || self.lanes.values().any(|lane| lane.queue.iter().any(|run| run.id == id))
    }

    /// Those that have begun and those that wait, the newest first.
    pub fn runs(&self) -> Vec<Run> {
        let queued = self.lanes.values().flat_map(|lane| lane.queue.iter());
        let mut runs: Vec<Run> = self.runs.values().chain(queued).cloned().collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        runs
    }

    pub fn schedules(&self) -> Vec<Next> {
        let next = |lane: &Lane| Next {
            object: lane.task.object.clone(),
            kind: lane.task.kind,
            schedule: lane.task.schedule.to_string(),
            pool: lane.task.pool().to_owned(),
            next_due_us: lane.next_due_us,
            last: lane.last.clone(),
        };
        self.lanes.values().map(next).collect()
    }

    fn new_run(&mut self, task: &Task, cause: Cause, due_us: i64, now_us: i64) -> Run {
        Run {
            id: self.next_id(now_us),
            object: task.object.clone(),
            kind: task.kind,
            cause,
            state: State::Queued,
            attempt: 1,
            due_us,
            began_us: None,
            ended_us: None,
            range_us: None,
            fingerprint: task.fingerprint.clone(),
            error: None,
            outcome: Outcome::default(),
        }
    }

    /// The same run once more.
    fn again(&mut self, run: &Run, attempt: u32, now_us: i64) -> Run {
        let fingerprint = self.lanes.get(&run.object).map(|lane| lane.task.fingerprint.clone());
        Run {
            id: self.next_id(now_us),
            state: State::Queued,
            attempt,
            began_us: None,
            ended_us: None,
            fingerprint: fingerprint.unwrap_or_else(|| run.fingerprint.clone()),
            error: None,
            outcome: Outcome::default(),
            ..run.clone()
        }
    }

    /// About when it was made, so that two data folders seldom have the same.
    fn next_id(&mut self, now_us: i64) -> u64 {
        self.last_id = (self.last_id + 1).max(u64::try_from(now_us).unwrap_or_default());
        self.last_id
    }

    /// Forgets the oldest runs, but for what has to be known of each task: what it was made for last, and by what.
    fn forget(&mut self) {
        if self.runs.len() <= KEPT + KEPT / 10 {
            return;
        }
        let mut known: BTreeMap<(&str, State), u64> = BTreeMap::new();
        for run in self.runs.values() {
            known.insert((&run.object, run.state), run.id);
        }
        let stays: BTreeSet<u64> = known.into_values().collect();
        let over = self.runs.values().filter(|run| run.state.is_over() && !stays.contains(&run.id));
        let gone: Vec<u64> = over.map(|run| run.id).take(self.runs.len() - KEPT).collect();
        gone.iter().for_each(|id| drop(self.runs.remove(id)));
    }
}

/// Whether all runs that were missed are made, or the last alone, or none.
fn caught_up(catch_up: CatchUp, missed: Vec<i64>) -> Vec<i64> {
    match catch_up {
        CatchUp::All => missed,
        CatchUp::Latest => missed.last().copied().into_iter().collect(),
        CatchUp::None => Vec::new(),
    }
}
