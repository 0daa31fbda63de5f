//! Window functions (OVER), kept up to date: each partition keeps its rows in their order, and a partition that changes
//! is computed anew.
//!
//! Input columns are the key columns of PARTITION BY, then the row: first the columns of ORDER BY, then the others.
//! Equal rows of ORDER BY are ordered by all their columns, so that results do not depend on the order of arrival.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_expr::window::WindowExpr;

use super::aggregate::Window;
use super::state::{self, Loaded, SLOTS_AT_ONCE, States, Unsaved};
use super::windows::Windows;
use super::{CONTENT_ROWS, Operator, Output, Save, Status};
use crate::aggregate::Keys;
use crate::batch::{Batch, assemble};
use crate::rows::saved::{Incoming, Touched};
use crate::rows::{Codec, Row, net};
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
    pub functions: Vec<Function>,
    /// The relation's columns, then the functions.
    pub output: SchemaRef,
    /// Rows of a partition that matter, where only the first do.
    pub first: Option<First>,
    /// The window that a partition belongs to: once it has closed, nothing comes of it.
    pub window: Option<Window>,
    /// The inputs of the dataflow that set the time of windows.
    pub inputs: Vec<usize>,
}

/// A function over a partition's rows.
#[derive(Debug, Clone)]
pub struct Function {
    pub expr: Arc<dyn WindowExpr>,
    /// It gives a row's place, which needs no look at the rows.
    pub is_row_number: bool,
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
    codec: Arc<Codec>,
    keys: Keys,
    /// Rows of each partition with how often each is there, by slot.
    partitions: Vec<BTreeMap<Row, i64>>,
    bytes: usize,
    unsaved: Unsaved,
    unsaved_rows: Touched<Row>,
    windows: Windows,
    touched: Vec<u32>,
    /// Rows of touched partitions as they were.
    before: Vec<Rows>,
    is_touched: Vec<bool>,
}

/// Rows in their order, each with how often it is there.
type Rows = Vec<(Row, i64)>;

/// Rows of a partition that are given, or taken back.
struct Given {
    rows: Rows,
    weight: i64,
    /// How many rows of the partition stand before them.
    after: i64,
}

/// What goes and what comes where rows in one order become others.
fn differences(before: Rows, now: Rows) -> (Rows, Rows) {
    let mut copies: BTreeMap<Row, i64> = now.into_iter().collect();
    for (row, number) in before {
        *copies.entry(row).or_default() -= number;
    }
    let (come, go): (Rows, Rows) =
        copies.into_iter().filter(|(_, copies)| *copies != 0).partition(|(_, copies)| *copies > 0);
    (go.into_iter().map(|(row, copies)| (row, -copies)).collect(), come)
}

impl Given {
    fn all(rows: Rows) -> Given {
        Given { rows, weight: 1, after: 0 }
    }

    fn len(&self) -> usize {
        self.rows.iter().map(|(_, copies)| *copies as usize).sum()
    }

    /// The place of each row in the partition, from 1.
    fn places(&self) -> impl Iterator<Item = u64> {
        (self.after as u64 + 1..).take(self.len())
    }
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
            unsaved_rows: Touched::default(),
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
    fn rows(&self, slot: u32) -> Rows {
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
            let given: Vec<Given> = closed.iter().map(|slot| Given::all(self.rows(*slot))).collect();
            self.results(&given)?.into_iter().for_each(|rows| out.emit(Batch { weights: None, ..rows }));
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
        let there = rows.get_key_value(row);
        let copies = weight + there.map_or(0, |(_, copies)| *copies);
        let row = there.map_or_else(|| Arc::from(row), |(row, _)| Arc::clone(row));
        self.unsaved_rows.note(slot, Arc::clone(&row));
        self.set(slot, row, copies);
    }

    /// A row that is there so often, and maybe not at all.
    fn set(&mut self, slot: u32, row: Row, copies: i64) {
        let (rows, size) = (&mut self.partitions[slot as usize], row.len() + ENTRY_BYTES);
        if copies != 0 {
            if rows.insert(row, copies).is_none() {
                self.bytes += size;
            }
        } else if rows.remove(&row).is_some() {
            self.bytes -= size;
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
            self.unsaved_rows.note(slot, Arc::clone(last));
            rows.pop_last();
        }
    }

    /// Notes what a partition that changed takes back and gives.
    fn give(&self, mut before: Rows, mut now: Rows, changes: &mut Vec<Given>) {
        let same = before.iter().zip(&now).take_while(|(before, now)| before == now).count();
        if same == before.len() && same == now.len() {
            return;
        }
        if self.plan.functions.is_empty() {
            (before, now) = differences(before, now);
        }
        if self.plan.functions.is_empty() || !self.counts_rows() {
            changes.extend([Given { weight: -1, ..Given::all(before) }, Given::all(now)]);
            return;
        }
        // The rows that stay where they are stay as they are: at the front and, where as many come as go, at the end.
        let after = now[..same].iter().map(|(_, copies)| copies).sum();
        let number = |rows: &Rows| rows.iter().map(|(_, copies)| copies).sum::<i64>();
        if number(&before) == number(&now) {
            let rest = before[same..].iter().rev().zip(now[same..].iter().rev());
            let same = rest.take_while(|(before, now)| before == now).count();
            before.truncate(before.len() - same);
            now.truncate(now.len() - same);
        }
        let behind = |mut rows: Rows, weight| Given { rows: rows.split_off(same), weight, after };
        changes.extend([behind(before, -1), behind(now, 1)]);
    }

    /// Whether nothing but its place follows for a row from the others.
    fn counts_rows(&self) -> bool {
        self.plan.functions.iter().all(|function| function.is_row_number)
    }

    /// Rows with what the functions give: those of many partitions at once, since a batch for each costs more than its
    /// few rows.
    fn results(&self, given: &[Given]) -> Result<Vec<Batch>> {
        let (mut batches, mut begin, mut rows) = (Vec::new(), 0, 0);
        for (at, each) in given.iter().enumerate() {
            rows += each.rows.len();
            if rows >= CONTENT_ROWS || at + 1 == given.len() {
                if rows > 0 {
                    batches.push(self.results_of(&given[begin..=at])?);
                }
                (begin, rows) = (at + 1, 0);
            }
        }
        Ok(batches)
    }

    fn results_of(&self, given: &[Given]) -> Result<Batch> {
        let rows = || given.iter().flat_map(|each| &each.rows);
        if rows().any(|(_, copies)| *copies < 0) {
            return Err(Error::internal("a row was taken back that was never given"));
        }
        let stored = self.codec.decode(rows().map(|(row, _)| row.as_ref()))?;
        let mut columns: Vec<_> = self.plan.columns.iter().map(|column| Arc::clone(&stored[*column])).collect();
        if rows().any(|(_, copies)| *copies != 1) {
            let copies = rows().enumerate();
            let copies: UInt32Array =
                copies.flat_map(|(at, (_, copies))| std::iter::repeat_n(at as u32, *copies as usize)).collect();
            columns =
                columns.iter().map(|column| take(column, &copies, None)).collect::<std::result::Result<_, _>>()?;
        }
        let lengths: Vec<usize> = given.iter().map(Given::len).collect();
        let number = lengths.iter().sum();
        let partitions = assemble(&self.plan.relation, columns.clone(), number)?;
        for function in &self.plan.functions {
            columns.push(if function.is_row_number {
                Arc::new(UInt64Array::from_iter_values(given.iter().flat_map(Given::places)))
            } else {
                let mut begin = 0;
                let results = lengths.iter().filter(|length| **length > 0).map(|length| {
                    let partition = partitions.slice(begin, *length);
                    begin += length;
                    function.expr.evaluate(&partition)
                });
                let results = results.collect::<datafusion::error::Result<Vec<_>>>()?;
                concat(&results.iter().map(|each| each as &dyn Array).collect::<Vec<_>>())?
            });
        }
        let rows = assemble(&self.plan.output, columns, number)?;
        let weights: Vec<i64> = given.iter().flat_map(|each| std::iter::repeat_n(each.weight, each.len())).collect();
        Ok(Batch { weights: Some(weights.into()), ..Batch::insertions(rows) })
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
                self.give(before, now, &mut changes);
            }
            if self.partitions[slot as usize].is_empty() {
                empty.push(slot);
            } else {
                self.unsaved.note(slot);
            }
        }
        self.free(&empty)?;
        let mut changes = self.results(&changes)?;
        if !self.counts_rows() {
            changes = net(&self.plan.output, changes)?;
        }
        changes.into_iter().for_each(|batch| out.emit(batch));
        match self.plan.window {
            Some(window) => {
                let watermarks = self.plan.inputs.iter().map(|input| watermarks_us[*input]);
                self.close(window, watermarks.min().unwrap_or(i64::MIN), out)
            }
            None => Ok(()),
        }
    }

    fn content(&mut self, out: &mut Output) -> Result<()> {
        let all: Vec<Given> = self.keys.slots().map(|slot| Given::all(self.rows(slot))).collect();
        self.results(&all)?.into_iter().for_each(|rows| out.emit(Batch { weights: None, ..rows }));
        Ok(())
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let Over { unsaved, unsaved_rows, keys, codec, partitions, .. } = self;
        let taken = unsaved_rows.take(which);
        let states = |slots: &[u32], states: &mut States| {
            let of = |slot: u32| &partitions[slot as usize];
            let mut rows = taken.outgoing(
                codec,
                slots,
                |slot| of(slot).iter().map(|(row, copies)| (row.as_ref(), [*copies])),
                |slot, row| (row.as_ref(), [of(slot).get(row).copied().unwrap_or_default()]),
            )?;
            slots.iter().try_for_each(|slot| {
                states.push(|out| {
                    rows.write(out);
                    Ok(partitions[*slot as usize].len() as i64)
                })
            })
        };
        unsaved.save(which, keys, states).map(Some)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        let Loaded { gone, live, states } = state::load_keys(rows, &mut self.keys)?;
        self.make_room();
        gone.into_iter().for_each(|slot| self.forget(slot));
        self.open_windows(&self.keys.columns(&live)?, &live)?;
        for (part, slots) in live.chunks(SLOTS_AT_ONCE).enumerate() {
            let mut incoming = Incoming::<1>::new(&self.codec);
            for at in 0..slots.len() {
                if !incoming.read(&mut states.value(part * SLOTS_AT_ONCE + at)) {
                    return Err(Error::corrupt("the state of a partition is cut short"));
                }
            }
            for (slot, of_key) in slots.iter().zip(incoming.finish()?.keys) {
                if of_key.is_whole {
                    self.forget(*slot);
                }
                of_key.rows.into_iter().for_each(|(row, [copies])| self.set(*slot, row, copies));
            }
        }
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.plan.keys)
    }

    fn status(&self) -> Status {
        let lists = self.partitions.capacity() * size_of::<BTreeMap<Row, i64>>();
        Status {
            groups: self.keys.len() as u64,
            state_bytes: (self.keys.bytes() + self.bytes + self.unsaved_rows.bytes() + lists) as u64,
        }
    }
}
