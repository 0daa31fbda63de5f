//! Which columns of a plan's output identify a row.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, Window, WindowFunctionDefinition};

use crate::window::Call;

/// The output columns that hold the key of the plan's topmost aggregation, or that of the partitions of which rows are
/// numbered, ascending; empty when the plan has none, or when a part of the key does not reach the output.
///
/// Both edges of one window stand for each other: either is enough. Of a partition whose first row alone passes, the
/// number is none.
pub fn output_key(plan: &LogicalPlan) -> Vec<usize> {
    let columns = plan.schema().columns();
    let outputs: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
    let Some((by, outputs)) = identified(plan, outputs, Vec::new()) else { return Vec::new() };
    let mut parts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (column, identity) in by {
        let found = outputs.iter().position(|output| *output == column);
        parts.entry(identity).or_default().extend(found);
    }
    let keys: Option<Vec<usize>> = parts.into_values().map(|outputs| outputs.into_iter().min()).collect();
    let mut keys = keys.unwrap_or_default();
    keys.sort_unstable();
    keys
}

/// The greatest number that each column of whole numbers can have where a condition holds: `n <= 3`, `n = 1`.
pub fn bounds(condition: &Expr) -> Vec<(&Column, u64)> {
    split_conjunction(condition).into_iter().filter_map(bound).collect()
}

fn bound(condition: &Expr) -> Option<(&Column, u64)> {
    let Expr::BinaryExpr(comparison) = condition else { return None };
    let (Expr::Column(column), Expr::Literal(number, _)) = (comparison.left.as_ref(), comparison.right.as_ref()) else {
        return None;
    };
    let ScalarValue::UInt64(Some(number)) = number.cast_to(&DataType::UInt64).ok()? else { return None };
    match comparison.op {
        Operator::LtEq | Operator::Eq => Some((column, number)),
        Operator::Lt => Some((column, number.saturating_sub(1))),
        _ => None,
    }
}

/// The name of a function over windows of rows that is no aggregate.
pub fn window_function(expr: &Expr) -> &str {
    match expr {
        Expr::Alias(alias) => window_function(&alias.expr),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::WindowUDF(function) => function.name(),
            WindowFunctionDefinition::AggregateUDF(_) => "",
        },
        _ => "",
    }
}

/// Columns that identify a row of a node together, each with what is equal for columns that determine each other; and
/// what the outputs are at that node.
type Identified = (Vec<(Expr, String)>, Vec<Expr>);

/// Follows output columns down through nodes that keep rows apart, to one whose rows are known by their columns. `ones` are
/// columns that are 1 in every row, if they are numbers of rows.
fn identified(plan: &LogicalPlan, outputs: Vec<Expr>, mut ones: Vec<Expr>) -> Option<Identified> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            let by = aggregate.group_expr.iter().enumerate().map(|(number, group)| {
                let column = Expr::Column(Column::from(aggregate.schema.qualified_field(number)));
                let is_one = !matches!(group, Expr::GroupingSet(_));
                is_one.then(|| (column, identity(group, &aggregate.input)))
            });
            Some((by.collect::<Option<_>>()?, outputs))
        }
        LogicalPlan::Projection(projection) => {
            let below = |columns: Vec<Expr>| {
                columns.into_iter().map(|column| through(column, plan, &projection.expr)).collect()
            };
            identified(&projection.input, below(outputs), below(ones))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let inner: Vec<Expr> = alias.input.schema().columns().into_iter().map(Expr::Column).collect();
            let below = |columns: Vec<Expr>| columns.into_iter().map(|column| through(column, plan, &inner)).collect();
            identified(&alias.input, below(outputs), below(ones))
        }
        LogicalPlan::Filter(filter) => {
            let first = bounds(&filter.predicate).into_iter().filter(|(_, most)| *most == 1);
            ones.extend(first.map(|(column, _)| Expr::Column(column.clone())));
            identified(&filter.input, outputs, ones)
        }
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => identified(&sort.input, outputs, ones),
        LogicalPlan::Window(window) => match numbered(window, &outputs, &ones) {
            Some(by) => Some((by, outputs)),
            None => identified(&window.input, outputs, ones),
        },
        _ => None,
    }
}

/// What identifies a row of partitions in which rows are numbered: the partition and, where it is not always 1, the
/// number.
fn numbered(window: &Window, outputs: &[Expr], ones: &[Expr]) -> Option<Vec<(Expr, String)>> {
    let below = window.input.schema().fields().len();
    let numbers = window.window_expr.iter().enumerate().filter(|(_, expr)| window_function(expr) == "row_number");
    let numbers =
        numbers.map(|(at, expr)| (Expr::Column(Column::from(window.schema.qualified_field(below + at))), expr));
    let of_one = |(number, expr): (Expr, &Expr)| {
        let partition = partition_by(expr)?;
        // What an output computes by the same words may be of other columns by those names.
        let is_plain = partition.iter().all(|column| matches!(column, Expr::Column(_)));
        let partition = partition.iter().map(|column| (column.clone(), identity(column, &window.input)));
        let is_one = ones.contains(&number);
        let by = partition.chain((!is_one).then(|| (number.clone(), format!("number {number}"))));
        (is_plain && (is_one || outputs.contains(&number))).then(|| by.collect::<Vec<_>>())
    };
    // One of no partition has one row at the most, which no key says better than the whole of it.
    numbers.filter_map(of_one).find(|by| !by.is_empty())
}

fn partition_by(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Alias(alias) => partition_by(&alias.expr),
        Expr::WindowFunction(call) => Some(&call.params.partition_by),
        _ => None,
    }
}

/// Numbers of rows are stored as decimals, which changes none.
fn same_number(expr: Expr, node: &LogicalPlan) -> Expr {
    match expr {
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Decimal128(20.., 0)) => {
            let from = node.inputs().first().map(|input| cast.expr.get_type(input.schema()));
            if matches!(from, Some(Ok(DataType::UInt64))) { *cast.expr } else { Expr::Cast(cast) }
        }
        other => other,
    }
}

/// What a column of a node is in terms of its input.
fn through(output: Expr, node: &LogicalPlan, expressions: &[Expr]) -> Expr {
    let Expr::Column(column) = &output else { return output };
    match node.schema().maybe_index_of_column(column) {
        Some(index) => same_number(expressions[index].clone().unalias_nested().data, node),
        None => output,
    }
}

/// Equal for group expressions that determine each other.
fn identity(group: &Expr, input: &LogicalPlan) -> String {
    match (group, input) {
        (Expr::Column(_), LogicalPlan::Projection(projection)) => {
            let below = through(group.clone(), input, &projection.expr);
            return identity(&below, &projection.input);
        }
        (Expr::Column(column), LogicalPlan::SubqueryAlias(alias)) => {
            return match input.schema().maybe_index_of_column(column) {
                Some(index) => identity(&Expr::Column(alias.input.schema().columns()[index].clone()), &alias.input),
                None => group.to_string(),
            };
        }
        (Expr::Column(_), LogicalPlan::Filter(filter)) => return identity(group, &filter.input),
        _ => {}
    }
    match Call::find(group) {
        Some(Call::Edge { time, size_us, .. }) => format!("window of {time} by {size_us}"),
        // The start of a hopping window determines its end. A growing window's does not.
        Some(Call::End { start, .. }) => identity(&start, input),
        None => group.to_string(),
    }
}
