//! Joins with versions, kept up to date: each left row with the last right row of its key that is not after it.
//!
//! Input columns are the key columns, the time, of versions when they were known where that is told, then all columns of the
//! side. Left rows are kept until no right row can come for them any more, right rows until no left row can come that would
//! meet them; the last of a key stays.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};

use super::state::{self, Loaded, SLOTS_AT_ONCE, States, Unsaved};
use super::{Operator, Output, Save, Status};
use crate::aggregate::Keys;
use crate::batch::{Batch, assemble};
use crate::rows::saved::{Incoming, OfKey, Touched};
use crate::rows::{Codec, Row, net};
use crate::{Error, Result};

/// What a join with versions computes.
#[derive(Debug, Clone)]
pub struct Plan {
    pub keys: usize,
    pub left: SchemaRef,
    pub right: SchemaRef,
    /// All columns of the left side, then of the right one.
    pub output: SchemaRef,
    /// Whether a right row at the very time of a left one is none of its versions.
    pub strict: bool,
    /// Whether versions tell when they were known. A left row meets none that was known after its time.
    pub is_known_later: bool,
    /// Microseconds for which a version counts; none before it takes its place.
    pub ttl_us: Option<i64>,
    /// Whether left rows without a version stand with nulls.
    pub keeps_left: bool,
    pub retracts: bool,
    /// Where all times are event times: the inputs of the dataflow that set it, and how far each side may lie behind.
    pub expiry: Option<Expiry>,
    /// Give a left row once, when no version can come for it any more.
    pub on_close: bool,
}

#[derive(Debug, Clone)]
pub struct Expiry {
    pub inputs: Vec<usize>,
    pub left_lag_us: i64,
    pub right_lag_us: i64,
}

/// A row at its time. The empty row stands before all others of its time.
type At = (i64, Row);

#[derive(Debug)]
struct Left {
    copies: i64,
    /// The version that it was given with.
    version: Option<Row>,
}

#[derive(Debug, Default)]
struct Partition {
    left: BTreeMap<At, Left>,
    /// Versions with how often each is there. Of one time they stand in the order in which they were known.
    right: Versions,
}

type Versions = BTreeMap<At, i64>;

/// What came of a key in this tick.
#[derive(Default)]
struct Changes {
    left: Vec<(At, i64)>,
    right: Vec<(At, i64)>,
}

pub struct AsofJoin {
    plan: Plan,
    keys: Keys,
    codecs: [Arc<Codec>; 2],
    partitions: Vec<Partition>,
    changes: BTreeMap<u32, Changes>,
    /// Keys by the times of their left rows.
    expiring: BTreeMap<i64, Vec<u32>>,
    unsaved: Unsaved,
    /// Of each side.
    touched: [Touched<At>; 2],
    bytes: usize,
    given: Given,
}

/// Rows that are given, a left one with its version each.
#[derive(Default)]
struct Given {
    left: Vec<Row>,
    right: Vec<Option<Row>>,
    weights: Vec<i64>,
}

impl Given {
    fn push(&mut self, left: &Row, right: Option<&Row>, weight: i64) {
        self.left.push(Arc::clone(left));
        self.right.push(right.map(Arc::clone));
        self.weights.push(weight);
    }
}

/// Of a row, beside its own bytes.
const ENTRY_BYTES: usize = 72;

impl Partition {
    fn is_empty(&self) -> bool {
        self.left.is_empty() && self.right.is_empty()
    }
}

impl Plan {
    /// The last of versions that is there for left rows of a time, however old it is.
    fn last<'a>(&self, versions: &'a Versions, time_us: i64) -> Option<&'a At> {
        let end = if self.strict { time_us } else { time_us.saturating_add(1) };
        let before = versions.range((Bound::Unbounded, Bound::Excluded((end, empty())))).rev();
        before.map(|(at, _)| at).find(|at| self.known_us(at) <= time_us)
    }

    /// The version that left rows of a time meet.
    fn version<'a>(&self, versions: &'a Versions, time_us: i64) -> Option<&'a Row> {
        let (at_us, row) = self.last(versions, time_us)?;
        let is_too_old = self.ttl_us.is_some_and(|ttl_us| *at_us < time_us.saturating_sub(ttl_us));
        (!is_too_old).then_some(row)
    }

    /// From when on left rows can meet a version.
    fn since_us(&self, at: &At) -> i64 {
        at.0.max(self.known_us(at))
    }

    /// Until when left rows may meet a version of a time: then there is a later one, for sure.
    fn until_us(&self, versions: &Versions, time_us: i64) -> i64 {
        let mut until_us = i64::MAX;
        for at in versions.range((time_us.saturating_add(1), empty())..).map(|(at, _)| at) {
            if at.0 >= until_us {
                break;
            }
            until_us = until_us.min(self.since_us(at));
        }
        until_us
    }

    fn known_us(&self, (_, row): &At) -> i64 {
        if self.is_known_later { first_time(row) } else { i64::MIN }
    }
}

/// The first column of a row, which is a time and is not null: a byte that says so, then its bits with the sign turned, the
/// greatest first (as arrow's rows have them).
fn first_time(row: &Row) -> i64 {
    let bytes = row.get(1..9).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    bytes.map_or(i64::MAX, |bytes| i64::from_be_bytes(bytes) ^ i64::MIN)
}

fn empty() -> Row {
    Arc::from([])
}

impl AsofJoin {
    pub fn new(plan: Plan) -> Result<AsofJoin> {
        let types = |schema: &SchemaRef| -> Vec<DataType> {
            schema.fields().iter().map(|field| field.data_type().clone()).collect()
        };
        let (left, right) = (types(&plan.left), types(&plan.right));
        let codecs =
            [Codec::new(left[plan.keys + 1..].to_vec(), &[])?, Codec::new(right[plan.keys + 1..].to_vec(), &[])?];
        Ok(AsofJoin {
            keys: Keys::new(left[..plan.keys].to_vec())?,
            plan,
            codecs,
            partitions: Vec::new(),
            changes: BTreeMap::new(),
            expiring: BTreeMap::new(),
            unsaved: Unsaved::default(),
            touched: Default::default(),
            bytes: 0,
            given: Given::default(),
        })
    }

    fn make_room(&mut self) {
        let slots = self.keys.capacity().max(self.partitions.len());
        self.partitions.resize_with(slots, Partition::default);
        self.unsaved.resize(slots);
    }

    /// Takes what came of a key into its rows, and gives what follows.
    fn apply(&mut self, slot: u32, changes: Changes) {
        let plan = &self.plan;
        let partition = &mut self.partitions[slot as usize];
        let mut changed: Vec<(i64, i64)> = changes.right.iter().map(|(at, _)| (at.0, plan.since_us(at))).collect();
        for (at, weight) in changes.right {
            self.touched[1].note(slot, at.clone());
            self.bytes = self.bytes.wrapping_add_signed(count(&mut partition.right, at, weight));
        }
        changed.sort_unstable();
        changed.dedup();
        for (time_us, since_us) in changed {
            // Where a version at the very time is none, the one before it still counts then.
            let until_us = plan.until_us(&partition.right, time_us).saturating_add(1).max(since_us);
            let reached: Vec<At> =
                partition.left.range((since_us, empty())..(until_us, empty())).map(|(at, _)| at.clone()).collect();
            for at in reached {
                let version = plan.version(&partition.right, at.0).cloned();
                let Some(left) = partition.left.get_mut(&at) else { continue };
                if left.version == version {
                    continue;
                }
                let before = std::mem::replace(&mut left.version, version);
                let copies = left.copies;
                let now = left.version.clone();
                Self::give(plan, &mut self.given, &at.1, before.as_ref(), -copies);
                Self::give(plan, &mut self.given, &at.1, now.as_ref(), copies);
            }
        }
        for (at, weight) in changes.left {
            self.touched[0].note(slot, at.clone());
            let version = plan.version(&partition.right, at.0).cloned();
            Self::give(plan, &mut self.given, &at.1, version.as_ref(), weight);
            let size = at.1.len() + ENTRY_BYTES;
            match partition.left.get_mut(&at) {
                Some(left) if left.copies + weight != 0 => left.copies += weight,
                Some(_) => {
                    partition.left.remove(&at);
                    self.bytes -= size;
                }
                None => {
                    if self.plan.expiry.is_some() {
                        self.expiring.entry(at.0).or_default().push(slot);
                    }
                    self.bytes += size;
                    partition.left.insert(at, Left { copies: weight, version });
                }
            }
        }
    }

    fn give(plan: &Plan, given: &mut Given, left: &Row, version: Option<&Row>, weight: i64) {
        if !plan.on_close && (version.is_some() || plan.keeps_left) {
            given.push(left, version, weight);
        }
    }

    /// Lets left rows go for which no version can come any more, and versions that no left row can meet.
    fn expire(&mut self, expiry: &Expiry, watermark_us: i64) -> Vec<u32> {
        let mut slots = Vec::new();
        while let Some(first) = self.expiring.first_entry() {
            if first.key().saturating_add(expiry.right_lag_us) > watermark_us {
                break;
            }
            slots.extend(first.remove());
        }
        slots.sort_unstable();
        slots.dedup();
        let over_us = watermark_us.saturating_sub(expiry.right_lag_us);
        // Of some keys all rows have gone before; their slots may be nobody's now, or another key's.
        let end = (over_us.saturating_add(1), empty());
        slots.retain(|slot| self.partitions[*slot as usize].left.range(..&end).next().is_some());
        for slot in &slots {
            let partition = &mut self.partitions[*slot as usize];
            let rest = partition.left.split_off(&end);
            for (at, left) in std::mem::replace(&mut partition.left, rest) {
                self.bytes -= at.1.len() + ENTRY_BYTES;
                if self.plan.on_close && (left.version.is_some() || self.plan.keeps_left) {
                    self.given.push(&at.1, left.version.as_ref(), left.copies);
                }
                self.touched[0].note(*slot, at);
            }
        }
        slots
    }

    /// Forgets versions that later ones stand before, for all left rows that can come.
    fn prune(&mut self, slot: u32, expiry: &Expiry, watermark_us: i64) {
        let horizon_us = watermark_us.saturating_sub(expiry.left_lag_us.max(expiry.right_lag_us));
        let partition = &mut self.partitions[slot as usize];
        let Some(last) = self.plan.last(&partition.right, horizon_us).cloned() else { return };
        let rest = partition.right.split_off(&last);
        for at in std::mem::replace(&mut partition.right, rest).into_keys() {
            self.bytes -= at.1.len() + ENTRY_BYTES;
            self.touched[1].note(slot, at);
        }
    }

    /// What was given, as changes.
    fn emit(&mut self, out: &mut Output) -> Result<()> {
        let given = std::mem::take(&mut self.given);
        if given.weights.is_empty() {
            return Ok(());
        }
        let mut columns = self.codecs[0].decode(given.left.iter().map(AsRef::as_ref))?;
        columns.extend(self.versions(&given.right)?);
        let rows = assemble(&self.plan.output, columns, given.weights.len())?;
        let batch = Batch { weights: Some(given.weights.into()), ..Batch::insertions(rows) };
        if self.plan.retracts {
            net(&self.plan.output, vec![batch])?.into_iter().for_each(|batch| out.emit(batch));
            return Ok(());
        }
        let copies =
            (0..batch.len()).flat_map(|row| std::iter::repeat_n(row as u32, batch.weight(row).max(0) as usize));
        let copies = arrow::array::UInt32Array::from_iter_values(copies);
        out.emit(Batch { weights: None, ..batch.take(&copies)? });
        Ok(())
    }

    /// The columns of versions, nulls where there is none.
    fn versions(&self, versions: &[Option<Row>]) -> Result<Vec<ArrayRef>> {
        let present: Vec<&Row> = versions.iter().flatten().collect();
        let codec = &self.codecs[1];
        let told = usize::from(self.plan.is_known_later);
        if present.is_empty() {
            return Ok(codec.types()[told..].iter().map(|each| new_null_array(each, versions.len())).collect());
        }
        let columns = codec.decode(present.iter().map(|row| row.as_ref()))?.split_off(told);
        if present.len() == versions.len() {
            return Ok(columns);
        }
        let mut next = 0;
        let places = versions.iter().map(|version| {
            version.as_ref().map(|_| {
                next += 1;
                next - 1
            })
        });
        let places: arrow::array::UInt32Array = places.collect();
        let spread = columns.iter().map(|column| arrow::compute::take(column, &places, None));
        Ok(spread.collect::<std::result::Result<_, _>>()?)
    }

    /// Which rows can have a version, or be one: those with their times and with all of their key.
    fn can_meet(&self, port: usize, columns: &[ArrayRef], rows: usize) -> BooleanArray {
        let times = if port == 1 && self.plan.is_known_later { 2 } else { 1 };
        let nulls = columns[..self.plan.keys + times].iter().filter_map(|column| column.logical_nulls());
        let any = nulls.fold(None, |all: Option<NullBuffer>, each| NullBuffer::union(all.as_ref(), Some(&each)));
        match any {
            Some(valid) => BooleanArray::new(valid.inner().clone(), None),
            None => BooleanArray::from(vec![true; rows]),
        }
    }

    /// Takes back what a checkpoint has of a key: its versions, then its left rows, which find theirs.
    fn load_key(&mut self, slot: u32, versions: OfKey<2>, rows: OfKey<2>) {
        if versions.is_whole {
            self.forget(slot);
        }
        let partition = &mut self.partitions[slot as usize];
        // Left rows from here on may have other versions than before.
        let times = versions.rows.iter().chain(&rows.rows).map(|(_, [time_us, _])| *time_us);
        let changed_us = times.min().unwrap_or(i64::MAX);
        let mut bytes = 0;
        for (row, [time_us, copies]) in versions.rows {
            let size = (row.len() + ENTRY_BYTES) as isize;
            bytes += match copies {
                0 => partition.right.remove(&(time_us, row)).map_or(0, |_| -size),
                _ => partition.right.insert((time_us, row), copies).map_or(size, |_| 0),
            };
        }
        for (row, [time_us, copies]) in rows.rows {
            let size = (row.len() + ENTRY_BYTES) as isize;
            bytes += match copies {
                0 => partition.left.remove(&(time_us, row)).map_or(0, |_| -size),
                _ => partition.left.insert((time_us, row), Left { copies, version: None }).map_or(size, |_| 0),
            };
            if copies != 0 && self.plan.expiry.is_some() {
                self.expiring.entry(time_us).or_default().push(slot);
            }
        }
        self.bytes = self.bytes.wrapping_add_signed(bytes);
        let Partition { left, right } = partition;
        for ((time_us, _), left) in left.range_mut((changed_us, empty())..) {
            left.version = self.plan.version(right, *time_us).cloned();
        }
    }

    fn forget(&mut self, slot: u32) {
        let Partition { left, right } = std::mem::take(&mut self.partitions[slot as usize]);
        let rows = left.keys().chain(right.keys());
        self.bytes -= rows.map(|(_, row)| row.len() + ENTRY_BYTES).sum::<usize>();
    }
}

/// Adds a row so often, and says by how much the bytes grow.
fn count(rows: &mut BTreeMap<At, i64>, at: At, weight: i64) -> isize {
    let size = (at.1.len() + ENTRY_BYTES) as isize;
    match rows.get_mut(&at) {
        Some(copies) if *copies + weight != 0 => {
            *copies += weight;
            0
        }
        Some(_) => {
            rows.remove(&at);
            -size
        }
        None => {
            rows.insert(at, weight);
            size
        }
    }
}

impl Operator for AsofJoin {
    fn push(&mut self, port: usize, batch: Batch, _out: &mut Output) -> Result<()> {
        let meets = self.can_meet(port, batch.rows.columns(), batch.len());
        if port == 0 && self.plan.keeps_left && meets.true_count() < batch.len() {
            let alone = batch.filter(&arrow::compute::not(&meets)?)?;
            let encoded = self.codecs[0].encode(&alone.rows.columns()[self.plan.keys + 1..], alone.len())?;
            for row in 0..alone.len() {
                self.given.push(&Arc::from(encoded.row(row).as_ref()), None, alone.weight(row));
            }
        }
        let batch = batch.filter(&meets)?;
        let columns = batch.rows.columns();
        let mut slots = Vec::new();
        self.keys.assign(&columns[..self.plan.keys], batch.len(), &mut slots)?;
        self.make_room();
        let times = columns[self.plan.keys].as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.ok_or_else(|| Error::internal("a time that is no timestamp"))?;
        let encoded = self.codecs[port].encode(&columns[self.plan.keys + 1..], batch.len())?;
        for (row, slot) in slots.into_iter().enumerate() {
            let changes = self.changes.entry(slot).or_default();
            let side = if port == 0 { &mut changes.left } else { &mut changes.right };
            side.push(((times.value(row), Arc::from(encoded.row(row).as_ref())), batch.weight(row)));
        }
        Ok(())
    }

    fn finish(&mut self, watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        let changes = std::mem::take(&mut self.changes);
        let mut touched: Vec<u32> = changes.keys().copied().collect();
        changes.into_iter().for_each(|(slot, changes)| self.apply(slot, changes));
        if let Some(expiry) = self.plan.expiry.clone() {
            let watermark = expiry.inputs.iter().map(|input| watermarks_us[*input]).min();
            let watermark_us = watermark.unwrap_or(i64::MIN);
            touched.extend(self.expire(&expiry, watermark_us));
            touched.sort_unstable();
            touched.dedup();
            touched.iter().for_each(|slot| self.prune(*slot, &expiry, watermark_us));
        }
        let (gone, left): (Vec<u32>, Vec<u32>) =
            touched.into_iter().partition(|slot| self.partitions[*slot as usize].is_empty());
        left.iter().for_each(|slot| self.unsaved.note(*slot));
        if !gone.is_empty() {
            self.unsaved.note_gone(&self.keys, &gone)?;
            gone.iter().for_each(|slot| self.keys.remove(*slot));
        }
        self.emit(out)
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let AsofJoin { unsaved, keys, codecs, partitions, touched, .. } = self;
        let taken = touched.each_mut().map(|touched| touched.take(which));
        let states = |slots: &[u32], states: &mut States| {
            let of = |slot: u32| &partitions[slot as usize];
            let mut versions = taken[1].outgoing(
                &codecs[1],
                slots,
                |slot| of(slot).right.iter().map(|((time, row), copies)| (row.as_ref(), [*time, *copies])),
                |slot, at| (at.1.as_ref(), [at.0, of(slot).right.get(at).copied().unwrap_or_default()]),
            )?;
            let mut rows = taken[0].outgoing(
                &codecs[0],
                slots,
                |slot| of(slot).left.iter().map(|((time, row), left)| (row.as_ref(), [*time, left.copies])),
                |slot, at| (at.1.as_ref(), [at.0, of(slot).left.get(at).map_or(0, |left| left.copies)]),
            )?;
            slots.iter().try_for_each(|slot| {
                let Partition { left, right } = &partitions[*slot as usize];
                states.push(|out| {
                    // Versions first: a left row finds its own when it is loaded.
                    versions.write(out);
                    rows.write(out);
                    Ok((left.len() + right.len()) as i64)
                })
            })
        };
        unsaved.save(which, keys, states).map(Some)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        let Loaded { gone, live, states } = state::load_keys(rows, &mut self.keys)?;
        self.make_room();
        gone.into_iter().for_each(|slot| self.forget(slot));
        for (part, slots) in live.chunks(SLOTS_AT_ONCE).enumerate() {
            let [mut rows, mut versions] = self.codecs.each_ref().map(Incoming::<2>::new);
            for at in 0..slots.len() {
                let mut bytes = states.value(part * SLOTS_AT_ONCE + at);
                if !versions.read(&mut bytes) || !rows.read(&mut bytes) {
                    return Err(Error::corrupt("the state of a join with versions is cut short"));
                }
            }
            let (rows, versions) = (rows.finish()?.keys, versions.finish()?.keys);
            for (slot, (versions, rows)) in slots.iter().zip(versions.into_iter().zip(rows)) {
                self.load_key(*slot, versions, rows);
            }
        }
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.plan.keys)
    }

    fn status(&self) -> Status {
        let unsaved = self.touched.iter().map(Touched::bytes).sum::<usize>();
        let lists = self.partitions.capacity() * size_of::<Partition>() + unsaved;
        Status { groups: self.keys.len() as u64, state_bytes: (self.keys.bytes() + self.bytes + lists) as u64 }
    }
}

#[cfg(test)]
mod tests;
