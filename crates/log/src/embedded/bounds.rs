//! What a partition knows of itself for certain: where it begins, and how far it was synced at least.
//!
//! A small file of two slots, written in turn, so that one of them is always whole. After each sync of the segment
//! the slot is written and not synced itself, so it survives the end of the process exactly and a power cut with
//! some delay; whatever it says is true, because it is written after the sync that it tells of. Recovery never
//! truncates below it. Retention does sync it, before it removes anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut};
use headwater_base::files::{self, File, Files, Open};

const MAGIC: u32 = 0x4857_4244;
const SLOT_BYTES: usize = 32;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bounds {
    /// The first offset that is kept.
    pub start: i64,
    /// All before this offset was on stable storage.
    pub durable: i64,
}

/// What the file held.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub bounds: Bounds,
    /// A slot is damaged, so the newest word may be missing.
    pub damaged: bool,
    sequence: u64,
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct BoundsFile {
    file: Arc<dyn File>,
    sequence: u64,
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("bounds")
}

/// Reads a partition's bounds; a missing file is not an error.
pub(super) fn load(files: &dyn Files, folder: &Path) -> files::Result<Loaded> {
    let bytes = match files::read(files, &path(folder)) {
        Err(error) if error.is_not_found() => return Ok(Loaded::default()),
        other => other?,
    };
    let mut loaded = Loaded::default();
    for slot in [bytes.get(..SLOT_BYTES), bytes.get(SLOT_BYTES..2 * SLOT_BYTES)] {
        match slot.and_then(decode) {
            Some((sequence, bounds)) if sequence >= loaded.sequence => {
                loaded.bounds = bounds;
                loaded.sequence = sequence;
            }
            Some(_) => {}
            None => loaded.damaged = true,
        }
    }
    Ok(loaded)
}

impl BoundsFile {
    /// Opens the file, or creates it; the caller syncs the folder.
    pub fn open(files: &dyn Files, folder: &Path, loaded: &Loaded) -> files::Result<BoundsFile> {
        let path = path(folder);
        let file = match files.open(&path, Open::Write) {
            Err(error) if error.is_not_found() => files.open(&path, Open::CreateNew)?,
            other => other?,
        };
        Ok(BoundsFile { file, sequence: loaded.sequence })
    }

    /// Writes the slot whose turn it is. Without a sync.
    pub fn write(&mut self, bounds: Bounds) -> files::Result<()> {
        self.sequence += 1;
        let slot = self.sequence % 2;
        self.file.write_at(&encode(self.sequence, bounds), slot * SLOT_BYTES as u64)
    }

    /// Writes both slots, durably.
    pub fn settle(&mut self, bounds: Bounds) -> files::Result<()> {
        self.write(bounds)?;
        self.file.sync_data()?;
        self.write(bounds)?;
        self.file.sync_data()
    }
}

fn encode(sequence: u64, bounds: Bounds) -> Vec<u8> {
    let mut body = Vec::with_capacity(SLOT_BYTES);
    body.put_u32(MAGIC);
    body.put_u64(sequence);
    body.put_i64(bounds.start);
    body.put_i64(bounds.durable);
    let crc = crc32c::crc32c(&body);
    body.put_u32(crc);
    body
}

fn decode(slot: &[u8]) -> Option<(u64, Bounds)> {
    let (body, mut crc) = slot.split_at(SLOT_BYTES - 4);
    if crc.get_u32() != crc32c::crc32c(body) {
        return None;
    }
    let mut from = body;
    (from.get_u32() == MAGIC).then(|| (from.get_u64(), Bounds { start: from.get_i64(), durable: from.get_i64() }))
}
