//! A diagnostic as a terminal shows it: where it is, the lines themselves, the place underlined.
//!
//! The underline counts terminal cells, not characters or bytes: tabs are shown as spaces, wide
//! characters take two cells, and control characters, which could command the terminal, are
//! shown as a replacement.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::Diagnostic;
use crate::{SourceText, Span};

const TAB_WIDTH: usize = 4;
/// Longer lines are shown around the place only.
const LINE_WIDTH_MAX: usize = 160;
/// How much of a long line is shown before the place.
const LEAD_WIDTH: usize = 40;
/// A place of more lines is shown with its first lines and its last.
const LINES_MAX: usize = 6;

pub(super) fn render(diagnostic: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "error: {}", clean(&diagnostic.message))?;
    let margin = margin(diagnostic);
    excerpt(&diagnostic.source, diagnostic.span, margin, f)?;
    for related in &diagnostic.related {
        writeln!(f, "{:margin$} = {}:", "", clean(&related.message))?;
        excerpt(&related.source, related.span, margin, f)?;
    }
    if let Some(detail) = &diagnostic.detail {
        writeln!(f, "{:margin$} = {}", "", clean(detail))?;
    }
    if let Some(hint) = &diagnostic.hint {
        writeln!(f, "{:margin$} = hint: {}", "", clean(hint))?;
    }
    Ok(())
}

/// Digits of the largest line number, so that all excerpts of a diagnostic align.
fn margin(diagnostic: &Diagnostic) -> usize {
    let spans = diagnostic.related.iter().map(|related| (&related.source, related.span));
    let last = spans.chain([(&diagnostic.source, diagnostic.span)]).map(|(source, span)| source.location(span.end).0);
    last.max().unwrap_or(1).to_string().len()
}

fn excerpt(source: &SourceText, span: Span, margin: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (first, column) = source.location(span.start);
    writeln!(f, "{:margin$}--> {}:{first}:{column}", "", clean(&source.name))?;
    writeln!(f, "{:margin$} |", "")?;
    // A place that ends with a line break does not reach into the next line.
    let last = if span.end > span.start { source.location(span.end - 1).0 } else { first };
    let many = last - first >= LINES_MAX;
    for number in first..=last {
        if many && number == first + LINES_MAX - 2 {
            writeln!(f, "{:margin$} ...", "")?;
        }
        if many && number >= first + LINES_MAX - 2 && number < last {
            continue;
        }
        let line = source.line(number);
        let marked = span.start.clamp(line.start, line.end)..span.end.clamp(line.start, line.end);
        let shown = Shown::of(source.slice(line), marked.start - line.start..marked.end - line.start);
        writeln!(f, "{}", format!("{number:margin$} | {}", shown.text).trim_end())?;
        let blank = first != last && shown.marks.is_empty();
        if !blank {
            writeln!(f, "{:margin$} | {}{}", "", " ".repeat(shown.marks.start), "^".repeat(shown.marks.len().max(1)))?;
        }
    }
    Ok(())
}

/// A line in terminal cells.
struct Shown {
    text: String,
    /// Cells to underline; empty for a place between two characters.
    marks: Range<usize>,
}

impl Shown {
    fn of(line: &str, marked: Range<usize>) -> Shown {
        let mut cells = 0;
        let mut marks = None..None;
        let mut pieces: Vec<(usize, String)> = Vec::new();
        for (at, character) in line.char_indices() {
            if at >= marked.start {
                marks.start.get_or_insert(cells);
            }
            if at >= marked.end {
                marks.end.get_or_insert(cells);
            }
            let piece = match character {
                '\t' => " ".repeat(TAB_WIDTH - cells % TAB_WIDTH),
                character if is_unsafe(character) => '\u{FFFD}'.to_string(),
                character => character.to_string(),
            };
            pieces.push((cells, piece));
            cells += match character {
                '\t' => TAB_WIDTH - cells % TAB_WIDTH,
                character if is_unsafe(character) => 1,
                character => character.width().unwrap_or(0),
            };
        }
        let marks = marks.start.unwrap_or(cells)..marks.end.unwrap_or(cells);
        if cells <= LINE_WIDTH_MAX {
            return Shown { text: pieces.into_iter().map(|(_, piece)| piece).collect(), marks };
        }
        Shown::window(&pieces, cells, marks)
    }

    /// The part of a long line around the place.
    fn window(pieces: &[(usize, String)], cells: usize, marks: Range<usize>) -> Shown {
        let from = marks.start.saturating_sub(LEAD_WIDTH);
        let to = (from + LINE_WIDTH_MAX).min(cells);
        let inside: Vec<_> = pieces.iter().filter(|(cell, _)| (from..to).contains(cell)).collect();
        let start = inside.first().map_or(from, |(cell, _)| *cell);
        let mut text: String = inside.iter().map(|(_, piece)| piece.as_str()).collect();
        let mut lead = 0;
        if from > 0 {
            text.insert(0, '…');
            lead = 1;
        }
        if to < cells {
            text.push('…');
        }
        Shown { text, marks: marks.start.min(to) - start + lead..marks.end.min(to) - start + lead }
    }
}

/// Control characters, and those that reorder what follows.
fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { if c == '\n' { ' ' } else { '\u{FFFD}' } } else { c }).collect()
}
