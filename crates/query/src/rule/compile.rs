//! From a declared rule to an expression that can be evaluated.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use headwater_sql::{Diagnostic, Diagnostics, SourceText, ast};

use super::{Rule, RuleSet};
use crate::plan::refuse::{subqueries, unrepeatable_functions};
use crate::plan::scope::Scope;
use crate::plan::{Place, diagnose};
use crate::relation::Relations;
use crate::session::state::planning;
use crate::sqltype::sql_name;
use crate::{Error, Result};

impl RuleSet {
    /// Resolves declared rules over the columns of one relation, and refuses what is not a condition of a row alone.
    pub fn resolve(declared: &[ast::Rule], schema: &SchemaRef, source: &SourceText) -> Result<RuleSet> {
        let (mut rules, mut refused) = (Vec::with_capacity(declared.len()), Vec::new());
        for rule in declared {
            match resolve(rule, schema, source) {
                Ok(rule) => rules.push(rule),
                Err(Error::Sql(diagnostics)) => refused.extend(diagnostics.0),
                Err(other) => return Err(other),
            }
        }
        Diagnostics::check(refused)?;
        RuleSet::compile(rules, schema)
    }

    /// Compiles rules for batches of a schema, which may be a projection of the relation's: names decide.
    pub fn compile(rules: Vec<Rule>, schema: &SchemaRef) -> Result<RuleSet> {
        let internal = |error: DataFusionError| Error::Internal(error.to_string());
        let columns = DFSchema::try_from(Arc::clone(schema)).map_err(internal)?;
        let compiled = rules.iter().map(|rule| planning().create_physical_expr(rule.condition.clone(), &columns));
        let compiled = compiled.collect::<Result<Vec<_>, _>>().map_err(internal)?;
        Ok(RuleSet { rules, compiled })
    }
}

fn resolve(rule: &ast::Rule, schema: &SchemaRef, source: &SourceText) -> Result<Rule> {
    let place = Place::new(source, rule.condition_span);
    let mut refused = subqueries(&rule.condition, "a rule", &place);
    refused.extend(unrepeatable_functions(planning(), &rule.condition, "a rule", &place));
    Diagnostics::check(refused)?;
    let condition = condition(rule, schema).map_err(|error| diagnose::planning(&error, &place))?;
    let columns = columns(&condition, schema)?;
    if let Err(refusal) = check_condition(&condition, schema, &place) {
        return Err(refusal.into());
    }
    Ok(Rule {
        name: rule.name.value.clone(),
        action: rule.on_violation,
        condition,
        text: rule.condition_text.clone(),
        columns,
    })
}

fn condition(rule: &ast::Rule, schema: &SchemaRef) -> Result<Expr, DataFusionError> {
    let columns = Arc::new(DFSchema::try_from(Arc::clone(schema))?);
    let relations = Relations::new();
    let expr = Scope::new(planning(), &relations).expression(rule.condition.clone(), &columns)?;
    let context = SimplifyContext::builder()
        .with_schema(Arc::clone(&columns))
        .with_config_options(Arc::clone(planning().config_options()))
        .build();
    let simplifier = ExprSimplifier::new(context);
    let coerced = simplifier.coerce(expr, &columns)?;
    // What fails when folded fails on every row: that is for the rows to show.
    Ok(simplifier.simplify(coerced.clone()).unwrap_or(coerced))
}

fn check_condition(condition: &Expr, schema: &SchemaRef, place: &Place<'_>) -> Result<(), Diagnostic> {
    let columns = DFSchema::try_from(Arc::clone(schema)).map_err(|error| place.refuse(error.to_string()))?;
    let of_many = |expr: &Expr| matches!(expr, Expr::AggregateFunction(_) | Expr::WindowFunction(_) | Expr::Unnest(_));
    let found = datafusion::common::tree_node::TreeNode::exists(condition, |expr| Ok(of_many(expr)));
    if found.unwrap_or(true) {
        return Err(place.refuse("a rule is about one row; it cannot use an aggregate or a window function"));
    }
    match condition.get_type(&columns) {
        Ok(DataType::Boolean) => Ok(()),
        Ok(other) => {
            let message = format!("a rule is a condition, true or false; this is of type {}", sql_name(&other));
            Err(place.refuse(message))
        }
        Err(error) => Err(place.refuse(diagnose::plain(&error))),
    }
}

fn columns(condition: &Expr, schema: &SchemaRef) -> Result<Vec<usize>> {
    let found = condition.column_refs().into_iter().map(|column| schema.index_of(&column.name));
    let mut found = found.collect::<Result<Vec<_>, _>>().map_err(|error| Error::Internal(error.to_string()))?;
    found.sort_unstable();
    Ok(found)
}
