//! Evaluating expressions over a batch, and finding the rows that make one fail.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use datafusion::physical_plan::PhysicalExpr;

use super::Output;
use crate::Result;
use crate::batch::Batch;
use crate::letter::Letter;

/// Whose rows are evaluated, for their dead letters.
#[derive(Debug, Clone)]
pub struct Context {
    /// The stream or view that the operator belongs to.
    pub relation: String,
    /// The streams of the dataflow by input number.
    pub inputs: Arc<[String]>,
}

/// Evaluates all expressions over a batch. When one fails, each row is tried alone: those that fail become dead letters
/// and the rest are returned, with their values.
pub fn evaluate(
    expressions: &[Arc<dyn PhysicalExpr>],
    batch: Batch,
    context: &Context,
    out: &mut Output,
) -> Result<(Batch, Vec<ArrayRef>)> {
    if let Ok(columns) = evaluate_all(expressions, &batch) {
        return Ok((batch, columns));
    }
    let mut good = Vec::with_capacity(batch.len());
    for row in 0..batch.len() {
        let failure = evaluate_all(expressions, &batch.row(row)?).err();
        good.push(failure.is_none());
        if let Some(failure) = failure
            && batch.weight(row) > 0
        {
            let detail = failure.strip_backtrace();
            out.letters.push(Letter::of_row(&context.relation, &context.inputs, "failed", detail, &batch, row));
        }
    }
    let rest = batch.filter(&BooleanArray::from(good))?;
    let columns = evaluate_all(expressions, &rest)?;
    Ok((rest, columns))
}

fn evaluate_all(expressions: &[Arc<dyn PhysicalExpr>], batch: &Batch) -> datafusion::error::Result<Vec<ArrayRef>> {
    expressions.iter().map(|each| each.evaluate(&batch.rows)?.into_array(batch.len())).collect()
}
