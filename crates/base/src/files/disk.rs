//! The machine's own file system behind [`Files`].

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::{Entry, Error, File, Files, Lock, Metadata, Open, Result};

/// The rights of a private file: its owner reads and writes.
const OWNER_ONLY: u32 = 0o600;

/// Files on disk, addressed as the process sees them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Disk;

impl Disk {
    pub fn shared() -> Arc<dyn Files> {
        Arc::new(Disk)
    }
}

impl Files for Disk {
    fn open(&self, path: &Path, how: Open) -> Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            Open::Write => options.read(true).write(true),
            Open::CreateNew => options.read(true).write(true).create_new(true),
            Open::CreatePrivate => options.read(true).write(true).create_new(true).mode(OWNER_ONLY),
        };
        let file = options.open(path).map_err(|source| Error::new("open", path, source))?;
        Ok(Arc::new(DiskFile { file, path: path.to_path_buf() }))
    }

    fn metadata(&self, path: &Path) -> Result<Metadata> {
        let metadata = fs::metadata(path).map_err(|source| Error::new("look at", path, source))?;
        Ok(convert(&metadata))
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>> {
        let failed = |source| Error::new("list", folder, source);
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = match fs::metadata(entry.path()) {
                Ok(metadata) => metadata,
                // Removed between the listing and the look: it is not there.
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
                Err(other) => return Err(failed(other)),
            };
            let Ok(name) = entry.file_name().into_string() else { continue };
            entries.push(Entry { name, metadata: convert(&metadata) });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create_folders(&self, folder: &Path) -> Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let failed = |source| Error::new("create folder", folder, source);
        fs::create_dir_all(folder).map_err(failed)?;
        // Every parent up to the first that was there before would do; syncing all of them is simpler and rare.
        for parent in folder.ancestors().skip(1) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            match self.sync_folder(parent) {
                Err(refused) if refused.source.kind() == io::ErrorKind::PermissionDenied => break,
                other => other?,
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|source| Error::new("rename", from, source))
    }

    fn link_new(&self, existing: &Path, new: &Path) -> Result<()> {
        fs::hard_link(existing, new).map_err(|source| Error::new("create", new, source))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|source| Error::new("remove", path, source))
    }

    fn remove_folder(&self, folder: &Path) -> Result<()> {
        match fs::remove_dir_all(folder) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::new("remove folder", folder, source)),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(|source| Error::new("sync", folder, source))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>> {
        let failed = |source| Error::new("lock", path, source);
        let file =
            fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(DiskLock { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Err(failed(io::ErrorKind::WouldBlock.into())),
            Err(fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

fn convert(metadata: &fs::Metadata) -> Metadata {
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Metadata {
        length: metadata.len(),
        is_folder: metadata.is_dir(),
        modified_us: modified.and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0),
        identity: metadata.ino(),
    }
}

/// The kernel drops the lock with the descriptor.
#[derive(Debug)]
struct DiskLock {
    _file: fs::File,
}

impl Lock for DiskLock {}

#[derive(Debug)]
struct DiskFile {
    file: fs::File,
    path: PathBuf,
}

impl DiskFile {
    fn failed(&self, operation: &'static str) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::new(operation, &self.path, source)
    }
}

impl File for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.failed("read")(source)),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(self.failed("write"))
    }

    fn length(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(self.failed("look at"))?.len())
    }

    fn set_length(&self, length: u64) -> Result<()> {
        self.file.set_len(length).map_err(self.failed("truncate"))
    }

    fn sync_data(&self) -> Result<()> {
        self.file.sync_data().map_err(self.failed("sync"))
    }
}
