//! Charts, and dashboards of them: what the console draws of relations.

use std::fmt;
use std::time::Duration;

use super::{Existing, Name, Query, RelationName};
use crate::Span;

/// `CREATE CHART name AS KIND (option value, …) FROM relation`
#[derive(Debug, Clone)]
pub struct CreateChart {
    pub name: Name,
    pub existing: Existing,
    pub kind: ChartKind,
    /// Across; of `STAT` and `TABLE`, the time that a dashboard filters by. There for kinds that need one.
    pub x: Option<Name>,
    /// Up; at least one for kinds that have axes, else none.
    pub y: Vec<Name>,
    /// A column whose values are series of their own.
    pub series: Option<Name>,
    /// Of `STAT`: there.
    pub value: Option<Name>,
    /// Of `STAT`: what the value is compared with.
    pub compare: Option<Name>,
    /// Of `TABLE`: those shown; none named, all.
    pub columns: Vec<Name>,
    pub title: Option<String>,
    /// What figures are counted in, such as `EUR`.
    pub unit: Option<String>,
    pub is_stacked: bool,
    pub from: ChartRows,
}

/// How rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChartKind {
    Line,
    Bar,
    Area,
    Scatter,
    Stat,
    Table,
}

impl ChartKind {
    pub const ALL: [ChartKind; 6] =
        [ChartKind::Line, ChartKind::Bar, ChartKind::Area, ChartKind::Scatter, ChartKind::Stat, ChartKind::Table];

    pub fn word(self) -> &'static str {
        match self {
            ChartKind::Line => "LINE",
            ChartKind::Bar => "BAR",
            ChartKind::Area => "AREA",
            ChartKind::Scatter => "SCATTER",
            ChartKind::Stat => "STAT",
            ChartKind::Table => "TABLE",
        }
    }

    pub fn has_axes(self) -> bool {
        !matches!(self, ChartKind::Stat | ChartKind::Table)
    }
}

impl fmt::Display for ChartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is drawn.
#[derive(Debug, Clone)]
pub enum ChartRows {
    Relation(RelationName),
    /// `FROM (query)`
    Query(Box<Query>),
}

impl ChartRows {
    pub fn span(&self) -> Span {
        match self {
            ChartRows::Relation(name) => name.span(),
            ChartRows::Query(query) => query.span,
        }
    }
}

/// `CREATE DASHBOARD name (ROW (chart, …), …) WITH (…)`
#[derive(Debug, Clone)]
pub struct CreateDashboard {
    pub name: Name,
    pub existing: Existing,
    /// At least one; a chart stands in one place only.
    pub rows: Vec<ChartRow>,
    pub title: Option<String>,
    /// What is shown before somebody chooses.
    pub range: Range,
    /// How often a chart is drawn anew at most.
    pub refresh: Duration,
}

/// `ROW (chart [WIDE], …)`
#[derive(Debug, Clone)]
pub struct ChartRow {
    /// At least one.
    pub charts: Vec<Placed>,
}

/// A chart at its place.
#[derive(Debug, Clone)]
pub struct Placed {
    pub chart: Name,
    /// It takes the room of two.
    pub is_wide: bool,
}

/// Which rows of a chart over time are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    All,
    /// So long back from now.
    Last(Duration),
}
