//! Windows that overlap under an aggregation: rows that share all their windows are combined before they are multiplied.

use datafusion::logical_expr::logical_plan as logical;
use datafusion::logical_expr::{Expr, LogicalPlan};
use headwater_query::window::Call;

use super::{Compile, Flow};
use crate::graph::Step;
use crate::operator::trim;
use crate::plan::facts::Fact;

/// The unnesting of windows that an aggregation groups by, where nothing but names and conditions is between them.
pub(super) fn below(group: &logical::Aggregate) -> Option<&logical::Unnest> {
    let unnest = unnest_of(&group.input)?;
    group.group_expr.iter().any(|expr| is_edge(expr, &group.input)).then_some(unnest)
}

fn unnest_of(plan: &LogicalPlan) -> Option<&logical::Unnest> {
    match plan {
        LogicalPlan::Projection(projection) => unnest_of(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => unnest_of(&alias.input),
        LogicalPlan::Filter(filter) => unnest_of(&filter.input),
        LogicalPlan::Unnest(unnest) if is_of_sets(unnest) => unnest_of(&unnest.input),
        LogicalPlan::Unnest(unnest) => Some(unnest),
        _ => None,
    }
}

/// Whether it makes rows of grouping sets.
fn is_of_sets(unnest: &logical::Unnest) -> bool {
    unnest.list_type_columns.iter().any(|(_, list)| list.output_column.name == logical::Aggregate::INTERNAL_GROUPING_ID)
}

/// Whether an expression over a plan is an edge of the unnested windows.
fn is_edge(expr: &Expr, plan: &LogicalPlan) -> bool {
    let bare = expr.clone().unalias_nested().data;
    if let Some(Call::End { start, .. }) = Call::find(&bare) {
        return is_edge(&start, plan);
    }
    let Some(at) = bare.try_as_col().and_then(|column| plan.schema().maybe_index_of_column(column)) else {
        return false;
    };
    match plan {
        LogicalPlan::Projection(projection) => is_edge(&projection.expr[at], &projection.input),
        LogicalPlan::SubqueryAlias(alias) => {
            is_edge(&Expr::Column(alias.input.schema().columns()[at].clone()), &alias.input)
        }
        LogicalPlan::Filter(filter) => is_edge(&bare, &filter.input),
        LogicalPlan::Unnest(unnest) if is_of_sets(unnest) => {
            let below = unnest.input.schema().columns();
            is_edge(&Expr::Column(below[unnest.dependency_indices[at]].clone()), &unnest.input)
        }
        LogicalPlan::Unnest(unnest) => {
            unnest.list_type_columns.iter().any(|(column, _)| *column == unnest.dependency_indices[at])
        }
        _ => false,
    }
}

impl Compile<'_> {
    /// Takes closed windows off late rows, and combines rows that share their windows.
    pub(super) fn panes(&mut self, unnest: &logical::Unnest, mut input: Flow) -> Flow {
        let [(list, _)] = unnest.list_type_columns.as_slice() else { return input };
        let Fact::WindowEdge { end_after_us, .. } = input.facts[*list] else { return input };
        if input.is_placed {
            self.can_be_late = true;
            let plan = trim::Plan { list: *list, after_us: end_after_us, lateness_us: self.lateness_us };
            input.from = self.push("late", vec![input.from], Step::Trim(plan));
            // Of other windows of these rows nothing is known now.
            let edges = input.facts[*list].clone().later(self.lateness_us);
            input.facts.iter_mut().for_each(|fact| *fact = Fact::None);
            input.facts[*list] = edges;
            input.is_placed = false;
        }
        input.from = self.push("panes", vec![input.from], Step::Combine { list: *list });
        input
    }
}
