//! What a step is, as text that is the same for the same step in every process: two equal ones hold the same.
//!
//! Expressions are told by their own words and, of literals, by their types too; what they print for debugging has tables
//! of hashes in it, in whatever order those are.

use std::fmt::Write;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::PhysicalExpr;

use super::Step;
use crate::Result;
use crate::checkpoint::state;
use crate::operator::over::Function;

/// A text's checksum and length.
pub fn short(text: &str) -> String {
    format!("{:08x}-{:x}", crc32c::crc32c(text.as_bytes()), text.len())
}

impl Step {
    /// What the step is, without what it reads.
    pub(crate) fn text(&self) -> Result<String> {
        Ok(match self {
            Step::Filter(condition) => format!("filter {}", expression(condition)),
            Step::Project { expressions, schema } => format!("project {} {}", list(expressions), columns(schema)),
            Step::Rules(rules) => {
                let rules =
                    rules.rules().iter().map(|rule| format!("{} {:?} {}", rule.name, rule.action, rule.condition));
                format!("rules {}", rules.collect::<Vec<_>>().join("; "))
            }
            Step::Late(plan) => format!("late {} {:?} {}", expression(&plan.edge), plan.until, plan.lateness_us),
            Step::Values(rows) => {
                // What is printed of rows leaves out some where there are many.
                let bytes = state::encode(std::slice::from_ref(rows))?;
                format!("values {:08x} {} {}", crc32c::crc32c(&bytes), rows.num_rows(), columns(&rows.schema()))
            }
            Step::Table(plan) => {
                format!("table {:?} {:?} {}", plan.table.place, plan.columns, columns(&plan.schema))
            }
            Step::Join(plan) => {
                let filter = plan.filter.as_ref().map(expression);
                let sides = [&plan.left, &plan.right, &plan.output].map(columns);
                let how = (plan.keys, plan.kind, plan.null_equals_null, plan.retracts, plan.expiry, plan.on_close);
                format!("join {how:?} {filter:?} {}", sides.join(" "))
            }
            Step::Over(plan) => {
                let functions = plan.functions.iter().map(|Function { expr: function, .. }| {
                    let arguments = function.expressions();
                    let order = function.order_by().iter().map(|each| (expression(&each.expr), each.options));
                    let order: Vec<_> = order.collect();
                    let by = list(function.partition_by());
                    format!("{} {} {by} {order:?} {:?}", function.name(), list(&arguments), function.get_window_frame())
                });
                let functions: Vec<String> = functions.collect();
                let how = (plan.keys, &plan.order, &plan.columns, plan.first, plan.window);
                format!("over {how:?} {} {} {}", functions.join("; "), columns(&plan.input), columns(&plan.output))
            }
            Step::Aggregate(plan) => {
                // Whether it takes old rows back follows from who reads it, and changes nothing that it holds.
                let how = (plan.keys, &plan.calls, plan.window);
                let what = if plan.each_row { "running" } else { "aggregate" };
                format!("{what} {how:?} {} {}", columns(&plan.input), columns(&plan.output))
            }
            // These have no expressions; the numbers of streams are not theirs, which they are says what is read.
            other => {
                let mut other = other.clone();
                other.timed_by().into_iter().for_each(Vec::clear);
                format!("{other:?}")
            }
        })
    }
}

pub fn columns(schema: &SchemaRef) -> String {
    let mut text = String::new();
    for field in schema.fields() {
        // Writing to a string can't fail.
        let _ = write!(text, "{} {} {};", field.name(), field.data_type(), field.is_nullable());
    }
    text
}

fn list(expressions: &[Arc<dyn PhysicalExpr>]) -> String {
    expressions.iter().map(expression).collect::<Vec<_>>().join(", ")
}

/// An expression's words, then its literals with their types.
fn expression(expr: &Arc<dyn PhysicalExpr>) -> String {
    let mut text = expr.to_string();
    literals(expr, &mut text);
    text
}

fn literals(expr: &Arc<dyn PhysicalExpr>, text: &mut String) {
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        let _ = write!(text, " {:?}", literal.value());
    }
    expr.children().into_iter().for_each(|child| literals(child, text));
}
