//! Conditions over the rows of one table, for statements that change it.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::prep_null_mask_filter;
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use headwater_sql::SourceText;
use headwater_sql::ast::Expression;

use super::Session;
use crate::plan::refuse::subqueries;
use crate::plan::scope::Scope;
use crate::plan::{Place, diagnose};
use crate::relation::{Relations, Table};
use crate::sqltype::sql_name;
use crate::{Error, Result};

/// A condition of a row.
#[derive(Debug, Clone)]
pub struct Condition {
    compiled: Arc<dyn PhysicalExpr>,
}

impl Session {
    /// Compiles a condition over a table's columns; `now()` is the session's time, else that of this call.
    ///
    /// # Errors
    /// What does not say the same of a row each time it is asked: rows are looked at more than once.
    pub fn condition(&self, condition: &Expression, table: &Table, source: &SourceText) -> Result<Condition> {
        let place = Place::new(source, condition.span);
        headwater_sql::Diagnostics::check(subqueries(&condition.expression, "this condition", &place))?;
        let failed = |error: DataFusionError| diagnose::planning(&error, &place);
        let columns = DFSchema::try_from_qualified_schema(table.name.as_str(), &table.schema).map_err(failed)?;
        let state = self.state(self.sources.snapshots.read_point().as_of_us);
        let relations = Relations::new();
        let planned = Scope::new(&state, &relations).expression(condition.expression.clone(), &columns);
        let planned = planned.map_err(failed)?;
        match planned.get_type(&columns).map_err(failed)? {
            arrow::datatypes::DataType::Boolean | arrow::datatypes::DataType::Null => {}
            other => {
                let message = format!("a condition is true or false; this is of type {}", sql_name(&other));
                return Err(place.refuse(message).into());
            }
        }
        if planned.is_volatile() {
            let refused = place.refuse("this condition gives another answer each time it is asked");
            return Err(refused.with_hint("choose the rows by their columns").into());
        }
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(columns.clone()))
            .with_config_options(Arc::clone(state.config_options()))
            .with_query_execution_start_time(state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        let coerced = simplifier.coerce(planned, &columns).map_err(failed)?;
        // What fails when folded fails on every row: that is for the rows to show.
        let simple = simplifier.simplify(coerced.clone()).unwrap_or(coerced);
        Ok(Condition { compiled: state.create_physical_expr(simple, &columns).map_err(failed)? })
    }
}

impl Condition {
    /// Where it is true of a batch with all columns of the table. What is unknown is not true.
    pub fn is_true(&self, rows: &RecordBatch) -> Result<BooleanArray> {
        let value = self.compiled.evaluate(rows).and_then(|value| value.into_array(rows.num_rows()));
        let value = value.map_err(diagnose::execution)?;
        let found = arrow::compute::cast(&value, &arrow::datatypes::DataType::Boolean);
        let found = found.map_err(|error| Error::Execution(error.to_string()))?;
        let found = found.as_any().downcast_ref::<BooleanArray>();
        let found = found.ok_or_else(|| Error::Internal("a condition gave no booleans".to_owned()))?;
        Ok(if found.null_count() > 0 { prep_null_mask_filter(found) } else { found.clone() })
    }
}
