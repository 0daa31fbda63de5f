//! Work on a thread of its own that tells how it is: what sources and sinks run on. The thread ends after its current
//! step when its handle is dropped. What is reported is the work's own matter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::{Error, Result};

/// A thread and its report. Dropping it stops the thread after its current step.
pub struct Background<R> {
    name: String,
    shared: Arc<Shared<R>>,
    thread: Option<JoinHandle<()>>,
}

/// The reports of a thread, for somebody on another one; the last report stays when the work is over.
pub struct Reports<R>(Arc<Shared<R>>);

/// What the thread and its readers share.
#[derive(Default)]
pub(crate) struct Shared<R> {
    stop: AtomicBool,
    report: Mutex<R>,
    woken: Condvar,
}

impl<R> Clone for Reports<R> {
    fn clone(&self) -> Reports<R> {
        Reports(Arc::clone(&self.0))
    }
}

impl<R: Clone> Reports<R> {
    pub fn get(&self) -> R {
        self.0.report().clone()
    }
}

impl<R: Clone + Default + Send + 'static> Background<R> {
    /// Starts the work, which looks at [`Shared::is_stopping`] after each step. `kind` says what it is in the thread's
    /// name and in messages.
    pub(crate) fn start(
        kind: &str,
        name: &str,
        work: impl FnOnce(&Shared<R>) + Send + 'static,
    ) -> Result<Background<R>> {
        let shared = Arc::new(Shared::default());
        let inner = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(format!("{kind}-{name}"))
            .spawn(move || work(&inner))
            .map_err(|error| Error::internal(format!("cannot start the thread of {kind} {name}: {error}")))?;
        Ok(Background { name: name.to_owned(), shared, thread: Some(thread) })
    }

    /// What could not even start, with the report that says why.
    pub(crate) fn never_started(name: &str, report: R) -> Background<R> {
        let shared = Shared { report: Mutex::new(report), ..Shared::default() };
        Background { name: name.to_owned(), shared: Arc::new(shared), thread: None }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn report(&self) -> R {
        self.shared.report().clone()
    }

    pub fn reports(&self) -> Reports<R> {
        Reports(Arc::clone(&self.shared))
    }

    /// Lets a thread that rests look again.
    pub(crate) fn wake(&self) {
        self.shared.woken.notify_all();
    }
}

impl<R> Shared<R> {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(crate) fn report(&self) -> MutexGuard<'_, R> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rests for a time, or until woken.
    pub(crate) fn rest(&self, time: Duration) {
        let report = self.report();
        // The thread may be asked to stop between its last look and this.
        if !self.is_stopping() {
            // Nothing is decided here: whoever works looks again.
            drop(self.woken.wait_timeout(report, time));
        }
    }
}

impl<R> Drop for Background<R> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // Under the lock: a thread that is about to rest has either seen the flag or hears this.
        drop(self.shared.report());
        self.shared.woken.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened.
            let _ = thread.join();
        }
    }
}
