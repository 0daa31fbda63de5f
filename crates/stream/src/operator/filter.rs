//! WHERE and HAVING: keeps the rows for which a condition is true.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use datafusion::physical_plan::PhysicalExpr;

use super::evaluate::{Context, evaluate};
use super::{Operator, Output};
use crate::Result;
use crate::batch::Batch;

pub struct Filter {
    condition: [Arc<dyn PhysicalExpr>; 1],
    context: Context,
}

impl Filter {
    /// `condition` is boolean over the input's columns.
    pub fn new(condition: Arc<dyn PhysicalExpr>, context: Context) -> Filter {
        Filter { condition: [condition], context }
    }
}

impl Operator for Filter {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let (batch, values) = evaluate(&self.condition, batch, &self.context, out)?;
        let keep: &BooleanArray = values[0].as_boolean();
        out.emit(batch.filter(keep)?);
        Ok(())
    }
}
