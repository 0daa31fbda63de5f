//! SELECT's expressions: other columns for the same rows.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::PhysicalExpr;

use super::evaluate::{Context, evaluate};
use super::{Operator, Output};
use crate::Result;
use crate::batch::{Batch, assemble};

pub struct Project {
    expressions: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
    context: Context,
}

impl Project {
    /// One expression over the input for each field of `schema`.
    pub fn new(expressions: Vec<Arc<dyn PhysicalExpr>>, schema: SchemaRef, context: Context) -> Project {
        Project { expressions, schema, context }
    }
}

impl Operator for Project {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let (batch, columns) = evaluate(&self.expressions, batch, &self.context, out)?;
        let rows = assemble(&self.schema, columns, batch.len())?;
        out.emit(batch.with_rows(rows));
        Ok(())
    }
}
