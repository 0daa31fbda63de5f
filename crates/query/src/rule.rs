//! Row rules: `CONSTRAINT name EXPECT (condition) ON VIOLATION action`, evaluated over whole batches.
//!
//! A rule is violated only where its condition is FALSE, as an SQL CHECK is: a NULL condition passes. Whoever reads a
//! relation evaluates its rules here, so that every reader keeps and leaves the same rows.

mod compile;
mod evaluate;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::BooleanArray;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;

pub use headwater_sql::ast::Violation as Action;

/// One rule over the columns of its relation.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub action: Action,
    /// Coerced and boolean; its columns are unqualified.
    pub condition: Expr,
    /// The condition as it was written.
    pub text: String,
    /// The columns of the relation that the condition reads, ascending.
    pub columns: Vec<usize>,
}

/// The rules of one relation in their declared order, compiled against a schema.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    compiled: Vec<Arc<dyn PhysicalExpr>>,
}

/// What the rules say of a batch.
///
/// A row meets the rules in their order until one of them takes it away; a WARN rule counts it and lets it go on. A
/// row on which a condition cannot be evaluated is taken away by that rule, whatever its action.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    /// Which rows stay; `None` when all do.
    pub keep: Option<BooleanArray>,
    /// Rows that are dead letters, in row order: quarantined ones and those on which a condition failed.
    pub rejected: Vec<Verdict>,
    /// The first row that stops the readers. It and the rows after it are in no other field, and `keep` excludes them.
    pub failed: Option<Verdict>,
    /// Index of a rule and how many rows violated it and went on.
    pub warned: Vec<(usize, u64)>,
    /// Index of a rule and how many rows it took away without a dead letter.
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

impl RuleSet {
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// All columns that any rule reads, ascending.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self.rules.iter().flat_map(|rule| rule.columns.iter().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
