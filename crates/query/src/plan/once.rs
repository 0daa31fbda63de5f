//! Window functions that are equal are computed once.
//!
//! Two that are written in different words can be equal once they are simplified. DataFusion's elimination of common
//! expressions takes such a pair out of its node and puts it into a projection, where no window function can be
//! computed, and the query fails. Here the second becomes a column of the first, before that rule looks. Nothing else
//! about windows is decided here.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Window};
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::optimizer::{ApplyOrder, OptimizerConfig};

/// See the module.
#[derive(Debug, Default)]
pub struct WindowsOnce;

impl OptimizerRule for WindowsOnce {
    fn name(&self) -> &str {
        "windows_once"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Window(window) => match once(window)? {
                Some(once) => Ok(Transformed::yes(once)),
                None => Ok(Transformed::no(plan)),
            },
            _ => Ok(Transformed::no(plan)),
        }
    }
}

/// The same columns without a function twice; nothing where there is none.
fn once(window: &Window) -> Result<Option<LogicalPlan>> {
    let mut known = below(&window.input);
    let (before, mut kept) = (window.input.schema().columns(), Vec::new());
    let mut columns: Vec<Expr> = before.into_iter().map(Expr::Column).collect();
    for expr in &window.window_expr {
        let column = Column::from(window.schema.qualified_field(columns.len()));
        let function = function(expr);
        // Of functions that give another value each time, each is its own.
        match known.iter().find(|(other, _)| *other == function && !function.is_volatile()) {
            Some((_, first)) => {
                let first = Expr::Column(first.clone());
                columns.push(first.alias_qualified(column.relation.clone(), column.name));
            }
            None => {
                known.push((function, column.clone()));
                kept.push(expr.clone());
                columns.push(Expr::Column(column));
            }
        }
    }
    if kept.len() == window.window_expr.len() {
        return Ok(None);
    }
    let mut plan = Arc::unwrap_or_clone(Arc::clone(&window.input));
    if !kept.is_empty() {
        plan = LogicalPlan::Window(Window::try_new(kept, Arc::new(plan))?);
    }
    LogicalPlanBuilder::from(plan).project(columns)?.build().map(Some)
}

/// The functions of windows right below, each with the column that it is.
fn below(plan: &LogicalPlan) -> Vec<(Expr, Column)> {
    let LogicalPlan::Window(window) = plan else { return Vec::new() };
    let mut known = below(&window.input);
    let first = window.input.schema().fields().len();
    let own = window.window_expr.iter().zip(first..);
    known.extend(own.map(|(expr, at)| (function(expr), Column::from(window.schema.qualified_field(at)))));
    known
}

/// A function, whatever it is called.
fn function(expr: &Expr) -> Expr {
    expr.clone().unalias_nested().data
}
