//! Text to statements, each with the bytes that it was written in.
//!
//! Headwater's own statements are parsed here; queries, expressions and types inside them are
//! sqlparser's, with sqlparser's tokens. This crate knows no engine, plans nothing and touches
//! neither network nor disk.

mod alter;
pub mod ast;
pub mod diagnostic;
mod dialect;
pub mod expectations;
mod limits;
pub mod options;
mod parse;
mod render;
pub mod session;
pub mod settings;
pub mod source;
pub mod template;
mod tokens;
mod windows;

pub use ast::{Parsed, Statement};
pub use diagnostic::{Diagnostic, Diagnostics, Fault};
pub use options::{Options, Value, duration_text, parse_duration};
pub use parse::{
    canonical, parse, parse_project_tests, parse_template, parse_template_with_recovery, parse_with_recovery,
};
pub use source::{SourceText, Span};
pub use sqlparser;
pub use template::Template;

pub type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// Nobody mistypes a name of this length: what is longer is no name, and comparing it would take memory for each pair
/// of letters.
const NAME_BYTES_MAX: usize = 256;

/// The known name that a mistyped one most likely means.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let near = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = near.min()?;
    let allowed = name.chars().count().max(known.chars().count()) / 3;
    (distance > 0 && distance <= allowed).then_some(known)
}
