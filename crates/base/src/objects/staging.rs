//! Temporary files: where objects are written before they get their names.
//!
//! `#temporary/<n>/` belongs to the store that holds the lock on `#temporary/<n>.lock`. What is in
//! a folder whose lock nobody holds was left by a crash, and is swept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::files::{Error, Files, Lock, Result};

/// Not a name that `object_store::path::Path::from` can produce: it encodes `#`.
pub(super) const NAME: &str = "#temporary";

#[derive(Debug)]
pub(super) struct Staging {
    files: Arc<dyn Files>,
    own: PathBuf,
    next: AtomicU64,
    _lock: Box<dyn Lock>,
}

pub(super) fn folder(root: &Path) -> PathBuf {
    root.join(NAME)
}

impl Staging {
    /// Takes the first folder that nobody holds, and empties it.
    pub fn open(files: Arc<dyn Files>, root: &Path) -> Result<Staging> {
        let folder = folder(root);
        files.create_folders(&folder)?;
        let mut number = 0u64;
        let lock = loop {
            match files.lock(&lock_path(&folder, number)) {
                Ok(lock) => break lock,
                Err(held) if is_held(&held) => number += 1,
                Err(other) => return Err(other),
            }
        };
        let own = folder.join(number.to_string());
        files.remove_folder(&own)?;
        files.create_folders(&own)?;
        Ok(Staging { files, own, next: AtomicU64::new(0), _lock: lock })
    }

    /// A name for a new temporary file.
    pub fn name(&self) -> PathBuf {
        self.own.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Removes a temporary file that has served. What this can't remove, the next sweep does.
    pub fn discard(&self, path: &Path) {
        let _ = self.files.remove_file(path);
    }
}

/// Removes the folders that nobody holds, and says how many files were in them.
pub(super) fn sweep(files: &dyn Files, root: &Path) -> Result<usize> {
    let folder = folder(root);
    let mut swept = 0;
    for entry in files.list(&folder)? {
        let Ok(number) = entry.name.parse::<u64>() else { continue };
        match files.lock(&lock_path(&folder, number)) {
            Ok(_lock) => {
                let left = folder.join(&entry.name);
                swept += files.list(&left)?.len();
                files.remove_folder(&left)?;
            }
            Err(held) if is_held(&held) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(swept)
}

fn lock_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.lock"))
}

fn is_held(error: &Error) -> bool {
    error.source.kind() == std::io::ErrorKind::WouldBlock
}
