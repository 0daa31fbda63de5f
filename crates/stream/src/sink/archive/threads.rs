//! Archivers on threads of their own, fed through channels that hold a bounded number of bytes.
//!
//! A full channel holds the engine back, for a while: then the batch is let go, and the archiver reads it from the
//! log. So a lake that does not answer slows the node down once and never stops it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::{Archiver, Rows};
use crate::{Error, Result};

/// Bytes of rows that may wait for all archivers of an engine; each has its share. While one ends a file and commits, it
/// takes nothing: they must be enough for that time, else whoever watches a view waits with them.
pub const WAITING_BYTES_MAX: usize = 64 << 20;

/// How long the engine waits for room, in steps.
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(2);

/// How long an archiver in trouble waits before it tries again.
const RETRY: Duration = Duration::from_secs(1);

enum Message {
    /// With their bytes.
    Rows(Rows, usize),
    /// Commit all before these offsets, then answer.
    Flush(Arc<[i64]>, SyncSender<Result<()>>),
}

/// Up to where the log is committed, as last heard.
type Until = Arc<Mutex<Option<Arc<[i64]>>>>;

/// One archiver's thread.
pub struct Thread {
    messages: Option<Sender<Message>>,
    /// Of rows that wait, and how many may.
    waiting_bytes: Arc<AtomicUsize>,
    waiting_bytes_max: usize,
    until: Until,
    thread: Option<JoinHandle<()>>,
    /// The archiver is in trouble or slow: nothing is handed over until it asks again.
    patience: Duration,
}

impl Thread {
    pub fn start(archiver: Archiver, runtime: Arc<Runtime>, waiting_bytes_max: usize) -> Result<Thread> {
        let (messages, inbox) = channel();
        let waiting_bytes = Arc::<AtomicUsize>::default();
        let until = Until::default();
        let heard = Arc::clone(&until);
        let name = format!("archive-{}", archiver.stream().name);
        let thread = thread::Builder::new()
            .name(name)
            .spawn({
                let waiting_bytes = Arc::clone(&waiting_bytes);
                move || serve(archiver, &runtime, &inbox, &waiting_bytes, &heard)
            })
            .map_err(|error| Error::internal(format!("cannot start an archiver's thread: {error}")))?;
        let (messages, thread) = (Some(messages), Some(thread));
        Ok(Thread { messages, waiting_bytes, waiting_bytes_max, until, thread, patience: PATIENCE })
    }

    /// Hands rows over, or lets them go when the archiver has no room for long.
    pub fn offer(&mut self, rows: Rows) {
        let bytes = rows.rows.get_array_memory_size();
        let mut waited = Duration::ZERO;
        // One batch always has room, however large it is.
        while self.waiting_bytes.load(Ordering::Acquire).saturating_add(bytes) > self.waiting_bytes_max.max(bytes) {
            if waited >= self.patience {
                self.patience = Duration::ZERO;
                return;
            }
            thread::sleep(STEP);
            waited += STEP;
        }
        self.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
        let sent = self.messages.as_ref().map(|messages| messages.send(Message::Rows(rows, bytes)));
        self.patience = if matches!(sent, Some(Ok(()))) { PATIENCE } else { Duration::ZERO };
    }

    /// Says up to where the log is committed: the archiver reads there when nothing is handed over.
    pub fn until(&self, offsets: Arc<[i64]>) {
        *lock(&self.until) = Some(offsets);
    }

    /// Commits all before these offsets and waits for it.
    pub fn flush(&self, offsets: Arc<[i64]>) -> Result<()> {
        let (answer, answered) = sync_channel(1);
        let sent = self.messages.as_ref().map(|messages| messages.send(Message::Flush(offsets, answer)));
        match (sent, answered.recv()) {
            (Some(Ok(())), Ok(result)) => result,
            _ => Err(Error::internal("an archiver's thread ended")),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened; the next start reads on from the table's own offsets.
            let _ = thread.join();
        }
    }
}

fn lock(until: &Until) -> MutexGuard<'_, Option<Arc<[i64]>>> {
    until.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(
    mut archiver: Archiver,
    runtime: &Runtime,
    inbox: &Receiver<Message>,
    waiting_bytes: &AtomicUsize,
    until: &Until,
) {
    loop {
        let result = match inbox.recv_timeout(Duration::from_millis(200)) {
            Ok(Message::Rows(rows, bytes)) => {
                waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
                runtime.block_on(archiver.take(rows))
            }
            Ok(Message::Flush(offsets, answer)) => {
                let flushed = runtime.block_on(async {
                    archiver.catch_up(&offsets).await?;
                    archiver.commit().await
                });
                // Nobody waits any more when the node is stopping.
                let _ = answer.send(flushed);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => {
                let until = lock(until).clone();
                until.map_or(Ok(()), |offsets| runtime.block_on(archiver.catch_up(&offsets)))
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if let Err(error) = result.and_then(|()| runtime.block_on(archiver.commit_if_due())) {
            archiver.report(&error);
            thread::sleep(RETRY);
        }
    }
}
