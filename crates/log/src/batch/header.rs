//! The 61 bytes before the records of a batch.
//!
//! ```text
//!  0 base offset i64 | 8 length i32, of what follows it | 12 leader epoch i32 | 16 magic i8 = 2 | 17 CRC-32C u32
//! 21 attributes i16 | 23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64
//! 43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 record count i32 | 61 records
//! ```
//! All big-endian. The CRC covers everything from the attributes on.

use bytes::{Buf, BufMut};

use crate::{Error, Result};

pub const HEADER_BYTES: usize = 61;

/// Bytes before those that the length field counts.
const LENGTH_END: usize = 12;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const PRODUCER: usize = 43;
const MAGIC: i8 = 2;

const COMPRESSION_BITS: i16 = 0b111;
const APPEND_TIME_BIT: i16 = 1 << 3;
const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;

/// Who wrote a transactional batch. One producer has at most one undecided transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

impl Producer {
    /// Kafka's "no producer".
    pub const NONE: Producer = Producer { id: -1, epoch: -1 };
}

/// How the records are compressed. The header never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "nothing",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }
}

/// The header's fields, as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub base_offset: i64,
    /// Bytes after the length field itself.
    pub length: i32,
    pub leader_epoch: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub producer: Producer,
    pub base_sequence: i32,
    pub count: i32,
}

impl Header {
    /// Reads a header without judging it. The slice must hold [`HEADER_BYTES`].
    pub fn read(bytes: &[u8]) -> Header {
        let mut from = &bytes[..HEADER_BYTES];
        Header {
            base_offset: from.get_i64(),
            length: from.get_i32(),
            leader_epoch: from.get_i32(),
            magic: from.get_i8(),
            crc: from.get_u32(),
            attributes: from.get_i16(),
            last_offset_delta: from.get_i32(),
            base_timestamp_ms: from.get_i64(),
            max_timestamp_ms: from.get_i64(),
            producer: Producer { id: from.get_i64(), epoch: from.get_i16() },
            base_sequence: from.get_i32(),
            count: from.get_i32(),
        }
    }

    /// Reads the header of a batch of which perhaps only a beginning is there. `None` where these bytes can't begin
    /// one. All that the CRC does not cover is judged here, but for the base offset.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        if bytes.len() < HEADER_BYTES {
            return None;
        }
        let header = Header::read(bytes);
        let plausible = header.magic == MAGIC
            && header.base_offset >= 0
            && header.length >= (HEADER_BYTES - LENGTH_END) as i32
            && header.last_offset_delta >= 0;
        plausible.then_some(header)
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        LENGTH_END + self.length as u32 as usize
    }

    /// One past the last offset.
    pub fn end_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta) + 1)
    }

    /// # Errors
    /// [`Error::InvalidBatch`] for a number that Kafka has not given to any codec.
    pub fn compression(&self) -> Result<Compression> {
        match self.attributes & COMPRESSION_BITS {
            0 => Ok(Compression::None),
            1 => Ok(Compression::Gzip),
            2 => Ok(Compression::Snappy),
            3 => Ok(Compression::Lz4),
            4 => Ok(Compression::Zstd),
            _ => Err(Error::InvalidBatch { reason: "unknown compression" }),
        }
    }

    /// All records have the batch's maximum timestamp, which the log has set.
    pub fn is_append_time(&self) -> bool {
        self.attributes & APPEND_TIME_BIT != 0
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// A marker: it ends a transaction and is no record of anybody.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }
}

/// Reads the header of the complete batch at the beginning of `bytes` and checks lengths and the CRC.
pub(crate) fn verified(bytes: &[u8]) -> std::result::Result<Header, &'static str> {
    if bytes.len() < HEADER_BYTES {
        return Err("shorter than a batch header");
    }
    let header = Header::read(bytes);
    if header.magic != MAGIC {
        return Err("not format 2 (magic 2)");
    }
    if header.length < (HEADER_BYTES - LENGTH_END) as i32 || header.size() > bytes.len() {
        return Err("the length field doesn't fit the bytes");
    }
    if crc32c::crc32c(&bytes[ATTRIBUTES..header.size()]) != header.crc {
        return Err("the CRC doesn't match");
    }
    Ok(header)
}

pub(crate) fn place(bytes: &mut [u8], base_offset: i64, leader_epoch: i32) {
    (&mut bytes[0..8]).put_i64(base_offset);
    (&mut bytes[12..16]).put_i32(leader_epoch);
}

pub(crate) fn stamp(bytes: &mut [u8], producer: Producer, base_sequence: i32) {
    let attributes = Header::read(bytes).attributes | TRANSACTIONAL_BIT;
    (&mut bytes[ATTRIBUTES..]).put_i16(attributes);
    let mut to = &mut bytes[PRODUCER..];
    to.put_i64(producer.id);
    to.put_i16(producer.epoch);
    to.put_i32(base_sequence);
    seal(bytes);
}

/// Makes the header true again after the records of a compressed batch have been replaced by what they are.
pub(crate) fn inflated(bytes: &mut [u8]) {
    let length = (bytes.len() - LENGTH_END) as i32;
    (&mut bytes[LENGTH_END - 4..]).put_i32(length);
    let attributes = Header::read(bytes).attributes & !COMPRESSION_BITS;
    (&mut bytes[ATTRIBUTES..]).put_i16(attributes);
    seal(bytes);
}

/// Marks a batch as a transaction's marker; the CRC must be computed after it.
pub(crate) fn make_control(bytes: &mut [u8]) {
    let attributes = Header::read(bytes).attributes | CONTROL_BIT;
    (&mut bytes[ATTRIBUTES..]).put_i16(attributes);
}

/// Writes the header of a whole, uncompressed batch over its first bytes, the CRC included.
pub(crate) fn write(bytes: &mut [u8], count: i32, base_timestamp_ms: i64, max_timestamp_ms: i64) {
    // A batch beyond 2 GiB has a length that doesn't fit; whoever takes it looks at its size first and refuses it.
    let length = (bytes.len() - LENGTH_END) as i32;
    let mut to = &mut bytes[..HEADER_BYTES];
    to.put_i64(0);
    to.put_i32(length);
    to.put_i32(-1);
    to.put_i8(MAGIC);
    to.put_u32(0);
    to.put_i16(0);
    to.put_i32(count - 1);
    to.put_i64(base_timestamp_ms);
    to.put_i64(max_timestamp_ms);
    to.put_i64(Producer::NONE.id);
    to.put_i16(Producer::NONE.epoch);
    to.put_i32(-1);
    to.put_i32(count);
    seal(bytes);
}

fn seal(bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[ATTRIBUTES..]);
    (&mut bytes[CRC..]).put_u32(crc);
}
