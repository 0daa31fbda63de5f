//! What a statement says. Shapes only: parsing is in `parse`, meaning is in the rooms above.
//!
//! Names are folded to lower case unless quoted. Identifiers inside `sqlparser` expressions and
//! queries are as written; DataFusion's planner folds them by the same rule.

use std::fmt;
use std::hash::{Hash, Hasher};

use sqlparser::ast as engine;

use crate::{Options, SourceText, Span};

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
#[expect(clippy::large_enum_variant, reason = "a text has few statements, and they are not moved about")]
pub enum Statement {
    CreateStream(CreateStream),
    CreateSource(CreateSource),
    CreateMaterializedView(CreateMaterializedView),
    Drop(Drop),
    Show(Show),
    Query(Query),
    Explain(Explain),
    ExplainView(Name),
}

impl Statement {
    /// The words that open it, for messages.
    pub fn words(&self) -> &'static str {
        match self {
            Statement::CreateStream(_) => "CREATE STREAM",
            Statement::CreateSource(_) => "CREATE SOURCE",
            Statement::CreateMaterializedView(_) => "CREATE MATERIALIZED VIEW",
            Statement::Drop(drop) => match drop.kind {
                Kind::Stream => "DROP STREAM",
                Kind::Source => "DROP SOURCE",
                Kind::MaterializedView => "DROP MATERIALIZED VIEW",
            },
            Statement::Show(_) => "SHOW",
            Statement::Query(_) => "SELECT",
            Statement::Explain(_) | Statement::ExplainView(_) => "EXPLAIN",
        }
    }

    /// The name that the statement defines, if it defines one.
    pub fn defines(&self) -> Option<&Name> {
        match self {
            Statement::CreateStream(create) => Some(&create.name),
            Statement::CreateSource(create) => Some(&create.name),
            Statement::CreateMaterializedView(create) => Some(&create.name),
            Statement::Drop(_)
            | Statement::Show(_)
            | Statement::Query(_)
            | Statement::Explain(_)
            | Statement::ExplainView(_) => None,
        }
    }
}

/// What a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Stream,
    Source,
    MaterializedView,
}

/// `DROP kind [IF EXISTS] names [CASCADE] [PURGE]`
#[derive(Debug, Clone)]
pub struct Drop {
    pub kind: Kind,
    pub if_exists: bool,
    /// At least one.
    pub names: Vec<Name>,
    /// What depends on them goes too.
    pub cascade: bool,
    /// Archives go too.
    pub purge: bool,
}

/// `SHOW …` and `DESCRIBE name`
#[derive(Debug, Clone)]
pub enum Show {
    /// Objects of a kind, or all relations, whose names match a pattern of LIKE.
    Objects {
        kind: Option<Kind>,
        like: Option<String>,
    },
    Columns(Name),
    /// The statement that declares an object.
    Create(Name),
}

/// `CREATE STREAM name (columns, watermark, rules) PARTITION KEY (…) WITH (…)`
#[derive(Debug, Clone)]
pub struct CreateStream {
    pub name: Name,
    /// At least one; names are distinct.
    pub columns: Vec<Column>,
    pub watermark: Option<Watermark>,
    pub rules: Vec<Rule>,
    /// Each is one of `columns`.
    pub partition_key: Vec<Name>,
    pub options: Options,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: Name,
    /// Never `DataType::Custom`.
    pub data_type: engine::DataType,
    pub data_type_span: Span,
    pub not_null: bool,
    pub span: Span,
}

/// `WATERMARK FOR column AS expression`
#[derive(Debug, Clone)]
pub struct Watermark {
    pub column: Name,
    pub expression: engine::Expr,
    pub expression_span: Span,
    pub span: Span,
}

/// `CONSTRAINT name EXPECT (condition) ON VIOLATION …`
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: Name,
    pub condition: engine::Expr,
    /// The condition as written, without its parentheses.
    pub condition_text: String,
    pub condition_span: Span,
    pub on_violation: Violation,
    pub span: Span,
}

/// What becomes of a row that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Violation {
    Quarantine,
    Warn,
    Drop,
    Fail,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::Quarantine => "QUARANTINE",
            Violation::Warn => "WARN",
            Violation::Drop => "DROP",
            Violation::Fail => "FAIL",
        })
    }
}

/// `CREATE SOURCE name INTO stream FROM origin WITH (…)`
#[derive(Debug, Clone)]
pub struct CreateSource {
    pub name: Name,
    pub into: Option<Name>,
    pub from: Origin,
    pub options: Options,
}

/// Where a source's rows come from.
#[derive(Debug, Clone)]
pub enum Origin {
    Files(Options),
    Generator(Options),
}

/// `CREATE MATERIALIZED VIEW name (rules) … AS query EMIT …`
#[derive(Debug, Clone)]
pub struct CreateMaterializedView {
    pub name: Name,
    pub rules: Vec<Rule>,
    /// Names of the query's output columns; whether they exist is known only when planned.
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
    OnWindowClose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Refresh {
    #[default]
    Continuous,
}

/// A query by itself: `SELECT`, `WITH`, `VALUES`, `TABLE`, `FROM`.
#[derive(Debug, Clone)]
pub struct Query {
    pub query: Box<engine::Query>,
    pub span: Span,
    /// With settings filled in.
    pub text: String,
}

/// `EXPLAIN [ANALYZE] [VERBOSE] query`
#[derive(Debug, Clone)]
pub struct Explain {
    pub analyze: bool,
    pub verbose: bool,
    pub query: Query,
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
