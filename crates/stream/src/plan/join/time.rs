//! What a join's condition says of the time between two rows that meet: how long each side's rows have to be kept.
//!
//! Bounds are on the left time minus the right one, in microseconds, both included. They come from comparisons of two
//! event times, each with a constant interval added or taken off, and from equal edges of windows.

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use headwater_query::window::interval_us;

use crate::operator::join::Expiry;
use crate::operator::late::Until;
use crate::plan::facts::Fact;

/// A side of a join: its columns, and what is known of them.
pub struct Side<'a> {
    pub schema: &'a DFSchema,
    pub facts: &'a [Fact],
    /// Where its rows have places in the log, late ones are sorted out: how much longer they are taken.
    pub late_us: Option<i64>,
}

/// How the times of two rows that meet are bound to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The column of each side.
    pub columns: [usize; 2],
    /// The left time minus the right one is at least, and at most.
    pub least_us: Option<i64>,
    pub most_us: Option<i64>,
    /// How far each side's times may lie behind the watermark.
    lag_us: [i64; 2],
    /// Whether both are edges of windows.
    is_window: bool,
}

/// All that a condition says of times.
#[derive(Debug, Default)]
pub struct Bounds {
    /// The one by which rows go comes first: edges of windows before event times.
    all: Vec<Bound>,
    /// Whether late rows are sorted out of a side, by the first alone.
    sorts_out: bool,
}

impl Bounds {
    pub fn find(on: &[(Expr, Expr)], filter: Option<&Expr>, left: &Side<'_>, right: &Side<'_>) -> Bounds {
        let equal = on.iter().filter_map(|(one, other)| Some([column(one, left)?, column(other, right)?]));
        let mut said: Vec<Said> = equal.map(|columns| (columns, Some(0), Some(0))).collect();
        for condition in filter.map(split_conjunction).unwrap_or_default() {
            said.extend(compared(condition, left, right));
        }
        let mut all: Vec<Bound> = Vec::new();
        for (columns, least_us, most_us) in said {
            if let Some(bound) = all.iter_mut().find(|bound| bound.columns == columns) {
                bound.least_us = bound.least_us.max(least_us);
                bound.most_us = [bound.most_us, most_us].into_iter().flatten().min();
                continue;
            }
            let facts = [&left.facts[columns[0]], &right.facts[columns[1]]];
            let lag_us = [lag(facts[0], left.late_us), lag(facts[1], right.late_us)];
            if let [Some(left_us), Some(right_us)] = lag_us {
                let is_window = facts.iter().all(|fact| fact.closes_after_us().is_some());
                all.push(Bound { columns, least_us, most_us, lag_us: [left_us, right_us], is_window });
            }
        }
        let bounded = |bound: &Bound| bound.least_us.is_some() && bound.most_us.is_some();
        all.sort_by_key(|bound| std::cmp::Reverse((bounded(bound), bound.is_window)));
        Bounds { all, sorts_out: left.late_us.is_some() || right.late_us.is_some() }
    }

    /// The one by which rows go.
    pub fn first(&self) -> Option<&Bound> {
        self.all.first()
    }

    /// Those whose columns are times of the joined rows, too. Where late rows have to be sorted out, that is done by the
    /// first, and of both sides only if it bounds both.
    pub fn known(&self) -> &[Bound] {
        match self.first() {
            Some(first) if self.sorts_out => {
                let bounds_both = first.least_us.is_some() && first.most_us.is_some();
                &self.all[..usize::from(bounds_both)]
            }
            _ => &self.all,
        }
    }
}

/// Columns of both sides with the least and the most that lies between them.
type Said = ([usize; 2], Option<i64>, Option<i64>);

impl Bound {
    /// When rows of each side go: they need the other side's times to have passed.
    pub fn expiry(&self) -> [Option<Expiry>; 2] {
        let [left_lag_us, right_lag_us] = self.lag_us;
        let left = self.least_us.map(|least_us| right_lag_us.saturating_sub(least_us));
        let right = self.most_us.map(|most_us| left_lag_us.saturating_add(most_us));
        let expiry =
            |at: usize, after_us: Option<i64>| after_us.map(|after_us| Expiry { column: self.columns[at], after_us });
        [expiry(0, left), expiry(1, right)]
    }

    /// What the time of a side is in rows that the join gives, which change when either side's do.
    pub fn fact(&self, at: usize, was: &Fact) -> Fact {
        let Some(Expiry { after_us, .. }) = self.expiry()[at] else { return Fact::None };
        let behind_us = after_us.max(self.lag_us[at]);
        match was {
            Fact::WindowEdge { end_after_us, window, .. } => Fact::WindowEdge {
                end_after_us: *end_after_us,
                behind_us: behind_us.saturating_sub(*end_after_us),
                window: *window,
            },
            _ => Fact::EventTime { delay_us: 0, behind_us },
        }
    }
}

/// How far a side's times may lie behind the watermark. Of rows that have their place in the log those that are behind the
/// watermark of their own partition are late.
pub fn lag(fact: &Fact, late_us: Option<i64>) -> Option<i64> {
    let lag_us = match (fact, late_us) {
        (Fact::EventTime { .. }, Some(_)) => Until::Time.after_us(),
        (other, _) => other.lag_us()?,
    };
    Some(lag_us.saturating_add(late_us.unwrap_or(0)))
}

fn column(expr: &Expr, side: &Side<'_>) -> Option<usize> {
    side.schema.maybe_index_of_column(expr.try_as_col()?)
}

/// Bounds between columns of both sides that one condition sets.
fn compared(condition: &Expr, left: &Side<'_>, right: &Side<'_>) -> Vec<Said> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left: one, op, right: other }) => {
            bounds(one, *op, other, left, right).into_iter().collect()
        }
        Expr::Between(between) if !between.negated => {
            let low = bounds(&between.expr, Operator::GtEq, &between.low, left, right);
            low.into_iter().chain(bounds(&between.expr, Operator::LtEq, &between.high, left, right)).collect()
        }
        _ => Vec::new(),
    }
}

fn bounds(one: &Expr, operator: Operator, other: &Expr, left: &Side<'_>, right: &Side<'_>) -> Option<Said> {
    let ((one, one_us), (other, other_us)) = (shifted(one)?, shifted(other)?);
    let place = |column: &Column, side: &Side<'_>| side.schema.maybe_index_of_column(column);
    // `one + one_us <= other + other_us`: the difference of both is at most this.
    let most_us = other_us.checked_sub(one_us)?;
    let (columns, most_us, operator) = match (place(one, left), place(other, right)) {
        (Some(left), Some(right)) => ([left, right], most_us, operator),
        _ => ([place(other, left)?, place(one, right)?], -most_us, operator.swap()?),
    };
    Some(match operator {
        Operator::Eq => (columns, Some(most_us), Some(most_us)),
        Operator::LtEq => (columns, None, Some(most_us)),
        Operator::Lt => (columns, None, Some(most_us.checked_sub(1)?)),
        Operator::GtEq => (columns, Some(most_us), None),
        Operator::Gt => (columns, Some(most_us.checked_add(1)?), None),
        _ => return None,
    })
}

/// A column and the constant interval that is added to it.
fn shifted(expr: &Expr) -> Option<(&Column, i64)> {
    match expr {
        Expr::Column(column) => Some((column, 0)),
        Expr::Alias(alias) => shifted(&alias.expr),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let interval = |expr: &Expr| match expr {
                Expr::Literal(value, _) => interval_us(value).ok(),
                _ => None,
            };
            match op {
                Operator::Plus if interval(left).is_some() => {
                    let (column, more_us) = shifted(right)?;
                    Some((column, more_us.checked_add(interval(left)?)?))
                }
                Operator::Plus => {
                    let (column, more_us) = shifted(left)?;
                    Some((column, more_us.checked_add(interval(right)?)?))
                }
                Operator::Minus => {
                    let (column, more_us) = shifted(left)?;
                    Some((column, more_us.checked_sub(interval(right)?)?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::{col, lit};
    use headwater_query::relation::timestamp_type;

    use super::*;

    fn schema(table: &str) -> DFSchema {
        let fields = ["at", "w"].map(|name| Field::new(name, timestamp_type(), false));
        DFSchema::try_from_qualified_schema(table, &Arc::new(Schema::new(fields.to_vec()))).unwrap()
    }

    /// The least and the most between two rows, and when each side's rows go.
    type Found = (Option<i64>, Option<i64>, [Option<i64>; 2]);

    fn found(on: &[(Expr, Expr)], filter: Option<Expr>) -> Vec<Found> {
        let (left, right) = (schema("l"), schema("r"));
        let facts = [
            Fact::EventTime { delay_us: 5, behind_us: 0 },
            Fact::WindowEdge { end_after_us: 100, behind_us: 0, window: 1 },
        ];
        let side = |schema| Side { schema, facts: &facts, late_us: Some(0) };
        let bounds = Bounds::find(on, filter.as_ref(), &side(&left), &side(&right));
        let show = |bound: &Bound| {
            (bound.least_us, bound.most_us, bound.expiry().map(|expiry| expiry.map(|expiry| expiry.after_us)))
        };
        bounds.all.iter().map(show).collect()
    }

    fn us(number: i64) -> Expr {
        lit(ScalarValue::new_interval_mdn(0, 0, number * 1_000))
    }

    #[test]
    fn intervals_between_rows_are_found_however_they_are_written() {
        // The right row comes up to 10 us after the left one, or 3 us before.
        let wanted = vec![(Some(-10), Some(3), [Some(11), Some(4)])];
        let between = col("r.at").between(col("l.at") - us(3), col("l.at") + us(10));
        assert_eq!(found(&[], Some(between)), wanted);
        let apart = (col("r.at") - us(10)).lt_eq(col("l.at")).and(col("l.at").lt_eq(us(3) + col("r.at")));
        assert_eq!(found(&[], Some(apart)), wanted);
        let open = col("r.at").gt(col("l.at") - us(4)).and((col("l.at") + us(11)).gt(col("r.at")));
        assert_eq!(found(&[], Some(open)), wanted);
    }

    #[test]
    fn one_bound_lets_one_side_go() {
        let after = col("r.at").gt_eq(col("l.at"));
        assert_eq!(found(&[], Some(after)), [(None, Some(0), [None, Some(1)])]);
        assert_eq!(found(&[], Some(col("r.at").not_eq(col("l.at")))), []);
    }

    #[test]
    fn windows_come_first() {
        let equal = |name: &str| (col(format!("l.{name}")), col(format!("r.{name}")));
        let both = found(&[equal("at"), equal("w")], None);
        let window = (Some(0), Some(0), [Some(100), Some(100)]);
        assert_eq!(both, [window, (Some(0), Some(0), [Some(1), Some(1)])]);
    }
}
