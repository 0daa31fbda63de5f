//! What a statement says. Shapes only: parsing is in `parse`, meaning is in the rooms above.
//!
//! Names are folded to lower case unless quoted. Identifiers inside `sqlparser` expressions and
//! queries are as written; DataFusion's planner folds them by the same rule.

mod alert;
mod change;
mod chart;
mod expectations;
mod experiment;
mod feature;
mod model;
mod outside;
mod project_test;
mod rows;
mod schedule;
mod show;
mod stream;
mod table;
mod view;

use std::fmt;
use std::hash::{Hash, Hasher};

use sqlparser::ast as engine;

use crate::{SourceText, Span};

pub use alert::{CreateAlert, Notify};
pub use change::{Alter, AlterAction, AlterUser, Change, Comment, Commented, Drop, Kind, Run};
pub use chart::{ChartKind, ChartRow, ChartRows, CreateChart, CreateDashboard, Placed, Range};
pub use expectations::{
    Argument, CheckExpectations, CreateExpectations, Expectation, Literal, Profile, Severity, When,
};
pub use experiment::{AnalyzeExperiment, CreateExperiment, Exposures, Margin, Metric, MetricOf, Variant};
pub use feature::CreateFeatureView;
pub use model::{CreateModel, Learned, Method, PromoteModel, TrainModel, Training};
pub use outside::{
    CreateConnection, CreateSecret, CreateSink, CreateSource, CreateUser, Destination, Origin, SecretOrigin, SinkRows,
};
pub use project_test::{Action, Expect, Expected, Given, GivenRows, Moment, ProjectTest, Step};
pub use rows::{Assignment, Delete, Expression, Insert, Update};
pub use schedule::{Cron, Instant, RefreshView, Schedule};
pub use show::{CancelQuery, Explain, ExplainView, ReplayDeadLetters, Show};
pub use stream::{Column, CreateStream, Rule, Violation, Watermark};
pub use table::{CreateExternalTable, CreateTable, FileFormat};
pub use view::{CreateMaterializedView, CreateView, Emit, Refresh};

/// One statement of a text, without its semicolon.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub statement: Statement,
    /// In `source`.
    pub span: Span,
    /// The statement's own text, with settings filled in. It parses to the same statement.
    pub text: String,
    /// The file that the statement stands in, as its author wrote it: every span of the statement points into it.
    pub source: SourceText,
}

#[derive(Debug, Clone)]
pub enum Statement {
    CreateStream(CreateStream),
    CreateSource(CreateSource),
    CreateTable(CreateTable),
    CreateExternalTable(CreateExternalTable),
    CreateView(CreateView),
    CreateMaterializedView(CreateMaterializedView),
    CreateSink(CreateSink),
    CreateAlert(Box<CreateAlert>),
    CreateConnection(CreateConnection),
    CreateSecret(CreateSecret),
    CreateUser(CreateUser),
    CreateChart(CreateChart),
    CreateDashboard(CreateDashboard),
    CreateExpectations(CreateExpectations),
    CreateFeatureView(Box<CreateFeatureView>),
    CreateModel(Box<CreateModel>),
    CreateExperiment(Box<CreateExperiment>),
    Alter(Alter),
    AlterUser(AlterUser),
    Drop(Drop),
    Comment(Comment),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Query(Query),
    Explain(Explain),
    ExplainView(ExplainView),
    Show(Show),
    ReplayDeadLetters(ReplayDeadLetters),
    CancelQuery(CancelQuery),
    RefreshView(RefreshView),
    CheckExpectations(CheckExpectations),
    Profile(Profile),
    TrainModel(TrainModel),
    PromoteModel(PromoteModel),
    AnalyzeExperiment(AnalyzeExperiment),
}

impl Statement {
    /// The words that open it, for messages.
    pub fn words(&self) -> &'static str {
        match self {
            Statement::CreateStream(_) => "CREATE STREAM",
            Statement::CreateSource(_) => "CREATE SOURCE",
            Statement::CreateTable(_) => "CREATE TABLE",
            Statement::CreateExternalTable(_) => "CREATE EXTERNAL TABLE",
            Statement::CreateView(_) => "CREATE VIEW",
            Statement::CreateMaterializedView(_) => "CREATE MATERIALIZED VIEW",
            Statement::CreateSink(_) => "CREATE SINK",
            Statement::CreateAlert(_) => "CREATE ALERT",
            Statement::CreateConnection(_) => "CREATE CONNECTION",
            Statement::CreateSecret(_) => "CREATE SECRET",
            Statement::CreateUser(_) => "CREATE USER",
            Statement::CreateChart(_) => "CREATE CHART",
            Statement::CreateDashboard(_) => "CREATE DASHBOARD",
            Statement::CreateExpectations(_) => "CREATE EXPECTATIONS",
            Statement::CreateFeatureView(_) => "CREATE FEATURE VIEW",
            Statement::CreateModel(_) => "CREATE MODEL",
            Statement::CreateExperiment(_) => "CREATE EXPERIMENT",
            Statement::Alter(alter) => alter.words(),
            Statement::AlterUser(_) => "ALTER USER",
            Statement::Drop(drop) => drop.words(),
            Statement::Comment(_) => "COMMENT",
            Statement::Insert(_) => "INSERT",
            Statement::Update(_) => "UPDATE",
            Statement::Delete(_) => "DELETE",
            Statement::Query(_) => "SELECT",
            Statement::Explain(_) | Statement::ExplainView(_) => "EXPLAIN",
            Statement::Show(_) => "SHOW",
            Statement::ReplayDeadLetters(_) => "REPLAY DEAD LETTERS",
            Statement::CancelQuery(_) => "CANCEL QUERY",
            Statement::RefreshView(refresh) if refresh.explain => "EXPLAIN",
            Statement::RefreshView(RefreshView { is_feature_view: true, .. }) => "REFRESH FEATURE VIEW",
            Statement::RefreshView(_) => "REFRESH MATERIALIZED VIEW",
            Statement::CheckExpectations(_) => "CHECK EXPECTATIONS",
            Statement::Profile(_) => "PROFILE",
            Statement::TrainModel(_) => "TRAIN MODEL",
            Statement::PromoteModel(PromoteModel { version: None, .. }) => "ROLLBACK MODEL",
            Statement::PromoteModel(_) => "PROMOTE MODEL",
            Statement::AnalyzeExperiment(_) => "ANALYZE EXPERIMENT",
        }
    }

    /// The name that the statement defines, if it defines one, and what becomes of an object that has it.
    fn definition(&self) -> Option<(&Name, Existing)> {
        match self {
            Statement::CreateStream(create) => Some((&create.name, create.existing)),
            Statement::CreateSource(create) => Some((&create.name, create.existing)),
            Statement::CreateTable(create) => Some((&create.name, create.existing)),
            Statement::CreateExternalTable(create) => Some((&create.name, create.existing)),
            Statement::CreateView(create) => Some((&create.name, create.existing)),
            Statement::CreateMaterializedView(create) => Some((&create.name, create.existing)),
            Statement::CreateSink(create) => Some((&create.name, create.existing)),
            Statement::CreateAlert(create) => Some((&create.name, create.existing)),
            Statement::CreateConnection(create) => Some((&create.name, create.existing)),
            Statement::CreateSecret(create) => Some((&create.name, create.existing)),
            Statement::CreateUser(create) => Some((&create.name, create.existing)),
            Statement::CreateChart(create) => Some((&create.name, create.existing)),
            Statement::CreateDashboard(create) => Some((&create.name, create.existing)),
            Statement::CreateExpectations(create) => Some((&create.name, create.existing)),
            Statement::CreateFeatureView(create) => Some((&create.name, create.existing)),
            Statement::CreateModel(create) => Some((&create.name, create.existing)),
            Statement::CreateExperiment(create) => Some((&create.name, create.existing)),
            Statement::Alter(_)
            | Statement::AlterUser(_)
            | Statement::Drop(_)
            | Statement::Comment(_)
            | Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Query(_)
            | Statement::Explain(_)
            | Statement::ExplainView(_)
            | Statement::Show(_)
            | Statement::ReplayDeadLetters(_)
            | Statement::CancelQuery(_)
            | Statement::RefreshView(_)
            | Statement::CheckExpectations(_)
            | Statement::Profile(_)
            | Statement::TrainModel(_)
            | Statement::PromoteModel(_)
            | Statement::AnalyzeExperiment(_) => None,
        }
    }

    /// The name that the statement defines, if it defines one.
    pub fn defines(&self) -> Option<&Name> {
        self.definition().map(|(name, _)| name)
    }

    /// What becomes of an object that has the name already; [`Existing::Refuse`] for statements that define nothing.
    pub fn existing(&self) -> Existing {
        self.definition().map_or(Existing::Refuse, |(_, existing)| existing)
    }

    /// The same, of a name that nothing else has.
    pub fn refusing_existing(mut self) -> Statement {
        let existing = match &mut self {
            Statement::CreateStream(create) => Some(&mut create.existing),
            Statement::CreateSource(create) => Some(&mut create.existing),
            Statement::CreateTable(create) => Some(&mut create.existing),
            Statement::CreateExternalTable(create) => Some(&mut create.existing),
            Statement::CreateView(create) => Some(&mut create.existing),
            Statement::CreateMaterializedView(create) => Some(&mut create.existing),
            Statement::CreateSink(create) => Some(&mut create.existing),
            Statement::CreateAlert(create) => Some(&mut create.existing),
            Statement::CreateConnection(create) => Some(&mut create.existing),
            Statement::CreateSecret(create) => Some(&mut create.existing),
            Statement::CreateUser(create) => Some(&mut create.existing),
            Statement::CreateChart(create) => Some(&mut create.existing),
            Statement::CreateDashboard(create) => Some(&mut create.existing),
            Statement::CreateExpectations(create) => Some(&mut create.existing),
            Statement::CreateFeatureView(create) => Some(&mut create.existing),
            Statement::CreateModel(create) => Some(&mut create.existing),
            Statement::CreateExperiment(create) => Some(&mut create.existing),
            _ => None,
        };
        if let Some(existing) = existing {
            *existing = Existing::Refuse;
        }
        self
    }
}

/// What `CREATE` does when there is an object of the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Existing {
    #[default]
    Refuse,
    /// `IF NOT EXISTS`
    Keep,
    /// `OR REPLACE`
    Replace,
}

/// A query by itself: `SELECT`, `WITH`, `VALUES`, `TABLE`, `FROM`.
#[derive(Debug, Clone)]
pub struct Query {
    pub query: Box<engine::Query>,
    pub span: Span,
    /// With settings filled in.
    pub text: String,
}

/// A name as the platform knows it. Two names are equal if their folded values are; where they stand does not matter.
#[derive(Debug, Clone)]
pub struct Name {
    /// Lower case, unless it was quoted.
    pub value: String,
    pub span: Span,
}

impl Name {
    /// Folds as DataFusion's planner does: ASCII letters only.
    pub fn fold(word: &str, quoted: bool) -> String {
        if quoted { word.to_owned() } else { word.to_ascii_lowercase() }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.value == other.value
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

/// A relation: `orders`, or `system.streams`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelationName {
    pub schema: Option<Name>,
    pub name: Name,
}

impl RelationName {
    pub fn span(&self) -> Span {
        self.schema.as_ref().map_or(self.name.span, |schema| schema.span.to(self.name.span))
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}
