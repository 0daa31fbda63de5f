//! A file's records: lines, except where a quoted CSV field holds line ends.
//!
//! In CSV, a quote opens only where a field begins, as the decoder has it, so that both see the same records. A quote that
//! nothing closes costs its own line and no more: that line becomes a record, which the decoder will refuse, and
//! reading goes on after it. Memory is bounded by the largest record allowed.

use std::ops::Range;

use headwater_format::Format;

use super::content::Content;
use super::position::CHECKED_BYTES;
use crate::error::{Error, Result};

/// How much is read at once.
const READ_BYTES: usize = 512 << 10;

pub(super) struct Lines {
    pub content: Content,
    name: String,
    /// The unread, and before it the last few bytes that were read.
    buffer: Vec<u8>,
    /// What of the buffer is still to be read.
    unread: Range<usize>,
    /// Where the unread begins in the file.
    pub offset: u64,
    /// The number of the line that begins there.
    pub line: u64,
    /// The first quote at or after the unread's beginning, as far as the buffer is filled; its end where there is
    /// none.
    next_quote: usize,
    /// Whether quotes may hold line ends; in JSON they may not.
    quotes: bool,
    record_bytes_max: usize,
}

/// What [`Lines::peek`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peek {
    /// A record, without its line end: a part of the buffer. And its length with the line end.
    Record { record: Range<usize>, length: usize },
    /// The file ends here, or within a record that may still grow.
    End,
}

/// Where a record ends, as far as one can see.
enum Ending {
    /// With its line end at this index of the buffer.
    At(usize),
    /// Not within the buffer; a quoted field is open.
    Open { quoted: bool },
}

impl Lines {
    /// From the beginning of a file of a format.
    pub fn new(content: Content, name: &str, format: Format, record_bytes_max: usize) -> Lines {
        let (name, quotes) = (name.to_string(), format == Format::Csv);
        let buffer = Vec::new();
        Lines { content, name, buffer, unread: 0..0, offset: 0, line: 1, next_quote: 0, quotes, record_bytes_max }
    }

    /// What stands before an offset, as far as a position vouches for it; `None` where the file ends before.
    pub fn before(&mut self, offset: u64) -> Result<Option<Vec<u8>>> {
        let mut before = vec![0; offset.min(CHECKED_BYTES) as usize];
        let start = offset - before.len() as u64;
        let got = self.content.read_at(&mut before, start, false)?;
        Ok((got == before.len()).then_some(before))
    }

    /// Reads on at another place, where a record begins, and before which this stands.
    pub fn go_to(&mut self, offset: u64, line: u64, before: Vec<u8>) {
        self.unread = before.len()..before.len();
        self.next_quote = before.len();
        self.buffer = before;
        (self.offset, self.line) = (offset, line);
    }

    /// The last bytes that were read.
    pub fn last_read(&self) -> &[u8] {
        let start = self.unread.start;
        &self.buffer[start - start.min(CHECKED_BYTES as usize)..start]
    }

    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// The next record, which stays the next until [`Lines::advance`]. A last line without its end counts where
    /// `complete` says that the file won't grow.
    pub fn peek(&mut self, complete: bool) -> Result<Peek> {
        loop {
            match self.ending() {
                Ending::At(end) => return Ok(self.record(end, 1)),
                Ending::Open { .. } if self.unread.len() <= self.record_bytes_max && self.fill(complete)? => {}
                Ending::Open { .. } if self.unread.is_empty() => return Ok(Peek::End),
                Ending::Open { quoted } => {
                    let too_long = self.unread.len() > self.record_bytes_max;
                    if !complete && !too_long {
                        return Ok(Peek::End);
                    }
                    let line_end = memchr::memchr(b'\n', &self.buffer[self.unread.clone()]);
                    return match line_end {
                        Some(end) if quoted || too_long => Ok(self.record(self.unread.start + end, 1)),
                        None if too_long => Err(Error::RecordTooLong {
                            file: self.name.clone(),
                            line: self.line,
                            limit: self.record_bytes_max,
                        }),
                        _ => Ok(self.record(self.unread.end, 0)),
                    };
                }
            }
        }
    }

    /// Passes over the record that was found last.
    pub fn advance(&mut self, length: usize) {
        let start = self.unread.start;
        let passed = start..start + length;
        // Only a record with quotes in it can have more line ends than its last.
        if self.next_quote < passed.end {
            self.line += memchr::memchr_iter(b'\n', &self.buffer[passed.clone()]).count() as u64;
            self.find_quote(passed.end);
        } else {
            self.line += 1;
        }
        self.offset += length as u64;
        self.unread.start = passed.end;
    }

    fn record(&self, end: usize, line_end: usize) -> Peek {
        let start = self.unread.start;
        let carriage_return = usize::from(end > start && self.buffer[end - 1] == b'\r');
        Peek::Record { record: start..end - carriage_return, length: end + line_end - start }
    }

    #[inline]
    fn ending(&self) -> Ending {
        let unread = &self.buffer[self.unread.clone()];
        let line_end = memchr::memchr(b'\n', unread).map(|end| self.unread.start + end);
        match line_end {
            Some(end) if self.next_quote >= end => Ending::At(end),
            None if self.next_quote >= self.unread.end => Ending::Open { quoted: false },
            _ => self.quoted_ending(),
        }
    }

    /// Field by field.
    fn quoted_ending(&self) -> Ending {
        let bytes = &self.buffer[..self.unread.end];
        let mut at = self.unread.start;
        loop {
            if bytes.get(at) == Some(&b'"') {
                at += 1;
                loop {
                    match memchr::memchr(b'"', &bytes[at..]) {
                        None => return Ending::Open { quoted: true },
                        Some(found) => at += found + 1,
                    }
                    if bytes.get(at) != Some(&b'"') {
                        break;
                    }
                    at += 1;
                }
            }
            match memchr::memchr2(b',', b'\n', &bytes[at..]) {
                None => return Ending::Open { quoted: false },
                Some(found) if bytes[at + found] == b'\n' => return Ending::At(at + found),
                Some(found) => at += found + 1,
            }
        }
    }

    /// Reads more behind the unread; false at the end of the file.
    fn fill(&mut self, complete: bool) -> Result<bool> {
        let kept = self.last_read().len();
        let unread = self.unread.len();
        self.buffer.copy_within(self.unread.start - kept..self.unread.end, 0);
        self.unread = kept..kept + unread;
        let wanted = kept + unread + READ_BYTES.max(unread);
        // A huge record leaves nothing behind for the small ones after it.
        if self.buffer.len() > 4 * wanted {
            self.buffer.truncate(wanted);
            self.buffer.shrink_to_fit();
        } else if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let (from, behind) = (self.unread.end, self.offset + unread as u64);
        let got = self.content.read_at(&mut self.buffer[from..wanted], behind, complete)?;
        self.unread.end += got;
        self.find_quote(kept);
        Ok(got > 0)
    }

    fn find_quote(&mut self, from: usize) {
        let found = if self.quotes { memchr::memchr(b'"', &self.buffer[from..self.unread.end]) } else { None };
        self.next_quote = found.map_or(self.unread.end, |found| from + found);
    }
}
