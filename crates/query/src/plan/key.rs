//! Which columns of a plan's output identify a row.

use std::collections::BTreeMap;

use datafusion::common::Column;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

use crate::window::Call;

/// The output columns that hold the group key of the plan's topmost aggregation, ascending; empty when the plan has
/// none, or when a part of the key does not reach the output.
///
/// Both edges of one window stand for each other: either is enough.
pub fn output_key(plan: &LogicalPlan) -> Vec<usize> {
    let columns = plan.schema().columns();
    let outputs: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
    let Some((aggregate, outputs)) = down_to_aggregate(plan, outputs) else { return Vec::new() };
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, group) in aggregate.group_expr.iter().enumerate() {
        if matches!(group, Expr::GroupingSet(_)) {
            return Vec::new();
        }
        let column = Expr::Column(Column::from(aggregate.schema.qualified_field(number)));
        let found = outputs.iter().position(|output| *output == column);
        groups.entry(identity(group, &aggregate.input)).or_default().extend(found);
    }
    let keys: Option<Vec<usize>> = groups.into_values().map(|outputs| outputs.into_iter().min()).collect();
    let mut keys = keys.unwrap_or_default();
    keys.sort_unstable();
    keys
}

/// Follows output columns down through nodes that keep rows apart, up to an aggregation.
fn down_to_aggregate(plan: &LogicalPlan, outputs: Vec<Expr>) -> Option<(&Aggregate, Vec<Expr>)> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => Some((aggregate, outputs)),
        LogicalPlan::Projection(projection) => {
            let outputs = outputs.into_iter().map(|output| through(output, plan, &projection.expr)).collect();
            down_to_aggregate(&projection.input, outputs)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let inner: Vec<Expr> = alias.input.schema().columns().into_iter().map(Expr::Column).collect();
            let outputs = outputs.into_iter().map(|output| through(output, plan, &inner)).collect();
            down_to_aggregate(&alias.input, outputs)
        }
        LogicalPlan::Filter(filter) => down_to_aggregate(&filter.input, outputs),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => down_to_aggregate(&sort.input, outputs),
        _ => None,
    }
}

/// What a column of a node is in terms of its input.
fn through(output: Expr, node: &LogicalPlan, expressions: &[Expr]) -> Expr {
    let Expr::Column(column) = &output else { return output };
    match node.schema().maybe_index_of_column(column) {
        Some(index) => expressions[index].clone().unalias_nested().data,
        None => output,
    }
}

/// Equal for group expressions that determine each other.
fn identity(group: &Expr, input: &LogicalPlan) -> String {
    match (group, input) {
        (Expr::Column(_), LogicalPlan::Projection(projection)) => {
            let below = through(group.clone(), input, &projection.expr);
            return identity(&below, &projection.input);
        }
        (Expr::Column(column), LogicalPlan::SubqueryAlias(alias)) => {
            return match input.schema().maybe_index_of_column(column) {
                Some(index) => identity(&Expr::Column(alias.input.schema().columns()[index].clone()), &alias.input),
                None => group.to_string(),
            };
        }
        (Expr::Column(_), LogicalPlan::Filter(filter)) => return identity(group, &filter.input),
        _ => {}
    }
    match Call::find(group) {
        Some(Call::Edge { time, size_us, .. }) => format!("window of {time} by {size_us}"),
        // The start of a hopping window determines its end. A growing window's does not.
        Some(Call::End { start, .. }) => identity(&start, input),
        None => group.to_string(),
    }
}
