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

impl Compile<'_> {
    pub(super) fn asof(&mut self, plan: &LogicalPlan) -> Result<Flow> {
        let Some(join) = AsofJoin::of(plan) else { return Err(Error::internal("no join with versions")) };
        let (left, right) = (self.plan(&join.left)?, self.plan(&join.right)?);
        let inputs = joined([&left.inputs, &right.inputs].into_iter());
        let lateness_us = self.lateness_us;
        let timed = |expr: &Expr, plan: &LogicalPlan, flow: &Flow| {
            let column = plan.schema().maybe_index_of_column(expr.try_as_col()?)?;
            Some((column, lag(&flow.facts[column], flow.is_placed.then_some(lateness_us))?))
        };
        let times = timed(&join.times.0, &join.left, &left).zip(timed(&join.times.1, &join.right, &right));
        if self.on_close && (times.is_none() || left.retracts || right.retracts) {
            return Err(Error::invalid(format!(
                "{}: EMIT ON WINDOW CLOSE of a join as of a time whose times have no watermark",
                self.view
            ))
            .with_hint("declare WATERMARK FOR the times of both streams"));
        }
        let retracts = left.retracts || right.retracts || !self.on_close;
        let (left_late, right_late) = (times.map(|(left, _)| left.0), times.map(|(_, right)| right.0));
        let on = join.keys()?;
        let known = |side: fn(&(Expr, Expr)) -> &Expr, time: &Expr| -> Vec<Expr> {
            on.iter().map(|pair| side(pair).clone()).chain([time.clone()]).collect()
        };
        let by = on.len();
        let (left_known, right_known) = (known(|pair| &pair.0, &join.times.0), known(|pair| &pair.1, &join.times.1));
        let left = self.side("left", left, &join.left, &left_known, by, left_late)?;
        let right = self.side("right", right, &join.right, &right_known, by, right_late)?;
        let schema = SchemaRef::clone(plan.schema().inner());
        let mut facts = vec![Fact::None; schema.fields().len()];
        let expiry = times.map(|((column, left_lag_us), (_, right_lag_us))| {
            facts[column] = Fact::EventTime { delay_us: 0, behind_us: left_lag_us.max(right_lag_us) };
            Expiry { inputs: inputs.clone(), left_lag_us, right_lag_us }
        });
        let step = Plan {
            keys: by,
            left: left.columns,
            right: right.columns,
            output: SchemaRef::clone(&schema),
            strict: join.strict,
            keeps_left: join.keeps_left,
            retracts,
            expiry,
            on_close: self.on_close,
        };
        let from = self.push("asof", vec![left.from, right.from], Step::Asof(step));
        Ok(Flow { from, schema, facts, retracts, inputs, is_placed: false })
    }
}
