//! The storage boundary: every byte that Headwater keeps goes through [`Files`].
//!
//! [`disk`] is the machine's own file system. [`simulated`] stands beside it for tests: it
//! fails, tears and forgets writes from a seed. The interface is synchronous and small on
//! purpose: what is not here (memory maps, asynchronous I/O) could not be made to fail in a test.

pub mod contract;
pub mod disk;
pub mod simulated;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ErrorKind;

pub type Result<T> = std::result::Result<T, Error>;

/// A failed file operation, with the path and what was being done.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}: {source}", path = path.display())]
pub struct Error {
    pub operation: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl Error {
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Error {
        Error { operation, path: path.to_path_buf(), source }
    }

    pub fn kind(&self) -> ErrorKind {
        match self.source.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory => ErrorKind::Invalid,
            io::ErrorKind::AlreadyExists | io::ErrorKind::WouldBlock => ErrorKind::Conflict,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => ErrorKind::Corrupt,
            _ => ErrorKind::Unavailable,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    pub fn is_already_exists(&self) -> bool {
        self.source.kind() == io::ErrorKind::AlreadyExists
    }
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// It must exist; it is not written to.
    Read,
    /// It must exist.
    Write,
    /// It must not exist. Its folder entry lasts only after [`Files::sync_folder`].
    CreateNew,
    /// As `CreateNew`, and only the user that the process runs as may read it.
    CreatePrivate,
}

/// What is known of a path without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    pub length: u64,
    pub is_folder: bool,
    /// Microseconds since the Unix epoch.
    pub modified_us: i64,
    /// A number that no other file has while this one exists: two names with one identity are one file.
    pub identity: u64,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub metadata: Metadata,
}

/// A file system. Contract, kept by every implementation and tested by one suite:
/// - bytes written are readable at once by everyone in the process, and last only after
///   [`File::sync_data`] returned without error;
/// - a created, renamed or removed entry lasts only after [`Files::sync_folder`] of its folder;
/// - [`Files::rename`] replaces; [`Files::link_new`] never does;
/// - an open [`File`] stays readable after its path is removed.
pub trait Files: Debug + Send + Sync + 'static {
    fn open(&self, path: &Path, how: Open) -> Result<Arc<dyn File>>;
    fn metadata(&self, path: &Path) -> Result<Metadata>;
    /// Entries of a folder, sorted by name. A missing folder is an error.
    fn list(&self, folder: &Path) -> Result<Vec<Entry>>;
    /// Creates a folder and its parents, durably. An existing folder is not an error.
    fn create_folders(&self, folder: &Path) -> Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Gives a file a second name, which must not exist: the atomic put-if-absent.
    fn link_new(&self, existing: &Path, new: &Path) -> Result<()>;
    fn remove_file(&self, path: &Path) -> Result<()>;
    /// Removes a folder and all in it; not atomic. A missing folder is not an error.
    fn remove_folder(&self, folder: &Path) -> Result<()>;
    fn sync_folder(&self, folder: &Path) -> Result<()>;
    /// Takes an exclusive lock on a file, which is created where it is missing; kept until the guard drops or the
    /// process ends. Somebody else's lock is an error of kind `WouldBlock`.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>>;
    /// Whether calls may wait for a device, so that asynchronous callers must move them off their threads. A simulated
    /// system says no: its calls then run in place, in one order.
    fn is_blocking(&self) -> bool {
        true
    }
}

/// Held for as long as it lives.
pub trait Lock: Debug + Send + Sync {}

/// An open file, read and written by position. Concurrent use from several threads is allowed;
/// overlapping writes are the caller's affair.
pub trait File: Debug + Send + Sync {
    /// Fills as much of the buffer as the file has from `offset` on, and says how much that was.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;
    /// Writes all of `bytes`; on an error any prefix of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;
    fn length(&self) -> Result<u64>;
    fn set_length(&self, length: u64) -> Result<()>;
    /// Makes all earlier writes last. After an error nothing is known of them: the caller must not go on as if a
    /// second try had saved them.
    fn sync_data(&self) -> Result<()>;
}

/// Reads a whole file.
pub fn read(files: &dyn Files, path: &Path) -> Result<Vec<u8>> {
    let file = files.open(path, Open::Read)?;
    let length = file.length()?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let got = file.read_at(&mut bytes, 0)?;
    bytes.truncate(got);
    Ok(bytes)
}

/// Creates a file, in the place of one that an interrupted try left.
pub fn create_anew(files: &dyn Files, path: &Path) -> Result<Arc<dyn File>> {
    create(files, path, Open::CreateNew)
}

/// Puts a file in the place of an older one, or of none, durably: after a crash there is the old one or the new, whole.
/// Until then it is a draft, `{path}.new`.
pub fn replace(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<()> {
    put(files, &draft_of(path), path, bytes, Open::CreateNew)
}

/// As [`replace`], with a file as [`Open::CreatePrivate`] makes it.
pub fn replace_private(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<()> {
    put(files, &draft_of(path), path, bytes, Open::CreatePrivate)
}

/// As [`replace`], with a draft of another name in the same folder.
pub fn replace_from(files: &dyn Files, draft: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    put(files, draft, path, bytes, Open::CreateNew)
}

fn put(files: &dyn Files, draft: &Path, path: &Path, bytes: &[u8], how: Open) -> Result<()> {
    let file = create(files, draft, how)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    files.rename(draft, path)?;
    files.sync_folder(path.parent().unwrap_or(Path::new(".")))
}

fn create(files: &dyn Files, path: &Path, how: Open) -> Result<Arc<dyn File>> {
    match files.open(path, how) {
        Err(error) if error.is_already_exists() => {
            files.remove_file(path)?;
            files.open(path, how)
        }
        other => other,
    }
}

fn draft_of(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    draft.into()
}
