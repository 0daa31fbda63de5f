//! The folder of an object store: how locations become paths, which folders are known to last,
//! and where its file operations run.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{self, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::DateTime;
use object_store::path::Path;
use object_store::{Attributes, Error, ObjectMeta, Result};

use super::staging::{self, Staging};
use crate::files::{self, Files, Metadata};

const STORE: &str = "Headwater";

#[derive(Debug)]
pub(super) struct Folder {
    pub files: Arc<dyn Files>,
    pub root: PathBuf,
    pub staging: Staging,
    /// Folders whose entry in their parent, and so on up to the root, was synced while this store was open. A folder
    /// that merely exists may be one whose creator has yet to sync it, or failed to.
    lasting: Mutex<HashSet<PathBuf>>,
    /// Folders whose names were synced while this store was open. What a process before this one named, and was killed
    /// before it synced, must last before anyone acts on having seen it.
    settled: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    pub fn open(files: Arc<dyn Files>, root: &path::Path) -> files::Result<Folder> {
        files.create_folders(root)?;
        let staging = Staging::open(Arc::clone(&files), root)?;
        Ok(Folder { files, root: root.to_path_buf(), staging, lasting: Mutex::default(), settled: Mutex::default() })
    }

    /// The file that holds the object at a location.
    pub fn file(&self, location: &Path) -> Result<PathBuf> {
        if location.parts().next().is_none() {
            return Err(Error::NotSupported { source: "an object needs a name".into() });
        }
        self.folder(location)
    }

    /// The folder, or file, at a prefix.
    pub fn folder(&self, prefix: &Path) -> Result<PathBuf> {
        let mut path = self.root.clone();
        for part in prefix.parts() {
            path.push(part.as_ref());
        }
        if path.starts_with(staging::folder(&self.root)) {
            let source = format!("{prefix}: the name {} is kept for temporary files", staging::NAME);
            return Err(Error::NotSupported { source: source.into() });
        }
        Ok(path)
    }

    /// Makes the folder of a file exist for good.
    pub fn create_parent(&self, file: &path::Path) -> Result<()> {
        let Some(folder) = file.parent() else { return Ok(()) };
        if folder == self.root || self.lasting().contains(folder) {
            return Ok(());
        }
        self.files.create_folders(folder).map_err(convert)?;
        let mut made = Vec::new();
        for at in folder.ancestors().take_while(|at| *at != self.root) {
            let Some(parent) = at.parent() else { break };
            self.files.sync_folder(parent).map_err(convert)?;
            made.push(at.to_path_buf());
        }
        self.lasting().extend(made);
        Ok(())
    }

    /// Runs what gives a file its name. Where the folder was removed by others in between, it is made again, once.
    pub fn in_parent(&self, file: &path::Path, act: impl Fn() -> files::Result<()>) -> Result<()> {
        self.create_parent(file)?;
        match act() {
            Err(missing) if missing.is_not_found() => {
                self.lasting().retain(|known| !file.starts_with(known));
                self.create_parent(file)?;
                act().map_err(convert)
            }
            other => other.map_err(convert),
        }
    }

    /// Makes all that can be seen in a folder last, before it is seen for the first time.
    pub fn settle(&self, folder: &path::Path) -> Result<()> {
        let ancestors = folder.ancestors().take_while(|at| at.starts_with(&self.root));
        let new: Vec<&path::Path> = ancestors.take_while(|at| !self.settled().contains(*at)).collect();
        for at in new.into_iter().rev() {
            match self.files.sync_folder(at) {
                Ok(()) => self.settled().insert(at.to_path_buf()),
                // There is nothing in it to be seen.
                Err(error) if matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => break,
                Err(error) => return Err(convert(error)),
            };
        }
        Ok(())
    }

    /// Makes the names in the folder of a file last.
    pub fn sync_parent(&self, file: &path::Path) -> Result<()> {
        match file.parent() {
            Some(folder) => self.files.sync_folder(folder).map_err(convert),
            None => Ok(()),
        }
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every change of the sets is a single call: they are whole even after a panic elsewhere.
    fn lasting(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs file operations: on a thread that may wait, or in place where nothing waits (a simulated system, whose order
/// of operations must not depend on threads) or where there is no runtime.
pub(super) async fn run<T: Send + 'static>(
    folder: &Arc<Folder>,
    work: impl FnOnce(&Folder) -> Result<T> + Send + 'static,
) -> Result<T> {
    let folder = Arc::clone(folder);
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) if folder.files.is_blocking() => match runtime.spawn_blocking(move || work(&folder)).await {
            Ok(result) => result,
            Err(source) => Err(Error::Generic { store: STORE, source: source.into() }),
        },
        _ => work(&folder),
    }
}

pub(super) fn refuse_attributes(attributes: &Attributes) -> Result<()> {
    if attributes.is_empty() {
        return Ok(());
    }
    Err(not_implemented("object attributes"))
}

pub(super) fn not_implemented(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: STORE.to_owned() }
}

pub(super) fn generic(message: String) -> Error {
    Error::Generic { store: STORE, source: message.into() }
}

pub(super) fn convert(error: files::Error) -> Error {
    let path = error.path.display().to_string();
    match error.source.kind() {
        ErrorKind::NotFound => Error::NotFound { path, source: error.into() },
        ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: error.into() },
        ErrorKind::PermissionDenied => Error::PermissionDenied { path, source: error.into() },
        _ => Error::Generic { store: STORE, source: error.into() },
    }
}

pub(super) fn not_found(path: &path::Path) -> Error {
    convert(files::Error::new("open", path, std::io::ErrorKind::NotFound.into()))
}

/// What is known of an object. The tag tells apart any two contents that one location had, as far as file times do.
pub(super) fn describe(location: Path, metadata: &Metadata) -> ObjectMeta {
    ObjectMeta {
        location,
        last_modified: DateTime::from_timestamp_micros(metadata.modified_us).unwrap_or_default(),
        size: metadata.length,
        e_tag: Some(tag(metadata)),
        version: None,
    }
}

pub(super) fn tag(metadata: &Metadata) -> String {
    format!("{:x}-{:x}-{:x}", metadata.identity, metadata.modified_us, metadata.length)
}
