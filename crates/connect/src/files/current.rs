//! The file that is being read: its header where it has one, its records, and whether it is still what it was.

use std::path::PathBuf;
use std::time::Duration;

use headwater_base::files::{Files, Open};
use headwater_format::{Format, Recoder, Rewriter};
use headwater_stream::source::Intake;

use super::content::Content;
use super::lines::{Lines, Peek};
use super::pace::Pace;
use super::pattern::Matcher;
use super::position::{Position, check};
use crate::Target;
use crate::error::{Error, Result};

/// UTF-8 as some write it at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) struct Current {
    name: String,
    path: PathBuf,
    files_before: u64,
    lines: Lines,
    records: Records,
    rewritten: Vec<u8>,
    /// Where a restart goes on, past the header.
    resume_at: Option<Place>,
}

/// A place in the file, and what stands before it.
struct Place {
    offset: u64,
    line: u64,
    before: Vec<u8>,
}

/// How files are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub format: Format,
    pub record_bytes_max: usize,
}

/// How a file's records become the stream's.
enum Records {
    /// A CSV file whose header is not read yet.
    Headless,
    Csv(Box<Rewriter>),
    /// One a line, as it is.
    Json,
    /// One a line, for a stream of another format.
    Recoded(Box<Recoder>),
}

/// Why reading paused.
pub(super) enum Step {
    /// The intake is full.
    Full,
    /// The next record's time has not come.
    Early(Duration),
    /// The file has no more for now.
    End,
}

impl Current {
    pub fn open(
        files: &dyn Files,
        matcher: &Matcher,
        name: &str,
        files_before: u64,
        target: &Target,
        reading: Reading,
    ) -> Result<Current> {
        let path = matcher.path(name);
        let file = match files.open(&path, Open::Read) {
            Err(error) if error.is_not_found() => return Err(Error::Vanished { file: name.to_string(), offset: 0 }),
            opened => opened?,
        };
        let lines = Lines::new(Content::new(file, name), name, reading.format, reading.record_bytes_max);
        let name = name.to_string();
        let records = match reading.format {
            Format::Csv => Records::Headless,
            Format::Json if target.format == Format::Json => Records::Json,
            Format::Json => Records::Recoded(Box::new(Recoder::new(&target.schema, target.format)?)),
        };
        Ok(Current { name, path, files_before, lines, records, rewritten: Vec::new(), resume_at: None })
    }

    /// Opens the file of a position and makes sure that all before the offset is as it was.
    pub fn resume(
        files: &dyn Files,
        matcher: &Matcher,
        position: &Position,
        target: &Target,
        reading: Reading,
    ) -> Result<Current> {
        let Position { file, line, files_before, .. } = position;
        let offset = position.offset;
        let mut current = match Current::open(files, matcher, file, *files_before, target, reading) {
            Err(Error::Vanished { file, .. }) => return Err(Error::Vanished { file, offset }),
            opened => opened?,
        };
        let length = current.lines.content.length()?;
        let Some(before) = current.lines.before(offset)? else {
            return Err(Error::Truncated { file: file.clone(), offset, length });
        };
        if position.check.is_some_and(|before_it| before_it != check(&before)) {
            return Err(Error::Replaced { file: file.clone(), offset, length });
        }
        match current.records {
            Records::Json | Records::Recoded(_) => current.lines.go_to(offset, *line, before),
            _ => current.resume_at = (offset > 0).then_some(Place { offset, line: *line, before }),
        }
        Ok(current)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn position(&self, ended: bool) -> Position {
        let (offset, line, before) = match &self.resume_at {
            Some(place) => (place.offset, place.line, place.before.as_slice()),
            None => (self.lines.offset, self.lines.line, self.lines.last_read()),
        };
        let check = Some(check(before));
        Position { file: self.name.clone(), offset, line, files_before: self.files_before, check, ended, pattern: None }
    }

    /// How many bytes of the file as it lies there were needed so far.
    pub fn needed(&self) -> u64 {
        self.lines.content.needed(self.lines.offset)
    }

    /// What people should know of this file.
    pub fn notes(&self) -> String {
        match &self.records {
            Records::Csv(rewriter) if !rewriter.unknown().is_empty() => {
                format!("; columns that the stream lacks: {}", rewriter.unknown().join(", "))
            }
            Records::Recoded(recoder) if recoder.unknown() > 0 => {
                format!("; fields that the stream lacks: {}", recoder.unknown())
            }
            _ => String::new(),
        }
    }

    /// Hands over records for as long as there are any and they are wanted.
    pub fn read(
        &mut self,
        target: &Target,
        complete: bool,
        mut pace: Option<&mut Pace>,
        intake: &mut dyn Intake,
    ) -> Result<Step> {
        if matches!(self.records, Records::Headless) && !self.read_header(target, complete)? {
            return Ok(Step::End);
        }
        loop {
            let Peek::Record { record, length } = self.lines.peek(complete)? else { return Ok(Step::End) };
            let mut record = self.lines.bytes(record);
            if self.lines.offset == 0 {
                record = record.strip_prefix(BYTE_ORDER_MARK).unwrap_or(record);
            }
            if !record.is_empty() {
                if intake.is_full() {
                    return Ok(Step::Full);
                }
                match &mut self.records {
                    Records::Csv(rewriter) if !rewriter.is_same() => {
                        rewriter.rewrite(record, &mut self.rewritten);
                        record = &self.rewritten;
                    }
                    Records::Recoded(recoder) => {
                        recoder.recode(record, &mut self.rewritten);
                        record = &self.rewritten;
                    }
                    Records::Headless | Records::Csv(_) | Records::Json => {}
                }
                if let Some(early) = pace.as_mut().and_then(|pace| pace.early(record)) {
                    return Ok(Step::Early(early));
                }
                intake.push(record);
            }
            self.lines.advance(length);
        }
    }

    /// Reads the first line that is not empty; false where the file has none yet.
    fn read_header(&mut self, target: &Target, complete: bool) -> Result<bool> {
        loop {
            let Peek::Record { record, length } = self.lines.peek(complete)? else { return Ok(false) };
            let mut header = self.lines.bytes(record);
            if self.lines.offset == 0 {
                header = header.strip_prefix(BYTE_ORDER_MARK).unwrap_or(header);
            }
            if header.is_empty() {
                self.lines.advance(length);
                continue;
            }
            let rewriter = Rewriter::new(header, &target.schema, target.format)
                .map_err(|source| Error::Header { file: self.name.clone(), source })?;
            if !rewriter.unknown().is_empty() {
                let columns = rewriter.unknown().join(", ");
                tracing::warn!(file = self.name, columns, "the stream lacks columns that the file has");
            }
            self.records = Records::Csv(Box::new(rewriter));
            self.lines.advance(length);
            if let Some(Place { offset, line, before }) = self.resume_at.take()
                && offset > self.lines.offset
            {
                self.lines.go_to(offset, line, before);
            }
            return Ok(true);
        }
    }

    /// At the end: the file must not have become shorter, in place or by another in its place. One that is gone was
    /// read to its end, for an open file stays readable.
    pub fn check_end(&self, files: &dyn Files) -> Result<()> {
        let offset = self.needed();
        let mut length = self.lines.content.length()?;
        match files.metadata(&self.path) {
            Ok(metadata) => length = length.min(metadata.length),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        if length < offset {
            return Err(Error::Truncated { file: self.name.clone(), offset, length });
        }
        Ok(())
    }
}
