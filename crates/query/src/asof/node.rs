//! A join with versions as a node of the plan.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchemaRef, JoinType, Result, ScalarValue, plan_err};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Extension, Join, LogicalPlan, LogicalPlanBuilder, Operator,
    UserDefinedLogicalNodeCore, build_join_schema, cast,
};
use datafusion::optimizer::AnalyzerRule;
use headwater_sql::Fault;

use super::MATCHES;
use crate::plan::refusal::Refusal;
use crate::relation::timestamp_type;

/// Each left row with the last right row of its keys that is not after it (before it, if strict); without one it is left
/// out, or stands with nulls. The last is the one with the greatest time, of those the one that was known last, of those
/// the last by all columns, nulls first. NULL as a key or as a time meets nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AsofJoin {
    pub left: LogicalPlan,
    pub right: LogicalPlan,
    /// Keys of both sides.
    on: Vec<(Expr, Expr)>,
    /// The time of each side: a [`timestamp_type`].
    pub times: (Expr, Expr),
    /// When each right row was known, a [`timestamp_type`]: a left row meets none that was known after its time. One
    /// that was never known (NULL) is met by none.
    pub known: Option<Expr>,
    /// The last right row counts only if it is no older than this; no row before it takes its place.
    pub ttl_us: Option<i64>,
    pub strict: bool,
    pub keeps_left: bool,
    schema: DFSchemaRef,
}

impl AsofJoin {
    /// `on` and `times` are of the left and of the right. Times of other types than [`timestamp_type`] are cast to it.
    pub fn new(
        (left, right): (LogicalPlan, LogicalPlan),
        on: Vec<(Expr, Expr)>,
        times: (Expr, Expr),
        strict: bool,
        keeps_left: bool,
    ) -> Result<AsofJoin> {
        let schema = Arc::new(build_join_schema(left.schema(), right.schema(), &join_type(keeps_left))?);
        let times = (as_time(times.0, &left)?, as_time(times.1, &right)?);
        Ok(AsofJoin { left, right, on, times, known: None, ttl_us: None, strict, keeps_left, schema })
    }

    /// The same at a point in time: see [`AsofJoin::known`] and [`AsofJoin::ttl_us`].
    pub fn with_point_in_time(self, known: Option<Expr>, ttl_us: Option<i64>) -> Result<AsofJoin> {
        if ttl_us.is_some_and(|ttl_us| ttl_us < 0) {
            return plan_err!("a join as of a time looks back, not ahead");
        }
        let known = known.map(|known| as_time(known, &self.right)).transpose()?;
        Ok(AsofJoin { known, ttl_us, ..self })
    }

    pub fn plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The node, if a plan is one.
    pub fn of(plan: &LogicalPlan) -> Option<&AsofJoin> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<AsofJoin>(),
            _ => None,
        }
    }

    /// Keys of both sides, as they were written.
    pub fn on(&self) -> &[(Expr, Expr)] {
        &self.on
    }

    /// Keys of both sides, of equal types: an analysis that comes later may give one of them another.
    pub fn keys(&self) -> Result<Vec<(Expr, Expr)>> {
        self.on.iter().map(|pair| of_one_type(pair.clone(), &self.left, &self.right)).collect()
    }

    pub fn join_type(&self) -> JoinType {
        join_type(self.keeps_left)
    }
}

fn join_type(keeps_left: bool) -> JoinType {
    if keeps_left { JoinType::Left } else { JoinType::Inner }
}

impl PartialOrd for AsofJoin {
    fn partial_cmp(&self, other: &AsofJoin) -> Option<Ordering> {
        let parts = |each: &AsofJoin| {
            let inputs = (each.left.clone(), each.right.clone());
            let times = (each.times.clone(), each.known.clone(), each.ttl_us);
            (inputs, each.on.clone(), times, each.strict, each.keeps_left)
        };
        parts(self).partial_cmp(&parts(other)).filter(|order| *order != Ordering::Equal || self == other)
    }
}

impl UserDefinedLogicalNodeCore for AsofJoin {
    fn name(&self) -> &str {
        "AsofJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    /// Both times, when it was known where that is said, and the keys in pairs.
    fn expressions(&self) -> Vec<Expr> {
        let keys = self.on.iter().flat_map(|(left, right)| [left.clone(), right.clone()]);
        let times = [self.times.0.clone(), self.times.1.clone()].into_iter().chain(self.known.clone());
        times.chain(keys).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<String> = self.on.iter().map(|(left, right)| format!("{left} = {right}")).collect();
        let compared = if self.strict { ">" } else { ">=" };
        let (left, right) = &self.times;
        write!(f, "AsofJoin: {} {left} {compared} {right}, on=[{}]", self.join_type(), on.join(", "))?;
        if let Some(known) = &self.known {
            write!(f, ", known={known}")?;
        }
        match self.ttl_us {
            Some(ttl_us) => write!(f, ", ttl_us={ttl_us}"),
            None => Ok(()),
        }
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<AsofJoin> {
        let mut exprs = exprs.into_iter();
        let (Ok([left, right]), Some(times)) = (<[LogicalPlan; 2]>::try_from(inputs), exprs.next().zip(exprs.next()))
        else {
            return plan_err!("a join as of a time has two inputs and two times");
        };
        let known = self.known.as_ref().and_then(|_| exprs.next());
        let on: Vec<_> = std::iter::from_fn(|| exprs.next().zip(exprs.next())).collect();
        let schema = Arc::new(build_join_schema(left.schema(), right.schema(), &self.join_type())?);
        Ok(AsofJoin { left, right, on, times, known, schema, ..self.clone() })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let left = self.left.schema();
        let used = self.expressions().into_iter().flat_map(|expr| {
            let columns = expr.column_refs().into_iter().filter_map(|column| left.maybe_index_of_column(column));
            columns.collect::<Vec<_>>()
        });
        let shown = output_columns.iter().copied().filter(|column| *column < left.fields().len());
        let mut needed: Vec<usize> = shown.chain(used).collect();
        needed.sort_unstable();
        needed.dedup();
        // All columns of versions say which of two at one time is the last.
        Some(vec![needed, (0..self.right.schema().fields().len()).collect()])
    }
}

/// Makes nodes of the joins whose condition has the mark.
#[derive(Debug)]
pub struct AsofJoins;

impl AnalyzerRule for AsofJoins {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plain = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) if join.filter.as_ref().is_some_and(has_mark) => {
                Ok(Transformed::yes(node_of(join)?))
            }
            other => Ok(Transformed::no(other)),
        });
        plain.map(|plain| plain.data)
    }

    fn name(&self) -> &str {
        "asof_joins"
    }
}

fn has_mark(expr: &Expr) -> bool {
    split_conjunction_owned(expr.clone()).iter().any(is_mark)
}

fn is_mark(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == MATCHES)
}

fn node_of(join: Join) -> Result<LogicalPlan> {
    let (mut on, mut mark, mut rest) = (join.on, None, Vec::new());
    let (left, right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
    let is_of = |expr: &Expr, plan: &LogicalPlan| {
        expr.column_refs().iter().all(|column: &&Column| plan.schema().has_column(column))
    };
    for condition in join.filter.map(split_conjunction_owned).unwrap_or_default() {
        match condition {
            Expr::ScalarFunction(call) if call.func.name() == MATCHES => {
                let found = Mark::of(&call.args)?;
                if !is_of(&found.left, &left) || !is_of(&found.right, &right) {
                    return Err(Refusal::new(
                        "MATCH_CONDITION compares a time of the left relation with one of the right",
                    )
                    .hint("write MATCH_CONDITION (left.time >= right.time)")
                    .into());
                }
                mark = Some(found);
            }
            Expr::BinaryExpr(BinaryExpr { left: one, op: Operator::Eq, right: other })
                if is_of(&one, &left) && is_of(&other, &right) =>
            {
                on.push((*one, *other));
            }
            Expr::BinaryExpr(BinaryExpr { left: one, op: Operator::Eq, right: other })
                if is_of(&one, &right) && is_of(&other, &left) =>
            {
                on.push((*other, *one));
            }
            Expr::Literal(ScalarValue::Boolean(Some(true)), _) => {}
            other => rest.push(other),
        }
    }
    let Some(Mark { left: left_time, right: right_time, strict, known, ttl_us }) = mark else {
        return plan_err!("a join as of a time without its times");
    };
    let keeps_left = join.join_type == JoinType::Left;
    if keeps_left && !rest.is_empty() {
        return Err(Refusal::new(
            "a join as of a time that keeps rows without a match has keys for its condition alone",
        )
        .fault(Fault::NotBuilt)
        .hint("filter the right relation in a subquery")
        .into());
    }
    let join = AsofJoin::new((left, right), on, (left_time, right_time), strict, keeps_left)?;
    let plan = join.with_point_in_time(known, ttl_us)?.plan();
    match conjunction(rest) {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build(),
        None => Ok(plan),
    }
}

/// The arguments of the mark.
struct Mark {
    left: Expr,
    right: Expr,
    strict: bool,
    known: Option<Expr>,
    ttl_us: Option<i64>,
}

impl Mark {
    fn of(args: &[Expr]) -> Result<Mark> {
        let [left, right, Expr::Literal(ScalarValue::Boolean(Some(strict)), _), more @ ..] = args else {
            return plan_err!("a mark of a join as of a time has two times");
        };
        let ttl_us = match more.get(1) {
            None => None,
            Some(Expr::Literal(ScalarValue::Int64(ttl_us), _)) => *ttl_us,
            Some(_) => return plan_err!("how long a version counts is a number"),
        };
        let (left, right, known) = (left.clone(), right.clone(), more.first().cloned());
        Ok(Mark { left, right, strict: *strict, known, ttl_us })
    }
}

fn of_one_type((one, other): (Expr, Expr), left: &LogicalPlan, right: &LogicalPlan) -> Result<(Expr, Expr)> {
    let types = [one.get_type(left.schema())?, other.get_type(right.schema())?];
    if types[0] == types[1] {
        return Ok((one, other));
    }
    let Some(common) = comparison_coercion(&types[0], &types[1]) else {
        return plan_err!("{one} and {other} can't be compared");
    };
    let [one, other] = [(one, &types[0]), (other, &types[1])]
        .map(|(expr, found)| if *found == common { expr } else { cast(expr, common.clone()) });
    Ok((one, other))
}

fn as_time(expr: Expr, plan: &LogicalPlan) -> Result<Expr> {
    match expr.get_type(plan.schema())? {
        found if found == timestamp_type() => Ok(expr),
        DataType::Timestamp(..) | DataType::Date32 => Ok(cast(expr, timestamp_type())),
        other => {
            Err(Refusal::new(format!("a join as of a time needs TIMESTAMPs, not {}", crate::sqltype::sql_name(&other)))
                .fault(Fault::Types)
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::col;
    use datafusion::logical_expr::logical_plan::table_scan;

    use super::*;

    fn side(name: &str) -> LogicalPlan {
        let fields = [
            Field::new("key", DataType::Int64, true),
            Field::new("at", timestamp_type(), true),
            Field::new("known", DataType::Date32, true),
        ];
        table_scan(Some(name), &Schema::new(fields.to_vec()), None).unwrap().build().unwrap()
    }

    fn join() -> AsofJoin {
        let on = vec![(col("l.key"), col("r.key"))];
        AsofJoin::new((side("l"), side("r")), on, (col("l.at"), col("r.at")), true, false).unwrap()
    }

    #[test]
    fn expressions_come_back_to_their_places() {
        for node in [join(), join().with_point_in_time(Some(col("r.known")), Some(60_000_000)).unwrap()] {
            let plan = node.clone().plan();
            let again = plan.with_new_exprs(plan.expressions(), vec![side("l"), side("r")]).unwrap();
            assert_eq!(AsofJoin::of(&again), Some(&node));
            assert_eq!(AsofJoin::of(&again).partial_cmp(&Some(&node)), Some(Ordering::Equal));
        }
    }

    #[test]
    fn a_second_time_and_an_age_are_explained() {
        let node = join().with_point_in_time(Some(col("r.known")), Some(60_000_000)).unwrap();
        let shown = node.plan().display().to_string();
        let known = format!("CAST(r.known AS {})", timestamp_type());
        let expected = format!("AsofJoin: Inner l.at > r.at, on=[l.key = r.key], known={known}, ttl_us=60000000");
        assert_eq!(shown, expected);
        let aged = join().with_point_in_time(None, Some(1)).unwrap();
        assert_ne!(aged.partial_cmp(&join()), Some(Ordering::Equal));
    }

    #[test]
    fn an_age_below_zero_and_a_time_that_is_none_are_refused() {
        assert!(join().with_point_in_time(None, Some(-1)).is_err());
        assert!(join().with_point_in_time(Some(col("r.key")), None).is_err());
    }
}
