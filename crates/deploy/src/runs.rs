//! Runs: one execution each of what is done by a schedule, or when somebody asks.
//!
//! [`agenda`] decides what begins when, as pure code; [`Runs`] keeps its [history](crate::history) and drives the work. A
//! run's record is in the log before its end is told to anybody, so that a node which was killed knows what it had begun,
//! and asks the work how far that had come.

pub mod agenda;
pub mod analysis;
pub mod check;
pub mod refresh;
mod run;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use headwater_base::clock::Clock;
use headwater_log::Log;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::history::History;
use crate::{Error, Result};
use agenda::Agenda;
pub use agenda::{Asked, Next, Task};
pub use run::{Cause, Kind, Outcome, Run, State};

/// Where runs are remembered.
pub const TOPIC: &str = "system.runs";

/// What a run does.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    /// Does it. Dropped where it takes too long: what it does counts whole, or not at all.
    async fn run(&self, run: &Run) -> Result<Outcome, Failure>;

    /// What a run came to that a node had begun when it was killed; `None` where it came to nothing.
    async fn found(&self, run: &Run) -> Option<Outcome>;
}

/// Why a run has not done its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be tried again.
    Failed(String),
    /// What has to be true before it is not.
    Held(String),
}

/// All runs of a node.
pub struct Runs {
    history: History<Run>,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    /// Something may be due.
    wake: Notify,
}

struct Inner {
    agenda: Agenda,
    work: HashMap<String, Arc<dyn Work>>,
    /// Who waits for the end of a run.
    waiting: HashMap<u64, Vec<oneshot::Sender<Run>>>,
}

/// How many runs go on at a time.
#[derive(Debug, Clone)]
pub struct Pools {
    /// Of some pools, by name.
    pub places: BTreeMap<String, NonZeroUsize>,
    /// Of each other.
    pub usual: NonZeroUsize,
}

/// A task and what it does.
pub struct Declared {
    pub task: Task,
    pub work: Arc<dyn Work>,
}

impl Runs {
    /// Opens what is remembered. Nothing is due before there are [tasks](Runs::declare).
    pub fn open(log: Arc<dyn Log>, clock: Arc<dyn Clock>, pools: Pools) -> Result<Runs> {
        let history = History::open(log, Arc::clone(&clock), TOPIC)?;
        let places = pools.places.into_iter().map(|(name, places)| (name, places.get())).collect();
        let agenda = Agenda::new(history.all()?).with_pools(places, pools.usual.get());
        let inner = Inner { agenda, work: HashMap::new(), waiting: HashMap::new() };
        Ok(Runs { history, clock, inner: Mutex::new(inner), wake: Notify::new() })
    }

    /// What there is to do from now on. Runs of what is gone go on to their end.
    pub fn declare(&self, all: Vec<Declared>) {
        let now_us = self.clock.now_us();
        let mut inner = self.inner();
        inner.work = all.iter().map(|one| (one.task.object.clone(), Arc::clone(&one.work))).collect();
        inner.agenda.declare(all.into_iter().map(|one| one.task).collect(), now_us);
        let Inner { agenda, waiting, .. } = &mut *inner;
        waiting.retain(|id, _| agenda.knows(*id));
        drop(inner);
        self.wake.notify_one();
    }

    /// The last runs, the newest first.
    pub fn list(&self) -> Vec<Run> {
        self.inner().agenda.runs()
    }

    /// What is due when.
    pub fn schedules(&self) -> Vec<Next> {
        self.inner().agenda.schedules()
    }

    /// Whether nothing runs, or waits for something that runs.
    pub fn is_idle(&self) -> bool {
        self.inner().agenda.is_idle(self.clock.now_us())
    }

    /// Asks for a run; one that goes on already ends first. What is returned resolves to the run once it is over.
    ///
    /// # Errors
    /// [`Error::Refused`] for what is no task.
    pub fn ask(&self, object: &str, asked: Asked) -> Result<oneshot::Receiver<Run>> {
        let (sender, ended) = oneshot::channel();
        let now_us = self.clock.now_us();
        {
            let mut inner = self.inner();
            let Some(id) = inner.agenda.ask(object, asked, now_us) else {
                return Err(Error::Refused {
                    message: format!("{object} is nothing that runs"),
                    hint: "system.schedules has what does".to_owned(),
                });
            };
            inner.waiting.entry(id).or_default().push(sender);
        }
        self.wake.notify_one();
        Ok(ended)
    }

    /// Does what is due, for ever. Work runs on `threads`.
    pub async fn drive(self: Arc<Self>, threads: Handle) {
        self.settle_interrupted().await;
        loop {
            let now_us = self.clock.now_us();
            let (begun, next_us) = {
                let mut inner = self.inner();
                let begun = inner.agenda.begin(now_us);
                (begun, inner.agenda.next_us())
            };
            if !begun.is_empty() {
                self.begin(begun, &threads).await;
                continue;
            }
            let wait = next_us.map_or(Duration::from_secs(60), |next_us| {
                Duration::from_micros(u64::try_from(next_us - now_us).unwrap_or_default())
            });
            // A clock that is set is looked at again.
            let _ = tokio::time::timeout(wait.min(Duration::from_secs(60)), self.wake.notified()).await;
        }
    }

    /// Remembers runs, and starts the work of those that are to be done.
    async fn begin(self: &Arc<Self>, runs: Vec<Run>, threads: &Handle) {
        if let Err(error) = self.remember(runs.clone()).await {
            // Nothing is done that nobody will know of.
            tracing::error!("runs can't be remembered: {error}");
            let failed = format!("its record can't be written: {error}");
            for run in runs {
                self.end(run, Err(Failure::Failed(failed.clone()))).await;
            }
            return;
        }
        for run in runs {
            if run.state.is_over() {
                self.tell(&run);
                continue;
            }
            let all = Arc::clone(self);
            threads.spawn(async move {
                let (work, timeout) = {
                    let inner = all.inner();
                    (inner.work.get(&run.object).cloned(), inner.agenda.timeout(&run.object))
                };
                let done = match work {
                    Some(work) => within(timeout, not_panicking(work.run(&run))).await,
                    None => Err(Failure::Failed("it is not declared any more".to_owned())),
                };
                all.end(run, done).await;
            });
        }
    }

    /// Remembers how a run ended, then tells it.
    async fn end(&self, run: Run, done: Result<Outcome, Failure>) {
        let now_us = self.clock.now_us();
        let ended = self.inner().agenda.ended(run.id, done, now_us);
        let Some(ended) = ended else { return };
        if let Err(error) = self.remember(vec![ended.clone()]).await {
            tracing::error!("the end of run {} of {} can't be remembered: {error}", ended.id, ended.object);
        }
        self.tell(&ended);
        self.wake.notify_one();
    }

    fn tell(&self, run: &Run) {
        let told = run.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        match run.state {
            State::Succeeded => tracing::debug!("{} of {} is done", run.kind, run.object),
            _ => tracing::warn!("{} of {} {}{told}", run.kind, run.object, run.state),
        }
        let waiting = self.inner().waiting.remove(&run.id);
        for who in waiting.into_iter().flatten() {
            // Who asked may have gone.
            let _ = who.send(run.clone());
        }
    }

    /// Settles what an earlier node had begun.
    async fn settle_interrupted(&self) {
        let interrupted = self.inner().agenda.interrupted();
        let mut settled = Vec::new();
        for run in interrupted {
            let work = self.inner().work.get(&run.object).cloned();
            let found = match work {
                Some(work) => work.found(&run).await,
                None => None,
            };
            settled.extend(self.inner().agenda.settle(run.id, found, self.clock.now_us()));
        }
        if let Err(error) = self.remember(settled).await {
            tracing::error!("runs that were interrupted can't be settled: {error}");
        }
    }

    async fn remember(&self, runs: Vec<Run>) -> Result<()> {
        // Waits for the disk.
        tokio::task::block_in_place(|| self.history.append(&runs))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bug in one run is no reason for it never to end.
async fn not_panicking<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Failure::Failed("it panicked: this is a bug of ours".to_owned())))
}

async fn within<T>(timeout: Option<Duration>, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let Some(timeout) = timeout else { return work.await };
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done,
        Err(_) => {
            let limit = headwater_sql::options::duration_text(timeout);
            Err(Failure::Failed(format!("it took longer than its timeout of {limit}")))
        }
    }
}

/// Versions of what a run read, by name.
pub type Inputs = BTreeMap<String, String>;
