//! Text to statements, each with the bytes that it was written in.
//!
//! Headwater's own statements are parsed here; queries, expressions and types inside them are
//! sqlparser's, with sqlparser's tokens. This crate knows no engine, plans nothing and touches
//! neither network nor disk.

pub mod ast;
pub mod diagnostic;
pub mod options;
pub mod source;

pub use ast::{Parsed, Statement};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use options::{Options, Value};
pub use source::{SourceText, Span};
pub use sqlparser;

pub type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// The known name that a mistyped one most likely means.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = near.min()?;
    let allowed = (name.chars().count().max(known.chars().count()) / 3).max(1);
    (distance > 0 && distance <= allowed).then_some(known)
}
