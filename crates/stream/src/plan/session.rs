//! SESSION. A GROUP BY over it keeps the sessions itself. Where something else stands above, sessions are groups of whole
//! rows, which are given one by one again.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::functions_aggregate::expr_fn::array_agg;
use datafusion::logical_expr::logical_plan as logical;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, lit};
use headwater_query::window::session::Session;
use headwater_query::window::{WINDOW_END, WINDOW_START};

use super::aggregate::{Arguments, calls, plain_zero};
use super::facts::{self, Fact};
use super::{Compile, Flow, columns_of, physical};
use crate::graph::Step;
use crate::operator::session::{Part, Plan};
use crate::{Error, Result};

/// The sessions that an aggregation groups, where it groups some, and its expressions in terms of theirs.
pub(super) struct Grouped<'a> {
    session: &'a Session,
    groups: Vec<Expr>,
    calls: Vec<Expr>,
}

/// Finds sessions right below an aggregation, through names and columns that are only handed on; `None` also where it
/// groups by something else than sessions, or looks at their edges.
pub(super) fn below(group: &logical::Aggregate) -> Result<Option<Grouped<'_>>> {
    Ok(found(group)?.filter(|grouped| grouped.parts().is_some() && !grouped.sees_edges()))
}

fn found(group: &logical::Aggregate) -> Result<Option<Grouped<'_>>> {
    let (mut groups, mut calls) = (group.group_expr.clone(), group.aggr_expr.clone());
    let mut plan: &LogicalPlan = &group.input;
    loop {
        if let Some(session) = Session::of(plan) {
            return Ok(Some(Grouped { session, groups, calls }));
        }
        let (input, below): (&LogicalPlan, Vec<Expr>) = match plan {
            LogicalPlan::Projection(projection) => {
                let bare = projection.expr.iter().map(|each| each.clone().unalias_nested().data);
                (&projection.input, bare.collect())
            }
            LogicalPlan::SubqueryAlias(alias) => {
                (&alias.input, alias.input.schema().columns().into_iter().map(Expr::Column).collect())
            }
            _ => return Ok(None),
        };
        for each in groups.iter_mut().chain(&mut calls) {
            let through = each.clone().transform(|expr| match &expr {
                Expr::Column(column) => {
                    let at = plan.schema().maybe_index_of_column(column);
                    Ok(at.map_or_else(|| Transformed::no(expr.clone()), |at| Transformed::yes(below[at].clone())))
                }
                _ => Ok(Transformed::no(expr)),
            });
            *each = through?.data;
        }
        plan = input;
    }
}

impl Grouped<'_> {
    /// What each group expression is of a session; `None` where they do not name one together.
    fn parts(&self) -> Option<Vec<Part>> {
        let Grouped { session, groups, .. } = self;
        let part = |expr: &Expr| {
            if let Expr::Column(column) = expr
                && !session.input.schema().has_column(column)
            {
                return match column.name.as_str() {
                    WINDOW_START => Some(Part::Start),
                    WINDOW_END => Some(Part::End),
                    _ => None,
                };
            }
            session.keys.iter().position(|key| key == expr).map(Part::Key)
        };
        let parts: Option<Vec<Part>> = groups.iter().map(|expr| part(&expr.clone().unalias_nested().data)).collect();
        let names_one = |parts: &Vec<Part>| {
            let has = |wanted: Part| parts.contains(&wanted);
            (has(Part::Start) || has(Part::End)) && (0..session.keys.len()).all(|key| has(Part::Key(key)))
        };
        parts.filter(names_one)
    }

    /// Whether an aggregate is over edges, which change as long as a session goes on.
    fn sees_edges(&self) -> bool {
        let is_edge = |column: &&Column| [WINDOW_START, WINDOW_END].contains(&column.name.as_str());
        let input = self.session.input.schema();
        self.calls.iter().any(|call| call.column_refs().iter().any(|each| is_edge(each) && !input.has_column(each)))
    }
}

impl Compile<'_> {
    pub(super) fn sessions(&mut self, group: &logical::Aggregate, grouped: &Grouped<'_>) -> Result<Flow> {
        let session = grouped.session;
        let mut input = self.plan(&session.input)?;
        if input.retracts {
            return Err(self.unbuilt("SESSION over rows that are taken back"));
        }
        let over = session.input.schema();
        let lag_us = facts::of(&session.time, over, &input.facts).lag_us();
        let lateness_us = if input.is_placed { self.lateness_us } else { 0 };
        let Some(behind_us) = lag_us.map(|lag_us| lag_us.saturating_add(lateness_us)) else {
            let message = format!("{}: SESSION needs the time that the stream's watermark is computed from", self.view);
            return Err(Error::invalid(message).with_hint("declare WATERMARK FOR the column"));
        };
        let groups = grouped.parts().ok_or_else(|| Error::internal("groups that are no sessions"))?;
        let mut arguments = Arguments::new([session.keys.clone(), vec![session.time.clone()]].concat());
        for each in &grouped.calls {
            calls::add(each, over, input.retracts, &mut arguments)?;
        }
        let Arguments { list, calls } = arguments;
        let expressions = list.iter().map(|each| physical(each, over));
        let mut expressions = expressions.collect::<Result<Vec<_>>>()?;
        let keys = session.keys.len();
        let inputs = input.inputs.clone();
        let columns = columns_of(&expressions, over)?;
        let output = SchemaRef::clone(group.schema.inner());
        let plan = Plan {
            keys,
            gap_us: session.gap_us,
            calls,
            input: SchemaRef::clone(&columns),
            groups,
            output: SchemaRef::clone(&output),
            inputs,
            behind_us,
            on_close: self.on_close,
        };
        plan.calls.iter().enumerate().try_for_each(|(index, call)| plan.accumulator(index, call).map(drop))?;
        if input.is_placed {
            let edge = Arc::clone(&expressions[keys]);
            self.sort_out("late", &mut input, edge, plan.in_time());
        }
        for key in &mut expressions[..keys] {
            plain_zero(key, over)?;
        }
        let mut from = self.push("arguments", vec![input.from], Step::Project { expressions, schema: columns });
        from = self.push("exchange", vec![from], Step::Exchange { keys });
        // A session's end is the last time in it and the gap.
        let end_after_us = plan.in_time().after_us();
        let mut facts: Vec<Fact> = plan
            .groups
            .iter()
            .map(|part| match part {
                Part::End => {
                    Fact::WindowEdge { end_after_us: 0, behind_us: behind_us.saturating_add(end_after_us), window: 0 }
                }
                Part::Start | Part::Key(_) => Fact::None,
            })
            .collect();
        facts.resize(output.fields().len(), Fact::None);
        from = self.push("sessions", vec![from], Step::Session(plan));
        let retracts = !self.on_close;
        Ok(Flow { from, schema: output, facts, retracts, inputs: input.inputs, is_placed: false })
    }

    /// The rows of sessions, each with the edges of its own.
    pub(super) fn rows_of_sessions(&mut self, plan: &LogicalPlan, session: &Session) -> Result<Flow> {
        const ROWS: &str = "__session_rows";
        let field = |at: usize| format!("c{at}");
        let columns = plan.schema().columns();
        let (of_rows, edges) = columns.split_at(session.input.schema().fields().len());
        let fields = of_rows.iter().enumerate().flat_map(|(at, each)| [lit(field(at)), Expr::Column(each.clone())]);
        let rows = array_agg(named_struct(fields.collect())).alias(ROWS);
        let mut groups: Vec<Expr> = edges.iter().cloned().map(Expr::Column).collect();
        for key in &session.keys {
            if !groups.contains(key) {
                groups.push(key.clone());
            }
        }
        let value = |at: usize, each: &Column| {
            let value = get_field(col(ROWS), field(at));
            value.alias_qualified(each.relation.clone(), each.name.clone())
        };
        let values = of_rows.iter().enumerate().map(|(at, each)| value(at, each));
        let columns: Vec<Expr> = values.chain(edges.iter().cloned().map(Expr::Column)).collect();
        let grouped = LogicalPlanBuilder::from(plan.clone()).aggregate(groups, vec![rows])?;
        self.plan(&grouped.unnest_column(ROWS)?.project(columns)?.build()?)
    }
}
