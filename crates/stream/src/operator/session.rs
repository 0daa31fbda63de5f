//! GROUP BY over sessions: rows of one key that follow each other within a gap are one group, which grows and takes
//! others in.
//!
//! Input columns are the key columns, the time, then arguments and filters of the aggregates. A session is freed when the
//! watermark says that no row in time can reach it any more; what it gave stays given.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use headwater_query::relation::UTC;

use super::aggregate::Call;
use super::late::Until;
use super::state::{self, Loaded, SLOTS_AT_ONCE, States, Unsaved};
use super::{Operator, Output, Save, Status};
use crate::aggregate::accumulator::Reading;
use crate::aggregate::{Accumulator, Keys, exact};
use crate::batch::{Batch, assemble};
use crate::{Error, Result};

/// What an aggregation of sessions computes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many leading input columns are the key; the time is behind them.
    pub keys: usize,
    pub gap_us: i64,
    pub calls: Vec<Call>,
    pub input: SchemaRef,
    /// What stands in the leading columns of the output; behind them are the aggregates.
    pub groups: Vec<Part>,
    pub output: SchemaRef,
    /// The inputs of the dataflow that set the time, and how far rows may lie behind it.
    pub inputs: Vec<usize>,
    pub behind_us: i64,
    /// Give a session once, when it closes, instead of at each change.
    pub on_close: bool,
}

/// A part of what names a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Key(usize),
    Start,
    End,
}

impl Plan {
    /// An empty accumulator of one of the calls.
    pub fn accumulator(&self, index: usize, call: &Call) -> Result<Accumulator> {
        let output = self.output.field(self.groups.len() + index).data_type().clone();
        Accumulator::new(&call.function, &call.types(&self.input), output)
    }

    /// Until when a row may come. A session that is given once waits for no row behind the watermark; one that is
    /// corrected takes rows whose own window is open.
    pub fn in_time(&self) -> Until {
        if self.on_close { Until::Time } else { Until::WindowEnd { after_us: self.gap_us } }
    }

    /// Whether no row in time can reach a session with this last time any more.
    fn is_over(&self, last_us: i64, watermark_us: i64) -> bool {
        // It reaches what lies within the gap, and comes until then.
        let reach = last_us.saturating_add(self.gap_us).saturating_add(self.in_time().after_us());
        reach.saturating_add(self.behind_us) <= watermark_us
    }
}

/// One session; its slot is one of the accumulators.
#[derive(Debug, Clone, Copy)]
struct Session {
    first_us: i64,
    last_us: i64,
    slot: u32,
}

pub struct SessionAggregate {
    plan: Plan,
    keys: Keys,
    /// By slot of the key, by time; more than the gap lies between two.
    sessions: Vec<Vec<Session>>,
    accumulators: Vec<Accumulator>,
    free: Vec<u32>,
    slots: usize,
    /// Keys by the last time of one of their sessions; some sessions have grown since.
    closing: BTreeMap<i64, Vec<u32>>,
    unsaved: Unsaved,
    tick: Tick,
}

/// What this tick touched.
#[derive(Default)]
struct Tick {
    /// By slot of an accumulator.
    is_touched: Vec<bool>,
    /// Slots of keys, some twice.
    keys: Vec<u32>,
    /// Sessions as they were given, with their key; accumulators by position.
    given: Vec<(u32, Session)>,
    before: Vec<Accumulator>,
    /// Slots of sessions that others took in.
    retired: Vec<u32>,
}

impl SessionAggregate {
    pub fn new(plan: Plan) -> Result<SessionAggregate> {
        let types = plan.input.fields()[..plan.keys].iter().map(|field| field.data_type().clone()).collect();
        let calls = plan.calls.iter().enumerate();
        let accumulators: Vec<Accumulator> =
            calls.map(|(index, call)| plan.accumulator(index, call)).collect::<Result<_>>()?;
        let tick =
            Tick { before: accumulators.iter().map(Accumulator::like).collect::<Result<_>>()?, ..Tick::default() };
        Ok(SessionAggregate {
            keys: Keys::new(types)?,
            plan,
            sessions: Vec::new(),
            accumulators,
            free: Vec::new(),
            slots: 0,
            closing: BTreeMap::new(),
            unsaved: Unsaved::default(),
            tick,
        })
    }

    fn make_room(&mut self) {
        let keys = self.keys.capacity();
        if keys > self.sessions.len() {
            self.sessions.resize_with(keys, Vec::new);
        }
        self.unsaved.resize(keys);
    }

    fn claim(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        self.slots += 1;
        // Twice the room each time: it is asked for one slot after the other.
        let room = self.slots.next_power_of_two();
        if room > self.tick.is_touched.len() {
            self.tick.is_touched.resize(room, false);
            self.accumulators.iter_mut().for_each(|each| each.resize(room));
        }
        (self.slots - 1) as u32
    }

    /// Remembers what a session was before this tick.
    fn touch(&mut self, key: u32, session: Session) -> Result<()> {
        if std::mem::replace(&mut self.tick.is_touched[session.slot as usize], true) {
            return Ok(());
        }
        self.tick.keys.push(key);
        if !self.plan.on_close {
            self.tick.given.push((key, session));
            for (before, now) in self.tick.before.iter_mut().zip(&self.accumulators) {
                before.push_copy(now, session.slot)?;
            }
        }
        Ok(())
    }

    /// The session of a row, which becomes a part of it. `moved` says where sessions went that another took in.
    fn place(&mut self, key: u32, time_us: i64, moved: &mut HashMap<u32, u32>) -> Result<u32> {
        let gap_us = self.plan.gap_us;
        let sessions = &self.sessions[key as usize];
        let at = sessions.partition_point(|session| session.last_us.saturating_add(gap_us) < time_us);
        let reached = sessions.get(at).copied().filter(|each| each.first_us.saturating_sub(gap_us) <= time_us);
        let Some(mut session) = reached else {
            let slot = self.claim();
            self.tick.is_touched[slot as usize] = true;
            self.tick.keys.push(key);
            self.sessions[key as usize].insert(at, Session { first_us: time_us, last_us: time_us, slot });
            return Ok(slot);
        };
        self.touch(key, session)?;
        session.first_us = session.first_us.min(time_us);
        session.last_us = session.last_us.max(time_us);
        let next = self.sessions[key as usize].get(at + 1).copied();
        if let Some(next) = next.filter(|next| next.first_us.saturating_sub(gap_us) <= session.last_us) {
            self.touch(key, next)?;
            session.last_us = next.last_us;
            self.accumulators.iter_mut().try_for_each(|each| each.merge(next.slot, session.slot))?;
            moved.insert(next.slot, session.slot);
            self.tick.retired.push(next.slot);
            self.sessions[key as usize].remove(at + 1);
        }
        self.sessions[key as usize][at] = session;
        Ok(session.slot)
    }

    /// Sessions as output columns, with the aggregates of slots of `accumulators`.
    fn rows(&self, sessions: &[(u32, Session)], accumulators: &[Accumulator], slots: &[u32]) -> Result<RecordBatch> {
        let owners: Vec<u32> = sessions.iter().map(|(key, _)| *key).collect();
        let keys = self.keys.columns(&owners)?;
        let edges = |of: &dyn Fn(&Session) -> i64| -> ArrayRef {
            let edges: TimestampMicrosecondArray = sessions.iter().map(|(_, session)| Some(of(session))).collect();
            Arc::new(edges.with_timezone(UTC))
        };
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.plan.output.fields().len());
        for part in &self.plan.groups {
            columns.push(match part {
                Part::Key(key) => Arc::clone(&keys[*key]),
                Part::Start => edges(&|session| session.first_us),
                Part::End => edges(&|session| session.last_us.saturating_add(self.plan.gap_us)),
            });
        }
        for accumulator in accumulators {
            columns.push(accumulator.results(slots)?);
        }
        Ok(assemble(&self.plan.output, columns, sessions.len())?)
    }

    fn insertions(&self, sessions: &[(u32, Session)]) -> Result<Batch> {
        let slots: Vec<u32> = sessions.iter().map(|(_, session)| session.slot).collect();
        Ok(Batch::insertions(self.rows(sessions, &self.accumulators, &slots)?))
    }

    /// Gives what the touched sessions were, taken back, and what they are now, and forgets that they were touched.
    fn end_tick(&mut self, out: &mut Output) -> Result<()> {
        let given = std::mem::take(&mut self.tick.given);
        if !given.is_empty() {
            let positions: Vec<u32> = (0..given.len() as u32).collect();
            let rows = self.rows(&given, &self.tick.before, &positions)?;
            out.emit(Batch { weights: Some(vec![-1; given.len()].into()), ..Batch::insertions(rows) });
        }
        let mut keys = std::mem::take(&mut self.tick.keys);
        keys.sort_unstable();
        keys.dedup();
        let mut touched = Vec::new();
        for key in keys {
            self.unsaved.note(key);
            let sessions = self.sessions[key as usize].iter();
            touched.extend(sessions.filter(|each| self.tick.is_touched[each.slot as usize]).map(|each| (key, *each)));
        }
        for (key, session) in &touched {
            self.tick.is_touched[session.slot as usize] = false;
            self.closing.entry(session.last_us).or_default().push(*key);
        }
        if !self.plan.on_close && !touched.is_empty() {
            out.emit(self.insertions(&touched)?);
        }
        for slot in std::mem::take(&mut self.tick.retired) {
            self.tick.is_touched[slot as usize] = false;
            self.release(slot);
        }
        self.tick.before.iter_mut().for_each(Accumulator::truncate);
        Ok(())
    }

    fn release(&mut self, slot: u32) {
        self.accumulators.iter_mut().for_each(|each| each.clear(slot));
        self.free.push(slot);
    }

    /// Frees the sessions that are over, giving them if that is when they are given.
    fn close(&mut self, watermark_us: i64, out: &mut Output) -> Result<()> {
        let mut closed = Vec::new();
        while let Some(entry) = self.closing.first_entry() {
            let last_us = *entry.key();
            if !self.plan.is_over(last_us, watermark_us) {
                break;
            }
            for key in entry.remove() {
                let sessions = &mut self.sessions[key as usize];
                if let Some(at) = sessions.iter().position(|session| session.last_us == last_us) {
                    closed.push((key, sessions.remove(at)));
                }
            }
        }
        if self.plan.on_close && !closed.is_empty() {
            out.emit(self.insertions(&closed)?);
        }
        let mut keys: Vec<u32> = closed.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.dedup();
        closed.iter().for_each(|(_, session)| self.release(session.slot));
        let (gone, left): (Vec<u32>, Vec<u32>) =
            keys.into_iter().partition(|key| self.sessions[*key as usize].is_empty());
        left.iter().for_each(|key| self.unsaved.note(*key));
        if !gone.is_empty() {
            self.unsaved.note_gone(&self.keys, &gone)?;
            gone.iter().for_each(|key| self.keys.remove(*key));
        }
        Ok(())
    }

    /// Forgets the sessions of a key that is loaded anew.
    fn forget(&mut self, key: u32) {
        for session in std::mem::take(&mut self.sessions[key as usize]) {
            self.release(session.slot);
        }
    }

    /// Reads a key's sessions; `None` where they are cut short.
    fn load_sessions(&mut self, key: u32, mut bytes: &[u8], reading: &mut Reading) -> Result<Option<()>> {
        let Some(count) = exact::take(&mut bytes).map(u32::from_le_bytes) else { return Ok(None) };
        for _ in 0..count {
            let (Some(first_us), Some(last_us)) = (exact::take(&mut bytes), exact::take(&mut bytes)) else {
                return Ok(None);
            };
            let (first_us, last_us) = (i64::from_le_bytes(first_us), i64::from_le_bytes(last_us));
            let slot = self.claim();
            if !reading.read(&mut self.accumulators, slot, &mut bytes)? {
                return Ok(None);
            }
            self.sessions[key as usize].push(Session { first_us, last_us, slot });
            self.closing.entry(last_us).or_default().push(key);
        }
        Ok(Some(()))
    }
}

impl Operator for SessionAggregate {
    fn push(&mut self, _port: usize, batch: Batch, _out: &mut Output) -> Result<()> {
        let columns = batch.rows.columns();
        let mut owners = Vec::new();
        self.keys.assign(&columns[..self.plan.keys], batch.len(), &mut owners)?;
        self.make_room();
        let times = columns[self.plan.keys].as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.filter(|times| times.null_count() == 0);
        let times = times.ok_or_else(|| Error::internal("a session over what is no event time"))?;
        let mut moved = HashMap::new();
        let placed = owners.iter().zip(times.values()).map(|(key, time_us)| self.place(*key, *time_us, &mut moved));
        let mut slots = placed.collect::<Result<Vec<u32>>>()?;
        if !moved.is_empty() {
            for slot in &mut slots {
                while let Some(into) = moved.get(slot) {
                    *slot = *into;
                }
            }
        }
        for (accumulator, call) in self.accumulators.iter_mut().zip(&self.plan.calls) {
            let arguments: Vec<ArrayRef> = call.arguments.iter().map(|column| Arc::clone(&columns[*column])).collect();
            let filter = call.filter.map(|column| columns[column].as_boolean());
            accumulator.update(&slots, &arguments, filter, batch.weights.as_ref())?;
        }
        Ok(())
    }

    fn finish(&mut self, watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        self.end_tick(out)?;
        let watermark = self.plan.inputs.iter().map(|input| watermarks_us[*input]).min();
        self.close(watermark.unwrap_or(i64::MIN), out)
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let SessionAggregate { unsaved, keys, accumulators, sessions, .. } = self;
        // Sessions flow together and get other slots when they are loaded: each is written whole.
        let taken = accumulators.iter_mut().map(|each| each.taken(Save::All)).collect::<Result<Vec<_>>>()?;
        let states = |slots: &[u32], states: &mut States| {
            let of_keys = || slots.iter().map(|key| &sessions[*key as usize]);
            let all: Vec<u32> = of_keys().flatten().map(|session| session.slot).collect();
            let outgoing = accumulators.iter().zip(&taken).map(|(each, taken)| each.outgoing(taken, &all));
            let mut outgoing = outgoing.collect::<Result<Vec<_>>>()?;
            of_keys().try_for_each(|sessions| {
                states.push(|out| {
                    out.extend_from_slice(&(sessions.len() as u32).to_le_bytes());
                    for session in sessions {
                        out.extend_from_slice(&session.first_us.to_le_bytes());
                        out.extend_from_slice(&session.last_us.to_le_bytes());
                        outgoing.iter_mut().try_for_each(|each| each.write(session.slot, out))?;
                    }
                    Ok(sessions.len() as i64)
                })
            })
        };
        unsaved.save(which, keys, states).map(Some)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        let Loaded { gone, live, states } = state::load_keys(rows, &mut self.keys)?;
        self.make_room();
        gone.into_iter().for_each(|slot| self.forget(slot));
        for (part, keys) in live.chunks(SLOTS_AT_ONCE).enumerate() {
            let mut reading = Reading::new(&self.accumulators);
            for (at, key) in keys.iter().enumerate() {
                self.forget(*key);
                if self.load_sessions(*key, states.value(part * SLOTS_AT_ONCE + at), &mut reading)?.is_none() {
                    return Err(Error::corrupt("the state of a session is cut short"));
                }
            }
            reading.finish(&mut self.accumulators)?;
        }
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.plan.keys)
    }

    fn status(&self) -> Status {
        let accumulators: usize = self.accumulators.iter().map(Accumulator::bytes).sum();
        let sessions = (self.slots - self.free.len()) * size_of::<Session>();
        let lists = self.sessions.capacity() * size_of::<Vec<Session>>();
        let state_bytes = (self.keys.bytes() + accumulators + sessions + lists) as u64;
        Status { groups: (self.slots - self.free.len()) as u64, state_bytes }
    }
}
