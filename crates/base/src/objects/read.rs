//! Reading objects: whole, in part, and only when the caller's conditions hold.

use std::ops::Range;
use std::path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{Attributes, Error, GetOptions, GetRange, GetResult, GetResultPayload, Result};

use super::folder::{Folder, convert, describe, generic, not_found, run};
use crate::files::{File, Metadata, Open};

/// Large enough that a column chunk is usually one piece, small enough to hold several.
const PIECE_BYTES: u64 = 4 << 20;

pub(super) fn get(folder: &Arc<Folder>, location: &Path, options: &GetOptions) -> Result<GetResult> {
    let path = folder.file(location)?;
    let (file, metadata) = open(folder, &path)?;
    let meta = describe(location.clone(), &metadata);
    options.check_preconditions(&meta)?;
    let range = match &options.range {
        Some(range) => range.as_range(meta.size).map_err(|error| generic(error.to_string()))?,
        None => 0..meta.size,
    };
    let wanted = if options.head { 0..0 } else { range.clone() };
    let payload = GetResultPayload::Stream(pieces(Arc::clone(folder), file, wanted));
    Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
}

pub(super) fn ranges(folder: &Folder, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
    let path = folder.file(location)?;
    let (file, metadata) = open(folder, &path)?;
    let one = |range: &Range<u64>| {
        let valid = GetRange::Bounded(range.clone()).as_range(metadata.length);
        read(file.as_ref(), &valid.map_err(|error| generic(error.to_string()))?)
    };
    ranges.iter().map(one).collect()
}

/// Opens a file together with what is known of that same file: another may take its name at any time.
fn open(folder: &Folder, path: &path::Path) -> Result<(Arc<dyn File>, Metadata)> {
    let failed = |error: crate::files::Error| match error.source.kind() {
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::IsADirectory => not_found(path),
        _ => convert(error),
    };
    if let Some(parent) = path.parent() {
        folder.settle(parent)?;
    }
    loop {
        let before = folder.files.metadata(path).map_err(failed)?;
        if before.is_folder {
            return Err(not_found(path));
        }
        let file = folder.files.open(path, Open::Read).map_err(failed)?;
        let after = folder.files.metadata(path).map_err(failed)?;
        if before == after {
            return Ok((file, after));
        }
    }
}

fn read(file: &dyn File, range: &Range<u64>) -> Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(|error| generic(error.to_string()))?;
    let mut bytes = vec![0; length];
    let got = file.read_at(&mut bytes, range.start).map_err(convert)?;
    if got < length {
        return Err(generic(format!("an object ended at {} instead of {}", range.start + got as u64, range.end)));
    }
    Ok(bytes.into())
}

fn pieces(folder: Arc<Folder>, file: Arc<dyn File>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let next = move |left: Range<u64>| {
        let (folder, file) = (Arc::clone(&folder), Arc::clone(&file));
        async move {
            if left.is_empty() {
                return Ok::<_, Error>(None);
            }
            let piece = left.start..left.end.min(left.start + PIECE_BYTES);
            let rest = piece.end..left.end;
            let bytes = run(&folder, move |_| read(file.as_ref(), &piece)).await?;
            Ok(Some((bytes, rest)))
        }
    };
    stream::try_unfold(range, next).boxed()
}
