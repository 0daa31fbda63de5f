//! Checksums of data files, verified on every read.
//!
//! Parquet pages can carry checksums, but the writer we use does not write them, so the sums of
//! a file's blocks are kept in its Delta tags. This store widens each read of a known file to
//! whole blocks and compares: a damaged file is an error, never wrong rows. Files without known
//! sums (written by other programs) are passed through.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use crate::Error;

/// Large enough that a file of 32 MB has 128 sums, small enough that a read of one column is widened little.
const BLOCK_BYTES: u64 = 256 << 10;

/// The CRC-32C of each block of a file, the last of which may be short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sums {
    size: u64,
    blocks: Arc<[u32]>,
}

impl Sums {
    pub fn of(bytes: &[u8]) -> Sums {
        let blocks = bytes.chunks(BLOCK_BYTES as usize).map(crc32c::crc32c).collect();
        Sums { size: bytes.len() as u64, blocks }
    }

    /// Little-endian, in base64 without padding.
    pub fn encode(&self) -> String {
        let bytes: Vec<u8> = self.blocks.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        BASE64_STANDARD_NO_PAD.encode(bytes)
    }

    pub fn decode(size: u64, text: &str) -> Option<Sums> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(text).ok()?;
        let blocks: Arc<[u32]> =
            bytes.chunks(4).map(|sum| sum.try_into().ok().map(u32::from_le_bytes)).collect::<Option<_>>()?;
        (blocks.len() as u64 == size.div_ceil(BLOCK_BYTES)).then_some(Sums { size, blocks })
    }

    /// The whole blocks that cover a range.
    fn widen(&self, range: &Range<u64>) -> Range<u64> {
        let start = range.start.min(self.size) / BLOCK_BYTES * BLOCK_BYTES;
        start..range.end.next_multiple_of(BLOCK_BYTES).min(self.size)
    }

    /// Compares whole blocks, the first of which begins at `start`.
    fn verify(&self, file: &Path, start: u64, bytes: &[u8]) -> Result<(), Error> {
        let first = (start / BLOCK_BYTES) as usize;
        let sums = self.blocks.get(first..).unwrap_or_default();
        for (at, block) in bytes.chunks(BLOCK_BYTES as usize).enumerate() {
            if sums.get(at) != Some(&crc32c::crc32c(block)) {
                let offset = start + at as u64 * BLOCK_BYTES;
                return Err(Error::corrupt(file.to_string(), format!("checksum of the block at byte {offset}")));
            }
        }
        Ok(())
    }
}

/// A store that knows the sums of some of its files.
#[derive(Debug)]
pub(crate) struct Checked {
    inner: Arc<dyn ObjectStore>,
    known: RwLock<HashMap<Path, Sums>>,
}

impl Checked {
    pub fn new(inner: Arc<dyn ObjectStore>) -> Checked {
        Checked { inner, known: RwLock::default() }
    }

    pub fn learn(&self, sums: impl IntoIterator<Item = (Path, Sums)>) {
        // A panic while the map was held can't have left it half-changed for our use: entries are whole.
        self.known.write().unwrap_or_else(PoisonError::into_inner).extend(sums);
    }

    pub fn forget(&self, file: &Path) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(file);
    }

    fn sums(&self, file: &Path) -> Option<Sums> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(file).cloned()
    }

    /// Why a read of a known file failed: because it is gone or has another size, or for the store's own reasons.
    async fn explain(&self, file: &Path, sums: &Sums, error: object_store::Error) -> object_store::Error {
        if let object_store::Error::NotFound { .. } = error {
            return Error::corrupt(file.to_string(), "it is missing").into_store();
        }
        match self.inner.head(file).await {
            Ok(meta) if meta.size != sums.size => wrong_size(file, sums, meta.size).into_store(),
            _ => error,
        }
    }

    async fn get_checked(&self, file: &Path, mut options: GetOptions, sums: Sums) -> Result<GetResult> {
        let wanted = match &options.range {
            Some(range) => range.as_range(sums.size).map_err(|error| generic(error.to_string()))?,
            None => 0..sums.size,
        };
        let wide = sums.widen(&wanted);
        options.range = (!wide.is_empty()).then(|| GetRange::Bounded(wide.clone()));
        let result = match self.inner.get_opts(file, options).await {
            Ok(result) => result,
            Err(held @ (object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. })) => {
                return Err(held);
            }
            Err(error) => return Err(self.explain(file, &sums, error).await),
        };
        let (meta, attributes) = (result.meta.clone(), result.attributes.clone());
        if meta.size != sums.size {
            return Err(wrong_size(file, &sums, meta.size).into_store());
        }
        let bytes = result.bytes().await?;
        sums.verify(file, wide.start, &bytes).map_err(Error::into_store)?;
        let bytes = bytes.slice((wanted.start - wide.start) as usize..(wanted.end - wide.start) as usize);
        let payload = GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed());
        Ok(GetResult { payload, meta, range: wanted, attributes })
    }

    async fn ranges_checked(&self, file: &Path, ranges: &[Range<u64>], sums: Sums) -> Result<Vec<Bytes>> {
        if let Some(beyond) = ranges.iter().find(|range| range.end > sums.size) {
            return Err(generic(format!("{file} has {} bytes; {beyond:?} was asked for", sums.size)));
        }
        let wide = merge(ranges.iter().map(|range| sums.widen(range)).collect());
        let blocks = match self.inner.get_ranges(file, &wide).await {
            Ok(blocks) => blocks,
            Err(error) => return Err(self.explain(file, &sums, error).await),
        };
        for (range, bytes) in wide.iter().zip(&blocks) {
            if (bytes.len() as u64) < range.end - range.start {
                return Err(wrong_size(file, &sums, range.start + bytes.len() as u64).into_store());
            }
            sums.verify(file, range.start, bytes).map_err(Error::into_store)?;
        }
        let slice = |range: &Range<u64>| {
            let at = wide.partition_point(|wide| wide.end < range.end);
            let start = (range.start - wide[at].start) as usize;
            blocks[at].slice(start..start + (range.end - range.start) as usize)
        };
        Ok(ranges.iter().map(slice).collect())
    }
}

fn wrong_size(file: &Path, sums: &Sums, found: u64) -> Error {
    Error::corrupt(file.to_string(), format!("it has {found} bytes instead of {}", sums.size))
}

fn generic(message: String) -> object_store::Error {
    object_store::Error::Generic { store: "Headwater lake", source: message.into() }
}

/// Sorted, and without two that touch.
fn merge(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checked({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Checked {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.sums(location) {
            Some(sums) if !options.head => self.get_checked(location, options, sums).await,
            _ => self.inner.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.sums(location) {
            Some(sums) => self.ranges_checked(location, ranges, sums).await,
            None => self.inner.get_ranges(location, ranges).await,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}
