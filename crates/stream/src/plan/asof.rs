//! Joins with versions: each side's keys, time and columns, an exchange by key, and the join behind them.

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::{Expr, LogicalPlan};
use headwater_query::asof::node::AsofJoin;

use super::facts::Fact;
use super::join::time::lag;
use super::{Compile, Flow, joined};
use crate::graph::Step;
use crate::operator::asof::{Expiry, Plan};
use crate::{Error, Result};

/// The time of a side, and how far it may lie behind the watermark.
#[derive(Clone, Copy)]
struct Time {
    column: usize,
    lag_us: i64,
    /// No row has to be sorted out.
    is_never_late: bool,
}

impl Compile<'_> {
    pub(super) fn asof(&mut self, plan: &LogicalPlan) -> Result<Flow> {
        let Some(join) = AsofJoin::of(plan) else { return Err(Error::internal("no join with versions")) };
        let (left, right) = (self.plan(&join.left)?, self.plan(&join.right)?);
        let inputs = joined([&left.inputs, &right.inputs].into_iter());
        let lateness_us = self.lateness_us;
        let timed = |expr: &Expr, plan: &LogicalPlan, flow: &Flow| {
            let column = plan.schema().maybe_index_of_column(expr.try_as_col()?)?;
            Some(match &flow.facts[column] {
                Fact::Known { behind_us } => Time { column, lag_us: *behind_us, is_never_late: true },
                fact => {
                    let lag_us = lag(fact, flow.is_placed.then_some(lateness_us))?;
                    Time { column, lag_us, is_never_late: false }
                }
            })
        };
        // Versions come as they become known.
        let comes = join.known.as_ref().unwrap_or(&join.times.1);
        let times = timed(&join.times.0, &join.left, &left).zip(timed(comes, &join.right, &right));
        if self.on_close && (times.is_none() || left.retracts || right.retracts) {
            return Err(Error::invalid(format!(
                "{}: EMIT ON WINDOW CLOSE of a join as of a time whose times have no watermark",
                self.view
            ))
            .with_hint("declare WATERMARK FOR the times of both streams"));
        }
        let retracts = left.retracts || right.retracts || !self.on_close;
        let late = |time: Option<Time>| time.filter(|time| !time.is_never_late).map(|time| time.column);
        let (left_late, right_late) = (late(times.map(|times| times.0)), late(times.map(|times| times.1)));
        let on = join.keys()?;
        let by = on.len();
        let left_keys = on.iter().map(|pair| &pair.0).chain([&join.times.0]).cloned();
        let right_keys = on.iter().map(|pair| &pair.1).chain([&join.times.1]).chain(&join.known).cloned();
        let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = (left_keys.collect(), right_keys.collect());
        let left = self.side("left", left, &join.left, &left_keys, by, left_late)?;
        let right = self.side("right", right, &join.right, &right_keys, by, right_late)?;
        let schema = SchemaRef::clone(plan.schema().inner());
        let mut facts = vec![Fact::None; schema.fields().len()];
        let expiry = times.map(|(left, right)| {
            facts[left.column] = Fact::EventTime { delay_us: 0, behind_us: left.lag_us.max(right.lag_us) };
            Expiry { inputs: inputs.clone(), left_lag_us: left.lag_us, right_lag_us: right.lag_us }
        });
        let step = Plan {
            keys: by,
            left: left.columns,
            right: right.columns,
            output: SchemaRef::clone(&schema),
            strict: join.strict,
            is_known_later: join.known.is_some(),
            ttl_us: join.ttl_us,
            keeps_left: join.keeps_left,
            retracts,
            expiry,
            on_close: self.on_close,
        };
        let from = self.push("asof", vec![left.from, right.from], Step::Asof(step));
        Ok(Flow { from, schema, facts, retracts, inputs, is_placed: false })
    }
}
