//! GROUP BY over SESSION: the aggregation keeps the sessions itself.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::logical_plan as logical;
use datafusion::logical_expr::{Expr, LogicalPlan};
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

/// Finds sessions right below an aggregation, through names and columns that are only handed on.
pub(super) fn below(group: &logical::Aggregate) -> Result<Option<Grouped<'_>>> {
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
            LogicalPlan::Filter(filter) if is_over_sessions(&filter.input) => {
                let message = "a condition on SESSION's rows would be tested when sessions are made of all rows";
                return Err(Error::not_built(format!("{message}, which in views is not built yet"))
                    .with_hint("test it inside: SESSION((SELECT … WHERE …), …)"));
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

fn is_over_sessions(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_over_sessions(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_over_sessions(&alias.input),
        LogicalPlan::Filter(filter) => is_over_sessions(&filter.input),
        other => Session::of(other).is_some(),
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
        let groups = self.parts(grouped)?;
        let mut arguments = Arguments::new([session.keys.clone(), vec![session.time.clone()]].concat());
        for each in &grouped.calls {
            self.check_edges(each)?;
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

    /// What each group expression is of a session; together they name one.
    fn parts(&self, grouped: &Grouped<'_>) -> Result<Vec<Part>> {
        let Grouped { session, groups, .. } = grouped;
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
        parts.filter(names_one).ok_or_else(|| {
            self.unbuilt("GROUP BY of sessions by anything but PARTITION BY's columns and the window")
                .with_hint("group by window_start, window_end and all columns of PARTITION BY; then group that view")
        })
    }

    /// Aggregates of a session see its rows, not its edges, which still change.
    fn check_edges(&self, call: &Expr) -> Result<()> {
        let edge = |name: &str| call.column_refs().iter().any(|column| column.name == name);
        if edge(WINDOW_START) || edge(WINDOW_END) {
            return Err(self.unbuilt("an aggregate over a session's window_start or window_end"));
        }
        Ok(())
    }
}
