//! Simplifies expressions, as DataFusion's rule of the same name, and leaves sums as they are written.
//!
//! DataFusion's rule also turns `sum(x + 1), sum(x + 2)` into `sum(x) + 1 * count(x), …`, with the count cast to the
//! literal's type: the count of ten rows does not fit a DECIMAL(3,2), and the query fails. Views and queries go through
//! this rule instead, both, so that they agree.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::optimizer::{ApplyOrder, OptimizerConfig};
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyExpressions};
use datafusion::optimizer::{Optimizer, OptimizerRule};

use super::once::WindowsOnce;
use crate::asof::filter::AsofFilters;

/// See the module.
#[derive(Debug, Default)]
pub struct Simplify(SimplifyExpressions);

impl Simplify {
    pub fn new() -> Simplify {
        Simplify::default()
    }
}

/// DataFusion's rules for queries, with [`Simplify`] in its place, and [`WindowsOnce`] and [`AsofFilters`] where they are
/// needed.
pub fn query_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let theirs = SimplifyExpressions::new();
    for rule in rules.iter_mut().filter(|rule| rule.name() == theirs.name()) {
        *rule = Arc::new(Simplify::new());
    }
    let common = CommonSubexprEliminate::new();
    let before = rules.iter().position(|rule| rule.name() == common.name()).unwrap_or(rules.len());
    rules.insert(before, Arc::new(WindowsOnce));
    let filters = PushDownFilter::new();
    let behind = rules.iter().position(|rule| rule.name() == filters.name()).map_or(rules.len(), |at| at + 1);
    rules.insert(behind, Arc::new(AsofFilters));
    rules
}

impl OptimizerRule for Simplify {
    fn name(&self) -> &str {
        "simplify"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Aggregate(group) => aggregate(group, config),
            other => self.0.rewrite(other, config),
        }
    }
}

fn aggregate(group: Aggregate, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    let context = SimplifyContext::builder()
        .with_schema(Arc::clone(group.input.schema()))
        .with_config_options(config.options())
        .with_query_execution_start_time(config.query_execution_start_time())
        .build();
    let simplifier = ExprSimplifier::new(context);
    let original = LogicalPlan::Aggregate(group);
    let names = NamePreserver::new(&original);
    let mut simplify = |expr: Expr| {
        let name = names.save(&expr);
        let (simple, _) = simplifier.simplify_with_cycle_count_transformed(expr)?;
        Ok(Transformed::new_transformed(name.restore(simple.data), simple.transformed))
    };
    let simplified = original.clone().map_expressions(|expr| match expr {
        // The sets keep the names that they have.
        Expr::GroupingSet(_) => expr.map_children(&mut simplify),
        expr => simplify(expr),
    })?;
    let is_aggregate = |expr: &Expr| matches!(expr.clone().unalias_nested().data, Expr::AggregateFunction(_));
    match &simplified.data {
        LogicalPlan::Aggregate(group) if group.aggr_expr.iter().all(is_aggregate) => Ok(simplified),
        // A function that simplifies to something else would need a projection around it.
        _ => Ok(Transformed::no(original)),
    }
}
