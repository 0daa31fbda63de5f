//! Joins: each side's keys and columns, an exchange by key, and the join behind them.

pub(super) mod time;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, NullEquality};
use datafusion::logical_expr::logical_plan as logical;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

use super::facts::Fact;
use super::{Compile, Flow, columns_of, joined, physical};
use crate::graph::{Step, Upstream};
use crate::operator::join::{Expiry, Kind, Plan, check_types};
use crate::operator::late::Until;
use crate::{Error, Result};
use time::{Bound, Bounds, Side};

impl Compile<'_> {
    pub(super) fn join(&mut self, join: &logical::Join) -> Result<Flow> {
        let kind = self.kind(join)?;
        let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
        let (left, right) = (self.plan(&join.left)?, self.plan(&join.right)?);
        let lateness_us = self.lateness_us;
        let sides = [(&left, &join.left), (&right, &join.right)].map(|(flow, plan)| Side {
            schema: plan.schema(),
            facts: &flow.facts,
            late_us: flow.is_placed.then_some(lateness_us),
        });
        let bounds = Bounds::find(&join.on, join.filter.as_ref(), &sides[0], &sides[1]);
        let expiry = bounds.first().map(Bound::expiry).unwrap_or_default();
        self.check_close(kind, expiry, left.retracts || right.retracts)?;
        let facts = joined_facts(join, kind, &bounds, [&left.facts, &right.facts]);
        // A side's late rows are sorted out where the other side lets rows go by its time; of rows that stand on both
        // sides, both times: none is a dead letter and yet counts.
        let is_shared = left.inputs.iter().any(|input| right.inputs.contains(input));
        let sorts_out = |at: usize| expiry[1 - at].is_some() || (is_shared && expiry[at].is_some());
        let late = |at: usize| bounds.first().filter(|_| sorts_out(at)).map(|bound| bound.columns[at]);
        let (left_late, right_late) = (late(0), late(1));
        let by = join.on.len();
        let left = self.side("left", left, &join.left, &left_keys, by, left_late)?;
        let right = self.side("right", right, &join.right, &right_keys, by, right_late)?;
        let pairs = join.left.schema().join(join.right.schema())?;
        let filter = join.filter.as_ref().map(|filter| physical(filter, &pairs)).transpose()?;
        let retracts = left.retracts || right.retracts || (kind.changes_its_mind() && !self.on_close);
        let inputs = joined([&left.inputs, &right.inputs].into_iter());
        let schema = SchemaRef::clone(join.schema.inner());
        let plan = Plan {
            keys: join.on.len(),
            left: left.columns,
            right: right.columns,
            filter,
            pairs: SchemaRef::clone(pairs.inner()),
            output: SchemaRef::clone(&schema),
            kind,
            null_equals_null: join.null_equality == NullEquality::NullEqualsNull,
            retracts,
            expiry,
            inputs: inputs.clone(),
            on_close: self.on_close,
        };
        let from = self.push("join", vec![left.from, right.from], Step::Join(plan));
        Ok(Flow { from, schema, facts, retracts, inputs, is_placed: false })
    }

    fn kind(&self, join: &logical::Join) -> Result<Kind> {
        if join.null_aware {
            return Err(Error::internal("NOT IN is to be taken apart before"));
        }
        Ok(match join.join_type {
            JoinType::Inner => Kind::Pairs { lonely: [false, false] },
            JoinType::Left => Kind::Pairs { lonely: [true, false] },
            JoinType::Right => Kind::Pairs { lonely: [false, true] },
            JoinType::Full => Kind::Pairs { lonely: [true, true] },
            JoinType::LeftSemi => Kind::One { side: 0, meets: true },
            JoinType::LeftAnti => Kind::One { side: 0, meets: false },
            JoinType::RightSemi => Kind::One { side: 1, meets: true },
            JoinType::RightAnti => Kind::One { side: 1, meets: false },
            JoinType::LeftMark => Kind::Mark { side: 0 },
            JoinType::RightMark => Kind::Mark { side: 1 },
        })
    }

    /// Refuses to wait for the time at which a row has met all that it can meet where there is none.
    fn check_close(&self, kind: Kind, expiry: [Option<Expiry>; 2], retracts: bool) -> Result<()> {
        if !self.on_close {
            return Ok(());
        }
        let goes = |at: usize| expiry[at].is_some();
        let waits = match kind {
            Kind::Pairs { lonely } => (0..2).all(|at| goes(at) || !lonely[at]),
            Kind::One { side, meets } => goes(side) || meets,
            Kind::Mark { .. } => false,
        };
        if waits && !retracts && expiry.iter().any(Option::is_some) {
            return Ok(());
        }
        let message = format!("{}: EMIT ON WINDOW CLOSE of a join whose rows have no end of their time", self.view);
        Err(Error::invalid(message)
            .with_hint("join by window_start and window_end, or bound the time between both rows"))
    }

    /// What a side's rows are known by and then all its columns, sent to the workers that own the first `by` of them.
    /// `late` is the time of rows that must not come late.
    pub(super) fn side(
        &mut self,
        what: &str,
        mut input: Flow,
        plan: &LogicalPlan,
        keys: &[Expr],
        by: usize,
        late: Option<usize>,
    ) -> Result<Exchanged> {
        let over: &DFSchema = plan.schema();
        if let Some(column) = late.filter(|_| input.is_placed) {
            let edge: Arc<dyn PhysicalExpr> = Arc::new(Column::new(over.field(column).name(), column));
            let until = match input.facts[column].closes_after_us() {
                Some(after_us) => Until::WindowEnd { after_us },
                None => Until::Time,
            };
            self.sort_out(&format!("{what}-late"), &mut input, edge, until);
        }
        let mut expressions = keys.iter().map(|key| physical(key, over)).collect::<Result<Vec<_>>>()?;
        let columns = over.fields().iter().enumerate();
        expressions.extend(columns.map(|(at, field)| Arc::new(Column::new(field.name(), at)) as Arc<dyn PhysicalExpr>));
        let columns = columns_of(&expressions, over)?;
        check_types(&columns)?;
        let step = Step::Project { expressions, schema: SchemaRef::clone(&columns) };
        let from = self.push(&format!("{what}-columns"), vec![input.from], step);
        let from = self.push(&format!("{what}-exchange"), vec![from], Step::Exchange { keys: by });
        Ok(Exchanged { from, columns, retracts: input.retracts, inputs: input.inputs })
    }
}

/// What is known of a join's columns: the times that its condition binds stay times.
fn joined_facts(join: &logical::Join, kind: Kind, bounds: &Bounds, facts: [&[Fact]; 2]) -> Vec<Fact> {
    let mut joined = vec![Fact::None; join.schema.fields().len()];
    for at in 0..2 {
        let first = match kind {
            // A row of the other side that meets nothing has no time of this one.
            Kind::Pairs { lonely } if !lonely[1 - at] => at * facts[0].len(),
            Kind::One { side, .. } | Kind::Mark { side } if side == at => 0,
            _ => continue,
        };
        for bound in bounds.known() {
            let column = bound.columns[at];
            joined[first + column] = bound.fact(at, &facts[at][column]);
        }
    }
    joined
}

/// A side of a join behind its exchange.
pub(super) struct Exchanged {
    pub from: Upstream,
    pub columns: SchemaRef,
    pub retracts: bool,
    pub inputs: Vec<usize>,
}
