//! Expressions over the rows of one relation that stand in statements of their own and are run later, within a query:
//! looked at when they are declared, where each word still has its place.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, TableReference};
use datafusion::logical_expr::{Expr, ExprSchemable};
use headwater_sql::ast::Expression;
use headwater_sql::{Diagnostics, SourceText};

use super::refuse::subqueries;
use super::scope::Scope;
use super::{Place, diagnose};
use crate::Result;
use crate::relation::{Relation, Relations};
use crate::session::state::planning;

/// The type of an expression over a relation's columns; `what` it is, for messages.
///
/// # Errors
/// What it names that is not there, and what is not about one row: subqueries, aggregates, window functions.
pub fn type_of(
    expression: &Expression,
    what: &str,
    relation: &Relation,
    relations: &Relations,
    source: &SourceText,
) -> Result<DataType> {
    let place = Place::new(source, expression.span);
    Diagnostics::check(subqueries(&expression.expression, what, &place))?;
    let planned = DFSchema::try_from_qualified_schema(TableReference::bare(relation.name()), relation.schema())
        .and_then(|columns| {
            let planned = Scope::new(planning(), relations).expression(expression.expression.clone(), &columns)?;
            Ok((planned.get_type(&columns)?, planned))
        });
    let (found, planned) = planned.map_err(|error| diagnose::planning(&error, &place))?;
    let of_many = |expr: &Expr| matches!(expr, Expr::AggregateFunction(_) | Expr::WindowFunction(_) | Expr::Unnest(_));
    if planned.exists(|expr| Ok(of_many(expr))).unwrap_or(true) {
        let refused = place.refuse(format!("{what} is about one row; it cannot use an aggregate or a window function"));
        return Err(refused.into());
    }
    if planned.is_volatile() {
        return Err(place.refuse(format!("{what} gives another value each time it is asked")).into());
    }
    Ok(found)
}
