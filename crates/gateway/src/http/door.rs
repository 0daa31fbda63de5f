//! What the requests of one server share.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::http::StatusCode;
use headwater_base::clock::{Clock, SystemClock};
use headwater_log::Subscription;
use headwater_query::relation::Relations;
use tokio::sync::{Semaphore, watch};

use super::failure::Failure;
use crate::ingest::keys::Keys;
use crate::ingest::lanes::Lanes;
use crate::node::Node;

/// Bytes of bodies that are being received, checked and appended at one time.
const WORK_BYTES_MAX: usize = 128 << 20;

/// How long changes gather before rows are looked for again, so that a busy log does not keep every waiter awake.
pub const GATHER: Duration = Duration::from_millis(5);

/// See the module. Clones are the same.
#[derive(Clone)]
pub struct Door(Arc<Shared>);

pub struct Shared {
    pub node: Arc<dyn Node>,
    pub clock: Arc<dyn Clock>,
    /// One permit a byte.
    pub work: Arc<Semaphore>,
    /// Spreads requests without keys over the partitions.
    pub sticky: AtomicUsize,
    pub lanes: Lanes,
    pub keys: Keys,
    /// Counts changes of the log.
    changes: watch::Receiver<u64>,
    /// True once the node stops: what would wait for rows ends then.
    stopping: watch::Receiver<bool>,
    _watching: Subscription,
}

impl std::ops::Deref for Door {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Door {
    /// # Errors
    /// Where no thread can be started.
    pub fn new(node: Arc<dyn Node>, stopping: watch::Receiver<bool>) -> io::Result<Door> {
        let clock = SystemClock::shared();
        let keys = Keys::start(node.log(), Arc::clone(&clock))?;
        let (changed, changes) = watch::channel(0);
        let watching = node.log().on_change(Box::new(move || changed.send_modify(|count| *count += 1)));
        Ok(Door(Arc::new(Shared {
            node,
            clock,
            work: Arc::new(Semaphore::new(WORK_BYTES_MAX)),
            sticky: AtomicUsize::new(0),
            lanes: Lanes::start()?,
            keys,
            changes,
            stopping,
            _watching: watching,
        })))
    }

    /// Waits for rows that have not come yet.
    pub fn waiter(&self) -> Waiter {
        Waiter { changes: self.changes.clone(), stopping: self.stopping.clone() }
    }
}

/// What woke a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something in the log changed.
    Changed,
    /// The node stops.
    Stopping,
}

/// Sees each change after the last that it was shown.
pub struct Waiter {
    changes: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

impl Waiter {
    /// Changes up to now are known.
    pub fn mark(&mut self) {
        self.changes.mark_unchanged();
    }

    pub async fn wait(&mut self) -> Woken {
        // Both senders live as long as the server does.
        tokio::select! {
            _ = self.changes.changed() => Woken::Changed,
            _ = self.stopping.wait_for(|stopping| *stopping) => Woken::Stopping,
        }
    }
}

/// There is no such stream; the nearest name is in the hint.
pub fn no_stream(relations: &Relations, name: &str) -> Failure {
    let near = headwater_sql::nearest(name, relations.names());
    let hint = near.map_or_else(|| "declare it with CREATE STREAM".to_owned(), |near| format!("did you mean {near}?"));
    Failure::invalid(StatusCode::NOT_FOUND, format!("there is no stream {name}"), &hint)
}
