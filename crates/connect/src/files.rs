//! CSV and JSON files as a source, compressed ones too: read in the order of their names, each to its end, resumed to the
//! byte.
//!
//! What is read is only ever handed on: a record that nobody could decode enters the stream as it is and becomes a dead
//! letter there. What stops the source is a file that is not what it was, or one whose header can't serve the stream.

mod content;
mod current;
mod lines;
mod pace;
mod pattern;
mod position;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_base::files::Files;
use headwater_format::Format;
use headwater_stream::source::{self, Intake, Progress, Source, Status};

use crate::Target;
use crate::error::{Error, Result};
pub use content::Compression;
use current::{Current, Reading, Step};
use pace::Pace;
use pattern::{Found, Matcher};
use position::Position;

/// What a file source is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// A path, perhaps with wildcards, relative to the process's working folder or to [`FileSource::in_folder`].
    pub path: String,
    /// Of the files: CSV with a header line, or one JSON object a line.
    pub format: Format,
    /// Wait for more, in the last file and in new ones, instead of ending.
    pub follow: bool,
    /// Seconds of event time per second; as fast as can be where absent.
    pub speed: Option<f64>,
}

/// Longer records stop the source, if not told otherwise: what is read is held in memory.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// How long to wait before looking for more.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Reads files into a stream.
pub struct FileSource {
    files: Arc<dyn Files>,
    target: Target,
    follow: bool,
    reading: Reading,
    matcher: Matcher,
    pace: Option<Pace>,
    clock: Arc<dyn Clock>,
    /// All files when last listed, in order.
    listed: Vec<Found>,
    /// How many bytes lie before each of them; one more, for all.
    bytes_before: Vec<u64>,
    /// Before this time, files are not listed anew while there are more to read.
    list_again: Duration,
    current: Option<Current>,
    /// Where to read on; absent before the first file.
    position: Option<Position>,
    /// Names before the current one's that came when it had its turn, and are not read.
    late: Vec<String>,
}

impl FileSource {
    pub fn new(
        files: Arc<dyn Files>,
        clock: Arc<dyn Clock>,
        target: Target,
        options: Options,
    ) -> source::Result<FileSource> {
        let Options { path, format, follow, speed } = options;
        if let Some(suffix) = [".bz2", ".zip", ".xz", ".lz4"].iter().find(|suffix| path.ends_with(**suffix)) {
            let message = format!(
                "files of this compression (PATH '{path}' ends in {suffix}) can't be read; .gz and .zst files can"
            );
            return Err(Error::Option(message).into());
        }
        Ok(FileSource {
            pace: speed.map(|speed| Pace::new(Arc::clone(&clock), &target, speed)).transpose()?,
            clock,
            matcher: Matcher::new(PathBuf::new(), &path)?,
            files,
            target,
            follow,
            reading: Reading { format, record_bytes_max: RECORD_BYTES_MAX },
            listed: Vec::new(),
            bytes_before: Vec::new(),
            list_again: Duration::ZERO,
            current: None,
            position: None,
            late: Vec::new(),
        })
    }

    /// Takes a relative path from this folder on instead of the working folder.
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> FileSource {
        self.matcher.set_folder(folder.into());
        self
    }

    /// Lets records be so long, instead of [`RECORD_BYTES_MAX`]. Twice as much is held in memory.
    pub fn with_record_bytes_max(mut self, record_bytes_max: usize) -> FileSource {
        self.reading.record_bytes_max = record_bytes_max;
        self
    }

    /// Looks for files anew. Those with names before the current one's are too late: they are named, and not read.
    fn list(&mut self) -> Result<()> {
        let began = self.clock.elapsed();
        let listed = self.matcher.list(self.files.as_ref())?;
        let now = self.clock.elapsed();
        // A twentieth of the time at most, however many files there are.
        self.list_again = now + LOOK_AGAIN.max(20 * now.saturating_sub(began));
        if let Some(position) = &self.position {
            let before = listed.iter().filter(|found| found.name < position.file);
            let known = |found: &&Found| self.listed.binary_search_by(|other| other.name.cmp(&found.name)).is_ok();
            let new: Vec<_> = before.filter(|found| !known(found) && !self.late.contains(&found.name)).collect();
            for found in new {
                tracing::warn!(file = found.name, current = position.file, "a file came too late and is not read");
                self.late.push(found.name.clone());
            }
        }
        self.take_list(listed);
        Ok(())
    }

    fn take_list(&mut self, listed: Vec<Found>) {
        let mut sum = 0;
        self.bytes_before = vec![0];
        self.bytes_before.extend(listed.iter().map(|found| {
            sum += found.length;
            sum
        }));
        self.listed = listed;
    }

    /// After a restart nobody knows which names are new: only that there are more than before.
    fn resume(&mut self, position: Position) -> Result<()> {
        let listed = self.matcher.list(self.files.as_ref())?;
        self.take_list(listed);
        let before = self.listed.iter().filter(|found| found.name < position.file).count() as u64;
        if before > position.files_before {
            let count = before - position.files_before;
            tracing::warn!(count, current = position.file, "files came too late and are not read");
            self.late.push(format!("{count} before {}", position.file));
        }
        if !position.ended || self.listed.iter().any(|found| found.name == position.file) {
            self.current =
                Some(Current::resume(self.files.as_ref(), &self.matcher, &position, &self.target, self.reading)?);
        }
        self.position = Some(position);
        Ok(())
    }

    /// Opens the next file, where there is one.
    fn open_next(&mut self) -> Result<bool> {
        if self.next_listed().is_none() || self.clock.elapsed() >= self.list_again {
            self.list()?;
        }
        loop {
            let Some(at) = self.next_listed() else { return Ok(false) };
            let next = self.listed[at].name.clone();
            match Current::open(self.files.as_ref(), &self.matcher, &next, at as u64, &self.target, self.reading) {
                Ok(current) => {
                    self.position = Some(current.position(false));
                    self.current = Some(current);
                    return Ok(true);
                }
                // It went before anything of it was read.
                Err(Error::Vanished { .. }) => self.list()?,
                Err(other) => return Err(other),
            }
        }
    }

    /// Where in the list the next file stands.
    fn next_listed(&self) -> Option<usize> {
        let read = |position: &Position| self.listed.partition_point(|found| found.name <= position.file);
        let at = self.position.as_ref().map_or(0, read);
        (at < self.listed.len()).then_some(at)
    }

    fn nothing_matches(&self) -> Error {
        let pattern = self.matcher.pattern.clone();
        let folder = self.matcher.fixed_folder();
        let is_there = self.files.metadata(&folder).is_ok();
        let folder = folder.display().to_string();
        if is_there { Error::NoMatch { pattern, folder } } else { Error::NoFolder { pattern, folder } }
    }

    fn advance(&mut self, intake: &mut dyn Intake) -> Result<Option<Progress>> {
        let wait = Ok(Some(Progress::Wait(LOOK_AGAIN)));
        let Some(current) = &mut self.current else {
            return match self.open_next()? {
                true => Ok(None),
                false if self.follow => wait,
                false if self.position.is_none() => Err(self.nothing_matches()),
                false => Ok(Some(Progress::End)),
            };
        };
        let name = current.name().to_string();
        let is_last = |listed: &[Found]| listed.last().is_none_or(|last| last.name <= name);
        // The last of the files may still be written to; one that has a successor is complete.
        let mut complete = !self.follow || !is_last(&self.listed);
        loop {
            let read = current.read(&self.target, complete, self.pace.as_mut(), intake);
            if read.is_err() {
                self.position = Some(current.position(false));
            }
            match read? {
                Step::Full => {
                    self.position = Some(current.position(false));
                    return Ok(Some(Progress::More));
                }
                Step::Early(wait) => {
                    self.position = Some(current.position(false));
                    return Ok(Some(Progress::Wait(wait)));
                }
                Step::End if complete => {
                    current.check_end(self.files.as_ref())?;
                    self.position = Some(current.position(true));
                    self.current = None;
                    return Ok(None);
                }
                Step::End => {
                    // For now: should it be gone at the next start, it was read to its end.
                    self.position = Some(current.position(true));
                    current.check_end(self.files.as_ref())?;
                    let listed = self.matcher.list(self.files.as_ref())?;
                    complete = !is_last(&listed);
                    if !complete {
                        return wait;
                    }
                }
            }
        }
    }
}

impl Source for FileSource {
    fn start(&mut self, position: Option<&[u8]>) -> source::Result<()> {
        let position = position.map(Position::read).transpose()?.flatten();
        match position {
            Some(Position { pattern: Some(before), .. }) if before != self.matcher.pattern => {
                return Err(Error::OtherPath { before, now: self.matcher.pattern.clone() }.into());
            }
            Some(position) => self.resume(position)?,
            None => {
                self.list()?;
                if self.listed.is_empty() && !self.follow {
                    return Err(self.nothing_matches().into());
                }
            }
        }
        Ok(())
    }

    fn poll(&mut self, intake: &mut dyn Intake) -> source::Result<Progress> {
        while !intake.is_full() {
            if let Some(progress) = self.advance(intake)? {
                return Ok(progress);
            }
        }
        Ok(Progress::More)
    }

    fn position(&self) -> Vec<u8> {
        let pattern = Some(self.matcher.pattern.clone());
        Position::write(self.position.clone().map(|position| Position { pattern, ..position }).as_ref())
    }

    fn status(&self) -> Status {
        let before = |position: &Position| self.listed.partition_point(|found| found.name < position.file);
        let bytes = |files: usize| self.bytes_before.get(files).copied().unwrap_or(0);
        let done = self.position.as_ref().map_or(0, |position| {
            let before = before(position);
            let within = match (Compression::of(&position.file), &self.current) {
                (None, _) => position.offset,
                (Some(_), Some(current)) => current.needed(),
                (Some(_), None) => bytes(before + 1).saturating_sub(bytes(before)),
            };
            bytes(before) + within
        });
        let all = bytes(self.listed.len());
        let mut at = match &self.position {
            Some(position) => format!("{}:{}", position.file, position.line),
            None if self.follow && self.listed.is_empty() => {
                format!("waiting for '{}'", self.matcher.pattern)
            }
            None => String::new(),
        };
        if let Some(current) = &self.current {
            at.push_str(&current.notes());
        }
        if !self.late.is_empty() {
            at.push_str(&format!("; came too late and not read: {}", self.late.join(", ")));
        }
        Status { done, total: (!self.follow).then_some(all.max(done)), at }
    }
}
