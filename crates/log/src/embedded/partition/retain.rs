//! Retention: which old segments may go, and removing them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::bounds::Bounds;
use super::super::lock::{lock, wait};
use super::super::names;
use super::{Closed, Extent, Partition, State};
use crate::{Deleted, Pin, Result, TopicConfig};

/// Holds a pin; its drop is the release.
#[derive(Debug)]
struct Pinned {
    id: u64,
    pins: Arc<Mutex<BTreeMap<u64, i64>>>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        lock(&self.pins).remove(&self.id);
    }
}

impl Partition {
    pub fn pin(&self, offset: i64) -> Result<Pin> {
        let mut state = self.state()?;
        if offset < state.start {
            return Err(self.out_of_range(&state, offset));
        }
        let id = state.pins_made;
        state.pins_made += 1;
        lock(&state.pins).insert(id, offset);
        Ok(Pin::new(Arc::new(Pinned { id, pins: Arc::clone(&state.pins) })))
    }

    /// Kept in memory alone: whoever archives says it again after a restart.
    pub fn release(&self, offset: i64) -> Result<()> {
        let mut state = self.state()?;
        state.released = state.released.max(offset);
        Ok(())
    }

    /// Removes the segments at the beginning that nobody needs.
    pub fn enforce_retention(&self, config: &TopicConfig) -> Result<Option<Deleted>> {
        let Some(retention) = config.retention else { return Ok(None) };
        let now_ms = self.shared.clock.now_us() / 1000;
        let oldest_ms = now_ms.saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
        self.close_expired(oldest_ms)?;
        let candidates = self.state()?.closed.clone();
        let mut expired = 0;
        let mut bytes = 0;
        for closed in &candidates {
            let extent = self.extent(closed)?;
            if extent.max_timestamp_ms >= oldest_ms {
                break;
            }
            if closed.end_offset > self.state()?.deletable(config.archived) {
                break;
            }
            expired += 1;
            bytes += extent.length;
        }
        if expired == 0 {
            return Ok(None);
        }
        self.remove(&candidates[..expired], config.archived, bytes)
    }

    /// An active segment that is past its time is closed, so that an idle stream's records go as well.
    fn close_expired(&self, oldest_ms: i64) -> Result<()> {
        let mut state = self.state()?;
        let expired = |state: &State| {
            state
                .active
                .as_ref()
                .is_some_and(|active| active.index.length > 0 && active.index.max_timestamp_ms < oldest_ms)
        };
        while expired(&state) && state.syncing {
            state = wait(&self.synced, state);
            self.check(&state)?;
        }
        if expired(&state) && state.deletable(false) >= state.synced {
            self.roll(&mut state)?;
        }
        Ok(())
    }

    fn extent(&self, closed: &Closed) -> Result<Extent> {
        match closed.extent.get() {
            Some(extent) => Ok(*extent),
            None => Ok(self.load(closed)?.extent()),
        }
    }

    /// Moves the start, durably, and then removes what is before it. An interrupted removal is completed when the
    /// partition is opened again.
    fn remove(&self, segments: &[Arc<Closed>], archived: bool, bytes: u64) -> Result<Option<Deleted>> {
        let mut state = self.state()?;
        let Some(start) = segments.last().map(|last| last.end_offset) else { return Ok(None) };
        // A pin may have come in the meantime, or somebody else may have removed some of them.
        let are_first = state.closed.len() >= segments.len()
            && state.closed.iter().zip(segments).all(|(closed, segment)| Arc::ptr_eq(closed, segment));
        if start > state.deletable(archived) || !are_first {
            return Ok(None);
        }
        let offsets = state.start..start;
        self.move_start(&mut state, start, segments.len())?;
        drop(state);
        for closed in segments {
            self.remove_segment(closed.base_offset)?;
        }
        self.shared.files.sync_folder(&self.folder)?;
        Ok(Some(Deleted { topic: self.topic.clone(), partition: self.number, offsets, bytes }))
    }

    fn move_start(&self, state: &mut MutexGuard<'_, State>, start: i64, segments: usize) -> Result<()> {
        let bounds = Bounds { start, durable: state.synced };
        if let Some(file) = state.active.as_mut().and_then(|active| active.bounds.as_mut()) {
            let settled = file.settle(bounds);
            settled.map_err(|error| self.poison(state, &error.into()))?;
        }
        state.start = start;
        state.closed.drain(..segments);
        for ranges in Arc::make_mut(&mut state.aborted).values_mut() {
            ranges.retain(|range| range.end > start);
        }
        Arc::make_mut(&mut state.aborted).retain(|_, ranges| !ranges.is_empty());
        lock(&self.loaded).retain(|loaded| loaded.index.base_offset >= start);
        Ok(())
    }

    /// Removes all files of one segment, whichever there are.
    pub(super) fn remove_segment(&self, base_offset: i64) -> Result<()> {
        let files = self.shared.files.as_ref();
        for entry in files.list(&self.folder)? {
            if names::parse(&entry.name).is_some_and(|(base, _)| base == base_offset) {
                files.remove_file(&self.folder.join(&entry.name))?;
            }
        }
        Ok(())
    }
}

impl State {
    /// All before this offset may be deleted as far as readers, transactions and the archive are concerned.
    fn deletable(&self, archived: bool) -> i64 {
        let pinned = lock(&self.pins).values().copied().min().unwrap_or(i64::MAX);
        let released = if archived { self.released } else { i64::MAX };
        self.stable().min(pinned).min(released)
    }
}
