//! Which transactions had no marker yet where a segment begins, so that recovery need not read earlier segments.
//!
//! Written when a segment is begun, and not synced: one that is missing or damaged costs a longer scan.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Buf, BufMut};

use crate::batch::Producer;

const MAGIC: u32 = 0x4857_534e;
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 24;
const ENTRY_BYTES: usize = 26;

/// Offsets of transactions without a marker in one partition, from the first record to one past the last.
pub(super) type Open = BTreeMap<Producer, Range<i64>>;

pub(super) fn encode(base_offset: i64, open: &Open) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + open.len() * ENTRY_BYTES);
    bytes.put_u32(MAGIC);
    bytes.put_u32(VERSION);
    bytes.put_i64(base_offset);
    bytes.put_u32(open.len() as u32);
    for (producer, range) in open {
        bytes.put_i64(producer.id);
        bytes.put_i16(producer.epoch);
        bytes.put_i64(range.start);
        bytes.put_i64(range.end);
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.put_u32(crc);
    bytes
}

/// `None` for anything but a whole snapshot of this version for this segment.
pub(super) fn decode(bytes: &[u8], base_offset: i64) -> Option<Open> {
    let (body, mut crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    if body.len() < HEAD_BYTES - 4 || crc.get_u32() != crc32c::crc32c(body) {
        return None;
    }
    let mut from = body;
    let known = from.get_u32() == MAGIC && from.get_u32() == VERSION && from.get_i64() == base_offset;
    if !known || from.get_u32() as usize * ENTRY_BYTES != from.len() {
        return None;
    }
    let mut open = Open::new();
    while !from.is_empty() {
        let producer = Producer { id: from.get_i64(), epoch: from.get_i16() };
        open.insert(producer, from.get_i64()..from.get_i64());
    }
    Some(open)
}
