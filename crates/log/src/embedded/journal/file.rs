//! Journal files: frames around entries, and telling a torn end from damage.

use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};
use headwater_base::files::{self, Files};

use super::entry::Entry;
use super::state::State;
use crate::{Error, Result};

/// `HWJ1`. A frame is: magic, payload length, CRC-32C of all that follows it, synced length u64, payload.
const MAGIC: u32 = 0x4857_4a31;
const HEAD_BYTES: usize = 20;

const HINT: &str = "Check the disk, and bring the transactions folder back from a copy that is as new as the topics";

/// A whole frame, and the position after it.
struct Frame {
    entry: Entry,
    /// How much of the file was on stable storage when the frame was written.
    synced_length: u64,
    end: usize,
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.journal"))
}

fn parse_name(name: &str) -> Option<u64> {
    name.strip_suffix(".journal")?.parse().ok()
}

/// The number of the newest file. A file gets its name when it is whole, so the newest is the one that counts.
pub(super) fn newest(files: &dyn Files, folder: &Path) -> Result<Option<u64>> {
    match files.list(folder) {
        Err(error) if error.is_not_found() => Ok(None),
        listed => Ok(listed?.iter().filter_map(|entry| parse_name(&entry.name)).max()),
    }
}

/// Refuses to begin a journal where topics are: without the old one, void records would come to life.
pub(super) fn refuse_lost(files: &dyn Files, root: &Path) -> Result<()> {
    let topics = match files.list(&root.join("topics")) {
        Err(error) if error.is_not_found() => return Ok(()),
        listed => listed?,
    };
    if topics.is_empty() {
        return Ok(());
    }
    Err(Error::Corrupt {
        path: root.join("transactions"),
        position: 0,
        detail: "there are topics, but the journal of transactions is missing".to_owned(),
        hint: HINT,
    })
}

/// Begins a file with a state, durably and at once; returns its length.
pub(super) fn begin(files: &dyn Files, folder: &Path, number: u64, state: &State) -> Result<u64> {
    let mut bytes = Vec::new();
    put_frame(&mut bytes, &Entry::Snapshot(Box::new(state.clone())), 0);
    files::replace(files, &path(folder, number), &bytes)?;
    Ok(bytes.len() as u64)
}

pub(super) fn remove_others(files: &dyn Files, folder: &Path, number: u64) -> Result<()> {
    let kept = path(folder, number);
    for entry in files.list(folder)? {
        let other = folder.join(&entry.name);
        if other != kept {
            files.remove_file(&other)?;
        }
    }
    Ok(())
}

/// The state that a file adds up to, without a torn end.
///
/// # Errors
/// `Corrupt` if a bad frame is followed by one that was written after it had been synced.
pub(super) fn load(files: &dyn Files, folder: &Path, number: u64) -> Result<State> {
    let path = path(folder, number);
    let bytes = files::read(files, &path)?;
    let corrupt = |position: usize, detail: &str| {
        Err(Error::Corrupt { path: path.clone(), position: position as u64, detail: detail.to_owned(), hint: HINT })
    };
    let mut state = State::default();
    let mut at = 0;
    while let Some(frame) = frame_at(&bytes, at) {
        if matches!(frame.entry, Entry::Snapshot(_)) != (at == 0) || state.apply(frame.entry).is_none() {
            return corrupt(at, "an entry contradicts the earlier ones");
        }
        at = frame.end;
    }
    if at == 0 {
        // The snapshot was synced before the file got its name.
        return corrupt(0, "the snapshot is not readable");
    }
    let later = (at + 1..bytes.len()).filter_map(|position| frame_at(&bytes, position));
    if later.map(|frame| frame.synced_length).max().is_some_and(|synced| synced > at as u64) {
        return corrupt(at, "an entry that was on stable storage is not readable");
    }
    Ok(state)
}

pub(super) fn put_frame(to: &mut Vec<u8>, entry: &Entry, synced_length: u64) {
    let mut body = Vec::with_capacity(128);
    body.put_u64(synced_length);
    entry.encode(&mut body);
    to.put_u32(MAGIC);
    to.put_u32((body.len() - 8) as u32);
    to.put_u32(crc32c::crc32c(&body));
    to.put_slice(&body);
}

fn frame_at(bytes: &[u8], at: usize) -> Option<Frame> {
    let mut from = bytes.get(at..)?;
    if from.len() < HEAD_BYTES || from.get_u32() != MAGIC {
        return None;
    }
    let length = from.get_u32() as usize;
    let crc = from.get_u32();
    let body = from.get(..length.checked_add(8)?)?;
    if crc32c::crc32c(body) != crc {
        return None;
    }
    let synced_length = from.get_u64();
    Some(Frame { entry: Entry::decode(&body[8..])?, synced_length, end: at + HEAD_BYTES + length })
}
