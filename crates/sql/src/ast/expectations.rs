//! What is expected of a relation as a whole, and the statements that ask whether it is so.

use super::{Existing, Expression, Name, RelationName, Schedule};
use crate::Span;
use crate::expectations::{Kind, Parameter};

/// `CREATE EXPECTATIONS name ON relation [WHERE condition] (expectation, …) CHECK EVERY …`
#[derive(Debug, Clone)]
pub struct CreateExpectations {
    pub name: Name,
    pub existing: Existing,
    pub relation: Name,
    /// Which rows are looked at; all where nothing is said.
    pub condition: Option<Expression>,
    /// At least one.
    pub expectations: Vec<Expectation>,
    pub when: When,
}

/// When a suite is checked without being asked.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// None: not said.
    pub schedule: Option<Schedule>,
    /// Views whose refreshes wait for it; distinct.
    pub before_refresh_of: Vec<Name>,
    pub each_checkpoint: bool,
}

/// `name(arguments) WITH (options)`
#[derive(Debug, Clone)]
pub struct Expectation {
    pub kind: &'static Kind,
    pub name_span: Span,
    /// Each parameter at most once; those without a default are there.
    pub arguments: Vec<Argument>,
    /// The arguments as they were written, without the parentheses.
    pub arguments_text: String,
    /// The share of rows that have to be as expected, 0 to 1.
    pub mostly: f64,
    pub severity: Severity,
    /// Which rows it is about; all where nothing is said.
    pub condition: Option<Expression>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Argument {
    pub parameter: &'static Parameter,
    pub value: Literal,
    pub span: Span,
}

/// What stands for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Boolean(bool),
    /// As written, with its sign.
    Number(String),
    Text(String),
    /// A column.
    Name(Name),
    List(Vec<Literal>),
}

/// How bad it is when an expectation is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Severity {
    /// Who waits for the check does not go on.
    #[default]
    Critical,
    Warning,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        }
    }
}

impl Expectation {
    /// What was given for a parameter; nothing where it is left to its default.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.parameter.name == name)
    }
}

/// `CHECK EXPECTATIONS name`: now, with its results as rows.
#[derive(Debug, Clone)]
pub struct CheckExpectations {
    pub name: Name,
}

/// `PROFILE relation`
#[derive(Debug, Clone)]
pub struct Profile {
    pub relation: RelationName,
}
