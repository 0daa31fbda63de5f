//! The queries of a node: how many may run at one time and for how long, who asked them, what became of them, and the
//! way to end one before its last row.

pub mod task;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headwater_base::clock::{Clock, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::session::interrupt::Stop;
use crate::{Error, Result};

/// Queries that have ended and are still told of.
const ENDED_MAX: usize = 1000;

/// Characters of a query's text that are kept.
const TEXT_MAX: usize = 10_000;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// `http`, `postgres`.
    pub door: &'static str,
    pub user: Option<String>,
    /// How long this query may run; zero is for ever. `None` is what holds for all.
    pub timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Queries that run at one time.
    pub at_once: Option<usize>,
    /// How long one may run that did not ask for another time.
    pub timeout: Option<Duration>,
}

/// What is being run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As [`Kind::Query`], of what the node knows of itself alone: who watches a node asks so all the time, and it is not
    /// told of any more once it is done.
    Look,
    /// It reads: limits hold for it, and it can be ended.
    Query,
    /// It changes something, and is not ended half-way.
    Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Running,
    Done,
    Failed,
    /// Ended before its last row, by its client or by another.
    Cancelled,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }
}

/// A query as it is told of.
#[derive(Debug, Clone)]
pub struct Told {
    pub id: u64,
    pub text: Arc<str>,
    pub door: &'static str,
    pub user: Option<String>,
    pub state: State,
    /// Microseconds UTC.
    pub started_us: i64,
    pub duration: Duration,
    pub rows: u64,
    pub error: Option<String>,
}

/// All queries of one node. Numbers count from its start.
pub struct Queries {
    limits: Limits,
    clock: Arc<dyn Clock>,
    next: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    running: BTreeMap<u64, Arc<Entry>>,
    /// The oldest first.
    ended: VecDeque<Told>,
    /// By door and state, since the start.
    counts: BTreeMap<(&'static str, State), u64>,
}

/// What is known of a running query.
struct Entry {
    id: u64,
    kind: Kind,
    text: Arc<str>,
    asker: Asker,
    started_us: i64,
    /// By the clock that never goes back.
    started: Duration,
    rows: AtomicU64,
    /// Why it was ended, once it was.
    end: watch::Sender<Option<Error>>,
    /// Set with that, for work that looks at it now and then.
    stop: Stop,
}

/// Why a query could not be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It does not run, or not any more.
    Unknown,
    /// It changes something.
    Change,
}

impl Default for Queries {
    fn default() -> Queries {
        Queries::new(Limits::default(), SystemClock::shared())
    }
}

impl Queries {
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Queries {
        Queries { limits, clock, next: AtomicU64::new(1), inner: Mutex::default() }
    }

    /// Lets a query in.
    ///
    /// # Errors
    /// [`Error::TooMany`] where as many run as may.
    pub fn begin(self: &Arc<Self>, asker: &Asker, kind: Kind, text: &str) -> Result<Query> {
        let text: Arc<str> = match text.char_indices().nth(TEXT_MAX) {
            Some((end, _)) => format!("{}…", &text[..end]).into(),
            None => text.into(),
        };
        let entry = Arc::new(Entry {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            kind,
            text,
            asker: asker.clone(),
            started_us: self.clock.now_us(),
            started: self.clock.elapsed(),
            rows: AtomicU64::new(0),
            end: watch::Sender::new(None),
            stop: Stop::default(),
        });
        let mut inner = self.inner();
        let most = self.limits.at_once.filter(|_| kind != Kind::Change);
        if let Some(most) = most.filter(|most| inner.running.len() >= *most) {
            return Err(Error::TooMany(most));
        }
        inner.running.insert(entry.id, Arc::clone(&entry));
        drop(inner);
        let timeout =
            entry.asker.timeout.or(self.limits.timeout).filter(|limit| kind != Kind::Change && !limit.is_zero());
        let timer = timeout.map(|limit| {
            let entry = Arc::downgrade(&entry);
            tokio::spawn(async move {
                tokio::time::sleep(limit).await;
                if let Some(entry) = entry.upgrade() {
                    entry.end(Error::TimedOut(limit));
                }
            })
        });
        Ok(Query { queries: Arc::clone(self), entry, timer, ended: None })
    }

    /// Ends a query. Who reads it gets [`Error::Cancelled`].
    pub fn cancel(&self, id: u64) -> Result<(), Refused> {
        let entry = self.inner().running.get(&id).cloned().ok_or(Refused::Unknown)?;
        if entry.kind == Kind::Change {
            return Err(Refused::Change);
        }
        entry.end(Error::Cancelled);
        Ok(())
    }

    /// Ends all that can be ended.
    pub fn cancel_all(&self) {
        let running: Vec<Arc<Entry>> = self.inner().running.values().cloned().collect();
        running.iter().filter(|entry| entry.kind != Kind::Change).for_each(|entry| entry.end(Error::Cancelled));
    }

    /// Those that run and the last that ended, the newest first.
    pub fn list(&self) -> Vec<Told> {
        let now = self.clock.elapsed();
        let inner = self.inner();
        let running = inner.running.values().rev().map(|entry| entry.told(now, State::Running, None));
        let mut all: Vec<Told> = running.chain(inner.ended.iter().rev().cloned()).collect();
        all.sort_by_key(|told| std::cmp::Reverse(told.id));
        all
    }

    /// How many run now.
    pub fn running(&self) -> usize {
        self.inner().running.len()
    }

    /// How many have ended since the start, by door and how.
    pub fn counts(&self) -> Vec<(&'static str, State, u64)> {
        self.inner().counts.iter().map(|((door, state), count)| (*door, *state, *count)).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn told(&self, now: Duration, state: State, error: Option<String>) -> Told {
        Told {
            id: self.id,
            text: Arc::clone(&self.text),
            door: self.asker.door,
            user: self.asker.user.clone(),
            state,
            started_us: self.started_us,
            duration: now.saturating_sub(self.started),
            rows: self.rows.load(Ordering::Relaxed),
            error,
        }
    }

    fn end(&self, why: Error) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(why);
            }
            first
        });
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A query that was let in. It has ended when this is dropped: cancelled, where nothing else was said.
pub struct Query {
    queries: Arc<Queries>,
    entry: Arc<Entry>,
    timer: Option<JoinHandle<()>>,
    ended: Option<(State, Option<String>)>,
}

impl Query {
    pub fn id(&self) -> u64 {
        self.entry.id
    }

    /// Waits for what comes before the first row, unless the query is ended.
    pub async fn until_ended<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let found = tokio::select! {
            biased;
            // Work that was interrupted says so in its own words.
            found = work => found.map_err(|error| self.why_ended().unwrap_or(error)),
            ended = self.ended() => Err(ended),
        };
        if let Err(error) = &found {
            self.fail(error);
        }
        found
    }

    fn why_ended(&self) -> Option<Error> {
        let gone = || self.entry.stop.load(Ordering::Relaxed).then_some(Error::Cancelled);
        self.entry.end.borrow().clone().or_else(gone)
    }

    /// Resolves once the query is ended, to the reason.
    pub async fn ended(&self) -> Error {
        let mut end = self.entry.end.subscribe();
        // The sender lives as long as the entry does.
        let ended = end.wait_for(Option::is_some).await;
        ended.ok().and_then(|end| end.clone()).unwrap_or(Error::Cancelled)
    }

    /// Set once the query is ended.
    pub fn stop(&self) -> &Stop {
        &self.entry.stop
    }

    /// Rows that its reader gets.
    pub fn count(&self, rows: usize) {
        self.entry.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub fn finish(&mut self) {
        self.ended = Some((State::Done, None));
    }

    pub fn fail(&mut self, error: &Error) {
        let state = if matches!(error, Error::Cancelled) { State::Cancelled } else { State::Failed };
        self.ended = Some((state, Some(error.to_string())));
    }

    /// What went wrong is told by who ran it.
    pub fn fail_with(&mut self, message: String) {
        self.ended = Some((State::Failed, Some(message)));
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.abort();
        }
        let why = self.entry.end.borrow().clone().filter(|_| self.ended.is_none());
        if let Some(why) = why {
            self.fail(&why);
        }
        let (state, error) = self.ended.take().unwrap_or((State::Cancelled, None));
        let told = self.entry.told(self.queries.clock.elapsed(), state, error);
        let mut inner = self.queries.inner();
        inner.running.remove(&self.entry.id);
        *inner.counts.entry((told.door, state)).or_default() += 1;
        if self.entry.kind == Kind::Look && state == State::Done {
            return;
        }
        if inner.ended.len() == ENDED_MAX {
            inner.ended.pop_front();
        }
        inner.ended.push_back(told);
    }
}
