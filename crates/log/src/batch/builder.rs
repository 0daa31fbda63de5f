//! Builds record batches: a copy of the bytes and some varints a record.

use bytes::BytesMut;

use super::{Batch, HEADER_BYTES, header, varint};

/// Collects records of one partition into a batch. It keeps its capacity from one batch to the next.
#[derive(Debug)]
pub struct Builder {
    bytes: BytesMut,
    count: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
}

/// Length, attributes, time, offset, key length and value length of one record.
const PREFIX_BYTES_MAX: usize = 5 * varint::BYTES_MAX + 1;

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    pub fn new() -> Builder {
        Builder::with_capacity(4096)
    }

    /// Room for a batch of `bytes` before memory has to grow.
    pub fn with_capacity(bytes: usize) -> Builder {
        let mut builder =
            Builder { bytes: BytesMut::with_capacity(bytes), count: 0, base_timestamp_ms: 0, max_timestamp_ms: 0 };
        builder.clear();
        builder
    }

    /// Adds a record. Its time is in milliseconds since the Unix epoch.
    #[inline]
    pub fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms: i64) {
        self.push_body(key, value, timestamp_ms, 1);
        self.bytes.extend_from_slice(&[0]);
    }

    /// Adds a record that has headers.
    pub fn push_with_headers(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp_ms: i64,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let mut size = varint::size(headers.len() as i64);
        for (name, content) in headers {
            size += sized(Some(name.as_bytes())) + sized(*content);
        }
        self.push_body(key, value, timestamp_ms, size);
        self.put_varint(headers.len() as i64);
        for (name, content) in headers {
            self.put_varint(name.len() as i64);
            self.bytes.extend_from_slice(name.as_bytes());
            self.put_varint(content.map_or(-1, |content| content.len() as i64));
            self.bytes.extend_from_slice(content.unwrap_or_default());
        }
    }

    /// How many records.
    #[inline]
    pub fn len(&self) -> usize {
        self.count as u32 as usize
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Size of the batch so far.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all records.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES, 0);
        self.count = 0;
    }

    /// The batch of all records so far; the builder is empty after it. A log refuses a batch without records.
    pub fn build(&mut self) -> Batch {
        let capacity = self.bytes.len();
        header::write(&mut self.bytes, self.count, self.base_timestamp_ms, self.max_timestamp_ms);
        let bytes = std::mem::replace(&mut self.bytes, BytesMut::with_capacity(capacity));
        self.clear();
        Batch::trusted(bytes)
    }

    /// Writes all of a record but its headers, for which `headers_size` is added to its length.
    #[inline]
    fn push_body(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms: i64, headers_size: usize) {
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
            self.max_timestamp_ms = timestamp_ms;
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        let time = timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        let offset = i64::from(self.count);
        let size = 1 + varint::size(time) + varint::size(offset) + sized(key) + sized(value) + headers_size;

        let mut prefix = [0; PREFIX_BYTES_MAX];
        let mut at = varint::put(&mut prefix, 0, size as i64);
        prefix[at] = 0;
        at = varint::put(&mut prefix, at + 1, time);
        at = varint::put(&mut prefix, at, offset);
        let value_length = value.map_or(-1, |value| value.len() as i64);
        match key {
            None => {
                at = varint::put(&mut prefix, at, -1);
                at = varint::put(&mut prefix, at, value_length);
                self.bytes.extend_from_slice(&prefix[..at]);
            }
            Some(key) => {
                at = varint::put(&mut prefix, at, key.len() as i64);
                self.bytes.extend_from_slice(&prefix[..at]);
                self.bytes.extend_from_slice(key);
                self.put_varint(value_length);
            }
        }
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.count += 1;
    }

    #[inline]
    fn put_varint(&mut self, value: i64) {
        let mut buffer = [0; varint::BYTES_MAX];
        let end = varint::put(&mut buffer, 0, value);
        self.bytes.extend_from_slice(&buffer[..end]);
    }
}

/// What a nullable byte string takes, its length prefix included.
#[inline]
fn sized(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::size(bytes.len() as i64) + bytes.len())
}
