//! Rows that stay for a time: each is taken back when the watermark has left it so far behind.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};

use super::multiset::Multiset;
use super::{Operator, Output, Save, Status};
use crate::batch::Batch;
use crate::{Error, Result};

/// Which rows stay, and for how long.
#[derive(Debug, Clone)]
pub struct Plan {
    pub schema: SchemaRef,
    /// The column with the rows' time.
    pub time: usize,
    pub retention_us: i64,
    /// The inputs whose watermarks are the time.
    pub inputs: Vec<usize>,
}

pub struct Retain {
    plan: Plan,
    rows: Multiset,
    /// Where rows are, by their time.
    by_time: BTreeMap<i64, Vec<u32>>,
}

impl Retain {
    pub fn new(plan: Plan) -> Result<Retain> {
        Ok(Retain { rows: Multiset::new(SchemaRef::clone(&plan.schema))?, plan, by_time: BTreeMap::new() })
    }
}

impl Operator for Retain {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = batch.rows.column(self.plan.time).as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.ok_or_else(|| Error::internal("a row's time that is no timestamp"))?;
        for (slot, time_us) in self.rows.places(&batch.rows)?.into_iter().zip(times.values()) {
            let copies = self.rows.copies(slot);
            if copies == 0 {
                self.by_time.entry(*time_us).or_default().push(slot);
            }
            self.rows.set(slot, copies + 1);
        }
        out.emit(Batch { origin: None, ..batch });
        Ok(())
    }

    fn finish(&mut self, watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        let watermark_us = self.plan.inputs.iter().map(|input| watermarks_us[*input]).min().unwrap_or(i64::MIN);
        let left = self.by_time.split_off(&watermark_us.saturating_sub(self.plan.retention_us));
        let gone: Vec<u32> = std::mem::replace(&mut self.by_time, left).into_values().flatten().collect();
        if gone.is_empty() {
            return Ok(());
        }
        let weights: Vec<i64> = gone.iter().map(|slot| -self.rows.copies(*slot)).collect();
        let rows = self.rows.rows(&gone)?;
        self.rows.remove(&gone)?;
        out.emit(Batch { weights: Some(weights.into()), ..Batch::insertions(rows) });
        Ok(())
    }

    fn content(&mut self, out: &mut Output) -> Result<()> {
        self.rows.content(out)
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        self.rows.save(which)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows.load(rows)?;
        // Rows come in several batches, later ones for some that are here already.
        self.by_time.clear();
        let slots = self.rows.all();
        let times = self.rows.column(self.plan.time, &slots)?;
        for (slot, time_us) in slots.into_iter().zip(times.as_primitive::<TimestampMicrosecondType>().values()) {
            self.by_time.entry(*time_us).or_default().push(slot);
        }
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.rows.key_columns())
    }

    fn status(&self) -> Status {
        let Status { groups, state_bytes } = self.rows.status();
        Status { groups, state_bytes: state_bytes + groups * size_of::<u32>() as u64 }
    }
}
