//! `TUMBLE(rel, time, size)` in a FROM clause, and what a FROM clause must not hold.
//!
//! The window functions become a projection over the relation: its columns, then `window_start` and `window_end`.
//! What DataFusion's planner would drop without a word (`VERSION AS OF`, `TABLESAMPLE` and the like) is refused here.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::scalar::ScalarValue;
use headwater_sql::Fault;
use sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Spanned, TableAlias, TableFactor,
    TableFunctionArgs,
};

use super::{WINDOW_END, WINDOW_START, interval_us, tumble_end, tumble_start};
use crate::plan::refusal::Refusal;
use crate::relation::timestamp_type;

/// Plans window functions over relations.
#[derive(Debug)]
pub struct Windows;

impl RelationPlanner for Windows {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        refuse_ignored(&relation)?;
        match relation {
            TableFactor::Table { name, alias, args: Some(args), .. } if is_word(&name, "tumble") => {
                plan_tumble(&name, alias, args, context)
            }
            TableFactor::Table { name, args: Some(_), .. } if NOT_YET.iter().any(|word| is_word(&name, word)) => {
                Err(Refusal::new(format!("{name} windows are not built yet"))
                    .fault(Fault::NotBuilt)
                    .at(name.span())
                    .hint("use TUMBLE")
                    .into())
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

/// Window functions of the language that are refused by name.
pub(super) const NOT_YET: [&str; 3] = ["hop", "cumulate", "session"];

pub(super) fn is_word(name: &ObjectName, word: &str) -> bool {
    matches!(name.0.as_slice(), [ObjectNamePart::Identifier(ident)] if ident.value.eq_ignore_ascii_case(word))
}

/// DataFusion's default planner reads none of these.
fn refuse_ignored(relation: &TableFactor) -> Result<()> {
    let refused = match relation {
        TableFactor::Table { version: Some(_), .. } => "reading an older version (AS OF)",
        TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => "TABLESAMPLE",
        TableFactor::Table { with_hints, .. } if !with_hints.is_empty() => "a table hint (WITH …)",
        TableFactor::Table { with_ordinality: true, .. } => "WITH ORDINALITY",
        TableFactor::Table { partitions, .. } if !partitions.is_empty() => "PARTITION (…)",
        TableFactor::Table { json_path: Some(_), .. } => "a JSON path after a relation",
        TableFactor::Table { index_hints, .. } if !index_hints.is_empty() => "an index hint",
        TableFactor::Table { args: Some(TableFunctionArgs { settings: Some(_), .. }), .. } => "SETTINGS",
        _ => return Ok(()),
    };
    Err(Refusal::new(format!("{refused} is not built yet")).fault(Fault::NotBuilt).at(relation.span()).into())
}

fn plan_tumble(
    name: &ObjectName,
    alias: Option<TableAlias>,
    args: TableFunctionArgs,
    context: &mut dyn RelationPlannerContext,
) -> Result<RelationPlanning> {
    let place = args.args.iter().fold(name.span(), |span, arg| span.union(&arg.span()));
    let refuse = |message: &str| -> DataFusionError {
        Refusal::new(message).at(place).hint("write TUMBLE(relation, time_column, INTERVAL '1 minute')").into()
    };
    let given = args.args.into_iter().map(argument).collect::<Option<Vec<_>>>();
    let given: Option<[SqlExpr; 3]> = given.and_then(|given| given.try_into().ok());
    let Some([relation, time, size]) = given else {
        return Err(refuse("TUMBLE takes a relation, a time column and a size"));
    };
    let (factor, own_alias) =
        relation_argument(relation).ok_or_else(|| refuse("TUMBLE's first argument is a relation"))?;
    let input = context.plan(factor)?;
    let size_us = window_size(size, context)?;
    let time = time_argument(time, &input, context)?;
    let plan = project(input, time, size_us, place)?;
    Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.or(own_alias)))))
}

/// The relation's columns, then the window's.
fn project(input: LogicalPlan, time: Expr, size_us: i64, place: sqlparser::tokenizer::Span) -> Result<LogicalPlan> {
    for added in [WINDOW_START, WINDOW_END] {
        if input.schema().fields().iter().any(|field| field.name() == added) {
            return Err(Refusal::new(format!("the relation already has a column {added}"))
                .fault(Fault::ColumnTwice)
                .at(place)
                .hint(format!("rename it: TUMBLE((SELECT {added} AS other, … FROM …), …)"))
                .into());
        }
    }
    let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    columns.push(tumble_start().call(vec![time.clone(), lit(size_us)]).alias(WINDOW_START));
    columns.push(tumble_end().call(vec![time, lit(size_us)]).alias(WINDOW_END));
    LogicalPlanBuilder::from(input).project(columns)?.build()
}

fn argument(arg: FunctionArg) -> Option<SqlExpr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

/// A bare name or a subquery as an argument, as the relation that it is. A bare name stays the name of the columns.
fn relation_argument(arg: SqlExpr) -> Option<(TableFactor, Option<TableAlias>)> {
    let parts = match arg {
        SqlExpr::Identifier(ident) => vec![ident],
        SqlExpr::CompoundIdentifier(parts) => parts,
        SqlExpr::Nested(inner) => return relation_argument(*inner),
        SqlExpr::Subquery(subquery) => {
            return Some((TableFactor::Derived { lateral: false, subquery, alias: None, sample: None }, None));
        }
        _ => return None,
    };
    let alias = parts.last().cloned().map(alias_named);
    let factor = TableFactor::Table {
        name: ObjectName(parts.into_iter().map(ObjectNamePart::Identifier).collect()),
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    Some((factor, alias))
}

fn alias_named(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// Whole, constant and positive, in microseconds.
fn window_size(size: SqlExpr, context: &mut dyn RelationPlannerContext) -> Result<i64> {
    let place = size.span();
    let refuse = |message: String| -> DataFusionError { Refusal::new(message).at(place).into() };
    let planned = context.sql_to_expr(size, &DFSchema::empty())?;
    let constant =
        constant(&planned).ok_or_else(|| refuse("the size of a window is a constant INTERVAL".to_owned()))?;
    match interval_us(&constant).map_err(|why| refuse(format!("the size of a window: {why}")))? {
        size_us if size_us > 0 => Ok(size_us),
        _ => Err(refuse("the size of a window must be positive".to_owned())),
    }
}

/// Folds what the parser leaves of an interval: literals, signs and sums.
pub(crate) fn constant(expr: &Expr) -> Option<ScalarValue> {
    let simplifier = ExprSimplifier::new(SimplifyContext::default());
    match simplifier.simplify(expr.clone()).ok()? {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// The time column, or an expression of it, as a TIMESTAMP.
fn time_argument(time: SqlExpr, input: &LogicalPlan, context: &mut dyn RelationPlannerContext) -> Result<Expr> {
    let place = time.span();
    let expr = context.sql_to_expr(time, input.schema())?;
    match expr.get_type(input.schema())? {
        found if found == timestamp_type() => Ok(expr),
        DataType::Timestamp(..) | DataType::Date32 => Ok(cast(expr, timestamp_type())),
        other => Err(Refusal::new(format!("windows need a TIMESTAMP, not {}", crate::sqltype::sql_name(&other)))
            .fault(Fault::Types)
            .at(place)
            .into()),
    }
}
