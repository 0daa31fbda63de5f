//! A join with versions as a node of the plan, and for batch as a window function and a join.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchemaRef, JoinType, Result, ScalarValue, plan_err};
use datafusion::functions_window::lead_lag::lead_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprFunctionExt, ExprSchemable, Extension, Join, LogicalPlan, LogicalPlanBuilder, Operator,
    SortExpr, UserDefinedLogicalNodeCore, WindowFrame, WindowFunctionDefinition, cast, col,
};
use datafusion::optimizer::AnalyzerRule;
use headwater_sql::Fault;

use super::MATCHES;
use crate::plan::refusal::Refusal;
use crate::relation::timestamp_type;

/// Each left row with the last right row of its keys that is not after it (before it, if strict); without one it is left
/// out, or stands with nulls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AsofJoin {
    pub left: LogicalPlan,
    pub right: LogicalPlan,
    /// Keys of both sides.
    on: Vec<(Expr, Expr)>,
    /// The time of each side: a [`timestamp_type`].
    pub times: (Expr, Expr),
    pub strict: bool,
    pub keeps_left: bool,
    schema: DFSchemaRef,
}

impl AsofJoin {
    /// The node, if a plan is one.
    pub fn of(plan: &LogicalPlan) -> Option<&AsofJoin> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<AsofJoin>(),
            _ => None,
        }
    }

    /// Keys of both sides, of equal types: an analysis that comes later may give one of them another.
    pub fn keys(&self) -> Result<Vec<(Expr, Expr)>> {
        self.on.iter().map(|pair| of_one_type(pair.clone(), &self.left, &self.right)).collect()
    }

    fn join_type(&self) -> JoinType {
        if self.keeps_left { JoinType::Left } else { JoinType::Inner }
    }

    /// With each right row up to when it is valid.
    fn by_window_function(&self) -> Result<LogicalPlan> {
        const UNTIL: &str = "__asof_until";
        let (left_time, right_time) = self.times.clone();
        let keys: Vec<Expr> = self.on.iter().map(|(_, right)| right.clone()).collect();
        let columns: Vec<Expr> = self.right.schema().columns().into_iter().map(Expr::Column).collect();
        let order = std::iter::once(right_time.clone()).chain(columns).map(|each| SortExpr::new(each, true, true));
        let lead: Expr =
            WindowFunction::new(WindowFunctionDefinition::WindowUDF(lead_udwf()), vec![right_time.clone()]).into();
        let until = lead
            .partition_by(keys)
            .order_by(order.collect())
            .window_frame(WindowFrame::new(Some(true)))
            .build()?
            .alias(UNTIL);
        let right = LogicalPlanBuilder::from(self.right.clone())
            .filter(right_time.clone().is_not_null())?
            .window(vec![until])?
            .build()?;
        let until = || col(UNTIL);
        let meets = if self.strict {
            left_time.clone().gt(right_time).and(until().is_null().or(left_time.lt_eq(until())))
        } else {
            left_time.clone().gt_eq(right_time).and(until().is_null().or(left_time.lt(until())))
        };
        let on = self.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
        let shown = self.schema.columns().into_iter().map(Expr::Column);
        LogicalPlanBuilder::from(self.left.clone())
            .join_on(right, self.join_type(), on.chain([meets]))?
            .project(shown)?
            .build()
    }
}

impl PartialOrd for AsofJoin {
    fn partial_cmp(&self, other: &AsofJoin) -> Option<Ordering> {
        let parts = |each: &AsofJoin| {
            (each.left.clone(), each.right.clone(), each.on.clone(), each.times.clone(), each.strict, each.keeps_left)
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

    fn expressions(&self) -> Vec<Expr> {
        let keys = self.on.iter().flat_map(|(left, right)| [left.clone(), right.clone()]);
        [self.times.0.clone(), self.times.1.clone()].into_iter().chain(keys).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<String> = self.on.iter().map(|(left, right)| format!("{left} = {right}")).collect();
        let compared = if self.strict { ">" } else { ">=" };
        let (left, right) = &self.times;
        write!(f, "AsofJoin: {} {left} {compared} {right}, on=[{}]", self.join_type(), on.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<AsofJoin> {
        let (Ok([left, right]), [left_time, right_time, keys @ ..]) =
            (<[LogicalPlan; 2]>::try_from(inputs), exprs.as_slice())
        else {
            return plan_err!("a join as of a time has two inputs and two times");
        };
        let on = keys.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let times = (left_time.clone(), right_time.clone());
        let schema =
            Arc::new(datafusion::logical_expr::build_join_schema(left.schema(), right.schema(), &self.join_type())?);
        Ok(AsofJoin { left, right, on, times, schema, ..self.clone() })
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

/// For batch: such joins by what it has.
#[derive(Debug)]
pub struct AsofJoinsByWindowFunction;

impl AnalyzerRule for AsofJoinsByWindowFunction {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plain = plan.transform_up_with_subqueries(|plan| match AsofJoin::of(&plan) {
            Some(join) => Ok(Transformed::yes(join.by_window_function()?)),
            None => Ok(Transformed::no(plan)),
        });
        plain.map(|plain| plain.data)
    }

    fn name(&self) -> &str {
        "asof_joins_by_window_function"
    }
}

fn has_mark(expr: &Expr) -> bool {
    split_conjunction_owned(expr.clone()).iter().any(is_mark)
}

fn is_mark(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == MATCHES)
}

fn node_of(join: Join) -> Result<LogicalPlan> {
    let (mut on, mut times, mut rest) = (join.on.clone(), None, Vec::new());
    let (left, right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
    let is_of = |expr: &Expr, plan: &LogicalPlan| {
        expr.column_refs().iter().all(|column: &&Column| plan.schema().has_column(column))
    };
    for condition in join.filter.map(split_conjunction_owned).unwrap_or_default() {
        match condition {
            Expr::ScalarFunction(call) if call.func.name() == MATCHES => {
                let [one, other, Expr::Literal(ScalarValue::Boolean(Some(strict)), _)] = call.args.as_slice() else {
                    return plan_err!("a mark of a join as of a time has two times");
                };
                if !is_of(one, &left) || !is_of(other, &right) {
                    return Err(Refusal::new(
                        "MATCH_CONDITION compares a time of the left relation with one of the right",
                    )
                    .hint("write MATCH_CONDITION (left.time >= right.time)")
                    .into());
                }
                times = Some((one.clone(), other.clone(), *strict));
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
    let Some((left_time, right_time, strict)) = times else {
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
    let times = (as_time(left_time, &left)?, as_time(right_time, &right)?);
    let node = AsofJoin { left, right, on, times, strict, keeps_left, schema: join.schema };
    let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    match conjunction(rest) {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build(),
        None => Ok(plan),
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
