//! Removing objects, durably. Folders stay: an empty one costs nothing and may be filled again.

use std::collections::BTreeSet;
use std::path;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use object_store::Result;
use object_store::path::Path;

use super::folder::{Folder, convert, not_found, run};

/// Objects that are removed before their folders are synced, once each.
const BATCH: usize = 256;

pub(super) fn one(folder: &Folder, location: &Path) -> Result<()> {
    remove(folder, location)?;
    folder.sync_parent(&folder.file(location)?)
}

pub(super) fn stream(
    folder: Arc<Folder>,
    locations: BoxStream<'static, Result<Path>>,
) -> BoxStream<'static, Result<Path>> {
    let removed = locations.ready_chunks(BATCH).then(move |batch| {
        let folder = Arc::clone(&folder);
        async move { run(&folder, move |folder| Ok(remove_all(folder, batch))).await }
    });
    removed
        .flat_map(|batch| match batch {
            Ok(results) => stream::iter(results),
            Err(error) => stream::iter(vec![Err(error)]),
        })
        .boxed()
}

fn remove_all(folder: &Folder, batch: Vec<Result<Path>>) -> Vec<Result<Path>> {
    let mut parents = BTreeSet::new();
    let removal = |location: Result<Path>| {
        let location = location?;
        let file = remove(folder, &location)?;
        parents.extend(file.parent().map(path::Path::to_path_buf));
        Ok(location)
    };
    let results: Vec<_> = batch.into_iter().map(removal).collect();
    let mut unsynced = BTreeSet::new();
    let mut failures = Vec::new();
    for parent in parents {
        if let Err(error) = folder.files.sync_folder(&parent) {
            failures.push(Err(convert(error)));
            unsynced.insert(parent);
        }
    }
    // What may come back after a crash is not reported as removed: its folder's error stands for it.
    let lasting = |result: &Result<Path>| match result.as_ref().ok().and_then(|location| folder.file(location).ok()) {
        Some(file) => file.parent().is_none_or(|parent| !unsynced.contains(parent)),
        None => true,
    };
    let mut results: Vec<_> = results.into_iter().filter(lasting).collect();
    results.append(&mut failures);
    results
}

fn remove(folder: &Folder, location: &Path) -> Result<path::PathBuf> {
    let file = folder.file(location)?;
    match folder.files.metadata(&file) {
        Ok(metadata) if metadata.is_folder => return Err(not_found(&file)),
        Err(error) if error.source.kind() == std::io::ErrorKind::NotADirectory => return Err(not_found(&file)),
        Ok(_) | Err(_) => {}
    }
    folder.files.remove_file(&file).map_err(convert)?;
    Ok(file)
}
