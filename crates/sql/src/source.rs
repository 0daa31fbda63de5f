//! A text with the name that its author knows it by, and places in it.
//!
//! Places are byte ranges. sqlparser speaks of lines and columns instead (lines end at `\n`,
//! columns count characters, both from 1); this is where the two are translated.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use sqlparser::tokenizer::Location;

use crate::{Diagnostic, Result};

/// A text and its name: `source.name`, `source.text`. Clones are cheap.
#[derive(Clone)]
pub struct SourceText(Arc<Named>);

pub struct Named {
    /// A path as users write it, or a description such as `query`.
    pub name: Arc<str>,
    pub text: Arc<str>,
    index: OnceLock<LineIndex>,
}

impl Deref for SourceText {
    type Target = Named;

    fn deref(&self) -> &Named {
        &self.0
    }
}

impl SourceText {
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceText {
        SourceText(Arc::new(Named { name: name.into(), text: text.into(), index: OnceLock::new() }))
    }

    /// Takes a file's bytes: UTF-8, with or without a byte order mark, and no NUL.
    pub fn from_bytes(name: impl Into<Arc<str>>, bytes: &[u8]) -> Result<SourceText> {
        let name = name.into();
        let all = bytes.len();
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(SourceText::new(name, text)),
            Err(error) => {
                let at = error.valid_up_to();
                let readable = String::from_utf8_lossy(bytes).into_owned();
                // Everything before `at` is valid, so it has the same bytes in `readable`; the replacement
                // character that stands at `at` is three bytes long.
                let span = Span::new(at, at + '\u{FFFD}'.len_utf8());
                let message = format!("byte {} is not UTF-8", at + (all - bytes.len()));
                Err(Diagnostic::syntax(SourceText::new(name, readable), span, message)
                    .with_hint("save the file as UTF-8"))
            }
        }
    }

    /// The text of a place. A span that is not of this text gives what of it there is.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end.min(self.text.len())).unwrap_or("")
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn location(&self, byte: usize) -> (usize, usize) {
        self.lines().location(byte.min(self.text.len()))
    }

    /// The bytes of a line (from 1) without its line ending.
    pub fn line(&self, line: usize) -> Span {
        self.lines().line(&self.text, line)
    }

    pub fn line_count(&self) -> usize {
        self.lines().starts.len()
    }

    /// The bytes that sqlparser means. None for its empty span, which it gives to what has no place.
    pub fn engine_span(&self, span: sqlparser::tokenizer::Span) -> Option<Span> {
        if span.start.line == 0 || span.end.line == 0 {
            return None;
        }
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        Some(Span::new(start, end.max(start)))
    }

    pub(crate) fn byte(&self, at: Location) -> usize {
        let byte = self.lines().byte(at.line as usize, at.column as usize).min(self.text.len());
        // Columns of another text could point into a character.
        (0..=byte).rev().find(|byte| self.text.is_char_boundary(*byte)).unwrap_or(0)
    }

    pub(crate) fn engine_location(&self, byte: usize) -> Location {
        let (line, column) = self.location(byte);
        Location::new(line as u64, column as u64)
    }

    fn lines(&self) -> &LineIndex {
        self.index.get_or_init(|| LineIndex::of(&self.text))
    }
}

impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceText({}, {} bytes)", self.name, self.text.len())
    }
}

impl PartialEq for SourceText {
    fn eq(&self, other: &SourceText) -> bool {
        self.name == other.name && self.text == other.text
    }
}

/// Bytes `start..end` of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// From the start of this one to the end of the other.
    pub fn to(self, end: Span) -> Span {
        Span { start: self.start.min(end.start), end: self.end.max(end.end) }
    }
}

/// Where lines start, and where bytes and characters part company.
struct LineIndex {
    /// The byte that each line starts at.
    starts: Vec<usize>,
    /// For each character of more than one byte: the byte after it, and by how many bytes the text up to there is
    /// longer than its characters.
    wide: Vec<(usize, usize)>,
}

impl LineIndex {
    fn of(text: &str) -> LineIndex {
        let mut index = LineIndex { starts: vec![0], wide: Vec::new() };
        let mut surplus = 0;
        for (at, character) in text.char_indices() {
            let length = character.len_utf8();
            if length > 1 {
                surplus += length - 1;
                index.wide.push((at + length, surplus));
            } else if character == '\n' {
                index.starts.push(at + 1);
            }
        }
        index
    }

    fn location(&self, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line - 1];
        (line, byte - start - (self.surplus(byte) - self.surplus(start)) + 1)
    }

    /// How many bytes more than characters there are before this byte.
    fn surplus(&self, byte: usize) -> usize {
        match self.wide.partition_point(|(after, _)| *after <= byte) {
            0 => 0,
            count => self.wide[count - 1].1,
        }
    }

    fn byte(&self, line: usize, column: usize) -> usize {
        let Some(start) = self.starts.get(line.saturating_sub(1)) else { return usize::MAX };
        let wanted = start - self.surplus(*start) + column.saturating_sub(1);
        // Characters before the end of wide character number i: after[i] - surplus[i].
        match self.wide.partition_point(|(after, surplus)| after - surplus <= wanted) {
            0 => wanted,
            count => wanted + self.wide[count - 1].1,
        }
    }

    fn line(&self, text: &str, line: usize) -> Span {
        let Some(start) = self.starts.get(line.saturating_sub(1)).copied() else { return Span::default() };
        let end = self.starts.get(line).map_or(text.len(), |next| next - 1);
        let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
        Span::new(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_locations_agree() {
        let text = SourceText::new("a.sql", "one\r\nzwölf 水水\n\n'\u{1F600}' x");
        for (byte, _) in text.text.char_indices().chain([(text.text.len(), ' ')]) {
            let (line, column) = text.location(byte);
            assert_eq!(text.byte(Location::new(line as u64, column as u64)), byte);
            let before = &text.text[..byte];
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            assert_eq!(line, before.matches('\n').count() + 1);
            assert_eq!(column, before[start..].chars().count() + 1);
        }
        assert_eq!(text.slice(text.line(1)), "one");
        assert_eq!(text.slice(text.line(4)), "'\u{1F600}' x");
        assert_eq!(text.line_count(), 4);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let error = SourceText::from_bytes("a.sql", b"SELECT 1;\nSELECT '\xFFx'").unwrap_err();
        assert_eq!(error.message, "byte 18 is not UTF-8");
        assert_eq!(error.source.location(error.span.start), (2, 9));
        let marked = SourceText::from_bytes("a.sql", b"\xEF\xBB\xBFSELECT 1").unwrap();
        assert_eq!(&*marked.text, "SELECT 1");
    }
}
