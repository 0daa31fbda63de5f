//! Which files a path or pattern names, in the order of their names.

use std::path::{Path, PathBuf};

use glob::Pattern;
use headwater_base::ErrorKind;
use headwater_base::files::{self, Files};
use headwater_stream::source::Result;

use crate::error;

/// The files of a pattern. Names are relative to the part of the pattern before its first wildcard, so that a position
/// outlives a move of the folder.
pub struct Listing {
    pattern: String,
    base: PathBuf,
    /// Components behind the base: a pattern each, or a plain name.
    parts: Vec<Pattern>,
    files: Vec<(String, u64)>,
}

impl Listing {
    pub fn new(pattern: &str) -> Result<Listing> {
        let (mut base, mut parts) = (PathBuf::new(), Vec::new());
        let components: Vec<&str> = pattern.split('/').collect();
        for (index, component) in components.iter().enumerate() {
            let last = index + 1 == components.len();
            if *component == "**" {
                let message = format!("'**' in {pattern} is not built yet");
                return Err(error(ErrorKind::Invalid, message, "name the folders with '*' one by one"));
            }
            let plain = !component.contains(['*', '?', '[']);
            if parts.is_empty() && plain && !last {
                base.push(if component.is_empty() { "/" } else { component });
            } else {
                let exact = if plain { Pattern::escape(component) } else { (*component).to_owned() };
                parts.push(Pattern::new(&exact).map_err(|wrong| {
                    error(ErrorKind::Invalid, format!("the pattern {pattern}: {wrong}"), "wildcards are *, ? and […]")
                })?);
            }
        }
        Ok(Listing { pattern: pattern.to_owned(), base, parts, files: Vec::new() })
    }

    /// Looks for the files. None at all is an error, unless they may still come.
    pub fn fill(&mut self, files: &dyn Files, may_be_empty: bool) -> Result<()> {
        self.files = self.find_all(files)?;
        if self.files.is_empty() && !may_be_empty {
            let folder = if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base };
            let message = format!("no file matches {} (looked in {})", self.pattern, folder.display());
            return Err(error(ErrorKind::Invalid, message, "check the path; it is relative to the working folder"));
        }
        Ok(())
    }

    /// Takes up files that came since behind `after`, of which `known` files are kept as they are.
    pub fn refresh(&mut self, files: &dyn Files, after: &str, known: usize) -> Result<()> {
        let fresh = self.find_all(files)?;
        self.files.truncate(known);
        self.files.extend(fresh.into_iter().filter(|(name, _)| name.as_str() > after));
        Ok(())
    }

    fn find_all(&self, files: &dyn Files) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        self.walk(files, "", &self.parts, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, files: &dyn Files, below: &str, parts: &[Pattern], found: &mut Vec<(String, u64)>) -> Result<()> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        let folder = self.base.join(below);
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let entries = match files.list(&folder) {
            Ok(entries) => entries,
            Err(missing) if missing.is_not_found() => return Ok(()),
            Err(other) => return Err(unreadable(&other)),
        };
        for entry in entries.into_iter().filter(|entry| part.matches(&entry.name)) {
            let name = if below.is_empty() { entry.name } else { format!("{below}/{}", entry.name) };
            match (rest.is_empty(), entry.metadata.is_folder) {
                (true, false) => found.push((name, entry.metadata.length)),
                (false, true) => self.walk(files, &name, rest, found)?,
                _ => {}
            }
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Name and path of a file.
    pub fn file(&self, index: usize) -> (String, PathBuf) {
        let name = &self.files[index].0;
        (name.clone(), self.base.join(name))
    }

    /// The index of the file that a position is in.
    pub fn find(&self, name: &str) -> Result<usize> {
        self.files.iter().position(|(each, _)| each == name).ok_or_else(|| {
            let message = format!("{} is gone, and the source was in it", self.base.join(name).display());
            error(ErrorKind::Invalid, message, "put the file back; what was read of it is in the stream")
        })
    }

    /// Bytes of all files, and of those before one, as they were when they were listed.
    pub fn bytes(&self) -> u64 {
        self.bytes_before(self.files.len())
    }

    pub fn bytes_before(&self, index: usize) -> u64 {
        self.files.iter().take(index).map(|(_, length)| length).sum()
    }
}

/// A file operation that failed, as a source's error.
pub fn unreadable(failed: &files::Error) -> headwater_stream::source::Error {
    let hint = if failed.is_not_found() { "the file vanished; put it back" } else { "look at the file and the disk" };
    error(failed.kind(), failed.to_string(), format!("{hint}, then start the node again: it reads on from there"))
}
