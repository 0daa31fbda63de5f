//! GROUP BY, kept up to date: each tick it takes changes to its input and gives changes to its groups.
//!
//! Input columns are the group's key columns first, then arguments and filters of the aggregates. Output columns are
//! the key columns, then the aggregates. A windowed aggregation frees a group when the watermark passes its window's
//! end; what it gave stays given.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};

use super::late::window_ends;
use super::state::{self, SLOTS_AT_ONCE, States, Unsaved};
use super::windows::Windows;
use super::{CONTENT_ROWS, Operator, Output, Save, Status};
use crate::aggregate::accumulator::Reading;
use crate::aggregate::{Accumulator, Function, Keys};
use crate::batch::{Batch, assemble};
use crate::{Error, Result};

/// What an aggregation computes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many leading input columns are the key; no key is one group that is always there.
    pub keys: usize,
    pub calls: Vec<Call>,
    pub input: SchemaRef,
    pub output: SchemaRef,
    pub window: Option<Window>,
    /// The inputs of the dataflow that set the time of windows.
    pub inputs: Vec<usize>,
    /// Whether those behind need to see the old row taken back when a group changes.
    pub retracts: bool,
    /// Whether a group is given with each row that comes to it, and nothing is taken back. No input row is, either.
    pub each_row: bool,
}

/// One aggregate function.
#[derive(Debug, Clone)]
pub struct Call {
    pub function: Function,
    /// Input columns; none for `count(*)`.
    pub arguments: Vec<usize>,
    /// Input column of a boolean that picks the rows.
    pub filter: Option<usize>,
}

/// The window of a windowed aggregation, or of window functions over one.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The key column with an edge of the window, and how far the window's end lies behind that edge.
    pub edge: usize,
    pub end_after_us: i64,
    pub lateness_us: i64,
    /// Give a group, or a partition, once, when its window closes, instead of at each change.
    pub on_close: bool,
}

impl Plan {
    /// An empty accumulator of one of the calls.
    pub fn accumulator(&self, index: usize, call: &Call) -> Result<Accumulator> {
        let output = self.output.field(self.keys + index).data_type().clone();
        Accumulator::new(&call.function, &call.types(&self.input), output)
    }
}

impl Call {
    /// The types of the arguments.
    pub fn types(&self, input: &SchemaRef) -> Vec<DataType> {
        self.arguments.iter().map(|column| input.field(*column).data_type().clone()).collect()
    }
}

impl Window {
    /// The end of each row's window, microseconds.
    pub fn ends(&self, columns: &[ArrayRef]) -> Result<Vec<i64>> {
        Ok(window_ends(&columns[self.edge], self.end_after_us)?.collect())
    }
}

pub struct Aggregate {
    plan: Plan,
    keys: Keys,
    /// Rows in each group, by slot; zero for a slot that is not in use.
    weights: Vec<i64>,
    accumulators: Vec<Accumulator>,
    tick: Tick,
    unsaved: Unsaved,
    windows: Windows,
    slots: Vec<u32>,
    /// By slot, how many rows of the batch at hand came to a group; where each row is given.
    came: Vec<u32>,
    /// The one group of an aggregation without keys was given, or is another worker's to give.
    started: bool,
}

/// What this tick touched.
#[derive(Default)]
struct Tick {
    touched: Vec<u32>,
    is_touched: Vec<bool>,
    /// Weights and accumulators as they were before, by position in `touched`.
    weights_before: Vec<i64>,
    before: Vec<Accumulator>,
}

impl Aggregate {
    /// `owns_all` says whether this copy gives the one group of an aggregation without keys.
    pub fn new(plan: Plan, owns_all: bool) -> Result<Aggregate> {
        let types = plan.input.fields()[..plan.keys].iter().map(|field| field.data_type().clone()).collect();
        let accumulators: Vec<Accumulator> =
            plan.calls.iter().enumerate().map(|(index, call)| plan.accumulator(index, call)).collect::<Result<_>>()?;
        let tick =
            Tick { before: accumulators.iter().map(Accumulator::like).collect::<Result<_>>()?, ..Tick::default() };
        Ok(Aggregate {
            keys: Keys::new(types)?,
            plan,
            weights: Vec::new(),
            accumulators,
            tick,
            unsaved: Unsaved::default(),
            windows: Windows::default(),
            slots: Vec::new(),
            came: Vec::new(),
            started: !owns_all,
        })
    }

    fn make_room(&mut self) {
        let slots = self.keys.capacity();
        if slots > self.weights.len() {
            self.weights.resize(slots, 0);
            self.tick.is_touched.resize(slots, false);
            self.unsaved.resize(slots);
            self.accumulators.iter_mut().for_each(|each| each.resize(slots));
        }
    }

    fn touch(&mut self, ends: Option<&[i64]>) -> Result<()> {
        for (row, slot) in self.slots.iter().enumerate() {
            let index = *slot as usize;
            if self.tick.is_touched[index] {
                continue;
            }
            self.tick.is_touched[index] = true;
            self.tick.touched.push(*slot);
            let weight = self.weights[index];
            if weight == 0
                && let Some(ends) = ends
            {
                self.windows.open(ends[row], *slot);
            }
            if self.plan.retracts && !self.plan.each_row {
                self.tick.weights_before.push(weight);
                for (before, now) in self.tick.before.iter_mut().zip(&self.accumulators) {
                    before.push_copy(now, *slot)?;
                }
            }
        }
        Ok(())
    }

    /// Takes rows into the groups of `slots`.
    fn update(&mut self, batch: &Batch) -> Result<()> {
        let columns = batch.rows.columns();
        match &batch.weights {
            None => self.slots.iter().for_each(|slot| self.weights[*slot as usize] += 1),
            Some(weights) => {
                self.slots.iter().zip(weights).for_each(|(slot, weight)| self.weights[*slot as usize] += weight);
            }
        }
        for (accumulator, call) in self.accumulators.iter_mut().zip(&self.plan.calls) {
            let arguments: Vec<ArrayRef> = call.arguments.iter().map(|column| Arc::clone(&columns[*column])).collect();
            let filter = call.filter.map(|column| columns[column].as_boolean());
            accumulator.update(&self.slots, &arguments, filter, batch.weights.as_ref())?;
        }
        Ok(())
    }

    /// Takes rows one after the other, and gives each group with each of its rows: first all groups with their first row of
    /// the batch, then those that have a second one, and so on.
    fn give_each(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        if batch.weights.is_some() {
            return Err(Error::internal("rows that are taken back came to what gives each of them"));
        }
        let all = std::mem::take(&mut self.slots);
        self.came.resize(self.keys.capacity(), 0);
        let mut rounds: Vec<Vec<u32>> = Vec::new();
        for (row, slot) in all.iter().enumerate() {
            let round = self.came[*slot as usize] as usize;
            self.came[*slot as usize] += 1;
            if round == rounds.len() {
                rounds.push(Vec::new());
            }
            rounds[round].push(row as u32);
        }
        all.iter().for_each(|slot| self.came[*slot as usize] = 0);
        for rows in rounds {
            self.slots = rows.iter().map(|row| all[*row as usize]).collect();
            if rows.len() == batch.len() {
                self.update(batch)?;
            } else {
                self.update(&batch.take(&rows.into())?)?;
            }
            out.emit(Batch::insertions(self.rows(&self.slots)?));
        }
        Ok(())
    }

    /// Rows of some groups, as output columns.
    fn rows(&self, slots: &[u32]) -> Result<RecordBatch> {
        let mut columns = self.keys.columns(slots)?;
        for accumulator in &self.accumulators {
            columns.push(accumulator.results(slots)?);
        }
        Ok(assemble(&self.plan.output, columns, slots.len())?)
    }

    /// Gives what the touched groups were, taken back, and what they are now.
    fn give_changes(&mut self, out: &mut Output) -> Result<()> {
        let touched = std::mem::take(&mut self.tick.touched);
        let always = self.plan.keys == 0;
        if self.plan.retracts {
            let were: Vec<u32> = (0..touched.len() as u32)
                .filter(|each| always || self.tick.weights_before[*each as usize] > 0)
                .collect();
            if !were.is_empty() && (!always || self.started) {
                let slots: Vec<u32> = were.iter().map(|each| touched[*each as usize]).collect();
                let mut columns = self.keys.columns(&slots)?;
                for before in &self.tick.before {
                    columns.push(before.results(&were)?);
                }
                let rows = assemble(&self.plan.output, columns, were.len())?;
                out.emit(Batch { weights: Some(vec![-1; were.len()].into()), ..Batch::insertions(rows) });
            }
        } else {
            let gone: Vec<u32> = touched.iter().copied().filter(|slot| self.weights[*slot as usize] == 0).collect();
            if !gone.is_empty() && !always {
                let rows = self.rows(&gone)?;
                out.emit(Batch { weights: Some(vec![-1; gone.len()].into()), ..Batch::insertions(rows) });
            }
        }
        let live: Vec<u32> =
            touched.iter().copied().filter(|slot| always || self.weights[*slot as usize] > 0).collect();
        if !live.is_empty() {
            out.emit(Batch::insertions(self.rows(&live)?));
        }
        self.tick.touched = touched;
        Ok(())
    }

    /// Forgets what the tick touched and frees the groups that became empty.
    fn end_tick(&mut self) -> Result<()> {
        let touched = std::mem::take(&mut self.tick.touched);
        let mut empty = Vec::new();
        for slot in &touched {
            let index = *slot as usize;
            self.tick.is_touched[index] = false;
            match self.weights[index] {
                0 if self.plan.keys > 0 => empty.push(*slot),
                weight if weight < 0 => return Err(Error::internal("a row was taken back that was never given")),
                _ => self.unsaved.note(*slot),
            }
        }
        self.free(&empty)?;
        self.tick.weights_before.clear();
        self.tick.before.iter_mut().for_each(Accumulator::truncate);
        self.tick.touched = touched;
        self.tick.touched.clear();
        Ok(())
    }

    fn free(&mut self, slots: &[u32]) -> Result<()> {
        if slots.is_empty() {
            return Ok(());
        }
        self.unsaved.note_gone(&self.keys, slots)?;
        for slot in slots {
            self.keys.remove(*slot);
            self.weights[*slot as usize] = 0;
            self.accumulators.iter_mut().for_each(|each| each.clear(*slot));
        }
        Ok(())
    }

    /// Frees the windows that closed, giving their groups if that is when they are given.
    fn close(&mut self, window: Window, watermark_us: i64, out: &mut Output) -> Result<()> {
        let closed = self.windows.close(window, watermark_us, |slot| self.weights[slot as usize] > 0);
        if window.on_close && !closed.is_empty() {
            out.emit(Batch::insertions(self.rows(&closed)?));
        }
        self.free(&closed)
    }

    fn load_live(&mut self, rows: &RecordBatch) -> Result<()> {
        let keys = self.plan.keys;
        let weights = rows.column(keys).as_primitive::<Int64Type>().values();
        let states: &BinaryArray = rows.column(keys + 1).as_binary();
        let mut slots = Vec::new();
        self.keys.assign(&rows.columns()[..keys], rows.num_rows(), &mut slots)?;
        self.make_room();
        let ends = self.plan.window.map(|window| window.ends(rows.columns())).transpose()?;
        for (part, slots) in slots.chunks(SLOTS_AT_ONCE).enumerate() {
            let mut reading = Reading::new(&self.accumulators);
            for (at, slot) in slots.iter().enumerate() {
                let mut state = states.value(part * SLOTS_AT_ONCE + at);
                if !reading.read(&mut self.accumulators, *slot, &mut state)? {
                    return Err(Error::corrupt("the state of a group is cut short"));
                }
            }
            reading.finish(&mut self.accumulators)?;
        }
        for (row, slot) in slots.into_iter().enumerate() {
            let was = std::mem::replace(&mut self.weights[slot as usize], weights[row]);
            if was == 0
                && let Some(ends) = &ends
            {
                self.windows.open(ends[row], slot);
            }
        }
        self.started |= keys == 0;
        Ok(())
    }
}

impl Operator for Aggregate {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let columns = batch.rows.columns();
        let key = &columns[..self.plan.keys];
        let mut slots = std::mem::take(&mut self.slots);
        self.keys.assign(key, batch.len(), &mut slots)?;
        self.slots = slots;
        self.make_room();
        let ends = self.plan.window.map(|window| window.ends(columns)).transpose()?;
        self.touch(ends.as_deref())?;
        if self.plan.each_row { self.give_each(&batch, out) } else { self.update(&batch) }
    }

    fn finish(&mut self, watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        if self.plan.keys == 0 && !self.started {
            // The one group exists before any row: batch gives a row for no rows too.
            let mut slots = std::mem::take(&mut self.slots);
            self.keys.assign(&[], 1, &mut slots)?;
            self.slots = slots;
            self.make_room();
            self.touch(None)?;
        }
        let tells_changes = !self.plan.each_row && !self.plan.window.is_some_and(|window| window.on_close);
        if tells_changes && !self.tick.touched.is_empty() {
            self.give_changes(out)?;
            self.started = true;
        }
        self.end_tick()?;
        match self.plan.window {
            Some(window) => {
                let watermarks = self.plan.inputs.iter().map(|input| watermarks_us[*input]);
                self.close(window, watermarks.min().unwrap_or(i64::MIN), out)
            }
            None => Ok(()),
        }
    }

    fn content(&mut self, out: &mut Output) -> Result<()> {
        // The one group without keys is there with no rows, too.
        let always = self.plan.keys == 0;
        let live = self.keys.slots().filter(|slot| always || self.weights[*slot as usize] > 0);
        for live in live.collect::<Vec<u32>>().chunks(CONTENT_ROWS) {
            out.emit(Batch::insertions(self.rows(live)?));
        }
        Ok(())
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let Aggregate { unsaved, keys, accumulators, weights, .. } = self;
        let taken = accumulators.iter_mut().map(|each| each.taken(which)).collect::<Result<Vec<_>>>()?;
        let states = |slots: &[u32], states: &mut States| {
            let outgoing = accumulators.iter().zip(&taken).map(|(each, taken)| each.outgoing(taken, slots));
            let mut outgoing = outgoing.collect::<Result<Vec<_>>>()?;
            slots.iter().try_for_each(|slot| {
                states.push(|out| {
                    outgoing.iter_mut().try_for_each(|each| each.write(*slot, out))?;
                    Ok(weights[*slot as usize])
                })
            })
        };
        unsaved.save(which, keys, states).map(Some)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        let (gone, live) = state::split(rows, self.plan.keys)?;
        let mut slots = Vec::new();
        self.keys.assign(&gone.columns()[..self.plan.keys], gone.num_rows(), &mut slots)?;
        self.make_room();
        for slot in slots {
            self.weights[slot as usize] = 0;
            self.accumulators.iter_mut().for_each(|each| each.clear(slot));
            self.keys.remove(slot);
        }
        self.load_live(&live)
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.plan.keys)
    }

    fn status(&self) -> Status {
        let accumulators: usize = self.accumulators.iter().map(Accumulator::bytes).sum();
        Status { groups: self.keys.len() as u64, state_bytes: (self.keys.bytes() + accumulators) as u64 }
    }
}
