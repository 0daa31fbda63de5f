//! The folders of a simulated file system, with a journal of entry changes for each.
//!
//! What a crash keeps of a folder is a prefix of its journal. A rename across folders is one
//! transaction, as on every journaling file system: both halves survive or neither does.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};

use crate::random::Random;

/// What an entry names: an index into the files or the folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    File(usize),
    Folder(usize),
}

#[derive(Debug, Default)]
struct Folder {
    current: BTreeMap<String, Target>,
    durable: BTreeMap<String, Target>,
    /// Changes past `kept`, oldest first.
    journal: VecDeque<Step>,
    /// The number of changes that are durable.
    kept: u64,
}

/// Entries set or cleared together.
#[derive(Debug)]
struct Step {
    changes: Vec<(String, Option<Target>)>,
    /// The other half of a rename across folders: folder and number of the change.
    with: Option<(usize, u64)>,
}

impl Folder {
    fn next_number(&self) -> u64 {
        self.kept + self.journal.len() as u64
    }

    fn keep_one(&mut self) -> Option<Step> {
        let step = self.journal.pop_front()?;
        apply(&mut self.durable, &step);
        self.kept += 1;
        Some(step)
    }
}

#[derive(Debug)]
pub(super) struct Tree {
    folders: Vec<Folder>,
}

const ROOT: usize = 0;

impl Tree {
    pub fn new() -> Tree {
        Tree { folders: vec![Folder::default()] }
    }

    pub fn find(&self, path: &Path) -> io::Result<Target> {
        let mut at = Target::Folder(ROOT);
        for name in names(path)? {
            let Target::Folder(folder) = at else { return Err(io::ErrorKind::NotADirectory.into()) };
            at = *self.folders[folder].current.get(name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    pub fn find_file(&self, path: &Path) -> io::Result<usize> {
        match self.find(path)? {
            Target::File(file) => Ok(file),
            Target::Folder(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub fn find_folder(&self, path: &Path) -> io::Result<usize> {
        match self.find(path)? {
            Target::Folder(folder) => Ok(folder),
            Target::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub fn entries(&self, folder: usize) -> &BTreeMap<String, Target> {
        &self.folders[folder].current
    }

    /// Gives a target a name that must be free.
    pub fn add(&mut self, path: &Path, target: Target) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        if self.folders[folder].current.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.record(folder, Step { changes: vec![(name, Some(target))], with: None });
        Ok(())
    }

    pub fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        self.record(folder, Step { changes: vec![(name, None)], with: None });
        Ok(())
    }

    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let target = self.find(from)?;
        let (from_folder, from_name) = self.parent(from)?;
        let (to_folder, to_name) = self.parent(to)?;
        match (target, self.folders[to_folder].current.get(&to_name)) {
            // POSIX: two names of one file are both left alone.
            (target, Some(there)) if target == *there => return Ok(()),
            (_, None) | (Target::File(_), Some(Target::File(_))) => {}
            (Target::File(_), Some(Target::Folder(_))) => return Err(io::ErrorKind::IsADirectory.into()),
            (Target::Folder(_), Some(Target::File(_))) => return Err(io::ErrorKind::NotADirectory.into()),
            (Target::Folder(_), Some(Target::Folder(there))) => {
                if !self.folders[*there].current.is_empty() {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
            }
        }
        if from_folder == to_folder {
            let changes = vec![(from_name, None), (to_name, Some(target))];
            self.record(from_folder, Step { changes, with: None });
            return Ok(());
        }
        let (gone, come) = (self.folders[from_folder].next_number(), self.folders[to_folder].next_number());
        self.record(to_folder, Step { changes: vec![(to_name, Some(target))], with: Some((from_folder, gone)) });
        self.record(from_folder, Step { changes: vec![(from_name, None)], with: Some((to_folder, come)) });
        Ok(())
    }

    /// Creates what is missing of a folder and its parents, durably.
    pub fn create_folders(&mut self, path: &Path) -> io::Result<()> {
        let mut folder = ROOT;
        for name in names(path)? {
            folder = match self.folders[folder].current.get(name) {
                Some(Target::Folder(next)) => *next,
                Some(Target::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => {
                    let next = self.folders.len();
                    self.folders.push(Folder::default());
                    let changes = vec![(name.to_owned(), Some(Target::Folder(next)))];
                    self.record(folder, Step { changes, with: None });
                    self.sync(folder);
                    next
                }
            };
        }
        Ok(())
    }

    pub fn sync(&mut self, folder: usize) {
        self.keep(folder, self.folders[folder].next_number());
    }

    fn keep(&mut self, folder: usize, until: u64) {
        while self.folders[folder].kept < until {
            let Some(step) = self.folders[folder].keep_one() else { return };
            if let Some((other, number)) = step.with {
                self.keep(other, number + 1);
            }
        }
    }

    /// Power is lost: each folder keeps a prefix of its journal.
    pub fn crash(&mut self, random: &mut Random) {
        let mut until: Vec<u64> =
            self.folders.iter().map(|folder| folder.kept + random.below(folder.journal.len() as u64 + 1)).collect();
        while let Some((folder, cut)) = self.half_kept(&until) {
            until[folder] = cut;
        }
        for (folder, until) in self.folders.iter_mut().zip(until) {
            while folder.kept < until && folder.keep_one().is_some() {}
            folder.journal.clear();
            folder.current.clone_from(&folder.durable);
        }
    }

    /// A folder whose prefix has one half of a transaction without the other, and where it must be cut.
    fn half_kept(&self, until: &[u64]) -> Option<(usize, u64)> {
        self.folders.iter().enumerate().find_map(|(folder, state)| {
            let numbered = (state.kept..until[folder]).zip(&state.journal);
            let cut = |(number, step): (u64, &Step)| {
                let (other, half) = step.with?;
                (until[other] <= half).then_some((folder, number))
            };
            numbered.into_iter().find_map(cut)
        })
    }

    fn record(&mut self, folder: usize, step: Step) {
        let folder = &mut self.folders[folder];
        apply(&mut folder.current, &step);
        folder.journal.push_back(step);
    }

    fn parent(&self, path: &Path) -> io::Result<(usize, String)> {
        let name = path.file_name().and_then(OsStr::to_str).ok_or(io::ErrorKind::InvalidInput)?;
        let folder = self.find_folder(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        Ok((folder, name.to_owned()))
    }
}

fn apply(entries: &mut BTreeMap<String, Target>, step: &Step) {
    for (name, target) in &step.changes {
        match target {
            Some(target) => entries.insert(name.clone(), *target),
            None => entries.remove(name),
        };
    }
}

fn names(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_str().ok_or(io::ErrorKind::InvalidInput)?),
            Component::ParentDir | Component::Prefix(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(names)
}
