//! Where in a segment an offset or a time is: one sparse index for both.
//!
//! The active segment's index lives in memory. It is written, whole, when the segment is closed, and can always be
//! made again from the segment: it is neither synced nor believed without its CRC. Drawn in `docs/formats/log.md`.

use bytes::{Buf, BufMut};

use crate::batch::Header;

const MAGIC: u32 = 0x4857_4958;
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 56;
const ENTRY_BYTES: usize = 24;

/// A batch, and what is before it in the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    offset: i64,
    position: u64,
    /// The largest timestamp of all batches before this one.
    max_timestamp_ms: i64,
}

/// A segment's index and extent. Markers have no part in its timestamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub base_offset: i64,
    /// One past the last offset.
    pub end_offset: i64,
    /// Bytes of the segment.
    pub length: u64,
    /// `i64::MIN` without records.
    pub max_timestamp_ms: i64,
    entries: Vec<Entry>,
}

impl Index {
    pub fn new(base_offset: i64) -> Index {
        Index { base_offset, end_offset: base_offset, length: 0, max_timestamp_ms: i64::MIN, entries: Vec::new() }
    }

    /// Takes note of the next batch of the segment.
    pub fn push(&mut self, header: &Header, interval_bytes: u64) {
        let last = self.entries.last().map_or(0, |entry| entry.position);
        if self.length >= last + interval_bytes {
            self.entries.push(Entry {
                offset: header.base_offset,
                position: self.length,
                max_timestamp_ms: self.max_timestamp_ms,
            });
        }
        if !header.is_control() {
            self.max_timestamp_ms = self.max_timestamp_ms.max(header.max_timestamp_ms);
        }
        self.length += header.size() as u64;
        self.end_offset = header.end_offset();
    }

    /// Position and base offset of a batch at or before `offset`, close to it.
    pub fn locate(&self, offset: i64) -> (u64, i64) {
        self.before(self.entries.partition_point(|entry| entry.offset <= offset))
    }

    /// Position and base offset of a batch, before which all times are smaller than `timestamp_ms`.
    pub fn locate_time(&self, timestamp_ms: i64) -> (u64, i64) {
        self.before(self.entries.partition_point(|entry| entry.max_timestamp_ms < timestamp_ms))
    }

    fn before(&self, index: usize) -> (u64, i64) {
        match index.checked_sub(1) {
            Some(previous) => (self.entries[previous].position, self.entries[previous].offset),
            None => (0, self.base_offset),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.entries.len() * ENTRY_BYTES);
        bytes.put_u32(MAGIC);
        bytes.put_u32(VERSION);
        bytes.put_u32(0);
        bytes.put_u32(0);
        bytes.put_i64(self.base_offset);
        bytes.put_i64(self.end_offset);
        bytes.put_u64(self.length);
        bytes.put_i64(self.max_timestamp_ms);
        bytes.put_u64(self.entries.len() as u64);
        for entry in &self.entries {
            bytes.put_i64(entry.offset);
            bytes.put_u64(entry.position);
            bytes.put_i64(entry.max_timestamp_ms);
        }
        let crc = crc32c::crc32c(&bytes);
        (&mut bytes[8..]).put_u32(crc);
        bytes
    }

    /// `None` for anything but a whole index of this version.
    pub fn decode(bytes: &[u8]) -> Option<Index> {
        if bytes.len() < HEAD_BYTES || !(bytes.len() - HEAD_BYTES).is_multiple_of(ENTRY_BYTES) {
            return None;
        }
        let mut from = bytes;
        let (magic, version, crc, reserved) = (from.get_u32(), from.get_u32(), from.get_u32(), from.get_u32());
        // The CRC is computed with zeros in its own place.
        let computed = crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&bytes[..8]), &[0; 4]), &bytes[12..]);
        if magic != MAGIC || version != VERSION || reserved != 0 || crc != computed {
            return None;
        }
        let mut index = Index::new(from.get_i64());
        index.end_offset = from.get_i64();
        index.length = from.get_u64();
        index.max_timestamp_ms = from.get_i64();
        if from.get_u64() != (from.len() / ENTRY_BYTES) as u64 {
            return None;
        }
        while !from.is_empty() {
            let (offset, position, max_timestamp_ms) = (from.get_i64(), from.get_u64(), from.get_i64());
            index.entries.push(Entry { offset, position, max_timestamp_ms });
        }
        Some(index)
    }
}
