//! Group commit: one sync for all that was written before it.

use std::sync::Arc;

use super::super::Sync;
use super::super::bounds::Bounds;
use super::super::lock::{lock, wait, wait_for};
use super::Partition;
use crate::{Error, Result};

impl Partition {
    /// Returns when all before `offset` is on stable storage. The first of several callers syncs for everyone who
    /// wrote by then; the others wait for it.
    pub fn sync_to(&self, offset: i64) -> Result<()> {
        let Sync::Group { interval, bytes } = self.shared.options.sync else { return Ok(()) };
        let mut state = lock(&self.state);
        loop {
            if state.synced >= offset {
                return Ok(());
            }
            self.check(&state)?;
            if !state.syncing {
                break;
            }
            state = wait(&self.synced, state);
        }
        state.syncing = true;
        if !interval.is_zero() && state.unsynced_bytes < bytes {
            state = wait_for(&self.gathered, state, interval);
        }
        state.unsynced_bytes = 0;
        let target = state.end;
        let Some(file) = state.active.as_ref().map(|active| Arc::clone(&active.file)) else {
            unreachable!("what is not synced is in the active segment");
        };
        drop(state);
        let done = file.sync_data().map_err(Error::from);
        let mut state = lock(&self.state);
        state.syncing = false;
        let done = done.and_then(|()| {
            state.synced = target;
            let bounds = Bounds { start: state.start, durable: target };
            match state.active.as_mut().and_then(|active| active.bounds.as_mut()) {
                Some(file) => Ok(file.write(bounds)?),
                None => Ok(()),
            }
        });
        if let Err(error) = done {
            return Err(self.poison(&mut state, &error));
        }
        self.synced.notify_all();
        drop(state);
        self.shared.watchers.notify();
        Ok(())
    }

    /// Makes everything durable, and what is known of it.
    pub fn close(&self) -> Result<()> {
        let end = self.state()?.end;
        self.sync_to(end)?;
        let mut state = self.state()?;
        let bounds = Bounds { start: state.start, durable: state.synced };
        match state.active.as_mut().and_then(|active| active.bounds.as_mut()) {
            Some(file) => Ok(file.settle(bounds)?),
            None => Ok(()),
        }
    }
}
