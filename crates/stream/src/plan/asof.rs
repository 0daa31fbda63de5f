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
        if join.known.is_some() || join.ttl_us.is_some() {
            let what = "a join as of a time whose versions were known later, or grow old";
            return Err(Error::not_built(format!("{} can't be kept up to date: its query has {what}", self.view))
                .with_hint("ask it as a query, or let runs refresh the view: REFRESH EVERY '1 day'"));
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::common::tree_node::{Transformed, TreeNode};
    use headwater_query::relation::{Relations, View, resolve};
    use headwater_sql::{SourceText, Statement};

    use super::*;
    use crate::plan::{Builder, Storage};

    const JOIN: &str = "
        CREATE STREAM prices (id BIGINT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '5 seconds');
        CREATE MATERIALIZED VIEW before AS SELECT l.id, r.at FROM prices AS l ASOF JOIN prices AS r
        MATCH_CONDITION (l.at > r.at) ON l.id = r.id";

    #[test]
    fn versions_that_grow_old_are_refused() {
        let (mut relations, mut plans) = (Relations::new(), Builder::new());
        for parsed in headwater_sql::parse(&SourceText::new("test.sql", JOIN)).unwrap() {
            match &parsed.statement {
                Statement::CreateStream(create) => {
                    let stream = Arc::new(resolve::stream(create, &parsed.source).unwrap());
                    plans.add_stream(&stream);
                    relations.add_stream(stream);
                }
                Statement::CreateMaterializedView(create) => {
                    let view = resolve::view(&relations, create, &parsed.source).unwrap();
                    let old = view.plan.clone().transform_up(|plan| match AsofJoin::of(&plan) {
                        Some(join) => {
                            Ok(Transformed::yes(join.clone().with_point_in_time(None, Some(60_000_000))?.plan()))
                        }
                        None => Ok(Transformed::no(plan)),
                    });
                    let old = View { plan: old.unwrap().data, ..view };
                    let refused = plans.add_view(&old, &Storage::default()).unwrap_err().to_string();
                    assert!(refused.starts_with("before can't be kept up to date"), "{refused}");
                    return;
                }
                other => panic!("{}", other.words()),
            }
        }
        panic!("there is no view");
    }
}
