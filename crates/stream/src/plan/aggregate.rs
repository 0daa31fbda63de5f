//! GROUP BY: its keys and arguments as columns, the exchange by key, and the aggregation behind it.

pub(super) mod calls;

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{self as logical, Expr, Operator};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_plan::PhysicalExpr;

use super::facts::{self, Fact};
use super::{Compile, Flow, columns_of, panes, physical, session};
use crate::graph::{Kind, Node, Output, Step, Upstream};
use crate::operator::aggregate::{Plan, Window};
use crate::operator::late::Until;
use crate::{Error, Result};
pub(super) use calls::Arguments;

impl Compile<'_> {
    pub(super) fn aggregate(&mut self, group: &logical::Aggregate) -> Result<Flow> {
        if let Some(grouped) = session::below(group)? {
            return self.sessions(group, &grouped);
        }
        self.panes = panes::below(group).map(std::ptr::from_ref);
        let mut input = self.plan(&group.input)?;
        self.panes = None;
        let over = group.input.schema();
        if group.group_expr.iter().any(|each| matches!(each, Expr::GroupingSet(_))) {
            return Err(Error::internal("grouping sets in a view's plan"));
        }
        let keys = group.group_expr.len();
        let mut arguments = Arguments::new(group.group_expr.clone());
        for each in &group.aggr_expr {
            calls::add(each, over, input.retracts, &mut arguments)?;
        }
        let Arguments { list, calls } = arguments;
        let mut expressions = list.iter().map(|each| physical(each, over)).collect::<Result<Vec<_>>>()?;
        let facts: Vec<Fact> = group.group_expr.iter().map(|each| facts::of(each, over, &input.facts)).collect();
        let lateness_us = if input.is_placed { self.lateness_us } else { 0 };
        let facts: Vec<Fact> = facts.into_iter().map(|fact| fact.later(lateness_us)).collect();
        let window = self.window(&facts, "GROUP BY")?;
        let facts = match &window {
            Some(window) if input.is_placed => facts::of_window(facts, window.edge),
            _ => facts,
        };
        if let Some(Window { edge, end_after_us, .. }) = window
            && input.is_placed
        {
            // Before the row becomes keys and arguments, so that a dead letter holds it as it was.
            let edge = Arc::clone(&expressions[edge]);
            self.sort_out("late", &mut input, edge, Until::WindowEnd { after_us: end_after_us });
        }
        for key in &mut expressions[..keys] {
            plain_zero(key, over)?;
        }
        let columns = columns_of(&expressions, over)?;
        let step = Step::Project { expressions, schema: SchemaRef::clone(&columns) };
        let mut from = self.push("arguments", vec![input.from], step);
        from = self.push("exchange", vec![from], Step::Exchange { keys });
        let output = SchemaRef::clone(group.schema.inner());
        let (output_columns, inputs) = (SchemaRef::clone(&output), input.inputs.clone());
        let plan = Plan {
            keys,
            calls,
            input: columns,
            output: output_columns,
            window,
            inputs,
            retracts: true,
            each_row: false,
        };
        check_types(&plan)?;
        from = self.push("aggregate", vec![from], Step::Aggregate(plan));
        let on_close = window.is_some_and(|window| window.on_close);
        // Once its window has closed nothing comes of a group.
        let mut facts = if window.is_some() { facts } else { Vec::new() };
        facts.iter_mut().filter(|fact| fact.closes_after_us().is_none()).for_each(|fact| *fact = Fact::None);
        facts.resize(output.fields().len(), Fact::None);
        Ok(Flow { from, schema: output, facts, retracts: !on_close, inputs: input.inputs, is_placed: false })
    }

    /// The window among keys: of several, the one that closes first.
    pub(super) fn window(&self, keys: &[Fact], clause: &str) -> Result<Option<Window>> {
        let edges = keys.iter().enumerate().filter_map(|(column, fact)| Some((fact.closes_after_us()?, column, fact)));
        let first = edges.min_by_key(|(closes_after_us, ..)| *closes_after_us);
        match first {
            Some((_, edge, Fact::WindowEdge { end_after_us, behind_us, .. })) => {
                let (end_after_us, lateness_us) = (*end_after_us, *behind_us);
                Ok(Some(Window { edge, end_after_us, lateness_us, on_close: self.on_close }))
            }
            _ if self.on_close => {
                Err(Error::invalid(format!("{}: no key of its {clause} is a window of event time", self.view))
                    .with_hint(format!(
                        "EMIT ON WINDOW CLOSE needs {clause} window_start, window_end over TUMBLE(…) or another window"
                    )))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn unbuilt(&self, what: &str) -> Error {
        Error::not_built(format!("{} can't be kept up to date: {what} in views is not built yet", self.view))
            .with_hint("the query itself runs in batch")
    }
}

/// Makes a key's negative zero the positive one, to which it is equal, by adding zero: they are one key, as in batch.
pub(super) fn plain_zero(key: &mut Arc<dyn PhysicalExpr>, over: &DFSchema) -> Result<()> {
    let data_type = key.data_type(over.as_arrow())?;
    if matches!(data_type, DataType::Float32 | DataType::Float64) {
        let zero = Arc::new(Literal::new(ScalarValue::new_zero(&data_type)?));
        *key = Arc::new(BinaryExpr::new(Arc::clone(key), Operator::Plus, zero));
    }
    Ok(())
}

/// Refuses types that no accumulator serves when the view is planned, not when its first row comes.
pub(super) fn check_types(plan: &Plan) -> Result<()> {
    plan.calls.iter().enumerate().try_for_each(|(index, call)| plan.accumulator(index, call).map(drop))
}

/// Lets an aggregation leave out the taking back of old rows where only keyed tables read it: there a new row under
/// the same key replaces the old one anyway. Groups whose rows can all be taken back do need it: a table is then told
/// to remove the row that it has.
pub(super) fn choose_retractions(nodes: &mut [Node], outputs: &[Output]) {
    for index in (0..nodes.len()).rev() {
        if matches!(nodes[index].step, Step::Aggregate(_)) {
            let needed = nodes[index].reads.iter().any(|each| retracts(*each, nodes))
                || needs_retractions(index, nodes, outputs);
            if let Step::Aggregate(plan) = &mut nodes[index].step {
                plan.retracts = needed;
            }
        }
    }
}

fn needs_retractions(node: usize, nodes: &[Node], outputs: &[Output]) -> bool {
    let reads = |upstream: &Upstream| *upstream == Upstream::Node(node);
    let by_output = outputs
        .iter()
        .filter(|output| reads(&output.from))
        .any(|output| matches!(&output.kind, Kind::Keyed { key, .. } if key.is_empty()));
    by_output
        || nodes.iter().enumerate().filter(|(_, other)| other.reads.iter().any(reads)).any(|(index, other)| match other
            .step
        {
            // A new row that fails in an expression would not replace the old one: that has to be taken back.
            Step::Project { ref expressions, .. } if expressions.iter().all(never_fails) => {
                needs_retractions(index, nodes, outputs)
            }
            _ => true,
        })
}

fn never_fails(expression: &Arc<dyn PhysicalExpr>) -> bool {
    expression.is::<Column>() || expression.is::<Literal>()
}

/// Whether rows that come from a place may be taken back.
fn retracts(upstream: Upstream, nodes: &[Node]) -> bool {
    let Upstream::Node(node) = upstream else { return false };
    match &nodes[node].step {
        Step::Aggregate(plan) => !plan.window.is_some_and(|window| window.on_close),
        Step::Session(plan) => !plan.on_close,
        Step::Table(_) | Step::Retain(_) | Step::Pace(_) => true,
        Step::Join(plan) => plan.retracts,
        Step::Asof(plan) => plan.retracts,
        Step::Over(plan) => !plan.window.is_some_and(|window| window.on_close),
        _ => nodes[node].reads.iter().any(|each| retracts(*each, nodes)),
    }
}
