//! `TUMBLE(rel, time, size)` and its kin in a FROM clause, and what a FROM clause must not hold.
//!
//! The window functions become projections over the relation: its columns, then `window_start` and `window_end`; those
//! that put a row into several windows unnest a list of them. Sessions become a node of their own.
//! What DataFusion's planner would drop without a word (`VERSION AS OF`, `TABLESAMPLE` and the like) is refused here.

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, DataFusionError, Result};
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
use sqlparser::tokenizer::Span;

use super::functions::Function;
use super::session::Session;
use super::{WINDOW_END, WINDOW_START, WINDOWS_MAX, interval_us};
use crate::plan::refusal::Refusal;
use crate::plan::written;
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
            TableFactor::Table { name, alias, args: Some(args), .. } if Kind::of(&name).is_some() => {
                let kind = Kind::of(&name).unwrap_or(Kind::Tumble);
                let place = args.args.iter().fold(name.span(), |span, arg| span.union(&arg.span()));
                Planned { kind, place, context }.plan(alias, args)
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

/// The window functions of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tumble,
    Hop,
    Cumulate,
    Session,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Tumble, Kind::Hop, Kind::Cumulate, Kind::Session];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Tumble => "tumble",
            Kind::Hop => "hop",
            Kind::Cumulate => "cumulate",
            Kind::Session => "session",
        }
    }

    fn of(name: &ObjectName) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| is_word(name, kind.word()))
    }

    /// What the lengths behind the time are called.
    pub fn lengths(self) -> &'static [&'static str] {
        match self {
            Kind::Tumble => &["size"],
            Kind::Hop => &["slide", "size"],
            Kind::Cumulate => &["step", "size"],
            Kind::Session => &["gap"],
        }
    }

    fn takes(self) -> &'static str {
        match self {
            Kind::Tumble => "TUMBLE takes a relation, a time column and a size",
            Kind::Hop => "HOP takes a relation, a time column, a slide and a size",
            Kind::Cumulate => "CUMULATE takes a relation, a time column, a step and a size",
            Kind::Session => "SESSION takes a relation, a time column and a gap, and may take PARTITION BY",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Kind::Tumble => "write TUMBLE(relation, time_column, INTERVAL '1 minute')",
            Kind::Hop => "write HOP(relation, time_column, INTERVAL '10 seconds', INTERVAL '1 minute')",
            Kind::Cumulate => "write CUMULATE(relation, time_column, INTERVAL '1 hour', INTERVAL '1 day')",
            Kind::Session => "write SESSION(relation, time_column, INTERVAL '30 minutes', PARTITION BY column)",
        }
    }
}

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

/// A window function that is being planned.
struct Planned<'a> {
    kind: Kind,
    place: Span,
    context: &'a mut dyn RelationPlannerContext,
}

impl Planned<'_> {
    fn plan(&mut self, alias: Option<TableAlias>, args: TableFunctionArgs) -> Result<RelationPlanning> {
        let given = args.args.into_iter().map(argument).collect::<Option<Vec<_>>>();
        let mut given = given.ok_or_else(|| self.refuse(self.kind.takes()))?;
        let needed = 2 + self.kind.lengths().len();
        if given.len() < needed || (given.len() > needed && self.kind != Kind::Session) {
            return Err(self.refuse(self.kind.takes()));
        }
        let keys = given.split_off(needed);
        let lengths = given.split_off(2);
        let [relation, time] = given.try_into().map_err(|_| self.refuse(self.kind.takes()))?;
        let name = self.kind.word().to_uppercase();
        let (factor, own_alias) = relation_argument(relation)
            .ok_or_else(|| self.refuse(&format!("{name}'s first argument is a relation")))?;
        let input = self.context.plan(factor)?;
        let lengths = self.lengths(lengths)?;
        let time = time_argument(time, &input, self.context)?;
        let keys = keys.into_iter().map(|key| self.context.sql_to_expr(key, input.schema()));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        self.check_names(&input)?;
        let plan = match (self.kind, lengths.as_slice()) {
            (Kind::Hop, [slide_us, size_us]) => {
                let start = |start: Expr| start;
                let end = |start: Expr| Function::HopEnd.udf().call(vec![start, lit(*size_us)]);
                let starts = Function::HopStarts.udf().call(vec![time, lit(*slide_us), lit(*size_us)]);
                unnested(input, starts, WINDOW_START, [&start, &end])?
            }
            (Kind::Cumulate, [step_us, size_us]) => {
                let start = |_| Function::TumbleStart.udf().call(vec![time.clone(), lit(*size_us)]);
                let end = |end: Expr| end;
                let ends = Function::CumulateEnds.udf().call(vec![time.clone(), lit(*step_us), lit(*size_us)]);
                unnested(input, ends, WINDOW_END, [&start, &end])?
            }
            (Kind::Session, [gap_us]) => Session::new(input, time, keys, *gap_us)?.plan(),
            (_, lengths) => {
                let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
                for (function, name) in [(Function::TumbleStart, WINDOW_START), (Function::TumbleEnd, WINDOW_END)] {
                    columns.push(function.udf().call(vec![time.clone(), lit(lengths[0])]).alias(name));
                }
                LogicalPlanBuilder::from(input).project(columns)?.build()?
            }
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.or(own_alias)))))
    }

    fn refuse(&self, message: &str) -> DataFusionError {
        Refusal::new(message).at(self.place).hint(self.kind.example()).into()
    }

    /// Whole, constant and positive, in microseconds, and fitting each other.
    fn lengths(&mut self, given: Vec<SqlExpr>) -> Result<Vec<i64>> {
        let named = given.into_iter().zip(self.kind.lengths());
        let lengths =
            named.map(|(length, name)| window_length(length, name, self.context)).collect::<Result<Vec<_>>>()?;
        match (self.kind, lengths.as_slice()) {
            (Kind::Cumulate, [step_us, size_us]) if size_us % step_us != 0 => {
                Err(self.refuse("the size of CUMULATE is a multiple of its step"))
            }
            (_, [step_us, size_us]) if size_us / step_us > WINDOWS_MAX => {
                Err(self
                    .refuse(&format!("each row would be in {} windows; {WINDOWS_MAX} are the most", size_us / step_us)))
            }
            _ => Ok(lengths),
        }
    }

    fn check_names(&self, input: &LogicalPlan) -> Result<()> {
        for added in [WINDOW_START, WINDOW_END] {
            if input.schema().fields().iter().any(|field| field.name() == added) {
                let name = self.kind.word().to_uppercase();
                return Err(Refusal::new(format!("the relation already has a column {added}"))
                    .fault(Fault::ColumnTwice)
                    .at(self.place)
                    .hint(format!("rename it: {name}((SELECT {added} AS other, … FROM …), …)"))
                    .into());
            }
        }
        Ok(())
    }
}

/// A row for each of the edges that a call lists, with both edges behind the relation's columns: each is made from the
/// listed one.
fn unnested(input: LogicalPlan, listed: Expr, name: &str, edges: [&dyn Fn(Expr) -> Expr; 2]) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let with_list = [columns.clone(), vec![listed.alias(name)]].concat();
    let one = || Expr::Column(Column::new_unqualified(name));
    let [start, end] = edges.map(|edge| edge(one()));
    LogicalPlanBuilder::from(input)
        .project(with_list)?
        .unnest_column(Column::new_unqualified(name))?
        .project([columns, vec![start.alias(WINDOW_START), end.alias(WINDOW_END)]].concat())?
        .build()
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
    let name = ObjectName(parts.into_iter().map(ObjectNamePart::Identifier).collect());
    Some((written::table(name, None, None), alias))
}

fn alias_named(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// Whole, constant and positive, in microseconds.
fn window_length(length: SqlExpr, name: &str, context: &mut dyn RelationPlannerContext) -> Result<i64> {
    let place = length.span();
    let refuse = |message: String| -> DataFusionError { Refusal::new(message).at(place).into() };
    let planned = context.sql_to_expr(length, &DFSchema::empty())?;
    let constant =
        constant(&planned).ok_or_else(|| refuse(format!("the {name} of a window is a constant INTERVAL")))?;
    match interval_us(&constant).map_err(|why| refuse(format!("the {name} of a window: {why}")))? {
        // Batch counts intervals in nanoseconds.
        length_us if length_us > i64::MAX / 1_000 => Err(refuse(format!("the {name} of a window is too long"))),
        length_us if length_us > 0 => Ok(length_us),
        _ => Err(refuse(format!("the {name} of a window must be positive"))),
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
