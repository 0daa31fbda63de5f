//! Kafka's record batch, format 2 ("magic 2"), byte for byte: what a segment holds and what clients send and fetch.
//!
//! Source of the format: Kafka's documentation, "Message Format", and `DefaultRecordBatch.java`, `DefaultRecord.java`
//! of Apache Kafka. Compressed batches are kept as they come.

pub mod builder;
pub mod compression;
pub mod control;
pub mod header;
pub mod records;
#[cfg(test)]
mod tests;
pub mod varint;

use bytes::{Bytes, BytesMut};

pub use builder::Builder;
pub use compression::inflated;
pub use header::{Compression, HEADER_BYTES, Header, Producer};
pub use records::{Record, Records, records};

use crate::{Error, Result};

/// One checked record batch, with at least one record.
#[derive(Debug, Clone)]
pub struct Batch {
    bytes: BytesMut,
}

impl Batch {
    /// Takes bytes from outside, which must be exactly one batch. Checks lengths, the CRC, and that the records are
    /// well formed and count offsets from zero up by one.
    ///
    /// # Errors
    /// [`Error::InvalidBatch`] with what is wrong.
    pub fn from_bytes(bytes: Bytes) -> Result<Batch> {
        let header = header::verified(&bytes).map_err(|reason| Error::InvalidBatch { reason })?;
        let invalid = |reason| Err(Error::InvalidBatch { reason });
        if header.size() != bytes.len() {
            return invalid("bytes follow the end of the batch");
        }
        if header.count < 1 || header.last_offset_delta != header.count - 1 {
            return invalid("the record count and the last offset delta don't agree");
        }
        let plain = inflated(bytes.clone())?;
        let mut last = records(&plain);
        for expected in 0..i64::from(header.count) {
            match last.next() {
                Some(Ok(record)) if record.offset == header.base_offset.wrapping_add(expected) => {}
                Some(Ok(_)) => return invalid("offset deltas don't count up by one"),
                Some(Err(error)) => return Err(error),
                None => return invalid("fewer records than the header says"),
            }
        }
        if !last.is_finished() {
            return invalid("bytes follow the last record");
        }
        drop(plain);
        // A client's buffer is most often shared with the rest of its request; then this copies.
        Ok(Batch { bytes: bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..])) })
    }

    /// The bytes must be a whole batch with a valid CRC: the builder's and the markers' way in.
    fn trusted(bytes: BytesMut) -> Batch {
        Batch { bytes }
    }

    pub fn header(&self) -> Header {
        Header::read(&self.bytes)
    }

    /// How many records.
    pub fn count(&self) -> i64 {
        i64::from(self.header().count)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }

    /// Offset and time of each record are as they stand in the bytes: offsets begin at zero before an append.
    pub fn records(&self) -> Records<'_> {
        records(&self.bytes)
    }

    /// Gives the batch its place in a partition. Both fields lie before the CRC's range, so the CRC stays valid.
    pub fn place(&mut self, base_offset: i64, leader_epoch: i32) {
        header::place(&mut self.bytes, base_offset, leader_epoch);
    }

    /// Makes the batch part of a producer's transaction, and computes the CRC anew.
    pub fn stamp(&mut self, producer: Producer, base_sequence: i32) {
        header::stamp(&mut self.bytes, producer, base_sequence);
    }
}
