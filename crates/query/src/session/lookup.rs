//! Queries that read one row of one keyed view: found by its key, without a snapshot of all rows.
//!
//! What is found here only narrows what is fetched: the query's own filters still stand in its plan.

pub mod direct;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, TableScan};

use crate::provide::view::LiveTable;
use crate::relation::View;

/// The view and the key, where an optimized plan reads nothing but one row of a view.
pub fn of(plan: &LogicalPlan) -> Option<(String, RecordBatch)> {
    let (mut found, mut others) = (None, false);
    let walked = plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) if found.is_none() => found = Some(scan.clone()),
            LogicalPlan::TableScan(_) | LogicalPlan::Extension(_) => others = true,
            _ => return Ok(TreeNodeRecursion::Continue),
        }
        Ok(if others { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    let scan = found.filter(|_| walked.is_ok() && !others)?;
    let provider = source_as_provider(&scan.source).ok()?;
    let view = provider.downcast_ref::<LiveTable>()?.keyed()?;
    Some((view.name.clone(), key(view, &scan)?))
}

/// One row of the key's columns, where the filters of a scan give each of them a value.
fn key(view: &View, scan: &TableScan) -> Option<RecordBatch> {
    let values = view.key.iter().map(|column| {
        let field = view.schema.field(*column);
        scan.filters.iter().find_map(|filter| value(filter, field))
    });
    row(view, &values.collect::<Option<Vec<_>>>()?)
}

/// A key as [`crate::provide::Snapshots::read_point_of`] takes it, from values of the key columns' types.
pub fn row(view: &View, values: &[ScalarValue]) -> Option<RecordBatch> {
    let fields: Vec<Field> = view.key.iter().map(|key| view.schema.field(*key).clone().with_nullable(true)).collect();
    let columns: Option<Vec<_>> = values.iter().map(|value| value.to_array_of_size(1).ok()).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns?).ok()
}

/// The one value that a filter leaves a column.
fn value(filter: &Expr, field: &Field) -> Option<ScalarValue> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(Column { name, .. }) if name == field.name());
    let found = match filter {
        Expr::BinaryExpr(compared) if compared.op == Operator::Eq => match (&*compared.left, &*compared.right) {
            (left, Expr::Literal(value, _)) if is_column(left) => value.clone(),
            (Expr::Literal(value, _), right) if is_column(right) => value.clone(),
            _ => return None,
        },
        Expr::IsNull(column) if is_column(column) => return ScalarValue::try_from(field.data_type()).ok(),
        Expr::Not(column) if is_column(column) => ScalarValue::Boolean(Some(false)),
        column if is_column(column) => ScalarValue::Boolean(Some(true)),
        _ => return None,
    };
    // NULL equals nothing, and zero is one number with two encodings.
    if found.is_null() || matches!(field.data_type(), DataType::Float32 | DataType::Float64) {
        return None;
    }
    match found.data_type() {
        same if same == *field.data_type() => Some(found),
        text if is_text(&text) && is_text(field.data_type()) => found.cast_to(field.data_type()).ok(),
        _ => None,
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
