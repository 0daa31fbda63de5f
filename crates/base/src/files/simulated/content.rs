//! The bytes of one simulated file: what readers see, what a disk holds, and the difference.

use crate::random::Random;

/// Disks write sectors whole; a torn write often ends at one.
const SECTOR_BYTES: u64 = 512;

/// Invariant: `current` is `durable` with all of `pending` applied in order, except for changes that a failed sync
/// forgot (they stay readable, as in a page cache marked clean, but never reach the disk).
#[derive(Debug, Default)]
pub(super) struct Content {
    pub current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    pub modified_us: i64,
}

#[derive(Debug)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

impl Content {
    /// As if written long ago.
    pub fn settled(bytes: &[u8], modified_us: i64) -> Content {
        Content { current: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new(), modified_us }
    }

    pub fn write(&mut self, bytes: &[u8], offset: u64) {
        self.change(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub fn set_length(&mut self, length: u64) {
        self.change(Change::Length(length));
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.current, &change);
        self.pending.push(change);
    }

    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&mut self.durable, &change);
        }
    }

    /// What a failed sync leaves: some of the pending changes on disk, the rest forgotten by everyone but readers.
    pub fn fail_sync(&mut self, random: &mut Random) {
        for change in self.pending.drain(..) {
            if let Some(change) = survive(change, random) {
                apply(&mut self.durable, &change);
            }
        }
    }

    /// Power is lost: each pending change survives, is torn, or is gone, independently of the others.
    pub fn crash(&mut self, random: &mut Random) {
        self.fail_sync(random);
        self.current.clone_from(&self.durable);
    }

    /// Changes a byte on disk and in memory, as a failing medium would.
    pub fn flip(&mut self, offset: usize) {
        for bytes in [&mut self.current, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= 0x5A;
            }
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { bytes: written, offset } => {
            let start = index(*offset);
            let end = start + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[start..end].copy_from_slice(written);
        }
        Change::Length(length) => bytes.resize(index(*length), 0),
    }
}

fn survive(change: Change, random: &mut Random) -> Option<Change> {
    match (random.below(3), change) {
        (0, _) => None,
        (1, Change::Write { offset, mut bytes }) => {
            bytes.truncate(torn_length(bytes.len(), offset, random));
            Some(Change::Write { offset, bytes })
        }
        (_, change) => Some(change),
    }
}

/// How much of a write of `length` bytes at `offset` is left: a prefix that ends anywhere or at a sector's edge.
pub(super) fn torn_length(length: usize, offset: u64, random: &mut Random) -> usize {
    let kept = random.below(length as u64 + 1);
    if random.chance(1, 2) {
        return kept as usize;
    }
    let edge = (offset + kept) / SECTOR_BYTES * SECTOR_BYTES;
    edge.saturating_sub(offset) as usize
}

/// A position in memory: simulated files are far smaller than an address space.
pub(super) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
