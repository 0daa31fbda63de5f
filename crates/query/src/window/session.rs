//! Sessions: rows of one key that follow each other within a gap. Which session a row belongs to depends on other
//! rows, so it is a node of the plan. The stream engine keeps sessions itself; batch computes them with window
//! functions, into which [`SessionsByWindowFunctions`] turns the node.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DFSchemaRef, Result, ScalarValue, TableReference, plan_err};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::lead_lag::lag_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, Extension, LogicalPlan, LogicalPlanBuilder, SortExpr, UserDefinedLogicalNodeCore,
    WindowFrame, WindowFunctionDefinition, col, lit, when,
};
use datafusion::optimizer::AnalyzerRule;

use super::{WINDOW_END, WINDOW_START};
use crate::relation::timestamp_type;

/// The rows of its input, each with the edges of its session. Two rows of a key belong together when no more than the
/// gap lies between them; the end of a session is its last time and the gap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    pub input: LogicalPlan,
    /// A TIMESTAMP; rows without one have no session.
    pub time: Expr,
    pub keys: Vec<Expr>,
    pub gap_us: i64,
    /// The input's columns, then the window's.
    schema: DFSchemaRef,
}

impl Session {
    pub fn new(input: LogicalPlan, time: Expr, keys: Vec<Expr>, gap_us: i64) -> Result<Session> {
        let edge = |name| (None::<TableReference>, Arc::new(Field::new(name, timestamp_type(), true)));
        let mut fields: Vec<_> =
            input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
        fields.extend([edge(WINDOW_START), edge(WINDOW_END)]);
        let schema = Arc::new(DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?);
        Ok(Session { input, time, keys, gap_us, schema })
    }

    pub fn plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The node, if a plan is one.
    pub fn of(plan: &LogicalPlan) -> Option<&Session> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<Session>(),
            _ => None,
        }
    }

    fn by_window_functions(&self) -> Result<LogicalPlan> {
        const PREVIOUS: &str = "__session_previous";
        const BEGINS: &str = "__session_begins";
        const NUMBER: &str = "__session_number";
        let columns: Vec<Expr> = self.input.schema().columns().into_iter().map(Expr::Column).collect();
        let also = |more: Expr| [columns.clone(), vec![more]].concat();
        let gap = || lit(ScalarValue::new_interval_mdn(0, 0, self.gap_us.saturating_mul(1_000)));
        let order = vec![SortExpr::new(self.time.clone(), true, false)];
        let numbered = [self.keys.clone(), vec![col(NUMBER)]].concat();
        let over = |function, arguments: Vec<Expr>, keys: &[Expr], order: Vec<SortExpr>, frame: WindowFrame| {
            let call: Expr = WindowFunction::new(function, arguments).into();
            call.partition_by(keys.to_vec()).order_by(order).window_frame(frame).build()
        };
        let rows = WindowFrame::new(Some(true));
        let lag = WindowFunctionDefinition::WindowUDF(lag_udwf());
        let previous = over(lag, vec![self.time.clone()], &self.keys, order.clone(), rows.clone())?;
        let begins = when(self.time.clone().gt(col(PREVIOUS) + gap()), lit(1_i64)).otherwise(lit(0_i64))?;
        let sum = WindowFunctionDefinition::AggregateUDF(sum_udaf());
        let number = over(sum, vec![col(BEGINS)], &self.keys, order, rows)?;
        let all = WindowFrame::new(None);
        let [first, last] = [min_udaf(), max_udaf()].map(|function| {
            let function = WindowFunctionDefinition::AggregateUDF(function);
            over(function, vec![self.time.clone()], &numbered, Vec::new(), all.clone())
        });
        let (first, last) = (first?.alias(WINDOW_START), last?.alias(WINDOW_END));
        let edge = |edge: Expr, name: &str| -> Result<Expr> {
            Ok(when(self.time.clone().is_not_null(), edge).end()?.alias(name))
        };
        let with_edges = LogicalPlanBuilder::from(self.input.clone())
            .window(vec![previous.alias(PREVIOUS)])?
            .project(also(begins.alias(BEGINS)))?
            .window(vec![number.alias(NUMBER)])?
            .window(vec![first, last])?;
        let edges = [edge(col(WINDOW_START), WINDOW_START)?, edge(col(WINDOW_END) + gap(), WINDOW_END)?];
        with_edges.project([columns, edges.to_vec()].concat())?.build()
    }
}

impl PartialOrd for Session {
    fn partial_cmp(&self, other: &Session) -> Option<Ordering> {
        let parts = |each: &Session| (each.input.clone(), each.time.clone(), each.keys.clone(), each.gap_us);
        parts(self).partial_cmp(&parts(other)).filter(|order| *order != Ordering::Equal || self == other)
    }
}

impl UserDefinedLogicalNodeCore for Session {
    fn name(&self) -> &str {
        "Session"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        [vec![self.time.clone()], self.keys.clone()].concat()
    }

    /// Conditions on keys may come first: they keep whole sessions or none of them.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let keys: Vec<&str> = self.keys.iter().filter_map(|key| Some(key.try_as_col()?.name.as_str())).collect();
        let names = self.schema.fields().iter().map(|field| field.name().clone());
        names.filter(|name| !keys.contains(&name.as_str())).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session: time={}, gap={} us, keys=[", self.time, self.gap_us)?;
        let keys: Vec<String> = self.keys.iter().map(Expr::to_string).collect();
        write!(f, "{}]", keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Session> {
        let (Some(input), [time, keys @ ..]) = (inputs.pop(), exprs.as_slice()) else {
            return plan_err!("a session has a time and an input");
        };
        Session::new(input, time.clone(), keys.to_vec(), self.gap_us)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let input = self.input.schema();
        let mut needed: Vec<usize> =
            output_columns.iter().copied().filter(|column| *column < input.fields().len()).collect();
        for expr in self.expressions() {
            needed.extend(expr.column_refs().into_iter().filter_map(|column| input.maybe_index_of_column(column)));
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}

/// For batch: sessions by the functions that it has.
#[derive(Debug)]
pub struct SessionsByWindowFunctions;

impl AnalyzerRule for SessionsByWindowFunctions {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plain = plan.transform_up_with_subqueries(|plan| match Session::of(&plan) {
            Some(session) => Ok(Transformed::yes(session.by_window_functions()?)),
            None => Ok(Transformed::no(plan)),
        });
        plain.map(|plain| plain.data)
    }

    fn name(&self) -> &str {
        "sessions_by_window_functions"
    }
}
