//! Listing objects, in the order of their paths' bytes, as S3 does.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::{DELIMITER, Path};
use object_store::{Error, ListResult, ObjectMeta, Result};

use super::folder::{Folder, convert, describe, run};
use super::staging;
use crate::files::Entry;

/// Objects found in one go, between two chances for others to run.
const BATCH: usize = 1024;

/// All objects below a prefix, which is a folder: `a` covers `a/b` but neither `a` nor `ab`.
pub(super) fn recursive(folder: Arc<Folder>, prefix: Path) -> BoxStream<'static, Result<ObjectMeta>> {
    let next = move |walk: Option<Walk>| {
        let (folder, prefix) = (Arc::clone(&folder), prefix.clone());
        async move {
            let found = run(&folder, move |folder| {
                let mut walk = match walk {
                    Some(walk) => walk,
                    None => Walk::start(folder, prefix)?,
                };
                let mut found = Vec::new();
                while found.len() < BATCH
                    && let Some(object) = walk.next(folder)?
                {
                    found.push(object);
                }
                Ok((found, walk))
            });
            let (found, walk) = found.await?;
            if found.is_empty() {
                return Ok::<_, Error>(None);
            }
            Ok(Some((stream::iter(found.into_iter().map(Ok)), Some(walk))))
        }
    };
    stream::try_unfold(None, next).try_flatten().boxed()
}

/// The objects and the folders directly below a prefix.
pub(super) fn one_level(folder: &Folder, prefix: &Path) -> Result<ListResult> {
    let mut result = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
    let path = folder.folder(prefix)?;
    for entry in entries(folder, path)? {
        let location = below(prefix, &entry.name)?;
        if entry.metadata.is_folder {
            result.common_prefixes.push(location);
        } else {
            result.objects.push(describe(location, &entry.metadata));
        }
    }
    Ok(result)
}

/// A walk through a tree of folders: what is left of each folder from the top to where it stands.
struct Walk {
    levels: Vec<(Path, std::vec::IntoIter<Entry>)>,
}

impl Walk {
    fn start(folder: &Folder, prefix: Path) -> Result<Walk> {
        let entries = entries(folder, folder.folder(&prefix)?)?;
        Ok(Walk { levels: vec![(prefix, entries.into_iter())] })
    }

    fn next(&mut self, folder: &Folder) -> Result<Option<ObjectMeta>> {
        while let Some((prefix, left)) = self.levels.last_mut() {
            let Some(entry) = left.next() else {
                self.levels.pop();
                continue;
            };
            let location = below(prefix, &entry.name)?;
            if !entry.metadata.is_folder {
                return Ok(Some(describe(location, &entry.metadata)));
            }
            let entries = entries(folder, folder.folder(&location)?)?;
            self.levels.push((location, entries.into_iter()));
        }
        Ok(None)
    }
}

/// A file's name is the part of the path as it is, already encoded.
fn below(prefix: &Path, name: &str) -> Result<Path> {
    let path = if prefix.as_ref().is_empty() { name.to_owned() } else { format!("{prefix}{DELIMITER}{name}") };
    Ok(Path::parse(path)?)
}

/// The entries of a folder, folders sorted as if their names ended with a delimiter. A folder that is missing, or is a
/// file, has none.
fn entries(folder: &Folder, path: PathBuf) -> Result<Vec<Entry>> {
    folder.settle(&path)?;
    let mut entries = match folder.files.list(&path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Vec::new(),
        Err(error) => return Err(convert(error)),
    };
    if path == folder.root {
        entries.retain(|entry| entry.name != staging::NAME);
    }
    entries.sort_by_cached_key(|entry| {
        if entry.metadata.is_folder { format!("{}{DELIMITER}", entry.name) } else { entry.name.clone() }
    });
    Ok(entries)
}
