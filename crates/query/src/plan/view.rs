//! A view's query as a plan; that of a materialized one can be read by a streaming engine.
//!
//! Scans are of [`RelationSource`]s, with a projection and never with filters or a limit; all else stands in nodes of
//! its own. Which nodes can be maintained is for the engine to say.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::eliminate_duplicated_expr::EliminateDuplicatedExpr;
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::optimize_unions::OptimizeUnions;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::{Analyzer, Optimizer, OptimizerContext, OptimizerRule};
use headwater_sql::ast::{CreateMaterializedView, CreateView, Name};
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText};

use super::analysis::view_analysis;
use super::once::WindowsOnce;
use super::refuse::{ignored_clauses, unrepeatable_functions};
use super::scope::Scope;
use super::simplify::Simplify;
use super::subquery;
use super::{Place, diagnose};
use crate::relation::Relations;
use crate::session::state::planning;
use crate::sqltype::{sql_name, stored_type};
use crate::{Error, Result};

/// The optimizer rules that a view's plan goes through, in their order. Left out are those that change what a
/// streaming plan is made of: rewriting DISTINCT aggregates into two, folding constant filters into empty relations,
/// moving limits.
pub fn streaming_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        Arc::new(OptimizeUnions::new()),
        Arc::new(Simplify::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(DecorrelateLateralJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateDuplicatedExpr::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(PushDownFilter::new()),
        Arc::new(WindowsOnce),
        Arc::new(CommonSubexprEliminate::new()),
        Arc::new(OptimizeProjections::new()),
    ]
}

/// Plans a view's query: resolved, coerced and optimised. Output columns have types that can be stored.
pub fn plan_view(relations: &Relations, view: &CreateMaterializedView, source: &SourceText) -> Result<LogicalPlan> {
    let place = Place::new(source, view.query_span);
    let state = planning();
    let mut refused = ignored_clauses(&view.query, &place);
    refused.extend(unrepeatable_functions(state, &*view.query, "a view", &place));
    Diagnostics::check(refused)?;
    let planned = Scope::new(state, relations).query((*view.query).clone()).and_then(analyse);
    let plan = planned.map_err(|error| diagnose::planning(&error, &place))?;
    let plan = storable(plan, &view.columns, &place)?;
    let optimised = subquery::check_rows(plan).and_then(optimise).and_then(subquery::check);
    optimised.map_err(|error| diagnose::planning(&error, &place))
}

/// Plans the query that a view stands for: resolved and coerced. All columns have names of their own.
pub fn plan_plain_view(relations: &Relations, view: &CreateView, source: &SourceText) -> Result<LogicalPlan> {
    let place = Place::new(source, view.query_span);
    Diagnostics::check(ignored_clauses(&view.query, &place))?;
    let planned = Scope::new(planning(), relations).query((*view.query).clone()).and_then(analyse);
    let plan = planned.map_err(|error| diagnose::planning(&error, &place))?;
    let names = names(&plan, &view.columns, &place)?;
    let columns = plan.schema().iter().zip(names).map(|(field, name)| Expr::Column(field.into()).alias(name));
    let columns: Vec<Expr> = columns.collect();
    let project = LogicalPlanBuilder::from(plan).project(columns).and_then(LogicalPlanBuilder::build);
    project.map_err(|error| Error::Internal(error.to_string()))
}

/// Plans the query of a view that runs refresh: what a table can hold. It may ask what time it is.
pub fn plan_refreshed_view(
    relations: &Relations,
    view: &CreateMaterializedView,
    source: &SourceText,
) -> Result<LogicalPlan> {
    let place = Place::new(source, view.query_span);
    Diagnostics::check(ignored_clauses(&view.query, &place))?;
    let planned = Scope::new(planning(), relations).query((*view.query).clone()).and_then(analyse);
    let plan = planned.map_err(|error| diagnose::planning(&error, &place))?;
    storable(plan, &view.columns, &place)
}

fn analyse(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let mut analyzer = Analyzer::with_rules(view_analysis());
    for rewrite in planning().analyzer().function_rewrites() {
        analyzer.add_function_rewrite(Arc::clone(rewrite));
    }
    analyzer.execute_and_check(plan, planning().config_options(), |_, _| {})
}

fn optimise(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let mut options = planning().config_options().as_ref().clone();
    // A subquery's value changes: it is a relation to join with.
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    let context = OptimizerContext::new_with_config_options(Arc::new(options)).without_query_execution_start_time();
    Optimizer::with_rules(streaming_rules()).optimize(plan, &context, |_, _| {})
}

/// What a view's columns are called: as the statement says, from the first on, else as the query does.
fn names(plan: &LogicalPlan, given: &[Name], place: &Place<'_>) -> Result<Vec<String>> {
    let fields = plan.schema().fields();
    if let Some(extra) = given.get(fields.len()) {
        let message = format!("there are more names than the query has columns ({})", fields.len());
        return Err(Diagnostic::new(place.source.clone(), extra.span, message).into());
    }
    let name = |at: usize| given.get(at).map_or(fields[at].name(), |name| &name.value).clone();
    let names: Vec<String> = (0..fields.len()).map(name).collect();
    let mut seen = std::collections::BTreeSet::new();
    let twice = names.iter().filter(|name| !seen.insert(*name));
    let refused = twice.map(|name| {
        let refused = place.refuse(format!("two columns are called {name}")).with_fault(Fault::ColumnTwice);
        refused.with_hint("rename one with AS")
    });
    Diagnostics::check(refused.collect())?;
    Ok(names)
}

/// Casts output columns to stored types where they have others, gives them the names that the statement has for them,
/// and refuses what has no name of its own or no type.
fn storable(plan: LogicalPlan, given: &[Name], place: &Place<'_>) -> Result<LogicalPlan> {
    let names = names(&plan, given, place)?;
    let (mut columns, mut changed, mut refused) = (Vec::new(), false, Vec::new());
    for ((qualifier, field), name) in plan.schema().iter().zip(names) {
        let column = Expr::Column((qualifier, field).into());
        let qualifier = qualifier.filter(|_| name == *field.name()).cloned();
        match stored_type(field.data_type()) {
            Some(stored) if stored == *field.data_type() && name == *field.name() => columns.push(column),
            Some(stored) => {
                changed = true;
                let stored = if stored == *field.data_type() { column } else { cast(column, stored) };
                columns.push(stored.alias_qualified(qualifier, name));
            }
            None => {
                let found = sql_name(field.data_type());
                let message = format!("column {} is of type {found}, which a view cannot hold", field.name());
                let hint = match field.data_type() {
                    DataType::List(_) => "give its elements rows of their own, with unnest(…), or take one, with [1]",
                    DataType::Struct(_) => "give its fields columns of their own, with ['field']",
                    _ => "CAST it to another type",
                };
                refused.push(place.refuse(message).with_hint(hint));
            }
        }
    }
    Diagnostics::check(refused)?;
    if !changed {
        return Ok(plan);
    }
    let project = LogicalPlanBuilder::from(plan).project(columns).and_then(LogicalPlanBuilder::build);
    project.map_err(|error| Error::Internal(error.to_string()))
}
