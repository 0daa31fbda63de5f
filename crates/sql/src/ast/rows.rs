//! Statements that write rows.

use sqlparser::ast as engine;

use super::{Name, Query, RelationName};
use crate::Span;

/// `INSERT INTO relation (columns) query`
#[derive(Debug, Clone)]
pub struct Insert {
    pub into: RelationName,
    /// Distinct. Empty: all columns in their order.
    pub columns: Vec<Name>,
    /// `VALUES` is a query too.
    pub query: Query,
}

/// `UPDATE table SET column = expression, … WHERE condition`
#[derive(Debug, Clone)]
pub struct Update {
    pub table: RelationName,
    /// At least one; columns are distinct.
    pub assignments: Vec<Assignment>,
    /// None: all rows.
    pub condition: Option<Expression>,
}

#[derive(Debug, Clone)]
pub struct Assignment {
    pub column: Name,
    pub value: Expression,
}

/// `DELETE FROM table WHERE condition`
#[derive(Debug, Clone)]
pub struct Delete {
    pub table: RelationName,
    /// None: all rows.
    pub condition: Option<Expression>,
}

/// An expression over a relation's columns.
#[derive(Debug, Clone)]
pub struct Expression {
    pub expression: engine::Expr,
    /// As written, with settings filled in.
    pub text: String,
    pub span: Span,
}
