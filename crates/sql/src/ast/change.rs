//! Statements that change or end what stands already.

use std::fmt;

use sqlparser::ast as engine;

use super::{Column, Name, Query, Rule};
use crate::options::TextOrSecret;
use crate::{Options, Span};

/// The kinds of objects that statements name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Stream,
    Source,
    Sink,
    /// Of the lake, or external.
    Table,
    View,
    MaterializedView,
    Alert,
    Connection,
    Secret,
    User,
    Chart,
    Dashboard,
    Expectations,
    FeatureView,
    Model,
    Experiment,
}

impl Kind {
    pub const ALL: [Kind; 16] = [
        Kind::Stream,
        Kind::Source,
        Kind::Sink,
        Kind::Table,
        Kind::View,
        Kind::MaterializedView,
        Kind::Alert,
        Kind::Connection,
        Kind::Secret,
        Kind::User,
        Kind::Chart,
        Kind::Dashboard,
        Kind::Expectations,
        Kind::FeatureView,
        Kind::Model,
        Kind::Experiment,
    ];

    /// The words of SQL for it.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Kind::Stream => &["STREAM"],
            Kind::Source => &["SOURCE"],
            Kind::Sink => &["SINK"],
            Kind::Table => &["TABLE"],
            Kind::View => &["VIEW"],
            Kind::MaterializedView => &["MATERIALIZED", "VIEW"],
            Kind::Alert => &["ALERT"],
            Kind::Connection => &["CONNECTION"],
            Kind::Secret => &["SECRET"],
            Kind::User => &["USER"],
            Kind::Chart => &["CHART"],
            Kind::Dashboard => &["DASHBOARD"],
            Kind::Expectations => &["EXPECTATIONS"],
            Kind::FeatureView => &["FEATURE", "VIEW"],
            Kind::Model => &["MODEL"],
            Kind::Experiment => &["EXPERIMENT"],
        }
    }

    /// As [`words`](Self::words), for several of them.
    pub fn plural_words(self) -> &'static [&'static str] {
        match self {
            Kind::Stream => &["STREAMS"],
            Kind::Source => &["SOURCES"],
            Kind::Sink => &["SINKS"],
            Kind::Table => &["TABLES"],
            Kind::View => &["VIEWS"],
            Kind::MaterializedView => &["MATERIALIZED", "VIEWS"],
            Kind::Alert => &["ALERTS"],
            Kind::Connection => &["CONNECTIONS"],
            Kind::Secret => &["SECRETS"],
            Kind::User => &["USERS"],
            Kind::Chart => &["CHARTS"],
            Kind::Dashboard => &["DASHBOARDS"],
            Kind::Expectations => &["EXPECTATIONS"],
            Kind::FeatureView => &["FEATURE", "VIEWS"],
            Kind::Model => &["MODELS"],
            Kind::Experiment => &["EXPERIMENTS"],
        }
    }

    /// Whether it has rows of its own in the log or the lake.
    pub fn has_history(self) -> bool {
        matches!(self, Kind::Stream | Kind::Table | Kind::MaterializedView | Kind::FeatureView | Kind::Experiment)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// `DROP KIND IF EXISTS name, … CASCADE PURGE`
#[derive(Debug, Clone)]
pub struct Drop {
    pub kind: Kind,
    /// At least one; distinct.
    pub names: Vec<Name>,
    pub if_exists: bool,
    /// With all that depends on them. Without it a drop of what others need is refused.
    pub cascade: bool,
    /// With the history. Only for kinds that have one.
    pub purge: bool,
}

impl Drop {
    /// The words that open it.
    pub fn words(&self) -> &'static str {
        match self.kind {
            Kind::Stream => "DROP STREAM",
            Kind::Source => "DROP SOURCE",
            Kind::Sink => "DROP SINK",
            Kind::Table => "DROP TABLE",
            Kind::View => "DROP VIEW",
            Kind::MaterializedView => "DROP MATERIALIZED VIEW",
            Kind::Alert => "DROP ALERT",
            Kind::Connection => "DROP CONNECTION",
            Kind::Secret => "DROP SECRET",
            Kind::User => "DROP USER",
            Kind::Chart => "DROP CHART",
            Kind::Dashboard => "DROP DASHBOARD",
            Kind::Expectations => "DROP EXPECTATIONS",
            Kind::FeatureView => "DROP FEATURE VIEW",
            Kind::Model => "DROP MODEL",
            Kind::Experiment => "DROP EXPERIMENT",
        }
    }
}

/// `ALTER KIND IF EXISTS name action, …`
#[derive(Debug, Clone)]
pub struct Alter {
    pub kind: Kind,
    pub name: Name,
    pub if_exists: bool,
    /// At least one, to be applied in this order.
    pub actions: Vec<AlterAction>,
}

#[derive(Debug, Clone)]
pub struct AlterAction {
    pub change: Change,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum Change {
    AddColumn {
        column: Column,
        if_not_exists: bool,
    },
    DropColumn {
        column: Name,
        if_exists: bool,
    },
    ColumnType {
        column: Name,
        data_type: engine::DataType,
        data_type_span: Span,
    },
    /// `ALTER COLUMN name DROP NOT NULL`
    DropNotNull(Name),
    AddRule(Box<Rule>),
    /// `DROP CONSTRAINT name`
    DropRule(Name),
    /// `AS query`, of a view.
    Query(Query),
    /// `SET LOCATION 'place'`, of an external table.
    Location(String),
    /// `SET (option = value, …)`: options that are not named keep their values.
    Options(Options),
    /// What a materialized view does, whatever is declared; it stands alone.
    Run(Run),
}

/// What a materialized view is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Its rows stay as they are.
    Pause,
    /// It catches up.
    Resume,
    /// It begins anew.
    Reset,
}

impl Alter {
    /// The words that open it.
    pub fn words(&self) -> &'static str {
        match self.kind {
            Kind::Stream => "ALTER STREAM",
            Kind::Source => "ALTER SOURCE",
            Kind::Sink => "ALTER SINK",
            Kind::Table => "ALTER TABLE",
            Kind::View => "ALTER VIEW",
            Kind::MaterializedView => "ALTER MATERIALIZED VIEW",
            Kind::Alert => "ALTER ALERT",
            Kind::Connection => "ALTER CONNECTION",
            Kind::Secret => "ALTER SECRET",
            Kind::User => "ALTER USER",
            Kind::Chart => "ALTER CHART",
            Kind::Dashboard => "ALTER DASHBOARD",
            Kind::Expectations => "ALTER EXPECTATIONS",
            Kind::FeatureView => "ALTER FEATURE VIEW",
            Kind::Model => "ALTER MODEL",
            Kind::Experiment => "ALTER EXPERIMENT",
        }
    }
}

/// `ALTER USER name PASSWORD …`
#[derive(Debug, Clone)]
pub struct AlterUser {
    pub name: Name,
    pub password: TextOrSecret,
    pub password_span: Span,
}

/// `COMMENT ON KIND name IS 'text'`
#[derive(Debug, Clone)]
pub struct Comment {
    pub on: Commented,
    /// None takes the comment away.
    pub text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commented {
    Object { kind: Kind, name: Name },
    Column { relation: Name, column: Name },
}
