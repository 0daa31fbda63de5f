//! The state of a simulated machine: its disk, its luck, and whether it is on.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Faults;
use super::content::{Content, index};
use super::tree::{Target, Tree};
use crate::clock::Clock;
use crate::files::Metadata;
use crate::random::Random;

#[derive(Debug)]
pub(super) struct Shared {
    pub state: Mutex<State>,
}

pub(super) struct State {
    pub files: Vec<Content>,
    pub tree: Tree,
    pub locked: BTreeSet<PathBuf>,
    pub random: Random,
    pub clock: Arc<dyn Clock>,
    pub faults: Faults,
    pub operations: u64,
    pub off: bool,
    /// The number of crashes: handles and locks of an earlier life are stale.
    pub life: u64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("operations", &self.operations).field("off", &self.off).finish_non_exhaustive()
    }
}

/// A moment in 2023, at which simulated clocks stand unless told otherwise.
pub(super) const START_US: i64 = 1_700_000_000_000_000;

impl Shared {
    /// A panic in a test elsewhere leaves the state whole: no method panics half-way.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a mutating operation is the one at which the machine goes off.
pub(super) enum Fate {
    Goes,
    Dies,
}

pub(super) fn off() -> io::Error {
    io::Error::other("the simulated machine is off")
}

impl State {
    pub fn on(&self) -> io::Result<()> {
        if self.off { Err(off()) } else { Ok(()) }
    }

    /// Counts a mutating operation.
    pub fn begin(&mut self) -> io::Result<Fate> {
        self.on()?;
        self.operations += 1;
        if self.faults.crash_at_operation.is_some_and(|at| self.operations >= at) {
            self.off = true;
            return Ok(Fate::Dies);
        }
        Ok(Fate::Goes)
    }

    pub fn fails(&mut self) -> bool {
        self.faults.error_chance.is_some_and(|(numerator, denominator)| self.random.chance(numerator, denominator))
    }

    pub fn fails_to_read(&mut self) -> bool {
        self.faults.read_error_chance.is_some_and(|(numerator, denominator)| self.random.chance(numerator, denominator))
    }

    pub fn create_file(&mut self, path: &Path) -> io::Result<usize> {
        let file = self.files.len();
        self.tree.add(path, Target::File(file))?;
        self.files.push(Content::settled(&[], self.clock.now_us()));
        Ok(file)
    }

    pub fn metadata(&self, target: Target) -> Metadata {
        match target {
            Target::File(file) => {
                let content = &self.files[file];
                let (length, modified_us) = (content.current.len() as u64, content.modified_us);
                Metadata { length, is_folder: false, modified_us, identity: file as u64 * 2 }
            }
            Target::Folder(folder) => {
                Metadata { length: 0, is_folder: true, modified_us: START_US, identity: folder as u64 * 2 + 1 }
            }
        }
    }

    /// Bytes of all files that have a name.
    pub fn used(&self) -> u64 {
        let mut lengths = BTreeMap::new();
        let mut folders = vec![0];
        while let Some(folder) = folders.pop() {
            for target in self.tree.entries(folder).values() {
                match target {
                    Target::File(file) => drop(lengths.insert(*file, self.files[*file].current.len() as u64)),
                    Target::Folder(folder) => folders.push(*folder),
                }
            }
        }
        lengths.values().sum()
    }

    /// How many of `length` bytes at `offset` fit on the disk.
    pub fn room(&self, file: usize, length: usize, offset: u64) -> usize {
        let Some(capacity) = self.faults.full else { return length };
        let existing = self.files[file].current.len() as u64;
        let free = capacity.saturating_sub(self.used());
        let end = (existing + free).min(offset + length as u64);
        index(end.saturating_sub(offset))
    }

    /// Removes a folder's entries and then the folder; a crash leaves the first `limit` of the removals.
    pub fn remove_all(&mut self, path: &Path, limit: &mut u64) -> io::Result<()> {
        let folder = self.tree.find_folder(path)?;
        let entries: Vec<(String, Target)> = self.tree.entries(folder).iter().map(|(n, t)| (n.clone(), *t)).collect();
        for (name, target) in entries {
            let path = path.join(name);
            match target {
                Target::Folder(_) => self.remove_all(&path, limit)?,
                Target::File(_) => self.remove_one(&path, limit)?,
            }
        }
        self.remove_one(path, limit)
    }

    pub fn remove_one(&mut self, path: &Path, limit: &mut u64) -> io::Result<()> {
        *limit = limit.checked_sub(1).ok_or_else(off)?;
        self.tree.remove(path)
    }
}
