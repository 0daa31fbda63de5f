//! UNION ALL: the rows of several steps as those of one.

use arrow::datatypes::SchemaRef;

use super::{Operator, Output};
use crate::Result;
use crate::batch::{Batch, assemble};

pub struct Union {
    schema: SchemaRef,
}

impl Union {
    /// All that comes has the types of `schema`.
    pub fn new(schema: SchemaRef) -> Union {
        Union { schema }
    }
}

impl Operator for Union {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let rows = assemble(&self.schema, batch.rows.columns().to_vec(), batch.len())?;
        out.emit(batch.with_rows(rows));
        Ok(())
    }
}
