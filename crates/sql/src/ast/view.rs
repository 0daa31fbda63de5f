//! Views: names for queries, kept up to date or not.

use std::time::Duration;

use sqlparser::ast as engine;

use super::{Existing, Name, Rule, Schedule};
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
    /// How the lake lays out files. Only of one that is refreshed by a schedule; names of output columns.
    pub partitioned_by: Vec<Name>,
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

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Refresh {
    #[default]
    Continuous,
    /// Its rows are those of the query as of its last run.
    Scheduled(Schedule),
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

impl CreateMaterializedView {
    /// The view that is a name for the same query.
    pub fn as_plain_view(&self) -> CreateView {
        CreateView {
            name: self.name.clone(),
            existing: self.existing,
            columns: self.columns.clone(),
            query: self.query.clone(),
            query_span: self.query_span,
            query_text: self.query_text.clone(),
        }
    }
}
