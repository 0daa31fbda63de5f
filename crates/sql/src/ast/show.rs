//! Statements that tell, and those that act on what runs.

use super::{CreateMaterializedView, Expression, Kind, Name, Query, RelationName};
use crate::Span;

/// `EXPLAIN [ANALYZE] [VERBOSE] query`
#[derive(Debug, Clone)]
pub struct Explain {
    pub analyze: bool,
    pub verbose: bool,
    pub query: Query,
}

/// The dataflow of a view that is kept up to date.
#[derive(Debug, Clone)]
pub enum ExplainView {
    /// `EXPLAIN MATERIALIZED VIEW name`
    Existing(Name),
    /// `EXPLAIN CREATE MATERIALIZED VIEW …`: planned and not created.
    Planned(Box<CreateMaterializedView>),
}

/// `SHOW …`, and `DESCRIBE relation`
#[derive(Debug, Clone)]
pub enum Show {
    /// `SHOW STREAMS LIKE 'pattern'`; without a kind `SHOW RELATIONS`: all that can be selected from.
    Objects { kind: Option<Kind>, like: Option<String> },
    /// `SHOW COLUMNS FROM relation`, `DESCRIBE relation`
    Columns(RelationName),
    /// `SHOW CREATE [KIND] name`: its statement.
    Create { kind: Option<Kind>, name: Name },
}

/// `REPLAY DEAD LETTERS OF relation WHERE condition`
#[derive(Debug, Clone)]
pub struct ReplayDeadLetters {
    /// None: of all.
    pub of: Option<Name>,
    /// Over the columns of `system.dead_letters`.
    pub condition: Option<Expression>,
}

/// `CANCEL QUERY 'id'`
#[derive(Debug, Clone)]
pub struct CancelQuery {
    /// As `system.queries` has it.
    pub id: String,
    pub id_span: Span,
}
