//! A file system in memory that fails, tears and forgets writes from a seed.
//!
//! It keeps the contract of [`Files`] and no more: whatever was not synced may be gone after
//! [`Simulated::crash`], and independently of its neighbours. One seed and one order of calls
//! give one outcome. For tests only: it copies every byte twice.

mod content;
mod handle;
mod machine;
mod tree;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Entry, Error, File, Files, Lock, Metadata, Open, Result};
use crate::clock::{Clock, ManualClock};
use crate::random::Random;
use content::{Content, index};
use handle::{Handle, Held};
use machine::{Fate, START_US, Shared, State, off};
use tree::{Target, Tree};

/// What goes wrong, beside crashes that a test causes itself.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// A write or sync fails with an I/O error in `.0` of `.1` cases. A failed sync forgets what it should have kept.
    pub error_chance: Option<(u64, u64)>,
    /// A read fails with an I/O error in `.0` of `.1` cases.
    pub read_error_chance: Option<(u64, u64)>,
    /// The disk's capacity in bytes; writes past it fill it and fail with `StorageFull`.
    pub full: Option<u64>,
    /// The number, counted from 1 as [`Simulated::operations`] does, of the mutating operation at which the machine
    /// goes off: that one is possibly applied, wholly or in part, and it and all calls after it fail.
    pub crash_at_operation: Option<u64>,
}

/// A simulated machine's disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct Simulated {
    shared: Arc<Shared>,
}

impl Simulated {
    pub fn new(seed: u64) -> Simulated {
        Simulated::with_clock(seed, ManualClock::at(START_US))
    }

    /// With a clock that gives the files their times.
    pub fn with_clock(seed: u64, clock: Arc<dyn Clock>) -> Simulated {
        let state = State {
            files: Vec::new(),
            tree: Tree::new(),
            locked: BTreeSet::new(),
            random: Random::new(seed),
            clock,
            faults: Faults::default(),
            operations: 0,
            off: false,
            life: 0,
        };
        Simulated { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    pub fn shared(&self) -> Arc<dyn Files> {
        Arc::new(self.clone())
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// The number of mutating operations so far: writes, truncations, syncs, and changes of folders.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// Cuts the power and starts the machine again: what was not synced survives by chance, handles and locks are
    /// gone, and no crash is due any more.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { files, tree, random, .. } = &mut *state;
        for content in files.iter_mut() {
            content.crash(random);
        }
        tree.crash(random);
        state.locked.clear();
        state.life += 1;
        state.off = false;
        state.faults.crash_at_operation = None;
    }

    /// Starts a machine that went off at `crash_at_operation`.
    pub fn restart(&self) {
        self.crash();
    }

    /// Corrupts one byte of a file, in memory and on disk.
    pub fn flip(&self, path: &Path, offset: u64) -> Result<()> {
        let mut state = self.state();
        let file = state.tree.find_file(path).map_err(|source| Error::new("flip a byte of", path, source))?;
        state.files[file].flip(index(offset));
        Ok(())
    }

    /// A whole file as readers see it, whatever the faults.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let state = self.state();
        let file = state.tree.find_file(path).map_err(|source| Error::new("read", path, source))?;
        Ok(state.files[file].current.clone())
    }

    /// Puts a whole file in place, durably, whatever the faults; not counted as an operation.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut state = self.state();
        let content = Content::settled(bytes, state.clock.now_us());
        let failed = |source| Error::new("write", path, source);
        if let Ok(file) = state.tree.find_file(path) {
            state.files[file] = content;
            return Ok(());
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        state.tree.create_folders(folder).map_err(failed)?;
        let file = state.files.len();
        state.files.push(content);
        state.tree.add(path, Target::File(file)).map_err(failed)?;
        let folder = state.tree.find_folder(folder).map_err(failed)?;
        state.tree.sync(folder);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Runs a change of folders as one operation: wholly, or at the moment of a crash perhaps.
    fn change<T>(
        &self,
        operation: &'static str,
        path: &Path,
        act: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T> {
        let mut state = self.state();
        state
            .begin()
            .and_then(|fate| match fate {
                Fate::Dies => {
                    if state.random.chance(1, 2) {
                        let _ = act(&mut state);
                    }
                    Err(off())
                }
                Fate::Goes => act(&mut state),
            })
            .map_err(|source| Error::new(operation, path, source))
    }

    fn look<T>(&self, operation: &'static str, path: &Path, act: impl FnOnce(&State) -> io::Result<T>) -> Result<T> {
        let state = self.state();
        state.on().and_then(|()| act(&state)).map_err(|source| Error::new(operation, path, source))
    }

    fn handle(&self, path: &Path, file: usize, life: u64) -> Arc<dyn File> {
        Arc::new(Handle { shared: Arc::clone(&self.shared), path: path.to_path_buf(), file, life })
    }
}

impl Files for Simulated {
    fn open(&self, path: &Path, how: Open) -> Result<Arc<dyn File>> {
        let (file, life) = match how {
            Open::Read | Open::Write => {
                self.look("open", path, |state| Ok((state.tree.find_file(path)?, state.life)))?
            }
            Open::CreateNew | Open::CreatePrivate => {
                self.change("open", path, |state| Ok((state.create_file(path)?, state.life)))?
            }
        };
        Ok(self.handle(path, file, life))
    }

    fn metadata(&self, path: &Path) -> Result<Metadata> {
        self.look("look at", path, |state| Ok(state.metadata(state.tree.find(path)?)))
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>> {
        self.look("list", folder, |state| {
            let entries = state.tree.entries(state.tree.find_folder(folder)?);
            let entry =
                |(name, target): (&String, &Target)| Entry { name: name.clone(), metadata: state.metadata(*target) };
            Ok(entries.iter().map(entry).collect())
        })
    }

    fn create_folders(&self, folder: &Path) -> Result<()> {
        if self.look("create folder", folder, |state| Ok(state.tree.find_folder(folder).is_ok()))? {
            return Ok(());
        }
        self.change("create folder", folder, |state| state.tree.create_folders(folder))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.change("rename", from, |state| state.tree.rename(from, to))
    }

    fn link_new(&self, existing: &Path, new: &Path) -> Result<()> {
        self.change("create", new, |state| {
            let file = state.tree.find_file(existing)?;
            state.tree.add(new, Target::File(file))
        })
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.change("remove", path, |state| {
            state.tree.find_file(path)?;
            state.tree.remove(path)
        })
    }

    fn remove_folder(&self, folder: &Path) -> Result<()> {
        let result = self.change("remove folder", folder, |state| {
            let mut limit = if state.off { state.random.below(8) } else { u64::MAX };
            state.remove_all(folder, &mut limit)
        });
        match result {
            Err(missing) if missing.is_not_found() => Ok(()),
            other => other,
        }
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.change("sync", folder, |state| {
            let found = state.tree.find_folder(folder)?;
            if state.fails() {
                return Err(io::Error::other("simulated I/O error"));
            }
            state.tree.sync(found);
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>> {
        if self.look("lock", path, |state| Ok(state.locked.contains(path)))? {
            return Err(Error::new("lock", path, io::ErrorKind::WouldBlock.into()));
        }
        if !self.look("lock", path, |state| Ok(state.tree.find(path).is_ok()))? {
            self.change("lock", path, |state| state.create_file(path))?;
        }
        let mut state = self.state();
        if !state.locked.insert(path.to_path_buf()) {
            return Err(Error::new("lock", path, io::ErrorKind::WouldBlock.into()));
        }
        Ok(Box::new(Held { shared: Arc::clone(&self.shared), path: path.to_path_buf(), life: state.life }))
    }

    fn is_blocking(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
