//! Files as a source: CSV by path or pattern, in the order of their names, resumed at the byte.
//!
//! A record's bytes go into the stream as they are when the file has the stream's format and column order; otherwise
//! it is rewritten. A record that is broken goes as it is, and becomes a dead letter where it is decoded: this room
//! decides nothing about rows.

mod header;
mod listing;
mod lines;
mod pace;
mod rewrite;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_base::files::Files;
use headwater_format::Format;
use headwater_stream::source::{Error, Intake, Progress, Result, Source, Status};
use serde::{Deserialize, Serialize};

use crate::{Target, error};
use lines::{Lines, Next};
use listing::Listing;
use pace::Pace;
use rewrite::Rewrite;

/// How often a source that follows looks for more.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub struct Options {
    /// A path or a pattern with `*`, `?` and `[…]`, relative to the process's working folder.
    pub path: String,
    pub format: Format,
    /// Wait for more rows and more files at the end.
    pub follow: bool,
    /// Seconds of event time per second; `None`: as fast as can be.
    pub speed: Option<f64>,
}

/// Where it is, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The file's name below the pattern's fixed folder.
    file: String,
    /// The first byte that was not read.
    offset: u64,
    /// Lines before it.
    line: u64,
    /// How many files come before this one.
    files_before: usize,
}

pub struct FileSource {
    files: Arc<dyn Files>,
    target: Target,
    options: Options,
    listing: Listing,
    /// The index in the listing of the file that is read next, or is open.
    at: usize,
    open: Option<Open>,
    pace: Option<Pace>,
    /// A record whose time has not come, with where the file was behind it.
    held: Option<(Vec<u8>, Position)>,
    position: Position,
    note: Option<String>,
}

struct Open {
    lines: Lines,
    rewrite: Rewrite,
}

impl FileSource {
    pub fn new(files: Arc<dyn Files>, clock: Arc<dyn Clock>, target: Target, options: Options) -> Result<FileSource> {
        if options.format != Format::Csv {
            let message = format!("files of format {} are not built yet", options.format.as_str());
            return Err(error(ErrorKind::Invalid, message, "CSV files are"));
        }
        let pace = match (options.speed, target.event_time) {
            (None, _) => None,
            (Some(speed), Some(column)) if speed > 0.0 && speed.is_finite() => {
                Some(Pace::new(clock, &target, column, speed)?)
            }
            (Some(speed), Some(_)) => {
                let message = format!("SPEED must be above 0, not {speed}");
                return Err(error(ErrorKind::Invalid, message, "leave it out to read as fast as can be"));
            }
            (Some(_), None) => {
                let message = "SPEED needs the event time of the stream, which declares no WATERMARK";
                return Err(error(ErrorKind::Invalid, message, "add WATERMARK FOR a column to the stream"));
            }
        };
        let listing = Listing::new(&options.path)?;
        let position = Position::default();
        Ok(FileSource { files, target, options, listing, at: 0, open: None, pace, held: None, position, note: None })
    }

    /// Opens the next file, if there is one.
    fn advance(&mut self) -> Result<bool> {
        if self.at >= self.listing.len() && self.options.follow {
            self.listing.refresh(self.files.as_ref(), &self.position.file, self.at)?;
        }
        if self.at >= self.listing.len() {
            return Ok(false);
        }
        self.enter(0, 0)
    }

    fn enter(&mut self, offset: u64, line: u64) -> Result<bool> {
        let (name, path) = self.listing.file(self.at);
        let mut lines = Lines::open(self.files.as_ref(), &path)?;
        let header = lines.header()?;
        let rewrite = Rewrite::new(&self.target, header.as_deref(), &path)?;
        self.note = rewrite.note().map(|note| format!("{name}: {note}"));
        if offset > 0 {
            lines.seek(offset, line)?;
        }
        self.position =
            Position { file: name, offset: lines.offset(), line: lines.line(), files_before: self.at };
        self.open = Some(Open { lines, rewrite });
        Ok(true)
    }

    /// The next record in the stream's format. `None`: there is none now.
    fn next(&mut self) -> Result<Option<(Vec<u8>, Position)>> {
        loop {
            let Some(open) = &mut self.open else {
                if self.advance()? {
                    continue;
                }
                return Ok(None);
            };
            match open.lines.next(self.options.follow)? {
                Next::Record(record) => {
                    let record = open.rewrite.record(record).to_vec();
                    let (offset, line) = (open.lines.offset(), open.lines.line());
                    return Ok(Some((record, Position { offset, line, ..self.position.clone() })));
                }
                // A newer file ends the wait for more of this one.
                Next::Wait if self.at + 1 >= self.listing.len() && !self.has_newer()? => return Ok(None),
                Next::Wait | Next::End => {
                    self.open = None;
                    self.at += 1;
                }
            }
        }
    }

    fn has_newer(&mut self) -> Result<bool> {
        self.listing.refresh(self.files.as_ref(), &self.position.file, self.at + 1)?;
        Ok(self.at + 1 < self.listing.len())
    }

    /// As fast as can be: bytes go from the file's buffer into the intake.
    fn rush(&mut self, intake: &mut dyn Intake) -> Result<Progress> {
        while !intake.is_full() {
            let Some(open) = &mut self.open else {
                if self.advance()? {
                    continue;
                }
                return Ok(self.at_end());
            };
            match open.lines.next(self.options.follow)? {
                Next::Record(record) => {
                    intake.push(open.rewrite.record(record));
                    self.position.offset = open.lines.offset();
                    self.position.line = open.lines.line();
                }
                Next::Wait if self.at + 1 >= self.listing.len() && !self.has_newer()? => {
                    return Ok(Progress::Wait(FOLLOW_EVERY));
                }
                Next::Wait | Next::End => {
                    self.open = None;
                    self.at += 1;
                }
            }
        }
        Ok(Progress::More)
    }

    fn walk(&mut self, intake: &mut dyn Intake) -> Result<Progress> {
        while !intake.is_full() {
            let held = match self.held.take() {
                Some(held) => Some(held),
                None => self.next()?,
            };
            let Some((record, position)) = held else { return Ok(self.at_end()) };
            let wait = self.pace.as_mut().and_then(|pace| pace.wait(&record));
            if let Some(wait) = wait {
                self.held = Some((record, position));
                return Ok(Progress::Wait(wait));
            }
            intake.push(&record);
            self.position = position;
        }
        Ok(Progress::More)
    }

    fn at_end(&self) -> Progress {
        if self.options.follow { Progress::Wait(FOLLOW_EVERY) } else { Progress::End }
    }
}

impl Source for FileSource {
    fn start(&mut self, position: Option<&[u8]>) -> Result<()> {
        self.listing.fill(self.files.as_ref(), self.options.follow)?;
        let Some(position) = position else { return Ok(()) };
        let position: Position = serde_json::from_slice(position)
            .map_err(|broken| error(ErrorKind::Corrupt, format!("the stored position: {broken}"), "restore a backup"))?;
        self.at = self.listing.find(&position.file)?;
        if self.at != position.files_before {
            let (now, then) = (self.at, position.files_before);
            let note = format!("{now} files come before {}, which were {then}: none of them is read again", position.file);
            self.note = Some(note);
        }
        let note = self.note.take();
        self.enter(position.offset, position.line)?;
        self.note = note.or(self.note.take());
        Ok(())
    }

    fn poll(&mut self, intake: &mut dyn Intake) -> Result<Progress> {
        if self.pace.is_some() { self.walk(intake) } else { self.rush(intake) }
    }

    fn position(&self) -> Vec<u8> {
        // A struct of text and numbers always has a JSON form.
        serde_json::to_vec(&self.position).unwrap_or_default()
    }

    fn status(&self) -> Status {
        let done = self.listing.bytes_before(self.at) + if self.open.is_some() { self.position.offset } else { 0 };
        let at = match &self.note {
            Some(note) => format!("{} ({note})", self.position.file),
            None => self.position.file.clone(),
        };
        Status { done, total: (!self.options.follow).then(|| self.listing.bytes()), at }
    }
}
