//! Waiting for stable storage on a few threads, whatever the number of requests that wait.
//!
//! Appends of one partition wait in one lane: the first of them syncs for all that were written by then, and the
//! others pass at once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};

use headwater_base::ErrorKind;
use headwater_log::Ticket;
use tokio::sync::oneshot;

use crate::Problem;

/// Syncs that run at one time: more of them only make a disk seek.
const LANES: usize = 4;

struct Waiting {
    ticket: Ticket,
    done: oneshot::Sender<headwater_log::Result<Range<i64>>>,
}

/// The threads end when this does.
pub struct Lanes {
    lanes: Vec<Sender<Waiting>>,
}

impl Lanes {
    pub fn start() -> io::Result<Lanes> {
        let lane = |number: usize| {
            let (sender, waiting) = channel();
            std::thread::Builder::new().name(format!("append-{number}")).spawn(move || run(&waiting))?;
            Ok(sender)
        };
        Ok(Lanes { lanes: (0..LANES).map(lane).collect::<io::Result<_>>()? })
    }

    /// Resolves when the append is on stable storage, to its offsets.
    pub async fn durable(&self, topic: &str, partition: u32, ticket: Ticket) -> Result<Range<i64>, Problem> {
        let mut hasher = DefaultHasher::new();
        (topic, partition).hash(&mut hasher);
        let lane = &self.lanes[(hasher.finish() % LANES as u64) as usize];
        let (done, resolved) = oneshot::channel();
        let stopping = "the node is stopping; these rows may be there or not";
        lane.send(Waiting { ticket, done }).map_err(|_| Problem::new(ErrorKind::Unavailable, stopping))?;
        Ok(resolved.await.map_err(|_| Problem::new(ErrorKind::Unavailable, stopping))??)
    }
}

fn run(waiting: &Receiver<Waiting>) {
    while let Ok(Waiting { ticket, done }) = waiting.recv() {
        // A client that has gone does not ask any more; its rows are synced all the same.
        let _ = done.send(ticket.wait());
    }
}
