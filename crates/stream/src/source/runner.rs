//! Runs one source: its records and its position go into the log in one transaction.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use headwater_base::clock::Clock;
use headwater_log::{Log, Writer};
use headwater_query::relation::Stream;

use super::intake::Records;
use super::{Intake, Progress, Source, Status};
use crate::{Error, Result};

/// How long rows wait for company before they are committed, when a source has few.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A source with its writer in the log, run step by step by whoever owns it.
pub struct Runner {
    source: Box<dyn Source>,
    writer: Box<dyn Writer>,
    records: Records,
    rows: u64,
}

impl Runner {
    /// Goes to where the source's last committed transaction left it. Fences an older runner of the same name.
    pub fn open(
        name: &str,
        mut source: Box<dyn Source>,
        stream: Arc<Stream>,
        log: &dyn Log,
        clock: Arc<dyn Clock>,
    ) -> Result<Runner> {
        let mut writer = log.open_writer(&format!("source/{name}"))?;
        writer.abort()?;
        let position: Option<Bytes> = writer.note();
        source.start(position.as_deref())?;
        Ok(Runner { source, writer, records: Records::new(stream, clock)?, rows: 0 })
    }

    /// Polls once and commits what came, also what came before an error.
    pub fn step(&mut self) -> Result<Progress> {
        let polled = self.source.poll(&mut self.records);
        let goes_on = matches!(polled, Ok(Progress::More));
        if !self.records.is_empty() && (self.records.is_full() || !goes_on) {
            self.commit()?;
        }
        Ok(polled?)
    }

    fn commit(&mut self) -> Result<()> {
        let rows = self.records.len();
        self.records.append(self.writer.as_mut())?;
        self.writer.commit_now(self.source.position().into())?;
        self.rows += rows;
        Ok(())
    }

    /// Rows committed since it was opened.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn status(&self) -> Status {
        self.source.status()
    }
}

/// What people see of a running source.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub status: Status,
    /// Rows committed since the start.
    pub rows: u64,
    /// It is read to its end.
    pub ended: bool,
    /// It has nothing for now.
    pub waits: bool,
    /// Why it stopped before.
    pub failure: Option<(String, Option<String>)>,
}

/// A source on a thread of its own. Dropping it stops it after its current step.
pub struct Running {
    name: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// The reports of a running source; the last one stays when it is over.
#[derive(Clone)]
pub struct Reports(Arc<Shared>);

impl Reports {
    pub fn get(&self) -> Report {
        self.0.report().clone()
    }
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    report: Mutex<Report>,
    woken: Condvar,
}

impl Running {
    pub fn start(name: &str, runner: Runner) -> Result<Running> {
        let shared = Arc::new(Shared::default());
        let inner = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(format!("source-{name}"))
            .spawn(move || inner.serve(runner))
            .map_err(|error| Error::internal(format!("cannot start the thread of source {name}: {error}")))?;
        Ok(Running { name: name.to_owned(), shared, thread: Some(thread) })
    }

    /// A source that could not even start, with the reason: the node runs without it.
    pub fn failed(name: &str, error: &Error) -> Running {
        let shared = Shared::default();
        shared.fail(error);
        Running { name: name.to_owned(), shared: Arc::new(shared), thread: None }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn report(&self) -> Report {
        self.shared.report().clone()
    }

    /// Its reports from now on, for somebody on another thread.
    pub fn reports(&self) -> Reports {
        Reports(Arc::clone(&self.shared))
    }

    /// It will give no more rows, or has no end and nothing for now.
    pub fn is_over(&self) -> bool {
        let report = self.shared.report();
        report.ended || report.failure.is_some() || (report.waits && report.status.total.is_none())
    }
}

impl Shared {
    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: &Error) {
        self.report().failure = Some((error.to_string(), error.hint().map(str::to_owned)));
    }

    fn serve(&self, mut runner: Runner) {
        while !self.stop.load(Ordering::Acquire) {
            let stepped = runner.step();
            let mut report = self.report();
            report.status = runner.status();
            report.rows = runner.rows();
            report.waits = matches!(stepped, Ok(Progress::Wait(_)));
            match stepped {
                Ok(Progress::More) => {}
                Ok(Progress::Wait(time)) => {
                    let wait = time.min(WAIT_MAX);
                    // Nothing is decided here: the loop looks at `stop` itself.
                    drop(self.woken.wait_timeout(report, wait));
                }
                Ok(Progress::End) => {
                    report.ended = true;
                    return;
                }
                Err(error) => {
                    drop(report);
                    return self.fail(&error);
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.woken.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened.
            let _ = thread.join();
        }
    }
}
