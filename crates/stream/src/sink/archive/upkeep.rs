//! Keeping archives small and quick beside the archivers: old rows end, small files are merged, and what nobody reads
//! is removed.
//!
//! It has its own way into each table and meets the archiver only in the table's log, where one of two commits at the
//! same version looks again. So nothing here holds an archiver back, and what is interrupted is begun anew.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_lake::{Archive, Compaction, Lake};
use headwater_query::relation::Stream;
use tokio::runtime::Runtime;

use super::Board;
use crate::{Error, Result};

/// When and how much is done.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// Between two looks at all archives.
    pub interval: Duration,
    pub compaction: Compaction,
    /// How long files that no version in use names stay for readers outside of the node.
    pub vacuum_age: Duration,
}

impl Default for Upkeep {
    fn default() -> Upkeep {
        Upkeep {
            interval: Duration::from_secs(30),
            compaction: Compaction::default(),
            vacuum_age: Duration::from_secs(60 * 60),
        }
    }
}

/// After work, this many times as long is waited: a tenth of one core at most.
const REST: u32 = 9;

/// Looks for what no one names are this share of the age apart: each lists the table's folder.
const VACUUMS_IN_AGE: u32 = 4;

/// Tends the archives of some streams, one step at a time.
pub struct Keeper {
    kept: Vec<Kept>,
    lake: Lake,
    clock: Arc<dyn Clock>,
    board: Board,
    upkeep: Upkeep,
    /// Of the one whose turn it is.
    turn: usize,
    round_at: Duration,
}

struct Kept {
    stream: Arc<Stream>,
    archive: Option<Archive>,
    vacuum_at: Duration,
}

impl Keeper {
    pub fn new(streams: Vec<Arc<Stream>>, lake: &Lake, clock: Arc<dyn Clock>, board: Board, upkeep: Upkeep) -> Keeper {
        let now = clock.elapsed();
        let kept = streams.into_iter().map(|stream| Kept { stream, archive: None, vacuum_at: now });
        let round_at = now + upkeep.interval;
        Keeper { kept: kept.collect(), lake: lake.clone(), clock, board, upkeep, turn: 0, round_at }
    }

    /// Does one piece of work, where one is due, and says how long to rest.
    pub async fn step(&mut self) -> Duration {
        let began = self.clock.elapsed();
        if began < self.round_at {
            return self.round_at - began;
        }
        let Some(kept) = self.kept.get_mut(self.turn) else {
            self.turn = 0;
            self.round_at = began + self.upkeep.interval;
            return self.upkeep.interval;
        };
        match kept.tend(&self.lake, self.clock.as_ref(), &self.board, &self.upkeep).await {
            Ok(true) => {}
            Ok(false) => self.turn += 1,
            Err(error) => {
                let stream = &kept.stream.name;
                tracing::warn!(stream, %error, "the archive could not be tended; it will be tried again");
                kept.archive = None;
                self.turn += 1;
            }
        }
        (self.clock.elapsed() - began) * REST
    }
}

impl Kept {
    /// True where there may be more to do.
    async fn tend(&mut self, lake: &Lake, clock: &dyn Clock, board: &Board, upkeep: &Upkeep) -> Result<bool> {
        let archive = match &mut self.archive {
            Some(archive) => archive,
            none => match lake.find_archive(&self.stream.topic).await? {
                Some(archive) => none.insert(archive),
                None => return Ok(false),
            },
        };
        let mut changed = 0;
        if let Some(retention) = self.stream.archive_retention {
            let age_us = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
            changed += archive.expire(clock.now_us().saturating_sub(age_us)).await?;
        }
        let merged = archive.compact(&upkeep.compaction).await?;
        changed += merged.map_or(0, |merged| merged.files);
        board.advance(&self.stream.name, archive.snapshot());
        if clock.elapsed() >= self.vacuum_at {
            archive.vacuum(upkeep.vacuum_age).await?;
            self.vacuum_at = clock.elapsed() + upkeep.vacuum_age / VACUUMS_IN_AGE;
        }
        if changed > 0 {
            tracing::debug!(stream = self.stream.name, files = changed, "the archive was tended");
        }
        Ok(merged.is_some())
    }
}

/// A keeper on a thread of its own, which ends with this handle after its current piece of work.
pub struct Thread {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    pub fn start(keeper: Keeper, runtime: Arc<Runtime>) -> Result<Thread> {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("archive-upkeep".to_owned())
            .spawn(move || serve(keeper, &runtime, &stopped))
            .map_err(|error| Error::internal(format!("cannot start the archives' upkeep: {error}")))?;
        Ok(Thread { stop: Some(stop), thread: Some(thread) })
    }
}

fn serve(mut keeper: Keeper, runtime: &Runtime, stopped: &Receiver<()>) {
    loop {
        let rest = runtime.block_on(keeper.step());
        match stopped.recv_timeout(rest) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened; the next start tends the archives as they are.
            let _ = thread.join();
        }
    }
}
