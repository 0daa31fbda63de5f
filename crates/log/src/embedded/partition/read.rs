//! Reading: one read of the file, and slices of it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::super::lock::shared;
use super::super::scan::{Judged, corrupt, judge};
use super::locate::Place;
use super::{Aborted, Partition};
use crate::batch::{Header, inflated};
use crate::{Chunk, Isolation, ReadOptions, Result};

/// What a reader may see.
struct View {
    /// It sees nothing at and past this offset.
    limit: i64,
    aborted: Arc<Aborted>,
}

impl Partition {
    pub fn read(&self, from: i64, options: &ReadOptions) -> Result<Chunk> {
        let view = self.view(from, options)?;
        let mut next = from;
        let mut batches = Vec::new();
        while next < view.limit && batches.is_empty() {
            let Some(place) = self.locate(next)? else { break };
            next = collect(place, next, &view, options, &mut batches)?;
        }
        let next = next.min(view.limit).max(from);
        Ok(Chunk { batches, range: from..next, next })
    }

    fn view(&self, from: i64, options: &ReadOptions) -> Result<View> {
        // A transaction becomes visible in all its partitions while nobody looks.
        let _looking = shared(&self.shared.deciding);
        let state = self.state()?;
        if from < state.start || from > state.end {
            return Err(self.out_of_range(&state, from));
        }
        let limit = match options.isolation {
            Isolation::Committed => state.stable(),
            Isolation::Latest => state.end,
        };
        let limit = options.until.map_or(limit, |until| until.min(limit));
        Ok(View { limit, aborted: Arc::clone(&state.aborted) })
    }
}

/// Whether a batch holds records for readers: it is no marker, and not void.
pub(super) fn is_visible(header: &Header, aborted: &Aborted) -> bool {
    if header.is_control() {
        return false;
    }
    if !header.is_transactional() || aborted.is_empty() {
        return true;
    }
    let Some(ranges) = aborted.get(&header.producer) else { return true };
    let before = ranges.partition_point(|range| range.start <= header.base_offset);
    before.checked_sub(1).is_none_or(|last| header.base_offset >= ranges[last].end)
}

/// Collects visible batches from `from` on, at most one buffer full of them, and returns where to go on. The buffer is
/// read again, larger, only when not even one whole batch fits into it.
fn collect(place: Place, from: i64, view: &View, options: &ReadOptions, batches: &mut Vec<Bytes>) -> Result<i64> {
    let Place { file, path, mut position, mut offset, length, end_offset } = place;
    let bytes_least = options.bytes_max.max(1 << 12);
    let mut wanted = bytes_least;
    while position < length {
        let left = length - position;
        let mut buffer = BytesMut::zeroed(wanted.min(usize::try_from(left).unwrap_or(usize::MAX)));
        let got = file.read_at(&mut buffer, position)?;
        if got < buffer.len() {
            return Err(corrupt(&path, position + got as u64, "the file is shorter than it was"));
        }
        let buffer = buffer.freeze();
        let mut at = 0;
        let mut needed = 0;
        while at < buffer.len() && offset < view.limit {
            let header = match judge(&buffer[at..], offset, left - at as u64) {
                Judged::Whole(header) => header,
                Judged::Partial(size) => {
                    needed = size;
                    break;
                }
                Judged::Bad(reason) => return Err(corrupt(&path, position + at as u64, reason)),
            };
            if header.end_offset() > from && is_visible(&header, &view.aborted) {
                let stored = buffer.slice(at..at + header.size());
                batches.push(if options.as_stored { stored } else { inflated(stored)? });
            }
            at += header.size();
            offset = header.end_offset();
        }
        position += at as u64;
        if !batches.is_empty() || offset >= view.limit {
            return Ok(offset);
        }
        wanted = bytes_least.max(needed);
    }
    if offset != end_offset {
        return Err(corrupt(&path, length, format!("its offsets end at {offset}, not {end_offset}")));
    }
    Ok(offset)
}
