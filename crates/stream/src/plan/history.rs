//! Histories of feature views: every value that there was, each with the time when it was known.
//!
//! A query that takes rows back has a history all the same if it groups once, by what its features are of: then each row
//! that comes gives the values that its group has with it. The time when a value was known is the greatest event time that
//! the row's partition had come to, so that it is the same however often, and how fast, the rows are gone through.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{self as logical, Expr, LogicalPlan, Operator, TableScan};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_plan::PhysicalExpr;
use headwater_query::plan::scanned;
use headwater_query::relation::features::KNOWN_AT;
use headwater_query::relation::{FeatureView, Stream, View, timestamp_type};

use super::aggregate::{Arguments, calls, check_types, plain_zero};
use super::facts::Fact;
use super::{Builder, Compile, Flow, Storage, columns_of, physical};
use crate::aggregate::Function;
use crate::aggregate::ordered::{self, Outcome};
use crate::graph::{Kind, Output, Step};
use crate::operator::aggregate::{Call, Plan};
use crate::operator::known;
use crate::{Error, Result};

/// The watermark of a partition is where its rows were known up to, so none was known before it.
const NEVER_LATE: Fact = Fact::Known { behind_us: 1 };

/// What becomes of a feature view's query.
pub struct History {
    pub stream: Arc<Stream>,
    /// It has the values that groups came to one after the other: the query itself has the latest.
    pub is_running: bool,
}

/// A flow with when its rows were known, in its last column, where that is known of the rows that they are made of.
struct Told {
    flow: Flow,
    is_known: bool,
    is_running: bool,
}

impl Builder {
    /// Adds the history of a feature view with this query.
    pub fn add_history(&mut self, view: &View, features: &FeatureView, storage: &Storage) -> Result<History> {
        let history = View { name: features.history(), ..view.clone() };
        let mut compile = Compile::of(self, &history);
        let told = compile.history(&view.plan)?;
        let is_running = told.is_running;
        if told.flow.retracts {
            let message = format!("the history of {} is not known: its query takes rows back", view.name);
            return Err(Error::not_built(message).with_hint(
                "features that are kept up to date group once, by their ENTITY, over rows that stay; or say REFRESH EVERY \
                 '1 hour', or EMIT ON WINDOW CLOSE over windows",
            ));
        }
        let mut flow = compile.known(told, features)?;
        flow.schema = history_schema(&view.schema, features);
        let mut fingerprint = compile.builder.fingerprint(&history, storage.resets)?;
        if let Some(known_at) = features.known_at {
            fingerprint.push_str(&format!("-{known_at}"));
        }
        let schema = SchemaRef::clone(&flow.schema);
        let stream = Arc::new(self.derived(&View { schema, ..history }, &flow, storage));
        self.outputs.push(Output {
            relation: stream.name.clone(),
            from: flow.from,
            kind: Kind::Derived(Arc::clone(&stream)),
            fingerprint,
            definition: storage.definition.clone(),
            generation: storage.generation,
            resets: storage.resets,
            state_limit: None,
            paused: storage.paused,
        });
        self.relations.insert(stream.name.clone(), flow);
        Ok(History { stream, is_running })
    }
}

/// The columns of a view, with when each row was known where they don't say it.
pub fn history_schema(view: &SchemaRef, features: &FeatureView) -> SchemaRef {
    let known = features.known_at.is_none().then(|| Arc::new(Field::new(KNOWN_AT, timestamp_type(), true)));
    Arc::new(Schema::new(view.fields().iter().cloned().chain(known).collect::<Vec<_>>()))
}

impl Compile<'_> {
    fn history(&mut self, plan: &LogicalPlan) -> Result<Told> {
        match plan {
            LogicalPlan::SubqueryAlias(alias) => self.history(&alias.input),
            LogicalPlan::TableScan(scan) => self.scan_with_known(scan),
            LogicalPlan::Projection(projection) => {
                let told = self.history(&projection.input)?;
                let schema = SchemaRef::clone(projection.schema.inner());
                self.project_with_known(told, &projection.expr, projection.input.schema(), &schema)
            }
            LogicalPlan::Filter(filter) => {
                let mut told = self.history(&filter.input)?;
                if told.is_running {
                    let message =
                        format!("{}: a history doesn't tell when a group left what HAVING asks for", self.view);
                    return Err(Error::not_built(message).with_hint("leave HAVING to those who read the features"));
                }
                let condition = physical(&filter.predicate, filter.input.schema())?;
                told.flow.from = self.push("filter", vec![told.flow.from], Step::Filter(condition));
                Ok(told)
            }
            LogicalPlan::Aggregate(group) if !self.on_close => self.running(group),
            other => {
                let flow = self.plan(other)?;
                Ok(Told { flow, is_known: false, is_running: false })
            }
        }
    }

    /// Rows of a stream, each with the time that its partition had come to with it.
    fn scan_with_known(&mut self, scan: &TableScan) -> Result<Told> {
        let whole = self.builder.relations.get(&scanned(&scan.table_name)).cloned();
        let time = |flow: &Flow| flow.facts.iter().position(|fact| matches!(fact, Fact::EventTime { .. }));
        let timed = whole.filter(|flow| flow.is_placed && !flow.retracts).and_then(|flow| Some((time(&flow)?, flow)));
        let Some((time, flow)) = timed else {
            let flow = self.scan(scan)?;
            return Ok(Told { flow, is_known: false, is_running: false });
        };
        let Fact::EventTime { delay_us, .. } = flow.facts[time] else {
            return Err(Error::internal("an event time that is none"));
        };
        let plan = known::Plan { time, delay_us, schema: with_known(&flow.schema) };
        let all = || (0..flow.schema.fields().len()).collect();
        let mut wanted: Vec<usize> = scan.projection.clone().unwrap_or_else(all);
        wanted.push(flow.schema.fields().len());
        let schema = SchemaRef::clone(&plan.schema);
        let from = self.push("known", vec![flow.from], Step::Known(plan));
        let mut facts = flow.facts.clone();
        facts.push(NEVER_LATE);
        let flow = self.columns(Flow { from, schema, facts, ..flow }, &wanted)?;
        Ok(Told { flow, is_known: true, is_running: false })
    }

    fn project_with_known(&mut self, told: Told, list: &[Expr], over: &DFSchema, schema: &SchemaRef) -> Result<Told> {
        let Told { flow, is_known, is_running } = told;
        if !is_known {
            let flow = self.project(flow, list, over, SchemaRef::clone(schema))?;
            return Ok(Told { flow, is_known, is_running });
        }
        let mut expressions = list.iter().map(|each| physical(each, over)).collect::<Result<Vec<_>>>()?;
        expressions.push(last(&flow.schema));
        let mut facts: Vec<Fact> = list.iter().map(|each| super::facts::of(each, over, &flow.facts)).collect();
        facts.push(NEVER_LATE);
        let schema = with_known(schema);
        let step = Step::Project { expressions, schema: SchemaRef::clone(&schema) };
        let from = self.push("project", vec![flow.from], step);
        Ok(Told { flow: Flow { from, schema, facts, ..flow }, is_known, is_running })
    }

    /// What groups come to with each of their rows.
    fn running(&mut self, group: &logical::Aggregate) -> Result<Told> {
        let Told { flow: input, is_known, .. } = self.history(&group.input)?;
        let over = group.input.schema();
        if input.retracts || group.group_expr.is_empty() {
            // As it is: whoever asked refuses it.
            return Ok(Told { flow: Flow { retracts: true, ..input }, is_known: false, is_running: true });
        }
        let keys = group.group_expr.len();
        let mut arguments = Arguments::new(group.group_expr.clone());
        for each in &group.aggr_expr {
            calls::add(each, over, false, &mut arguments)?;
        }
        let Arguments { list, mut calls } = arguments;
        let mut expressions = list.iter().map(|each| physical(each, over)).collect::<Result<Vec<_>>>()?;
        for key in &mut expressions[..keys] {
            plain_zero(key, over)?;
        }
        let mut columns = columns_of(&expressions, over)?;
        let mut output = SchemaRef::clone(group.schema.inner());
        if is_known {
            let greatest = ordered::Function { result: Outcome::Greatest, order: Vec::new(), retracts: false };
            let function = Function::Ordered(Arc::new(greatest));
            calls.push(Call { function, arguments: vec![expressions.len()], filter: None });
            expressions.push(last(&input.schema));
            (columns, output) = (with_known(&columns), with_known(&output));
        }
        let step = Step::Project { expressions, schema: SchemaRef::clone(&columns) };
        let mut from = self.push("arguments", vec![input.from], step);
        from = self.push("exchange", vec![from], Step::Exchange { keys });
        let plan = Plan {
            keys,
            calls,
            input: columns,
            output: SchemaRef::clone(&output),
            window: None,
            inputs: input.inputs.clone(),
            retracts: false,
            each_row: true,
        };
        check_types(&plan)?;
        from = self.push("running", vec![from], Step::Aggregate(plan));
        let mut facts = vec![Fact::None; output.fields().len()];
        if is_known {
            facts.pop();
            facts.push(NEVER_LATE);
        }
        let flow = Flow { from, schema: output, facts, retracts: false, inputs: input.inputs, is_placed: false };
        Ok(Told { flow, is_known, is_running: true })
    }

    /// Brings rows to the columns of the history.
    fn known(&mut self, told: Told, features: &FeatureView) -> Result<Flow> {
        let Told { flow, is_known, .. } = told;
        let columns = features.schema.fields().len();
        if features.known_at.is_some() {
            return self.columns(flow, &(0..columns).collect::<Vec<_>>());
        }
        if is_known {
            return Ok(flow);
        }
        // What its time says is known once the watermark is there.
        let delays = flow.inputs.iter().map(|input| self.builder.inputs[*input].watermark);
        let Some(delay_us) = delays
            .map(|watermark| Some(watermark?.delay_us))
            .try_fold(0, |most, delay| delay.map(|delay| delay.max(most)))
        else {
            let message = format!("it is not known when the values of {} were known", features.name);
            return Err(Error::invalid(message).with_hint(
                "say it: KNOWN AT and one of the query's columns; or declare WATERMARK FOR the streams' times",
            ));
        };
        let column = |at: usize| -> Arc<dyn PhysicalExpr> { Arc::new(Column::new(flow.schema.field(at).name(), at)) };
        let mut expressions: Vec<Arc<dyn PhysicalExpr>> = (0..columns).map(column).collect();
        let delay = Literal::new(ScalarValue::DurationMicrosecond(Some(delay_us)));
        expressions.push(Arc::new(BinaryExpr::new(column(features.timestamp), Operator::Plus, Arc::new(delay))));
        let schema = with_known(&flow.schema);
        let step = Step::Project { expressions, schema: SchemaRef::clone(&schema) };
        let from = self.push("known", vec![flow.from], step);
        let lag_us = flow.facts[features.timestamp].lag_us().filter(|_| !flow.is_placed);
        let known = lag_us.map_or(Fact::None, |lag_us| Fact::Known { behind_us: (lag_us - delay_us).max(1) });
        let facts = flow.facts.iter().cloned().chain([known]).collect();
        Ok(Flow { from, schema, facts, ..flow })
    }
}

fn with_known(schema: &SchemaRef) -> SchemaRef {
    let known = Arc::new(Field::new(KNOWN_AT, timestamp_type(), true));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([known]).collect::<Vec<_>>()))
}

fn last(schema: &SchemaRef) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(KNOWN_AT, schema.fields().len() - 1))
}
