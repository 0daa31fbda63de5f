//! The files that a path or pattern means: `*`, `?` and `[…]` within a name, `**` for any folders.

use std::path::PathBuf;

use glob::{MatchOptions, Pattern};
use headwater_base::files::Files;

use crate::error::{Error, Result};

/// Hidden files are matched by name alone: an editor's or a copy's leftovers must not enter.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A file that matches: its name as the pattern spells it, by which files are ordered, and its length when listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub name: String,
    pub length: u64,
}

/// A path relative to a folder, perhaps with wildcards.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    folder: PathBuf,
    pub pattern: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Name(String),
    Wild(Pattern),
    AnyFolders,
}

impl Matcher {
    pub fn new(folder: PathBuf, pattern: &str) -> Result<Matcher> {
        if pattern.is_empty() {
            return Err(Error::Option("PATH is empty".to_string()));
        }
        let part = |name: &str| match name {
            "**" => Ok(Part::AnyFolders),
            _ if name.contains(['*', '?', '[']) => match Pattern::new(name) {
                Ok(pattern) => Ok(Part::Wild(pattern)),
                Err(error) => Err(Error::Option(format!("PATH '{pattern}' is no pattern: {error}"))),
            },
            _ => Ok(Part::Name(name.to_string())),
        };
        let parts = pattern.split('/').filter(|name| !name.is_empty()).map(part).collect::<Result<_>>()?;
        // An absolute path leaves the folder by itself when joined.
        let folder = if pattern.starts_with('/') { PathBuf::from("/") } else { folder };
        Ok(Matcher { folder, pattern: pattern.to_string(), parts })
    }

    pub fn set_folder(&mut self, folder: PathBuf) {
        if !self.pattern.starts_with('/') {
            self.folder = folder;
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name.trim_start_matches('/'));
        if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
    }

    /// Where the first wildcard is looked for.
    pub fn fixed_folder(&self) -> PathBuf {
        let mut folder = self.folder.clone();
        let folders = &self.parts[..self.parts.len().saturating_sub(1)];
        for part in folders {
            let Part::Name(name) = part else { break };
            folder.push(name);
        }
        if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder }
    }

    /// All files that match now, in the order of their names.
    pub fn list(&self, files: &dyn Files) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let start = if self.pattern.starts_with('/') { "/" } else { "" };
        self.walk(files, start, &self.parts, &mut found)?;
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn walk(&self, files: &dyn Files, name: &str, parts: &[Part], found: &mut Vec<Found>) -> Result<()> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        match part {
            Part::Name(next) => self.enter(files, &join(name, next), rest, found),
            Part::Wild(pattern) => {
                for (entry, _) in self.entries(files, name)? {
                    if pattern.matches_with(&entry, OPTIONS) {
                        self.enter(files, &join(name, &entry), rest, found)?;
                    }
                }
                Ok(())
            }
            Part::AnyFolders => {
                self.walk(files, name, rest, found)?;
                for (entry, is_folder) in self.entries(files, name)? {
                    if is_folder && !entry.starts_with('.') {
                        self.walk(files, &join(name, &entry), parts, found)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Goes on below a name, or takes it where nothing is left of the pattern.
    fn enter(&self, files: &dyn Files, name: &str, rest: &[Part], found: &mut Vec<Found>) -> Result<()> {
        if !rest.is_empty() {
            return self.walk(files, name, rest, found);
        }
        match files.metadata(&self.path(name)) {
            Ok(metadata) if !metadata.is_folder => {
                found.push(Found { name: name.to_string(), length: metadata.length });
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn entries(&self, files: &dyn Files, name: &str) -> Result<Vec<(String, bool)>> {
        let folder = self.path(name);
        match files.list(&folder) {
            Ok(entries) => Ok(entries.into_iter().map(|entry| (entry.name, entry.metadata.is_folder)).collect()),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            // A file where the pattern has a folder: nothing lies below it.
            Err(_) if files.metadata(&folder).is_ok_and(|metadata| !metadata.is_folder) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" | "/" => format!("{folder}{name}"),
        _ => format!("{folder}/{name}"),
    }
}
