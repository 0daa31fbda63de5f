//! A checkpoint on its way to the disk, while ticks go on: rows are made durable, then state, then the manifest, which
//! makes it true; then the rows are shown. It works on what was taken between two ticks, and never looks at workers, tables
//! or the log's current transaction: those are ticks further by then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::checkpoint::{Checkpoints, Manifest, Saved};
use crate::sink::topics::Closed;
use crate::{Error, Result};

/// All that a checkpoint is, as of one tick.
pub(super) struct Job {
    pub checkpoints: Checkpoints,
    pub closed: Closed,
    /// Without what the log prepares.
    pub manifest: Manifest,
    /// What that is called in it.
    pub sink: String,
    pub saved: Vec<Saved>,
    /// Views whose state stays.
    pub views: BTreeSet<String>,
    pub runtime: Arc<Runtime>,
}

/// A checkpoint that is true, and whose rows are shown.
pub(super) struct Written {
    pub checkpoints: Checkpoints,
    pub closed: Closed,
    /// Of state.
    pub bytes: u64,
}

/// Who writes a checkpoint.
enum Work {
    Thread(Option<JoinHandle<Result<Written>>>),
    /// Whoever asks for it to be done.
    Inline(Option<Box<Job>>),
}

/// A checkpoint that is being written. Dropping it waits for a thread that does.
pub(super) struct Writing {
    work: Work,
    /// When it was begun.
    pub began: Duration,
    /// Up to where each stream was committed and read then.
    pub ends: BTreeMap<String, Arc<[i64]>>,
}

impl Job {
    fn run(self) -> Result<Written> {
        let Job { mut checkpoints, mut closed, mut manifest, sink, saved, views, runtime } = self;
        manifest.sinks.insert(sink, closed.prepare()?);
        let bytes = runtime.block_on(checkpoints.write(manifest, saved, |view| views.contains(view)))?;
        closed.commit()?;
        runtime.block_on(checkpoints.expire())?;
        Ok(Written { checkpoints, closed, bytes })
    }
}

impl Writing {
    pub fn begin(job: Job, threads: bool, began: Duration, ends: BTreeMap<String, Arc<[i64]>>) -> Result<Writing> {
        let work = if threads {
            let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn(move || job.run());
            let thread =
                thread.map_err(|error| Error::internal(format!("cannot start the thread of a checkpoint: {error}")))?;
            Work::Thread(Some(thread))
        } else {
            Work::Inline(Some(Box::new(job)))
        };
        Ok(Writing { work, began, ends })
    }

    /// Whether [`Writing::finish`] has nothing to wait for.
    pub fn is_ready(&self) -> bool {
        match &self.work {
            Work::Thread(thread) => thread.as_ref().is_none_or(JoinHandle::is_finished),
            Work::Inline(_) => true,
        }
    }

    pub fn finish(&mut self) -> Result<Written> {
        let written = match &mut self.work {
            Work::Thread(thread) => thread.take().map(|thread| match thread.join() {
                Ok(written) => written,
                Err(_) => Err(Error::internal("the thread of a checkpoint ended; its panic is in the node's output")),
            }),
            Work::Inline(job) => job.take().map(|job| job.run()),
        };
        written.unwrap_or_else(|| Err(Error::internal("a checkpoint was finished twice")))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Work::Thread(Some(thread)) = std::mem::replace(&mut self.work, Work::Thread(None)) {
            // Nobody asks any more how it went; but no other engine may open while it writes.
            let _ = thread.join();
        }
    }
}
