//! Segments: beginning one, and closing the one before.

use std::sync::{Arc, MutexGuard, OnceLock};

use headwater_base::files;

use super::super::bounds::{self, Bounds, BoundsFile};
use super::super::index::Index;
use super::super::lock::wait;
use super::super::names;
use super::super::snapshot::{self, Open};
use super::{Active, Closed, Extent, Partition, State};
use crate::Result;

impl Partition {
    /// Makes sure that there is an active segment with room for a batch. A batch larger than a segment gets its own.
    pub(super) fn make_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        size: u64,
    ) -> Result<MutexGuard<'a, State>> {
        self.check(&state)?;
        let full = |state: &State| {
            state.active.as_ref().is_some_and(|active| {
                active.index.length > 0 && active.index.length + size > self.shared.options.segment_bytes_max
            })
        };
        // Two syncs of one file at once could each report the other's failure as its own success.
        while full(&state) && state.syncing {
            state = wait(&self.synced, state);
            self.check(&state)?;
        }
        if full(&state) {
            self.roll(&mut state)?;
        }
        if state.active.is_none() {
            let begun = self.begin_segment(&mut state);
            begun.map_err(|error| self.poison(&mut state, &error))?;
        }
        Ok(state)
    }

    /// Closes the active segment and begins the next. No sync may be running.
    pub(super) fn roll(&self, state: &mut State) -> Result<()> {
        let done = self.close_segment(state).and_then(|()| self.begin_segment(state));
        done.map_err(|error| self.poison(state, &error))
    }

    /// All of a closed segment is on stable storage before anything exists after it: what recovery relies on when it
    /// scans the last segment only.
    fn close_segment(&self, state: &mut State) -> Result<()> {
        let Some(active) = &mut state.active else { return Ok(()) };
        if state.synced < state.end {
            active.file.sync_data()?;
            state.synced = state.end;
            if let Some(file) = &mut active.bounds {
                file.write(Bounds { start: state.start, durable: state.synced })?;
            }
            self.synced.notify_all();
        }
        let files = self.shared.files.as_ref();
        let index = &active.index;
        let path = names::of_segment(&self.folder, index.base_offset, names::INDEX);
        files::create_anew(files, &path)?.write_at(&index.encode(), 0)?;
        let extent = Extent { length: index.length, max_timestamp_ms: index.max_timestamp_ms };
        let closed =
            Closed { base_offset: index.base_offset, end_offset: index.end_offset, extent: OnceLock::from(extent) };
        state.closed.push(Arc::new(closed));
        Ok(())
    }

    /// Begins a segment at the end. Its name is durable before anything in it can be acknowledged.
    fn begin_segment(&self, state: &mut State) -> Result<()> {
        let files = self.shared.files.as_ref();
        if state.active.is_none() {
            files.create_folders(&self.folder)?;
        }
        let base = state.end;
        let snapshot = files::create_anew(files, &names::of_segment(&self.folder, base, names::SNAPSHOT))?;
        // A decided one counts as long as its marker is missing, or else nobody would write it after a crash, and a
        // recovery without this snapshot would take the transaction for an abandoned one.
        let unmarked: Open =
            state.open.iter().chain(&state.unmarked).map(|(who, range)| (*who, range.clone())).collect();
        snapshot.write_at(&snapshot::encode(base, &unmarked), 0)?;
        let path = names::of_segment(&self.folder, base, names::SEGMENT);
        let file = files.open(&path, files::Open::CreateNew)?;
        let bounds = match state.active.take().and_then(|active| active.bounds) {
            Some(bounds) => bounds,
            None => BoundsFile::open(files, &self.folder, &bounds::load(files, &self.folder)?)?,
        };
        if self.shared.options.sync.is_on() {
            files.sync_folder(&self.folder)?;
        }
        state.active = Some(Active { file, path, index: Index::new(base), bounds: Some(bounds) });
        Ok(())
    }
}
