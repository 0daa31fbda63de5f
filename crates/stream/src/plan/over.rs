//! Window functions (OVER), and the first rows by an order: what follows from the order of rows in a partition.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::execution::context::ExecutionProps;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::logical_plan as logical;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, FetchType, LogicalPlan, LogicalPlanBuilder, SkipType, SortExpr, lit,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_planner::create_window_expr;
use headwater_query::plan::key::{bounds, window_function};

use super::aggregate::plain_zero;
use super::facts::{self, Fact};
use super::{Compile, Flow, columns_of, physical};
use crate::graph::Step;
use crate::operator::aggregate::Window;
use crate::operator::late::Until;
use crate::operator::over::{First, Function, Plan};
use crate::rows::Codec;
use crate::{Error, Result};

impl Compile<'_> {
    /// A filter, which may ask for the first rows of partitions alone.
    pub(super) fn filter(&mut self, filter: &logical::Filter) -> Result<Flow> {
        let mut input = match first_rows(filter) {
            Some(rows) => self.ranked(&filter.input, rows)?,
            None => self.plan(&filter.input)?,
        };
        self.check_models([&filter.predicate], &input)?;
        let condition = physical(&filter.predicate, filter.input.schema())?;
        input.from = self.push("filter", vec![input.from], Step::Filter(condition));
        Ok(input)
    }

    /// What lies between a filter and the window functions that it picks the first rows of.
    fn ranked(&mut self, plan: &LogicalPlan, rows: u64) -> Result<Flow> {
        match plan {
            LogicalPlan::Projection(projection) => {
                let input = self.ranked(&projection.input, rows)?;
                let schema = SchemaRef::clone(projection.schema.inner());
                self.project(input, &projection.expr, projection.input.schema(), schema)
            }
            LogicalPlan::SubqueryAlias(alias) => self.ranked(&alias.input, rows),
            LogicalPlan::Window(window) => self.over(window, Some(rows)),
            other => self.plan(other),
        }
    }

    pub(super) fn over(&mut self, window: &logical::Window, rows: Option<u64>) -> Result<Flow> {
        let calls = window.window_expr.iter().map(call).collect::<Result<Vec<_>>>()?;
        let Some(first) = calls.first() else { return self.plan(&window.input) };
        let orders_as_first = |call: &&WindowFunction| order(call) == order(first);
        if !calls.iter().all(orders_as_first) {
            return self.plan(&apart(window)?);
        }
        let over = window.input.schema();
        if rows.is_none()
            && let Some(one) = merged(window)?
        {
            return self.over(&one, None);
        }
        let functions = window.window_expr.iter().map(|each| {
            let expr = create_window_expr(each, over, &ExecutionProps::new(), &PhysicalPlanningContext::default())
                .map_err(|error| {
                    Error::not_built(format!("{each} can't be kept up to date: {}", error.strip_backtrace()))
                })?;
            Ok(Function { expr, is_row_number: window_function(each) == "row_number" })
        });
        let functions = functions.collect::<Result<Vec<_>>>()?;
        let (keys, order) = (first.params.partition_by.clone(), first.params.order_by.clone());
        let output = SchemaRef::clone(window.schema.inner());
        self.partitions(&window.input, &keys, &order, output, functions, rows)
    }

    /// `ORDER BY … LIMIT n OFFSET m`: the first rows of all, or some behind them.
    pub(super) fn limit(&mut self, limit: &logical::Limit) -> Result<Flow> {
        let (FetchType::Literal(rows), SkipType::Literal(skipped)) = (limit.get_fetch_type()?, limit.get_skip_type()?)
        else {
            return Err(self.unbuilt("a LIMIT or OFFSET that is no number"));
        };
        let (rows, skipped) = (rows.map(|rows| rows as u64), skipped as u64);
        self.sorted(&limit.input, skipped, rows.map(|rows| rows.saturating_add(skipped)))
    }

    /// What lies between a limit and the order that it picks rows of: those past `after`, as far as to the `until`th.
    fn sorted(&mut self, plan: &LogicalPlan, after: u64, until: Option<u64>) -> Result<Flow> {
        match plan {
            LogicalPlan::Projection(projection) => {
                let input = self.sorted(&projection.input, after, until)?;
                let schema = SchemaRef::clone(projection.schema.inner());
                self.project(input, &projection.expr, projection.input.schema(), schema)
            }
            LogicalPlan::SubqueryAlias(alias) => self.sorted(&alias.input, after, until),
            LogicalPlan::Sort(sort) if after == 0 => {
                let output = SchemaRef::clone(sort.input.schema().inner());
                self.partitions(&sort.input, &[], &sort.expr, output, Vec::new(), until)
            }
            LogicalPlan::Sort(sort) => self.plan(&numbered(sort, after, until)?),
            _ => {
                let message = format!("{} can't be kept up to date: its query has LIMIT without ORDER BY", self.view);
                Err(Error::invalid(message).with_hint("say by ORDER BY which rows are the first"))
            }
        }
    }

    fn partitions(
        &mut self,
        plan: &LogicalPlan,
        keys: &[Expr],
        order: &[SortExpr],
        output: SchemaRef,
        functions: Vec<Function>,
        rows: Option<u64>,
    ) -> Result<Flow> {
        let mut input = self.plan(plan)?;
        let over = plan.schema();
        let mut expressions = keys.iter().map(|key| physical(key, over)).collect::<Result<Vec<_>>>()?;
        let lateness_us = if input.is_placed { self.lateness_us } else { 0 };
        let of_keys: Vec<Fact> = keys.iter().map(|key| facts::of(key, over, &input.facts).later(lateness_us)).collect();
        let window = self.window(&of_keys, "PARTITION BY")?;
        if let Some(Window { edge, end_after_us, .. }) = window
            && input.is_placed
        {
            let edge = Arc::clone(&expressions[edge]);
            self.sort_out("late", &mut input, edge, Until::WindowEnd { after_us: end_after_us });
        }
        // Rows of a partition change until its window closes, so its edges are known still.
        let chosen = window.and_then(|window| of_keys[window.edge].window());
        let known = input.facts.iter().map(|fact| match fact.window() {
            Some(number) if Some(number) == chosen => fact.clone().later(lateness_us),
            _ => Fact::None,
        });
        let mut facts: Vec<Fact> = known.collect();
        facts.resize(output.fields().len(), Fact::None);
        expressions.iter_mut().try_for_each(|key| plain_zero(key, over))?;
        // A column that orders rows is stored once; what is computed for that alone, beside them.
        let mut columns: Vec<Option<usize>> = vec![None; over.fields().len()];
        for (at, each) in order.iter().enumerate() {
            let column = each.expr.try_as_col().and_then(|column| over.maybe_index_of_column(column));
            if let Some(column) = column.filter(|column| columns[*column].is_none()) {
                columns[column] = Some(at);
            }
            expressions.push(physical(&each.expr, over)?);
        }
        let others = columns.iter_mut().enumerate().filter(|(_, place)| place.is_none());
        for (next, (column, place)) in (order.len()..).zip(others) {
            *place = Some(next);
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(over.field(column).name(), column));
            expressions.push(column);
        }
        let schema = columns_of(&expressions, over)?;
        let plan = Plan {
            keys: keys.len(),
            input: SchemaRef::clone(&schema),
            order: order
                .iter()
                .map(|each| SortOptions { descending: !each.asc, nulls_first: each.nulls_first })
                .collect(),
            columns: columns.into_iter().flatten().collect(),
            relation: SchemaRef::clone(over.inner()),
            functions,
            output: SchemaRef::clone(&output),
            first: rows.map(|rows| First { rows, is_final: !input.retracts }),
            window,
            inputs: input.inputs.clone(),
        };
        let retracts = !window.is_some_and(|window| window.on_close);
        let of_row = schema.fields()[plan.keys..].iter().map(|field| field.data_type().clone());
        Codec::new(of_row.collect(), &plan.order)?;
        let mut from = self.push("ordered-columns", vec![input.from], Step::Project { expressions, schema });
        from = self.push("exchange", vec![from], Step::Exchange { keys: plan.keys });
        from = self.push("over", vec![from], Step::Over(plan));
        Ok(Flow { from, schema: output, facts, retracts, inputs: input.inputs, is_placed: false })
    }
}

/// Rows by their number in an order.
fn numbered(sort: &logical::Sort, after: u64, until: Option<u64>) -> Result<LogicalPlan> {
    let number = row_number().order_by(sort.expr.clone()).build()?;
    let column = || Expr::Column(datafusion::common::Column::from_name(number.schema_name().to_string()));
    let from = column().gt(lit(after));
    let condition = until.map_or(from.clone(), |until| from.and(column().lt_eq(lit(until))));
    let columns = sort.input.schema().columns().into_iter().map(Expr::Column);
    let plan = LogicalPlanBuilder::from(Arc::clone(&sort.input)).window([number.clone()])?;
    Ok(plan.filter(condition)?.project(columns)?.build()?)
}

/// Window functions together with those of the same order right below: equal rows are then in one order for all.
fn merged(window: &logical::Window) -> Result<Option<logical::Window>> {
    let LogicalPlan::Window(below) = window.input.as_ref() else { return Ok(None) };
    let all = || below.window_expr.iter().chain(&window.window_expr);
    let calls = all().map(call).collect::<Result<Vec<_>>>()?;
    let is_of_one_order = calls.windows(2).all(|pair| order(pair[0]) == order(pair[1]));
    let of_input = |expr: &Expr| expr.column_refs().iter().all(|column| below.input.schema().has_column(column));
    if !is_of_one_order || !window.window_expr.iter().all(of_input) {
        return Ok(None);
    }
    Ok(Some(logical::Window::try_new(all().cloned().collect(), Arc::clone(&below.input))?))
}

/// Window functions of several orders, one after the other.
fn apart(window: &logical::Window) -> Result<LogicalPlan> {
    let mut groups: Vec<Vec<Expr>> = Vec::new();
    for expr in &window.window_expr {
        let of_this = order(call(expr)?);
        let is_same = |group: &&mut Vec<Expr>| call(&group[0]).is_ok_and(|other| order(other) == of_this);
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(expr.clone()),
            None => groups.push(vec![expr.clone()]),
        }
    }
    let mut plan = LogicalPlanBuilder::from(Arc::clone(&window.input));
    for group in groups {
        plan = plan.window(group)?;
    }
    let columns = window.schema.columns().into_iter().map(Expr::Column);
    Ok(plan.project(columns)?.build()?)
}

/// By what a function's rows are parted and ordered, whatever that is called.
fn order(call: &WindowFunction) -> (Vec<Expr>, Vec<SortExpr>) {
    let plain = |expr: &Expr| expr.clone().unalias_nested().data;
    let by = &call.params.order_by;
    let by = by.iter().map(|each| SortExpr { expr: plain(&each.expr), ..each.clone() }).collect();
    (call.params.partition_by.iter().map(plain).collect(), by)
}

fn call(expr: &Expr) -> Result<&WindowFunction> {
    match expr {
        Expr::Alias(alias) => call(&alias.expr),
        Expr::WindowFunction(call) => Ok(call),
        other => Err(Error::internal(format!("{other} is no window function"))),
    }
}

/// How many rows of each partition can pass a filter over their number: `rn <= 3`, `rn = 1`.
fn first_rows(filter: &logical::Filter) -> Option<u64> {
    let bounds = bounds(&filter.predicate).into_iter();
    let of_places = bounds.filter(|(column, _)| numbers_rows(&filter.input, (*column).clone()));
    of_places.map(|(_, rows)| rows).min()
}

/// Whether a column is `row_number()` of window functions that look at no row behind their own.
fn numbers_rows(plan: &LogicalPlan, column: datafusion::common::Column) -> bool {
    let Some(at) = plan.schema().maybe_index_of_column(&column) else { return false };
    match plan {
        LogicalPlan::Projection(projection) => match projection.expr[at].clone().unalias_nested().data {
            Expr::Column(below) => numbers_rows(&projection.input, below),
            _ => false,
        },
        LogicalPlan::SubqueryAlias(alias) => numbers_rows(&alias.input, alias.input.schema().columns()[at].clone()),
        LogicalPlan::Window(window) => {
            let below = window.input.schema().fields().len();
            // A lag by a negative number looks ahead.
            let by = |expr: &Expr| match call(expr).ok().and_then(|call| call.params.args.get(1)) {
                None => Some(1),
                Some(Expr::Literal(by, _)) => {
                    by.cast_to(&arrow::datatypes::DataType::Int64).ok().and_then(|by| match by {
                        ScalarValue::Int64(by) => by,
                        _ => None,
                    })
                }
                Some(_) => None,
            };
            let looks_back = |expr: &Expr| match window_function(expr) {
                "row_number" | "rank" | "dense_rank" => true,
                "lag" => by(expr).is_some_and(|by| by >= 0),
                _ => false,
            };
            at >= below
                && window_function(&window.window_expr[at - below]) == "row_number"
                && window.window_expr.iter().all(looks_back)
        }
        _ => false,
    }
}
