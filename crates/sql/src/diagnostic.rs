//! What is wrong with a text, where, and what to do about it.
//!
//! A diagnostic is for people: its message is a sentence without a full stop. `Display` renders
//! it for a terminal, `Serialize` for a program.

mod fault;
mod render;

use std::fmt;

pub use fault::Fault;
use headwater_base::ErrorKind;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::{SourceText, Span};

/// One thing that is wrong, and its place. The error type of this crate.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub kind: ErrorKind,
    pub fault: Fault,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    pub source: SourceText,
    pub span: Span,
    /// Other places that belong to it: the first of two equal names, the rest of a cycle.
    pub related: Box<[Related]>,
}

/// A second place, with what it has to do with the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    pub message: String,
    pub source: SourceText,
    pub span: Span,
}

impl Diagnostic {
    /// Of kind `Invalid`, and of no fault with a nearer name.
    pub fn new(source: SourceText, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            kind: ErrorKind::Invalid,
            fault: Fault::Meaning,
            message: message.into(),
            detail: None,
            hint: None,
            source,
            span,
            related: Box::default(),
        }
    }

    /// A text that is no statement.
    pub fn syntax(source: SourceText, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(source, span, message).with_fault(Fault::Syntax)
    }

    pub fn with_fault(mut self, fault: Fault) -> Diagnostic {
        self.fault = fault;
        self
    }

    pub fn with_kind(mut self, kind: ErrorKind) -> Diagnostic {
        self.kind = kind;
        self
    }

    pub fn with_detail(mut self, detail: impl Into<String>) -> Diagnostic {
        self.detail = Some(detail.into());
        self
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    pub fn with_related(mut self, source: SourceText, span: Span, message: impl Into<String>) -> Diagnostic {
        let mut related = std::mem::take(&mut self.related).into_vec();
        related.push(Related { message: message.into(), source, span });
        self.related = related.into_boxed_slice();
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::render(self, f)
    }
}

/// `kind`, `message`, `detail`, `hint`, `file`, `line`, `column`, `end_line`, `end_column` (lines and columns from 1,
/// columns in characters, the end exclusive), `start`, `end` (bytes), and `related` with the same places.
impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = Place::of(&self.source, self.span);
        let related: Vec<_> =
            self.related.iter().map(|other| (Place::of(&other.source, other.span), &other.message)).collect();
        let related: Vec<_> = related.iter().map(|(place, message)| RelatedJson { message, place: *place }).collect();
        let mut json = serializer.serialize_struct("Diagnostic", 12)?;
        json.serialize_field("kind", &self.kind.to_string())?;
        json.serialize_field("message", &self.message)?;
        json.serialize_field("detail", &self.detail)?;
        json.serialize_field("hint", &self.hint)?;
        json.serialize_field("file", place.file)?;
        json.serialize_field("line", &place.line)?;
        json.serialize_field("column", &place.column)?;
        json.serialize_field("end_line", &place.end_line)?;
        json.serialize_field("end_column", &place.end_column)?;
        json.serialize_field("start", &place.start)?;
        json.serialize_field("end", &place.end)?;
        json.serialize_field("related", &related)?;
        json.end()
    }
}

#[derive(Serialize)]
struct RelatedJson<'a> {
    message: &'a str,
    #[serde(flatten)]
    place: Place<'a>,
}

#[derive(Serialize, Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    start: usize,
    end: usize,
}

impl Place<'_> {
    fn of(source: &SourceText, span: Span) -> Place<'_> {
        let (line, column) = source.location(span.start);
        let (end_line, end_column) = source.location(span.end);
        Place { file: &source.name, line, column, end_line, end_column, start: span.start, end: span.end }
    }
}

/// All that is wrong with a text, in the order of its places. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Nothing wrong is `Ok`.
    pub fn check(found: Vec<Diagnostic>) -> Result<(), Diagnostics> {
        if found.is_empty() { Ok(()) } else { Err(Diagnostics(found)) }
    }

    pub fn kind(&self) -> ErrorKind {
        self.0.first().map_or(ErrorKind::Internal, Diagnostic::kind)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Diagnostics {
        Diagnostics(vec![one])
    }
}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}
