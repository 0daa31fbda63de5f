//! JSON in text: functions and operators (`->`, `->>`) over VARCHAR columns.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;
use datafusion_functions_json::{JSON_UNION_DATA_TYPE, register_all, udfs};

/// Gives a session the functions and operators.
pub fn register(state: &mut SessionState) -> Result<()> {
    // Before the functions' own rewriting, which would read a decimal as a float.
    state.register_function_rewrite(Arc::new(ExactDecimals))?;
    register_all(state)
}

/// A value that is cast to a DECIMAL is read as its text, so that all its digits stay.
#[derive(Debug)]
struct ExactDecimals;

impl FunctionRewrite for ExactDecimals {
    fn name(&self) -> &'static str {
        "exact_decimals_of_json"
    }

    fn rewrite(&self, mut expr: Expr, _: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        let (to, of) = match &mut expr {
            Expr::Cast(cast) => (cast.field.data_type(), &mut cast.expr),
            Expr::TryCast(cast) => (cast.field.data_type(), &mut cast.expr),
            _ => return Ok(Transformed::no(expr)),
        };
        let is_decimal = matches!(to, DataType::Decimal128(..) | DataType::Decimal256(..));
        match of.clone().unalias_nested().data {
            Expr::ScalarFunction(call) if is_decimal && call.func.name() == udfs::json_get_udf().name() => {
                let text = ScalarFunction { func: udfs::json_as_text_udf(), args: call.args };
                **of = Expr::ScalarFunction(text);
                Ok(Transformed::yes(expr))
            }
            _ => Ok(Transformed::no(expr)),
        }
    }
}

/// Values of JSON leave a query as JSON text: the type that they have inside of it is known to nobody else.
#[derive(Debug)]
pub struct JsonAsText;

impl AnalyzerRule for JsonAsText {
    fn name(&self) -> &'static str {
        "json_as_text"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let is_json = |data_type: &DataType| *data_type == *JSON_UNION_DATA_TYPE;
        if !plan.schema().fields().iter().any(|field| is_json(field.data_type())) {
            return Ok(plan);
        }
        let columns: Vec<Expr> = plan
            .schema()
            .iter()
            .map(|(qualifier, field)| {
                let column = Expr::Column((qualifier, field).into());
                if !is_json(field.data_type()) {
                    return column;
                }
                let text = ScalarFunction { func: udfs::json_union_to_text_udf(), args: vec![column] };
                Expr::ScalarFunction(text).alias_qualified(qualifier.cloned(), field.name())
            })
            .collect();
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }
}
