//! Finding segments and places in them: by offset, and by time.

use std::sync::Arc;

use headwater_base::files::{self, File, Open};

use super::super::index::Index;
use super::super::lock::lock;
use super::super::names;
use super::super::scan::{Scanner, Step, corrupt};
use super::{Closed, Extent, Loaded, Partition, State};
use crate::Result;
use crate::batch::{Compression, records};

/// Closed segments that stay open for readers, a partition.
const LOADED_MAX: usize = 3;

/// A place to read from: a batch of one segment, and where the segment ends.
pub(super) struct Place {
    pub file: Arc<dyn File>,
    pub path: std::path::PathBuf,
    pub position: u64,
    /// The base offset of the batch at the position.
    pub offset: i64,
    pub length: u64,
    pub end_offset: i64,
}

/// Where the records of an offset are.
enum Segment {
    Closed(Arc<Closed>),
    Active(Place),
}

impl Partition {
    /// The batch that holds `offset`, or one shortly before it. `None` where nothing was ever written.
    pub(super) fn locate(&self, offset: i64) -> Result<Option<Place>> {
        let closed = {
            let state = self.state()?;
            match self.segment(&state, offset, |index| index.locate(offset))? {
                None => return Ok(None),
                Some(Segment::Active(place)) => return Ok(Some(place)),
                Some(Segment::Closed(closed)) => closed,
            }
        };
        let loaded = self.load(&closed)?;
        Ok(Some(loaded.place(loaded.index.locate(offset))))
    }

    fn segment(&self, state: &State, offset: i64, find: impl FnOnce(&Index) -> (u64, i64)) -> Result<Option<Segment>> {
        if offset < state.start || offset > state.end {
            return Err(self.out_of_range(state, offset));
        }
        let Some(active) = &state.active else { return Ok(None) };
        let at = state.closed.partition_point(|closed| closed.end_offset <= offset);
        if let Some(closed) = state.closed.get(at) {
            return Ok(Some(Segment::Closed(Arc::clone(closed))));
        }
        let (position, found) = find(&active.index);
        Ok(Some(Segment::Active(Place {
            file: Arc::clone(&active.file),
            path: active.path.clone(),
            position,
            offset: found,
            length: active.index.length,
            end_offset: state.end,
        })))
    }

    /// Opens a closed segment. A missing or damaged index is made again.
    pub(super) fn load(&self, closed: &Closed) -> Result<Arc<Loaded>> {
        let mut list = lock(&self.loaded);
        if let Some(at) = list.iter().position(|loaded| loaded.index.base_offset == closed.base_offset) {
            let loaded = list.remove(at);
            list.push(Arc::clone(&loaded));
            return Ok(loaded);
        }
        drop(list);
        let loaded = Arc::new(self.open_closed(closed)?);
        let _ = closed.extent.set(loaded.extent());
        list = lock(&self.loaded);
        if list.len() >= LOADED_MAX {
            list.remove(0);
        }
        list.push(Arc::clone(&loaded));
        Ok(loaded)
    }

    fn open_closed(&self, closed: &Closed) -> Result<Loaded> {
        let files = self.shared.files.as_ref();
        let path = names::of_segment(&self.folder, closed.base_offset, names::SEGMENT);
        let file = match files.open(&path, Open::Read) {
            Err(error) if error.is_not_found() => {
                let state = self.state()?;
                if closed.base_offset < state.start {
                    return Err(self.out_of_range(&state, closed.base_offset));
                }
                return Err(corrupt(&path, 0, "the file is missing"));
            }
            other => other?,
        };
        let length = file.length()?;
        let fits = |index: &Index| {
            (index.base_offset, index.end_offset, index.length) == (closed.base_offset, closed.end_offset, length)
        };
        let index_path = names::of_segment(&self.folder, closed.base_offset, names::INDEX);
        let stored = match files::read(files, &index_path) {
            Err(error) if error.is_not_found() => None,
            other => Index::decode(&other?).filter(fits),
        };
        let index = match stored {
            Some(index) => index,
            None => {
                let interval = self.shared.options.index_interval_bytes;
                let index = rebuild(file.as_ref(), &path, closed.base_offset, length, interval)?;
                if !fits(&index) {
                    let detail = format!("its offsets end at {}, not {}", index.end_offset, closed.end_offset);
                    return Err(corrupt(&path, length, detail));
                }
                if !self.shared.options.read_only {
                    // It only saves the next reader some work: a full disk, or another reader at the same, is no error.
                    let _ = files::create_anew(files, &index_path).and_then(|file| file.write_at(&index.encode(), 0));
                }
                index
            }
        };
        Ok(Loaded { file, path, index })
    }

    /// The first visible offset whose record has a time at or after `timestamp_ms`.
    pub fn offset_for_time(&self, timestamp_ms: i64) -> Result<Option<i64>> {
        // All under one lock: a segment that is closed between two looks would be in neither.
        let (segments, active, stable, aborted) = {
            let state = self.state()?;
            let locate = |active: &super::Active| active.index.locate_time(timestamp_ms);
            let active = match &state.active {
                Some(active) => self.segment(&state, state.end, |_| locate(active))?,
                None => None,
            };
            (state.closed.clone(), active, state.stable(), Arc::clone(&state.aborted))
        };
        for closed in segments {
            let extent = match closed.extent.get() {
                Some(extent) => *extent,
                None => self.load(&closed)?.extent(),
            };
            if extent.max_timestamp_ms < timestamp_ms {
                continue;
            }
            let loaded = self.load(&closed)?;
            let place = loaded.place(loaded.index.locate_time(timestamp_ms));
            if let Some(found) = first_at(&place, timestamp_ms, stable, &aborted)? {
                return Ok(Some(found));
            }
        }
        match active {
            Some(Segment::Active(place)) => first_at(&place, timestamp_ms, stable, &aborted),
            _ => Ok(None),
        }
    }
}

impl Loaded {
    fn place(&self, (position, offset): (u64, i64)) -> Place {
        Place {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            position,
            offset,
            length: self.index.length,
            end_offset: self.index.end_offset,
        }
    }

    pub(super) fn extent(&self) -> Extent {
        Extent { length: self.index.length, max_timestamp_ms: self.index.max_timestamp_ms }
    }
}

/// Makes an index by reading the whole segment.
fn rebuild(file: &dyn File, path: &std::path::Path, base: i64, length: u64, interval: u64) -> Result<Index> {
    let mut scanner = Scanner::new(file, 0, base, length);
    let mut index = Index::new(base);
    loop {
        match scanner.step()? {
            Step::Batch { header, .. } => index.push(&header, interval),
            Step::End => return Ok(index),
            Step::Bad(reason) => return Err(corrupt(path, scanner.position, reason)),
        }
    }
}

/// Scans from a place on for a time. Of a compressed batch, the first offset stands for all.
fn first_at(place: &Place, timestamp_ms: i64, stable: i64, aborted: &super::Aborted) -> Result<Option<i64>> {
    let mut scanner = Scanner::new(place.file.as_ref(), place.position, place.offset, place.length);
    loop {
        match scanner.step()? {
            Step::End => return Ok(None),
            Step::Bad(reason) => return Err(corrupt(&place.path, scanner.position, reason)),
            Step::Batch { header, .. } if header.base_offset >= stable => return Ok(None),
            Step::Batch { header, bytes, .. } => {
                if header.max_timestamp_ms < timestamp_ms || !super::read::is_visible(&header, aborted) {
                    continue;
                }
                if header.compression()? != Compression::None {
                    return Ok(Some(header.base_offset));
                }
                for record in records(bytes) {
                    let record = record?;
                    if record.timestamp_ms >= timestamp_ms {
                        return Ok(Some(record.offset));
                    }
                }
            }
        }
    }
}
