//! Row rules: `CONSTRAINT name EXPECT (condition) ON VIOLATION action`, evaluated over whole batches.
//!
//! A rule is violated only where its condition is FALSE, as an SQL CHECK is: a NULL condition passes. Whoever reads a
//! relation evaluates its rules here, so that every reader keeps and leaves the same rows.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;

use crate::Result;

/// What happens to a row that violates a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Counted and kept.
    Warn,
    /// Counted and left out.
    Drop,
    /// A dead letter.
    Quarantine,
    /// The readers stop before the row.
    Fail,
}

/// One rule over the columns of its relation.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub action: Action,
    /// Coerced and boolean.
    pub condition: Expr,
    /// The condition as it was written.
    pub text: String,
    /// The columns of the relation that the condition reads, ascending.
    pub columns: Vec<usize>,
}

/// The rules of one relation, compiled against its schema.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    compiled: Vec<Arc<dyn PhysicalExpr>>,
}

/// What the rules say of a batch.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    /// Which rows stay; `None` when all do.
    pub keep: Option<BooleanArray>,
    /// Rows that are dead letters, in row order: quarantined ones and those on which a condition failed.
    pub rejected: Vec<Verdict>,
    /// The first row that stops the readers. Rows from it on are neither kept nor judged further.
    pub failed: Option<Verdict>,
    /// Index of a rule and how many rows violated it and were kept.
    pub warned: Vec<(usize, u64)>,
    /// Index of a rule and how many rows violated it and were left out without a dead letter.
    pub dropped: Vec<(usize, u64)>,
}

/// One row that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub row: usize,
    /// Index of the rule.
    pub rule: usize,
    /// The error, where the condition could not be evaluated on this row.
    pub error: Option<String>,
}
