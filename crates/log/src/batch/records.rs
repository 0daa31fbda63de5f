//! Reads the records of a batch in place, without copying or allocating.

use super::{Compression, HEADER_BYTES, Header, varint};
use crate::{Error, Result};

/// A record as it lies in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Encoded, beginning with their count.
    headers: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record's headers: names, which need not be UTF-8, and values.
    pub fn headers(&self) -> impl Iterator<Item = Result<(&'a [u8], Option<&'a [u8]>)>> + use<'a> {
        let bytes = self.headers;
        let mut at = 0;
        let count = varint::get(bytes, &mut at).unwrap_or(0);
        (0..count).map(move |_| match (get_bytes(bytes, &mut at), get_bytes(bytes, &mut at)) {
            (Some(Some(name)), Some(content)) => Ok((name, content)),
            _ => Err(MALFORMED),
        })
    }
}

/// Iterates over the records of one complete batch that is not compressed ([`super::inflated`]), whose CRC somebody has
/// checked. After an error it ends.
pub fn records(batch: &[u8]) -> Records<'_> {
    match Header::parse(batch) {
        Some(header) => Records { bytes: &batch[..header.size().min(batch.len())], at: HEADER_BYTES, index: 0, header },
        None => Records { bytes: &[], at: 0, index: 0, header: NOT_A_BATCH },
    }
}

/// See [`records`].
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    index: i32,
    header: Header,
}

const MALFORMED: Error = Error::InvalidBatch { reason: "a record's lengths don't fit its bytes" };

/// Stands in where there is no header: one record that can't be read.
const NOT_A_BATCH: Header = Header {
    base_offset: 0,
    length: 0,
    leader_epoch: 0,
    magic: 2,
    crc: 0,
    attributes: 0,
    last_offset_delta: 0,
    base_timestamp_ms: 0,
    max_timestamp_ms: 0,
    producer: super::Producer::NONE,
    base_sequence: -1,
    count: 1,
};

impl<'a> Records<'a> {
    /// True when exactly the batch's bytes have been read.
    pub fn is_finished(&self) -> bool {
        self.index == self.header.count && self.at == self.bytes.len()
    }

    #[inline]
    fn parse(&mut self) -> Option<Record<'a>> {
        let length = usize::try_from(varint::get(self.bytes, &mut self.at)?).ok()?;
        let end = self.at.checked_add(length)?;
        let body = self.bytes.get(self.at..end)?;
        self.at = end;
        // The first byte holds the record's attributes, of which there are none.
        let mut at = 1;
        let time = varint::get(body, &mut at)?;
        let offset = varint::get(body, &mut at)?;
        let key = get_bytes(body, &mut at)?;
        let value = get_bytes(body, &mut at)?;
        let headers = body.get(at..)?;
        if headers != [0] {
            check_headers(headers)?;
        }
        let timestamp_ms = if self.header.is_append_time() {
            self.header.max_timestamp_ms
        } else {
            self.header.base_timestamp_ms.wrapping_add(time)
        };
        Some(Record { offset: self.header.base_offset.wrapping_add(offset), timestamp_ms, key, value, headers })
    }

    #[cold]
    fn refuse(&mut self) -> Option<Error> {
        match self.header.compression() {
            Ok(Compression::None) => None,
            Ok(_) => Some(Error::InvalidBatch { reason: "its records are compressed" }),
            Err(error) => Some(error),
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Result<Record<'a>>> {
        if self.index >= self.header.count {
            return None;
        }
        if self.index == 0
            && let Some(error) = self.refuse()
        {
            self.index = self.header.count;
            return Some(Err(error));
        }
        self.index += 1;
        let record = self.parse();
        if record.is_none() {
            self.index = self.header.count;
        }
        Some(record.ok_or(MALFORMED))
    }
}

/// A nullable byte string: the outer `None` is malformed.
#[inline]
fn get_bytes<'a>(bytes: &'a [u8], at: &mut usize) -> Option<Option<&'a [u8]>> {
    let length = varint::get(bytes, at)?;
    if length == -1 {
        return Some(None);
    }
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let found = bytes.get(*at..end)?;
    *at = end;
    Some(Some(found))
}

fn check_headers(bytes: &[u8]) -> Option<()> {
    let mut at = 0;
    let count = varint::get(bytes, &mut at)?;
    if count < 0 {
        return None;
    }
    for _ in 0..count {
        get_bytes(bytes, &mut at)??;
        get_bytes(bytes, &mut at)?;
    }
    (at == bytes.len()).then_some(())
}
