//! Telling: each channel of each alert on a thread of its own, so that a receiver that hangs holds nobody else up.
//!
//! That a try begins is in the log before anything is sent, and so is what came of it before the next notice is looked
//! at. What is known to have arrived is never sent again. Where a node dies between the two, the notice is sent again
//! with the same key, and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::book::{Book, Delivered, Delivery, Notice};
use super::incident::Kind;
use super::letter::Letter;
use crate::Result;

/// Between tries: twice as long each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What is told when the answer of an earlier life of the node is not known.
const UNKNOWN: &str = "the node stopped before an answer came; it is sent again with the same Idempotency-Key";

/// A way to tell somebody outside.
pub trait Channel: Send {
    /// Sends a letter. It has arrived when this returns.
    fn send(&mut self, letter: &Letter) -> Result<(), Failure>;
}

/// Why a letter was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub message: String,
    /// It will not be taken later either.
    pub is_final: bool,
}

/// A channel that tells. Dropping it does not wait for a try that has begun; [`Delivering::end`] does.
pub struct Delivering {
    stop: Arc<AtomicBool>,
    book: Arc<Book>,
    thread: Option<JoinHandle<()>>,
}

/// Whose notices are told, and how often they are tried again.
#[derive(Debug, Clone)]
pub struct Duty {
    pub alert: String,
    pub channel: String,
    pub retries: u32,
}

impl Delivering {
    /// Begins once `before`, which told the same notices, is done.
    pub fn start(
        duty: Duty,
        channel: Result<Box<dyn Channel>, Failure>,
        book: Arc<Book>,
        before: Option<Delivering>,
    ) -> std::io::Result<Delivering> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, its) = (Arc::clone(&stop), Arc::clone(&book));
        let name = format!("alert-{}", duty.alert);
        let thread = thread::Builder::new().name(name).spawn(move || {
            if let Some(before) = before {
                before.end();
            }
            let mut channel = channel.unwrap_or_else(|failure| Box::new(Broken(failure)));
            serve(&duty, channel.as_mut(), &its, &stopped);
        })?;
        Ok(Delivering { stop, book, thread: Some(thread) })
    }

    /// Lets it stop after the try that has begun.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.book.wake();
    }

    /// Stops it, and waits until it has.
    pub fn end(mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A channel that could not be opened: its notices fail with the reason, but for later.
struct Broken(Failure);

impl Channel for Broken {
    fn send(&mut self, _: &Letter) -> Result<(), Failure> {
        Err(self.0.clone())
    }
}

fn serve(duty: &Duty, channel: &mut dyn Channel, book: &Book, stop: &AtomicBool) {
    let mut retry = RETRY_FIRST;
    while !stop.load(Ordering::Acquire) {
        let Some(notice) = book.pending(&duty.alert, &duty.channel) else {
            book.wait(LOOK_AGAIN);
            continue;
        };
        match tell(duty, channel, book, &notice) {
            Ok(Delivered::Pending) => {
                rest(book, stop, retry);
                retry = (retry * 2).min(RETRY_MAX);
            }
            Ok(_) => retry = RETRY_FIRST,
            Err(error) => {
                tracing::error!(alert = duty.alert, "what becomes of a notification can't be kept: {error}");
                rest(book, stop, RETRY_MAX);
            }
        }
    }
}

/// Tries once, and keeps what came of it.
fn tell(duty: &Duty, channel: &mut dyn Channel, book: &Book, notice: &Notice) -> Result<Delivered> {
    let attempts = notice.delivery.attempts + 1;
    let keep = |delivery: Delivery| {
        let state = delivery.state;
        book.deliver(&duty.alert, notice.number, delivery).map(|()| state)
    };
    if notice.kind == Kind::Resolved && beginning_failed(duty, book, notice) {
        let error = Some("that it began was not delivered".to_owned());
        return keep(Delivery { state: Delivered::Suppressed, error, ..notice.delivery.clone() });
    }
    let error = if notice.delivery.is_open { Some(UNKNOWN.to_owned()) } else { notice.delivery.error.clone() };
    let begun = Delivery { state: Delivered::Pending, attempts, error, sent_us: None, is_open: true };
    keep(begun.clone())?;
    match channel.send(&Letter::of(&duty.alert, notice)) {
        Ok(()) => keep(Delivery {
            state: Delivered::Sent,
            error: None,
            sent_us: Some(book.now_us()),
            is_open: false,
            ..begun
        }),
        Err(Failure { message, is_final }) => {
            let gives_up = is_final || attempts > duty.retries;
            tracing::warn!(alert = duty.alert, channel = duty.channel, attempts, gives_up, "not notified: {message}");
            let state = if gives_up { Delivered::Failed } else { Delivered::Pending };
            keep(Delivery { state, error: Some(message), is_open: false, ..begun })
        }
    }
}

/// Whether the channel failed to tell that the incident began, and did so at no other time.
fn beginning_failed(duty: &Duty, book: &Book, notice: &Notice) -> bool {
    let entries = book.entries();
    let Some(entry) = entries.get(&duty.alert) else { return false };
    let same = |one: &&Notice| {
        one.incident.number == notice.incident.number && one.channel == notice.channel && one.kind == Kind::Firing
    };
    let mut last = None;
    for one in entry.notices.values().filter(same) {
        last = Some(one.delivery.state);
    }
    last == Some(Delivered::Failed)
}

fn rest(book: &Book, stop: &AtomicBool, time: Duration) {
    let began = book.elapsed();
    loop {
        let left = time.saturating_sub(book.elapsed().saturating_sub(began));
        if left.is_zero() || stop.load(Ordering::Acquire) {
            return;
        }
        book.wait(left.min(LOOK_AGAIN));
    }
}
