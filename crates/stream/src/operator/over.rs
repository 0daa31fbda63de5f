//! Window functions (OVER), kept up to date: each partition keeps its rows in their order, and a partition that changes
//! is computed anew.
//!
//! Input columns are the key columns of PARTITION BY, then the row: first the columns of ORDER BY, then the others.
//! Equal rows of ORDER BY are ordered by all their columns, so that results do not depend on the order of arrival.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortOptions, concat_batches, take};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_expr::window::WindowExpr;

use super::aggregate::Window;
use super::rows::{Codec, Row, net};
use super::state::{self, Loaded, Unsaved};
use super::windows::Windows;
use super::{CONTENT_ROWS, Operator, Output, Save, Status};
use crate::aggregate::Keys;
use crate::batch::{Batch, assemble};
use crate::{Error, Result};

/// What window functions over one partitioning and order compute.
#[derive(Debug, Clone)]
pub struct Plan {
    pub keys: usize,
    pub input: SchemaRef,
    /// Of the row's first columns.
    pub order: Vec<SortOptions>,
    /// Where each column of the relation stands in a row.
    pub columns: Vec<usize>,
    /// The relation's schema, over which the functions are.
    pub relation: SchemaRef,
    pub functions: Vec<Arc<dyn WindowExpr>>,
    /// The relation's columns, then the functions.
    pub output: SchemaRef,
    /// Rows of a partition that matter, where only the first do.
    pub first: Option<First>,
    /// The window that a partition belongs to: once it has closed, nothing comes of it.
    pub window: Option<Window>,
    /// The inputs of the dataflow that set the time of windows.
    pub inputs: Vec<usize>,
}

/// The first rows of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    pub rows: u64,
    /// Whether those behind them can never come up: none is taken back.
    pub is_final: bool,
}

pub struct Over {
    plan: Plan,
    codec: Codec,
    keys: Keys,
    /// Rows of each partition with how often each is there, by slot.
    partitions: Vec<BTreeMap<Row, i64>>,
    bytes: usize,
    unsaved: Unsaved,
    windows: Windows,
    touched: Vec<u32>,
    /// Rows of touched partitions as they were.
    before: Vec<Vec<(Row, i64)>>,
    is_touched: Vec<bool>,
}

/// Of a row in a partition, beside its own bytes.
const ENTRY_BYTES: usize = 48;

impl Over {
    pub fn new(plan: Plan) -> Result<Over> {
        let mut types: Vec<DataType> = plan.input.fields().iter().map(|field| field.data_type().clone()).collect();
        let of_row = types.split_off(plan.keys);
        Ok(Over {
            codec: Codec::new(of_row, &plan.order)?,
            keys: Keys::new(types)?,
            plan,
            partitions: Vec::new(),
            bytes: 0,
            unsaved: Unsaved::default(),
            windows: Windows::default(),
            touched: Vec::new(),
            before: Vec::new(),
            is_touched: Vec::new(),
        })
    }

    fn make_room(&mut self) {
        let slots = self.keys.capacity().max(self.partitions.len());
        self.partitions.resize_with(slots, BTreeMap::new);
        self.is_touched.resize(slots, false);
        self.unsaved.resize(slots);
    }

    /// The rows of a partition that matter. Below zero some may be within a tick, but not at its ends.
    fn rows(&self, slot: u32) -> Vec<(Row, i64)> {
        let rows = self.partitions[slot as usize].iter();
        let Some(First { rows: wanted, .. }) = self.plan.first else {
            return rows.map(|(row, copies)| (Arc::clone(row), *copies)).collect();
        };
        let (mut left, mut first) = (wanted as i64, Vec::new());
        for (row, copies) in rows {
            if left <= 0 {
                break;
            }
            first.push((Arc::clone(row), (*copies).min(left)));
            left -= copies;
        }
        first
    }

    fn touch(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.is_touched[slot as usize], true) {
            self.touched.push(slot);
            if !self.on_close() {
                self.before.push(self.rows(slot));
            }
        }
    }

    fn on_close(&self) -> bool {
        self.plan.window.is_some_and(|window| window.on_close)
    }

    /// Notes the windows of partitions, by their places.
    fn open_windows(&mut self, keys: &[ArrayRef], slots: &[u32]) -> Result<()> {
        let Some(window) = self.plan.window else { return Ok(()) };
        for (end, slot) in window.ends(keys)?.into_iter().zip(slots) {
            if self.partitions[*slot as usize].is_empty() && !self.is_touched[*slot as usize] {
                self.windows.open(end, *slot);
            }
        }
        Ok(())
    }

    /// Frees the partitions whose windows have closed, giving their rows if that is when they are given.
    fn close(&mut self, window: Window, watermark_us: i64, out: &mut Output) -> Result<()> {
        let closed = self.windows.close(window, watermark_us, |slot| !self.partitions[slot as usize].is_empty());
        if window.on_close {
            for slot in &closed {
                let rows = self.results(&self.rows(*slot), 1)?;
                rows.into_iter().for_each(|rows| out.emit(Batch { weights: None, ..rows }));
            }
        }
        closed.iter().for_each(|slot| self.forget(*slot));
        self.free(&closed)
    }

    fn free(&mut self, slots: &[u32]) -> Result<()> {
        if !slots.is_empty() {
            self.unsaved.note_gone(&self.keys, slots)?;
            slots.iter().for_each(|slot| self.keys.remove(*slot));
        }
        Ok(())
    }

    fn count(&mut self, slot: u32, row: &[u8], weight: i64) {
        let rows = &mut self.partitions[slot as usize];
        match rows.get_mut(row) {
            Some(copies) if *copies + weight != 0 => *copies += weight,
            Some(_) => {
                rows.remove(row);
                self.bytes -= row.len() + ENTRY_BYTES;
            }
            None => {
                rows.insert(Arc::from(row), weight);
                self.bytes += row.len() + ENTRY_BYTES;
            }
        }
    }

    /// Forgets the rows of a partition behind the first ones, where they never matter again.
    fn prune(&mut self, slot: u32) {
        let Some(First { rows: wanted, is_final: true }) = self.plan.first else { return };
        let rows = &mut self.partitions[slot as usize];
        while let Some((last, copies)) = rows.last_key_value() {
            let others = rows.len() as i64 - 1;
            // The others alone may be enough; counting them is only worth it where they are few.
            let others = if others >= wanted as i64 { others } else { rows.values().sum::<i64>() - copies };
            if others < wanted as i64 {
                break;
            }
            self.bytes -= last.len() + ENTRY_BYTES;
            rows.pop_last();
        }
    }

    /// A partition's rows with what the functions give, each with the weight.
    fn results(&self, rows: &[(Row, i64)], weight: i64) -> Result<Option<Batch>> {
        if rows.is_empty() {
            return Ok(None);
        }
        if rows.iter().any(|(_, copies)| *copies < 0) {
            return Err(Error::internal("a row was taken back that was never given"));
        }
        let stored = self.codec.decode(rows.iter().map(|(row, _)| row.as_ref()))?;
        let mut columns: Vec<_> = self.plan.columns.iter().map(|column| Arc::clone(&stored[*column])).collect();
        let mut number = rows.len();
        if rows.iter().any(|(_, copies)| *copies != 1) {
            let copies = rows.iter().enumerate();
            let copies: UInt32Array =
                copies.flat_map(|(at, (_, copies))| std::iter::repeat_n(at as u32, *copies as usize)).collect();
            number = copies.len();
            columns =
                columns.iter().map(|column| take(column, &copies, None)).collect::<std::result::Result<_, _>>()?;
        }
        let partition = assemble(&self.plan.relation, columns.clone(), number)?;
        for function in &self.plan.functions {
            columns.push(function.evaluate(&partition)?);
        }
        let rows = assemble(&self.plan.output, columns, number)?;
        Ok(Some(Batch { weights: Some(vec![weight; number].into()), ..Batch::insertions(rows) }))
    }

    fn forget(&mut self, slot: u32) {
        let rows = std::mem::take(&mut self.partitions[slot as usize]);
        self.bytes -= rows.keys().map(|row| row.len() + ENTRY_BYTES).sum::<usize>();
    }
}

impl Operator for Over {
    fn push(&mut self, _port: usize, batch: Batch, _out: &mut Output) -> Result<()> {
        let columns = batch.rows.columns();
        let mut slots = Vec::new();
        self.keys.assign(&columns[..self.plan.keys], batch.len(), &mut slots)?;
        self.make_room();
        self.open_windows(columns, &slots)?;
        let encoded = self.codec.encode(&columns[self.plan.keys..], batch.len())?;
        for (row, slot) in slots.into_iter().enumerate() {
            self.touch(slot);
            self.count(slot, encoded.row(row).as_ref(), batch.weight(row));
        }
        Ok(())
    }

    fn finish(&mut self, watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        let touched = std::mem::take(&mut self.touched);
        let before = std::mem::take(&mut self.before);
        let (mut changes, mut empty) = (Vec::new(), Vec::new());
        let mut before = before.into_iter();
        for slot in touched {
            self.is_touched[slot as usize] = false;
            self.prune(slot);
            if let Some(before) = before.next() {
                let now = self.rows(slot);
                if now != before {
                    changes.extend(self.results(&before, -1)?);
                    changes.extend(self.results(&now, 1)?);
                }
            }
            if self.partitions[slot as usize].is_empty() {
                empty.push(slot);
            } else {
                self.unsaved.note(slot);
            }
        }
        self.free(&empty)?;
        net(&self.plan.output, changes)?.into_iter().for_each(|batch| out.emit(batch));
        match self.plan.window {
            Some(window) => {
                let watermarks = self.plan.inputs.iter().map(|input| watermarks_us[*input]);
                self.close(window, watermarks.min().unwrap_or(i64::MIN), out)
            }
            None => Ok(()),
        }
    }

    fn content(&mut self, out: &mut Output) -> Result<()> {
        let (mut rows, mut number) = (Vec::new(), 0);
        let mut slots = self.keys.slots().peekable();
        while let Some(slot) = slots.next() {
            if let Some(part) = self.results(&self.rows(slot), 1)? {
                number += part.len();
                rows.push(part.rows);
            }
            if number >= CONTENT_ROWS || slots.peek().is_none() {
                out.emit(Batch::insertions(concat_batches(&self.plan.output, &rows)?));
                (rows, number) = (Vec::new(), 0);
            }
        }
        Ok(())
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let Over { unsaved, keys, codec, partitions, .. } = self;
        let state = |slot: u32, out: &mut Vec<u8>| {
            let rows = &partitions[slot as usize];
            codec.save(rows.iter().map(|(row, copies)| (row, [*copies])), out)?;
            Ok(rows.values().sum())
        };
        unsaved.save(which, keys, state).map(Some)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        let Loaded { gone, live, states } = state::load_keys(rows, &mut self.keys)?;
        self.make_room();
        gone.into_iter().for_each(|slot| self.forget(slot));
        self.open_windows(&self.keys.columns(&live)?, &live)?;
        for (row, slot) in live.into_iter().enumerate() {
            self.forget(slot);
            let rows = self.codec.load(&mut states.value(row))?;
            let rows = rows.ok_or_else(|| Error::corrupt("the state of a partition is cut short"))?;
            rows.iter().for_each(|(row, [copies])| self.count(slot, row, *copies));
        }
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.plan.keys)
    }

    fn status(&self) -> Status {
        let lists = self.partitions.capacity() * size_of::<BTreeMap<Row, i64>>();
        Status { groups: self.keys.len() as u64, state_bytes: (self.keys.bytes() + self.bytes + lists) as u64 }
    }
}
