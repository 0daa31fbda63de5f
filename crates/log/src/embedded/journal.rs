//! The one place where transactions are decided: a file of entries, each durable before anybody acts on it.
//!
//! `<root>/transactions/<20-digit number>.journal`. When the file has grown, a new one with the next number begins
//! with a snapshot of all that is known and takes its place by a rename. Drawn in `docs/formats/log.md`.

pub mod entry;
mod file;
pub mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use headwater_base::files::{File, Files, Open};

use super::lock::{lock, wait};
use crate::{Error, Result};
use entry::Entry;
use state::State;

/// The open journal.
#[derive(Debug)]
pub(super) struct Journal {
    files: Arc<dyn Files>,
    folder: PathBuf,
    /// A file is not compacted below this size.
    compact_bytes: u64,
    sync: bool,
    inner: Mutex<Inner>,
    synced: Condvar,
}

#[derive(Debug)]
struct Inner {
    state: State,
    file: Arc<dyn File>,
    path: PathBuf,
    number: u64,
    length: u64,
    /// The length at which to compact: often enough to stay small, rarely enough to be cheap.
    compact_at: u64,
    /// Of the file's bytes, those known to be on stable storage.
    synced_length: u64,
    /// Counts entries over all files.
    written: u64,
    synced: u64,
    syncing: bool,
    poisoned: Option<String>,
}

impl Journal {
    /// Opens a folder's journal, or begins one. Entries that the last process wrote and did not sync become durable if
    /// they are whole.
    pub fn open(files: Arc<dyn Files>, root: &Path, compact_bytes: u64, sync: bool) -> Result<Journal> {
        let folder = root.join("transactions");
        files.create_folders(&folder)?;
        let (number, state) = match file::newest(files.as_ref(), &folder)? {
            Some(number) => (number + 1, file::load(files.as_ref(), &folder, number)?),
            None => {
                file::refuse_lost(files.as_ref(), root)?;
                (1, State::default())
            }
        };
        // A sync that failed in the last process may have left pages that are readable, look clean and will never
        // reach the disk. So what was read is written anew before anyone relies on it.
        let length = file::begin(files.as_ref(), &folder, number, &state)?;
        file::remove_others(files.as_ref(), &folder, number)?;
        let path = file::path(&folder, number);
        let file = files.open(&path, Open::Write)?;
        let inner = Inner {
            state,
            file,
            path,
            number,
            length,
            compact_at: compact_bytes.max(2 * length),
            synced_length: length,
            written: 0,
            synced: 0,
            syncing: false,
            poisoned: None,
        };
        Ok(Journal { files, folder, compact_bytes, sync, inner: Mutex::new(inner), synced: Condvar::new() })
    }

    /// What a folder's journal says, without touching it.
    pub fn read(files: &dyn Files, root: &Path) -> Result<State> {
        let folder = root.join("transactions");
        match file::newest(files, &folder)? {
            Some(number) => file::load(files, &folder, number),
            None => {
                file::refuse_lost(files, root)?;
                Ok(State::default())
            }
        }
    }

    /// Looks at the state. It may hold entries that are still being synced.
    pub fn with<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.inner).state)
    }

    /// Appends the entries that `make` makes of the state, and returns when they are on stable storage. `prune` drops
    /// what need not be kept any more, should this be the time to compact.
    ///
    /// # Errors
    /// After any error nothing is known of these entries, and every later call fails too, until the journal is opened
    /// again.
    pub fn record(&self, make: impl FnOnce(&State) -> Vec<Entry>, prune: &dyn Fn(&mut State)) -> Result<Vec<Entry>> {
        let mut inner = lock(&self.inner);
        inner.check()?;
        while inner.length > 4 * inner.compact_at && inner.syncing {
            inner = wait(&self.synced, inner);
            inner.check()?;
        }
        let entries = make(&inner.state);
        if inner.length > inner.compact_at && !inner.syncing {
            let done = self.compact(&mut inner, prune);
            done.map_err(|error| self.poison(&mut inner, &error))?;
        }
        let done = inner.append(&entries);
        done.map_err(|error| self.poison(&mut inner, &error))?;
        let written = inner.written;
        drop(inner);
        self.sync_to(written)?;
        Ok(entries)
    }

    /// Notes the end in good order.
    pub fn close(&self) -> Result<()> {
        let nothing = |_: &mut State| {};
        self.record(|_| vec![Entry::Closed], &nothing).map(drop)
    }

    /// Waits until as many entries are durable; the first of several callers syncs for all that are written by then.
    fn sync_to(&self, written: u64) -> Result<()> {
        let mut inner = lock(&self.inner);
        loop {
            if inner.synced >= written {
                return Ok(());
            }
            inner.check()?;
            if !inner.syncing {
                break;
            }
            inner = wait(&self.synced, inner);
        }
        let (target, length, file) = (inner.written, inner.length, Arc::clone(&inner.file));
        if self.sync {
            inner.syncing = true;
            drop(inner);
            let done = file.sync_data();
            inner = lock(&self.inner);
            inner.syncing = false;
            if let Err(error) = done {
                return Err(self.poison(&mut inner, &error.into()));
            }
        }
        // No compaction begins while a sync runs, so this is still the same file.
        inner.synced = target;
        inner.synced_length = length;
        self.synced.notify_all();
        Ok(())
    }

    /// Begins the next file with the state alone. It holds whatever the old one held, synced or not, so all is durable
    /// after it.
    fn compact(&self, inner: &mut Inner, prune: &dyn Fn(&mut State)) -> Result<()> {
        prune(&mut inner.state);
        let number = inner.number + 1;
        let length = file::begin(self.files.as_ref(), &self.folder, number, &inner.state)?;
        file::remove_others(self.files.as_ref(), &self.folder, number)?;
        inner.path = file::path(&self.folder, number);
        inner.file = self.files.open(&inner.path, Open::Write)?;
        inner.number = number;
        inner.length = length;
        inner.compact_at = self.compact_bytes.max(2 * length);
        inner.synced_length = length;
        inner.synced = inner.written;
        self.synced.notify_all();
        Ok(())
    }

    fn poison(&self, inner: &mut Inner, error: &Error) -> Error {
        inner.poisoned = Some(error.to_string());
        self.synced.notify_all();
        Error::Poisoned { path: inner.path.clone(), reason: error.to_string() }
    }
}

impl Inner {
    fn check(&self) -> Result<()> {
        match &self.poisoned {
            Some(reason) => Err(Error::Poisoned { path: self.path.clone(), reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Writes entries at the end, in one write.
    fn append(&mut self, entries: &[Entry]) -> Result<()> {
        let mut bytes = Vec::new();
        for entry in entries {
            file::put_frame(&mut bytes, entry, self.synced_length);
        }
        self.file.write_at(&bytes, self.length)?;
        self.length += bytes.len() as u64;
        self.written += entries.len() as u64;
        for entry in entries {
            // Whoever records an entry has looked at the state it applies to.
            let fits = self.state.apply(entry.clone());
            debug_assert!(fits.is_some(), "{entry:?} doesn't fit the journal");
        }
        Ok(())
    }
}
