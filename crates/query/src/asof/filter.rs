//! Conditions on the left rows of a join as of a time go below it, and those on keys below it on both sides: what a left
//! row meets depends on no other left row, and on no right row with other keys.

use std::collections::HashMap;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr_rewriter::replace_col;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNodeCore};
use datafusion::optimizer::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::node::AsofJoin;

/// See the module.
#[derive(Debug)]
pub struct AsofFilters;

impl OptimizerRule for AsofFilters {
    fn name(&self) -> &str {
        "asof_filters"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let Some(join) = AsofJoin::of(&filter.input) else { return Ok(Transformed::no(plan)) };
        let conditions = split_conjunction_owned(filter.predicate.clone());
        let (below, above): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(|condition| can_go_below(condition, &join.left));
        if below.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let keys = columns(join)?;
        let mut of_keys = Vec::new();
        for condition in &below {
            let used = condition.column_refs();
            if !used.is_empty() && used.iter().all(|column| keys.contains_key(column)) {
                of_keys.push(replace_col(condition.clone(), &keys)?);
            }
        }
        let inputs = vec![filtered(join.left.clone(), below)?, filtered(join.right.clone(), of_keys)?];
        let join = join.with_exprs_and_inputs(join.expressions(), inputs)?;
        Ok(Transformed::yes(filtered(join.plan(), above)?))
    }
}

/// Whether a condition is one on the left rows alone, and gives the same as often as it is asked.
fn can_go_below(condition: &Expr, left: &LogicalPlan) -> bool {
    let is_query = |expr: &Expr| Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)));
    !condition.is_volatile()
        && !condition.contains_outer()
        && !condition.exists(is_query).unwrap_or(true)
        && condition.column_refs().iter().all(|column| left.schema().has_column(column))
}

/// The keys that are columns, left to right. Zero is one number with two encodings, which a condition may tell apart.
fn columns(join: &AsofJoin) -> Result<HashMap<&Column, &Column>> {
    let mut columns = HashMap::new();
    for (left, right) in join.on() {
        let types = (left.get_type(join.left.schema())?, right.get_type(join.right.schema())?);
        let is_float = matches!(types.0, DataType::Float16 | DataType::Float32 | DataType::Float64);
        if let (Expr::Column(left), Expr::Column(right)) = (left, right)
            && types.0 == types.1
            && !is_float
        {
            columns.insert(left, right);
        }
    }
    Ok(columns)
}

fn filtered(plan: LogicalPlan, conditions: Vec<Expr>) -> Result<LogicalPlan> {
    match conjunction(conditions) {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build(),
        None => Ok(plan),
    }
}
