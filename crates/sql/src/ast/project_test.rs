//! Tests of a project: rows in, rows out, and what time it is.

use super::{Expression, Name, Query, RelationName};
use crate::{SourceText, Span};

/// `TEST name step …`
#[derive(Debug, Clone)]
pub struct ProjectTest {
    /// A name, or any text.
    pub name: String,
    pub name_span: Span,
    /// At least one, to be done in this order.
    pub steps: Vec<Step>,
    /// In `source`.
    pub span: Span,
    pub source: SourceText,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub action: Action,
    pub span: Span,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a test has few steps, and they are not moved about")]
pub enum Action {
    /// `GIVEN stream …`: rows arrive.
    Given(Given),
    /// `THEN TIME '2026-01-01 00:02:00'`: it is so late, and no earlier event will come.
    Time(Moment),
    /// `EXPECT …`: what must be found now.
    Expect(Expect),
}

/// `GIVEN stream (columns) VALUES …` or `GIVEN stream FROM FILE 'path' FORMAT 'csv'`
#[derive(Debug, Clone)]
pub struct Given {
    pub stream: Name,
    pub rows: GivenRows,
}

#[derive(Debug, Clone)]
pub enum GivenRows {
    Values {
        /// Distinct. Empty: all columns in their order.
        columns: Vec<Name>,
        /// Always `VALUES`.
        values: Query,
    },
    File {
        /// From the test's own folder, unless it is absolute.
        path: String,
        path_span: Span,
        /// None: the stream's.
        format: Option<String>,
        format_span: Span,
    },
}

#[derive(Debug, Clone)]
pub struct Moment {
    /// As written; UTC if it names no offset.
    pub text: String,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Expect {
    pub of: Expected,
    /// Always `VALUES`. None: no rows (`EMPTY`).
    pub values: Option<Query>,
}

/// What is looked at.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a test has few steps, and they are not moved about")]
pub enum Expected {
    Relation {
        relation: RelationName,
        /// Distinct. Empty: all columns in their order.
        columns: Vec<Name>,
        condition: Option<Expression>,
    },
    Query {
        query: Query,
        /// The order of rows counts.
        ordered: bool,
    },
    DeadLetters {
        /// None: of all relations.
        of: Option<Name>,
        /// Of `system.dead_letters`. Empty: only the number of letters counts.
        columns: Vec<Name>,
    },
}
