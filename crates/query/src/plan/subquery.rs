//! Subqueries in expressions: in views the optimizer makes joins of them, and what it can't is refused; NOT IN is taken
//! apart for batch, too.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Expr, Filter, LogicalPlan, LogicalPlanBuilder, case, col, lit, not_exists, scalar_subquery, when,
};
use datafusion::optimizer::AnalyzerRule;
use headwater_sql::Fault;

use super::refusal::Refusal;

/// Takes NOT IN apart, for views and batch: DataFusion (55) gives all rows where the value is a null that it knows.
#[derive(Debug)]
pub struct NotInTakenApart;

impl AnalyzerRule for NotInTakenApart {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plain = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Filter(filter) => {
                let conditions =
                    split_conjunction_owned(filter.predicate).into_iter().map(|condition| match condition {
                        Expr::InSubquery(within) if within.negated => not_in(within, filter.input.schema()),
                        other => Ok(other),
                    });
                let conditions = conditions.collect::<Result<Vec<_>>>()?;
                let filter = Filter::try_new(conjunction(conditions).unwrap_or_else(|| lit(true)), filter.input)?;
                Ok(Transformed::yes(LogicalPlan::Filter(filter)))
            }
            other => Ok(Transformed::no(other)),
        });
        plain.map(|plain| plain.data)
    }

    fn name(&self) -> &str {
        "not_in_taken_apart"
    }
}

/// Before joins are made: refuses scalar subqueries that may have several rows.
pub fn check_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| match expr {
                Expr::ScalarSubquery(subquery) if !has_one_row(&subquery.subquery) => {
                    Err(Refusal::new("a subquery that may give several rows for one value can't be kept up to date")
                        .fault(Fault::NotBuilt)
                        .hint("give one row by an aggregate function without GROUP BY: (SELECT max(x) FROM …)")
                        .into())
                }
                _ => Ok(TreeNodeRecursion::Continue),
            })
        })
    })?;
    Ok(plan)
}

/// Refuses what is left of subqueries when joins have been made.
pub fn check(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| match expr {
                Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => {
                    Err(Refusal::new("a subquery that is no join can't be kept up to date")
                        .fault(Fault::NotBuilt)
                        .detail("subqueries that compare with columns around them do so by AND and in WHERE alone")
                        .hint("write it as a join, or run it as a query")
                        .into())
                }
                _ => Ok(TreeNodeRecursion::Continue),
            })
        })
    })?;
    Ok(plan)
}

/// `x NOT IN (SELECT s …)`: no row is x, and where there are rows at all, neither one of them nor x is null.
fn not_in(within: InSubquery, around: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, .. } = within;
    let value = Expr::Column(subquery.subquery.schema().columns().swap_remove(0));
    let x = expr.clone().transform(|expr| match expr {
        Expr::Column(column) => {
            let field = Arc::clone(around.qualified_field_from_column(&column)?.1);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    });
    let equal = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery)).filter(value.clone().eq(x?.data))?.build()?;
    let (rows, values) = (count(lit(1_i64)).alias("__rows"), count(value).alias("__values"));
    let whether = when(col("__rows").eq(lit(0_i64)), lit(0_i64))
        .when(col("__rows").eq(col("__values")), lit(1_i64))
        .otherwise(lit(2_i64))?;
    let counted = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery))
        .aggregate(Vec::<Expr>::new(), vec![rows, values])?
        .project([whether.alias("__nulls")])?
        .build()?;
    let nulls = case(scalar_subquery(Arc::new(counted)))
        .when(lit(0_i64), lit(true))
        .when(lit(1_i64), expr.is_not_null())
        .otherwise(lit(false))?;
    Ok(not_exists(Arc::new(equal)).and(nulls))
}

fn has_one_row(plan: &LogicalPlan) -> bool {
    matches!(plan.max_rows(), Some(0 | 1))
}
