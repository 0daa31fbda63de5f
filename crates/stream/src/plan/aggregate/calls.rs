//! Aggregate functions: which state keeps each, and the columns that it takes.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{Expr, ExprSchemable, SortExpr};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::PhysicalExpr;

use crate::aggregate::ordered::{self, Outcome};
use crate::aggregate::{Function, folded, numbered, numbers};
use crate::operator::aggregate::Call;
use crate::{Error, Result};

/// The columns of an aggregation, and what is computed of them.
pub struct Arguments {
    pub list: Vec<Expr>,
    pub calls: Vec<Call>,
}

impl Arguments {
    pub fn new(keys: Vec<Expr>) -> Arguments {
        Arguments { list: keys, calls: Vec::new() }
    }

    fn add(&mut self, expr: Expr) -> usize {
        let found = self.list.iter().position(|each| *each == expr);
        found.unwrap_or_else(|| {
            self.list.push(expr);
            self.list.len() - 1
        })
    }
}

/// Adds a call over rows that may be taken back or not.
pub fn add(expr: &Expr, over: &DFSchema, retracts: bool, arguments: &mut Arguments) -> Result<()> {
    let bare = expr.clone().unalias_nested().data;
    let Expr::AggregateFunction(call) = &bare else {
        return Err(Error::internal(format!("{expr} is no aggregate function")));
    };
    let (function, taken) = match of_numbers(call) {
        Some(numbers) => numbers,
        None => of_values(call, over, retracts)?,
    };
    let taken = taken.into_iter().map(|each| arguments.add(each)).collect();
    let filter = call.params.filter.as_ref().map(|filter| arguments.add(filter.as_ref().clone()));
    arguments.calls.push(Call { function, arguments: taken, filter });
    Ok(())
}

/// Counts, sums and averages of all values.
fn of_numbers(call: &AggregateFunction) -> Option<(Function, Vec<Expr>)> {
    let function = match call.func.name() {
        "count" => numbers::Function::Count,
        "sum" => numbers::Function::Sum,
        "avg" => numbers::Function::Average,
        _ => return None,
    };
    let params = &call.params;
    if params.distinct || params.null_treatment.is_some() {
        return None;
    }
    let taken = match params.args.as_slice() {
        [Expr::Literal(value, _)] if function == numbers::Function::Count && !value.is_null() => Vec::new(),
        [argument] => vec![argument.clone()],
        _ => return None,
    };
    // An order changes none of them.
    Some((Function::Numbers(function), taken))
}

fn of_values(call: &AggregateFunction, over: &DFSchema, retracts: bool) -> Result<(Function, Vec<Expr>)> {
    let params = &call.params;
    let is_one = params.args.len() == 1;
    let result = match call.func.name() {
        "min" if is_one => Outcome::Least,
        "max" if is_one => Outcome::Greatest,
        "count" if is_one && params.distinct => return Ok((Function::Distinct, params.args.clone())),
        _ => return whole(call, over, retracts),
    };
    let function = ordered::Function { result, order: Vec::new(), retracts };
    Ok((Function::Ordered(Arc::new(function)), params.args.clone()))
}

/// A function that goes through a group's values. They come in the order that it asks for, so it sorts none itself; but
/// what is said behind WITHIN GROUP is for the function to know.
fn whole(call: &AggregateFunction, over: &DFSchema, retracts: bool) -> Result<(Function, Vec<Expr>)> {
    let AggregateFunction { func, params } = call;
    let within_group = func.supports_within_group_clause();
    let order: &[SortExpr] = if within_group { &[] } else { &params.order_by };
    let options = |each: &SortExpr| SortOptions { descending: !each.asc, nulls_first: each.nulls_first };
    let mut taken: Vec<Expr> = order.iter().map(|each| each.expr.clone()).collect();
    let (mut types, mut columns): (Vec<DataType>, Vec<Arc<dyn PhysicalExpr>>) = Default::default();
    for (at, argument) in params.args.iter().enumerate() {
        // Behind the values, literals are parameters that the function wants to know beforehand.
        if let Expr::Literal(value, _) = argument
            && at > 0
        {
            columns.push(Arc::new(Literal::new(ScalarValue::clone(value))));
        } else {
            columns.push(Arc::new(Column::new(&format!("column_{}", types.len()), types.len())));
            types.push(argument.get_type(over)?);
            taken.push(argument.clone());
        }
    }
    let sorts = params
        .order_by
        .iter()
        .zip(&columns)
        .filter(|_| within_group)
        .map(|(each, column)| PhysicalSortExpr { expr: Arc::clone(column), options: options(each) });
    let built = AggregateExprBuilder::new(Arc::clone(func), columns.clone())
        .schema(numbered(&types))
        .alias(func.name())
        .order_by(sorts.collect())
        .with_distinct(params.distinct)
        .with_ignore_nulls(params.null_treatment == Some(NullTreatment::IgnoreNulls))
        .build()?;
    let built = Arc::new(built);
    // Some types are refused no earlier.
    if let Err(error) = built.create_accumulator() {
        return Err(Error::not_built(error.strip_backtrace()).with_hint("CAST the argument to another type"));
    }
    if let Some(folded) = folded::Function::of(&built).filter(|_| !retracts && order.is_empty()) {
        return Ok((Function::Folded(Arc::new(folded)), taken));
    }
    let order = order.iter().map(options).collect();
    // All values are kept, whether they are taken back or not.
    let function = ordered::Function { result: Outcome::Whole(built), order, retracts: true };
    Ok((Function::Ordered(Arc::new(function)), taken))
}
