//! Changes that are told from time to time: what came meanwhile is added up, and what comes to nothing is not told.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::multiset::Multiset;
use super::{Operator, Output, Save, Status};
use crate::Result;
use crate::batch::Batch;

/// Which rows, and how often.
#[derive(Debug, Clone)]
pub struct Plan {
    pub schema: SchemaRef,
    pub every: Duration,
}

pub struct Pace {
    /// How often each row is to be given, or taken back.
    waiting: Multiset,
    is_due: bool,
}

impl Pace {
    pub fn new(plan: &Plan) -> Result<Pace> {
        Ok(Pace { waiting: Multiset::new(SchemaRef::clone(&plan.schema))?, is_due: false })
    }
}

impl Operator for Pace {
    fn push(&mut self, _port: usize, batch: Batch, _out: &mut Output) -> Result<()> {
        let slots = self.waiting.places(&batch.rows)?;
        for (row, slot) in slots.iter().enumerate() {
            self.waiting.set(*slot, self.waiting.copies(*slot) + batch.weight(row));
        }
        let mut gone: Vec<u32> = slots.into_iter().filter(|slot| self.waiting.copies(*slot) == 0).collect();
        gone.sort_unstable();
        gone.dedup();
        self.waiting.remove(&gone)
    }

    fn come_due(&mut self) {
        self.is_due = true;
    }

    fn finish(&mut self, _watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        if std::mem::take(&mut self.is_due) {
            self.waiting.content(out)?;
            self.waiting.remove(&self.waiting.all())?;
        }
        Ok(())
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        self.waiting.save(which)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        self.waiting.load(rows)
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.waiting.key_columns())
    }

    fn status(&self) -> Status {
        self.waiting.status()
    }
}
