//! Streams: their columns, watermark and rules.

use std::fmt;

use sqlparser::ast as engine;

use super::{Existing, Name};
use crate::{Options, Span};

/// `CREATE STREAM name (columns, watermark, rules) PARTITION KEY (…) WITH (…)`
#[derive(Debug, Clone)]
pub struct CreateStream {
    pub name: Name,
    pub existing: Existing,
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
    /// The expression as written.
    pub expression_text: String,
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
