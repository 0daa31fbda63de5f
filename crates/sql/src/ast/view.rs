//! Views: names for queries, kept up to date or not.

use std::time::Duration;

use sqlparser::ast as engine;

use super::{Existing, Name, Rule};
use crate::{Options, Span};

/// `CREATE MATERIALIZED VIEW name (columns, rules) … AS query EMIT …`
#[derive(Debug, Clone)]
pub struct CreateMaterializedView {
    pub name: Name,
    pub existing: Existing,
    /// Names for the query's columns, from the first on; empty: the query's own.
    pub columns: Vec<Name>,
    pub rules: Vec<Rule>,
    /// Names of output columns; whether they exist is known only when planned.
    pub partition_key: Vec<Name>,
    pub options: Options,
    /// None: not said.
    pub emit: Option<Emit>,
    pub refresh: Refresh,
    pub query: Box<engine::Query>,
    pub query_span: Span,
    /// The query alone, with settings filled in and without `EMIT`.
    pub query_text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Emit {
    Changes,
    /// `EMIT CHANGES EVERY INTERVAL '…'`: what changed, so often.
    ChangesEvery(Duration),
    OnWindowClose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Refresh {
    #[default]
    Continuous,
}

/// `CREATE VIEW name (columns) AS query`
#[derive(Debug, Clone)]
pub struct CreateView {
    pub name: Name,
    pub existing: Existing,
    /// Names for the query's columns, from the first on; empty: the query's own.
    pub columns: Vec<Name>,
    pub query: Box<engine::Query>,
    pub query_span: Span,
    /// The query alone, with settings filled in.
    pub query_text: String,
}
