//! VALUES, and SELECT without FROM: rows that come from no relation.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::Expr;

use super::facts::Fact;
use super::{Compile, Flow, physical};
use crate::Result;
use crate::batch::assemble;
use crate::graph::Step;

impl Compile<'_> {
    /// Rows of constant expressions.
    pub(super) fn values(&mut self, rows: &[Vec<Expr>], schema: &DFSchemaRef) -> Result<Flow> {
        let nothing = DFSchema::empty();
        let one = RecordBatchOptions::new().with_row_count(Some(1));
        let one = RecordBatch::try_new_with_options(SchemaRef::clone(nothing.inner()), Vec::new(), &one)?;
        let value = |expr: &Expr| -> Result<ArrayRef> { Ok(physical(expr, &nothing)?.evaluate(&one)?.into_array(1)?) };
        let column = |at: usize| -> Result<ArrayRef> {
            let values = rows.iter().map(|row| value(&row[at])).collect::<Result<Vec<_>>>()?;
            let parts: Vec<_> = values.iter().map(AsRef::as_ref).collect();
            Ok(arrow::compute::concat(&parts)?)
        };
        let columns = (0..schema.fields().len()).map(column).collect::<Result<Vec<_>>>()?;
        let schema = SchemaRef::clone(schema.inner());
        let rows = assemble(&schema, columns, rows.len())?;
        let from = self.push("values", Vec::new(), Step::Values(rows));
        let facts = vec![Fact::None; schema.fields().len()];
        Ok(Flow { from, schema, facts, retracts: false, inputs: Vec::new(), is_placed: false })
    }
}
