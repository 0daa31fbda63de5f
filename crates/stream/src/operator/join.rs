//! Joins, kept up to date: each side keeps its rows by key, and what comes on one meets what the other has.
//!
//! Input columns are the key columns first, then all columns of the side. A row knows how many rows of the other side it
//! meets, so that rows of outer, semi and anti joins are given and taken back when the first comes and the last goes.
//! Where the condition bounds the time between two rows, a row goes when the watermark leaves it nothing to meet; what it
//! gave stays given.

mod side;
mod slot;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_plan::PhysicalExpr;

use super::state::{self, Loaded, SLOTS_AT_ONCE, States, Unsaved};
use super::{Operator, Output, Save, Status};
use crate::aggregate::Keys;
use crate::batch::{Batch, assemble};
use crate::rows::net;
use crate::{Error, Result};
pub use side::Expiry;
use side::{Given, Rows, Side};

/// What a join computes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many leading input columns of each side are the key.
    pub keys: usize,
    pub left: SchemaRef,
    pub right: SchemaRef,
    /// Over all columns of the left side and then of the right one; rows meet where it holds, too.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// The columns of both sides, as `filter` sees them.
    pub pairs: SchemaRef,
    pub output: SchemaRef,
    pub kind: Kind,
    /// Whether a key with a null in it meets its equal.
    pub null_equals_null: bool,
    /// Whether rows that were given may be taken back.
    pub retracts: bool,
    /// When rows of each side go.
    pub expiry: [Option<Expiry>; 2],
    /// The inputs of the dataflow that set the time for that.
    pub inputs: Vec<usize>,
    /// Give rows that met nothing when they go, instead of at once and taking them back.
    pub on_close: bool,
}

/// Which rows are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pairs, and rows of these sides that meet nothing, with nulls beside them.
    Pairs { lonely: [bool; 2] },
    /// Rows of one side that meet something, or nothing.
    One { side: usize, meets: bool },
    /// All rows of one side, each with whether it meets something.
    Mark { side: usize },
}

impl Plan {
    /// Whether a join has all rows that it gave rows of: those with a null in their key are not kept.
    pub fn holds_all(&self) -> bool {
        let keeps_keys = self.null_equals_null || [&self.left, &self.right].iter().all(|side| self.has_no_nulls(side));
        self.expiry == [None, None] && (keeps_keys || (0..2).all(|side| !self.kind.lonely(side)))
    }

    fn has_no_nulls(&self, side: &SchemaRef) -> bool {
        side.fields()[..self.keys].iter().all(|field| !field.is_nullable())
    }
}

impl Kind {
    /// Whether rows are taken back though none of the inputs' is.
    pub fn changes_its_mind(self) -> bool {
        match self {
            Kind::Pairs { lonely } => lonely.contains(&true),
            Kind::One { meets, .. } => !meets,
            Kind::Mark { .. } => true,
        }
    }

    /// What is given of a row of a side that meets nothing.
    fn lonely(self, side: usize) -> bool {
        match self {
            Kind::Pairs { lonely } => lonely[side],
            Kind::One { side: given, meets } => given == side && !meets,
            Kind::Mark { side: given } => given == side,
        }
    }

    /// Which rows of a side are asked for, by whether they meet something: all, where it is said of each.
    fn shown(self, side: usize) -> Option<bool> {
        match self {
            Kind::Mark { .. } => None,
            _ => Some(!self.lonely(side)),
        }
    }

    /// Whether it matters how many others a row of a side meets.
    fn counts(self, side: usize) -> bool {
        match self {
            Kind::Pairs { lonely } => lonely[side],
            Kind::One { side: given, .. } | Kind::Mark { side: given } => given == side,
        }
    }
}

/// Pairs that are looked at together. They are held in memory until the condition has picked its own.
const PAIRS_MAX: usize = 1 << 16;

pub struct Join {
    plan: Plan,
    keys: Keys,
    sides: [Side; 2],
    unsaved: Unsaved,
    /// What this tick gives, with equal rows not netted yet.
    given: Vec<Batch>,
}

impl Join {
    pub fn new(plan: Plan) -> Result<Join> {
        let types =
            |schema: &SchemaRef| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let (left, right) = (types(&plan.left), types(&plan.right));
        let keys = Keys::new(left[..plan.keys].to_vec())?;
        let [left_expiry, right_expiry] = plan.expiry;
        let sides = [
            Side::new(left[plan.keys..].to_vec(), left_expiry)?,
            Side::new(right[plan.keys..].to_vec(), right_expiry)?,
        ];
        Ok(Join { plan, keys, sides, unsaved: Unsaved::default(), given: Vec::new() })
    }

    /// Which rows can meet others.
    fn can_meet(&self, keys: &[ArrayRef], rows: usize) -> BooleanArray {
        let nulls = keys.iter().filter(|_| !self.plan.null_equals_null).filter_map(|key| key.logical_nulls());
        let any = nulls.fold(None, |all: Option<NullBuffer>, each| NullBuffer::union(all.as_ref(), Some(&each)));
        match any {
            Some(valid) => BooleanArray::new(valid.inner().clone(), None),
            None => BooleanArray::from(vec![true; rows]),
        }
    }

    /// Rows that come on a side and meet what the other one has, a part at a time.
    fn meet(&mut self, at: usize, batch: &Batch) -> Result<()> {
        let key = &batch.rows.columns()[..self.plan.keys];
        let mut slots = Vec::new();
        self.keys.assign(key, batch.len(), &mut slots)?;
        self.unsaved.resize(self.keys.capacity());
        self.sides.iter_mut().for_each(|side| side.resize(self.keys.capacity()));
        slots.iter().for_each(|slot| self.unsaved.note(*slot));
        let mut begin = 0;
        while begin < slots.len() {
            let rows = self.sides[1 - at].fitting(&slots[begin..], PAIRS_MAX);
            self.meet_part(at, &batch.slice(begin, rows), &slots[begin..begin + rows])?;
            begin += rows;
        }
        self.free_empty(&slots)
    }

    fn meet_part(&mut self, at: usize, batch: &Batch, slots: &[u32]) -> Result<()> {
        let values = &batch.rows.columns()[self.plan.keys..];
        let candidates = self.sides[1 - at].candidates(slots);
        let met = self.filter(at, values, candidates)?;
        let (pairs, own, other) = self.count(at, batch, values, slots, &met)?;
        match self.plan.kind {
            Kind::Pairs { lonely } => {
                self.give_pairs(at, values, &met, &pairs)?;
                if lonely[at] {
                    self.give_lonely(at, &own)?;
                }
                if lonely[1 - at] {
                    self.give_lonely(1 - at, &other)?;
                }
            }
            Kind::One { side, .. } | Kind::Mark { side } => {
                let given = if side == at { own } else { other };
                self.give_rows(side, &given)?;
            }
        }
        Ok(())
    }

    /// The pairs for which the condition holds.
    fn filter(&self, at: usize, values: &[ArrayRef], candidates: Rows) -> Result<Rows> {
        let Some(filter) = &self.plan.filter else { return Ok(candidates) };
        if candidates.rows.is_empty() {
            return Ok(candidates);
        }
        let columns = self.pair_columns(at, values, &candidates)?;
        let pairs = assemble(&self.plan.pairs, columns, candidates.rows.len())?;
        let holds = filter.evaluate(&pairs)?.into_array(pairs.num_rows())?;
        Ok(candidates.filter(holds.as_boolean()))
    }

    /// Left and right columns of pairs.
    fn pair_columns(&self, at: usize, values: &[ArrayRef], pairs: &Rows) -> Result<Vec<ArrayRef>> {
        let own = UInt32Array::from(pairs.rows.clone());
        let own = values.iter().map(|column| arrow::compute::take(column, &own, None));
        let own = own.collect::<std::result::Result<Vec<_>, _>>()?;
        let other = self.sides[1 - at].codec().decode(pairs.others.iter().map(AsRef::as_ref))?;
        Ok(if at == 0 { [own, other].concat() } else { [other, own].concat() })
    }

    /// Takes the rows in, and says how often each pair is given and which rows of either side become lonely or are not
    /// any more.
    fn count(
        &mut self,
        at: usize,
        batch: &Batch,
        values: &[ArrayRef],
        slots: &[u32],
        met: &Rows,
    ) -> Result<(Vec<i64>, Given, Given)> {
        let (counts_own, counts_other) = (self.plan.kind.counts(at), self.plan.kind.counts(1 - at));
        let [left, right] = &mut self.sides;
        let (own, other) = if at == 0 { (left, right) } else { (right, left) };
        let encoded = own.codec().encode(values, batch.len())?;
        let [mut own_given, mut other_given] = [at, 1 - at].map(|side| Given::of(self.plan.kind.shown(side)));
        let mut pairs = Vec::with_capacity(met.rows.len());
        let times = own.times(values)?.map(<[i64]>::to_vec);
        // Of a row that is given when it goes, if it met nothing, nothing is said before.
        let waits = [at, 1 - at].map(|side| self.plan.on_close && self.plan.kind.lonely(side));
        let mut pair = 0;
        for (row, slot) in slots.iter().enumerate() {
            let weight = batch.weight(row);
            let mut meets = 0;
            while pair < met.rows.len() && met.rows[pair] as usize == row {
                let (value, copies) = (&met.others[pair], met.copies[pair]);
                pairs.push(weight * copies);
                meets += copies;
                if counts_other {
                    let Some([before, now]) = other.meet(*slot, value, weight) else {
                        return Err(Error::internal("a row of a join is gone in the middle of a tick"));
                    };
                    if before != now && !waits[1] {
                        other_given.push(value, -copies, before);
                        other_given.push(value, copies, now);
                    }
                }
                pair += 1;
            }
            let value: Arc<[u8]> = Arc::from(encoded.row(row).as_ref());
            if counts_own && !waits[0] {
                own_given.push(&value, weight, meets > 0);
            }
            own.add(*slot, value, [weight, meets], times.as_ref().map(|times| times[row]));
        }
        Ok((pairs, own_given, other_given))
    }

    fn give_pairs(&mut self, at: usize, values: &[ArrayRef], met: &Rows, weights: &[i64]) -> Result<()> {
        if weights.is_empty() {
            return Ok(());
        }
        let columns = self.pair_columns(at, values, met)?;
        self.give(columns, weights)
    }

    /// Rows of a side with nulls in the place of the other's columns.
    fn give_lonely(&mut self, side: usize, given: &Given) -> Result<()> {
        if given.weights.is_empty() {
            return Ok(());
        }
        let own = self.sides[side].codec().decode(given.rows.iter().map(AsRef::as_ref))?;
        let nulls =
            self.sides[1 - side].codec().types().iter().map(|each| new_null_array(each, given.weights.len())).collect();
        let columns = if side == 0 { [own, nulls].concat() } else { [nulls, own].concat() };
        self.give(columns, &given.weights)
    }

    fn give_rows(&mut self, side: usize, given: &Given) -> Result<()> {
        if given.weights.is_empty() {
            return Ok(());
        }
        let mut columns = self.sides[side].codec().decode(given.rows.iter().map(AsRef::as_ref))?;
        if matches!(self.plan.kind, Kind::Mark { .. }) {
            columns.push(Arc::new(BooleanArray::from(given.meets.clone())));
        }
        self.give(columns, &given.weights)
    }

    fn give(&mut self, columns: Vec<ArrayRef>, weights: &[i64]) -> Result<()> {
        let rows = assemble(&self.plan.output, columns, weights.len())?;
        if !self.plan.retracts {
            // Records of a stream: a row that is given twice is there twice.
            if weights.iter().any(|weight| *weight < 0) {
                return Err(Error::internal("a join of rows that stay takes one back"));
            }
            let copies = weights.iter().enumerate();
            let copies = copies.flat_map(|(row, copies)| std::iter::repeat_n(row as u32, *copies as usize));
            let copies = UInt32Array::from_iter_values(copies);
            self.given.push(Batch::insertions(rows).take(&copies)?);
            return Ok(());
        }
        let plain = weights.iter().all(|weight| *weight == 1);
        let batch = Batch { weights: (!plain).then(|| weights.to_vec().into()), ..Batch::insertions(rows) };
        let kept: BooleanArray = weights.iter().map(|weight| Some(*weight != 0)).collect();
        self.given.push(batch.filter(&kept)?);
        Ok(())
    }

    /// All pairs of rows that there are.
    fn give_all_pairs(&mut self) -> Result<()> {
        let all = self.sides[0].all();
        let slots: Vec<u32> = all.iter().map(|(slot, ..)| *slot).collect();
        let mut begin = 0;
        while begin < all.len() {
            let part = &all[begin..begin + self.sides[1].fitting(&slots[begin..], PAIRS_MAX)];
            let values = self.sides[0].codec().decode(part.iter().map(|(_, row, _)| row.as_ref()))?;
            let candidates = self.sides[1].candidates(&slots[begin..begin + part.len()]);
            let met = self.filter(0, &values, candidates)?;
            let weight = |(own, copies): (&u32, &i64)| part[*own as usize].2.weight * copies;
            let weights: Vec<i64> = met.rows.iter().zip(&met.copies).map(weight).collect();
            self.give_pairs(0, &values, &met, &weights)?;
            begin += part.len();
        }
        Ok(())
    }

    /// Rows of a side that are shown by whether they meet something.
    fn shown(&self, side: usize) -> Given {
        let mut given = Given::of(self.plan.kind.shown(side));
        for (_, row, entry) in self.sides[side].all() {
            given.push(&row, entry.weight, entry.meets > 0);
        }
        given
    }

    /// Rows with a null in their key meet nothing, and are not kept.
    fn pass_lonely(&mut self, at: usize, batch: &Batch) -> Result<()> {
        if batch.is_empty() || !self.plan.kind.lonely(at) {
            return Ok(());
        }
        let mut given = Given::of(None);
        let encoded = self.sides[at].codec().encode(&batch.rows.columns()[self.plan.keys..], batch.len())?;
        (0..batch.len()).for_each(|row| given.push(&Arc::from(encoded.row(row).as_ref()), batch.weight(row), false));
        match self.plan.kind {
            Kind::Pairs { .. } => self.give_lonely(at, &given),
            Kind::One { .. } | Kind::Mark { .. } => self.give_rows(at, &given),
        }
    }

    /// Lets the rows go that can meet nothing any more.
    fn expire(&mut self, watermark_us: i64) -> Result<()> {
        for at in 0..2 {
            let gone = self.sides[at].expire(watermark_us);
            if gone.is_empty() {
                continue;
            }
            let mut given = Given::of(None);
            let waits = self.plan.on_close && self.plan.kind.lonely(at);
            for (slot, row, entry) in &gone {
                self.unsaved.note(*slot);
                if waits && entry.meets == 0 {
                    given.push(row, entry.weight, false);
                }
            }
            match self.plan.kind {
                Kind::Pairs { .. } => self.give_lonely(at, &given)?,
                Kind::One { .. } | Kind::Mark { .. } => self.give_rows(at, &given)?,
            }
            let slots: Vec<u32> = gone.iter().map(|(slot, ..)| *slot).collect();
            self.free_empty(&slots)?;
        }
        Ok(())
    }

    /// Forgets keys without rows.
    fn free_empty(&mut self, slots: &[u32]) -> Result<()> {
        let mut empty: Vec<u32> =
            slots.iter().copied().filter(|slot| self.sides.iter().all(|side| side.len(*slot) == 0)).collect();
        empty.sort_unstable();
        empty.dedup();
        if !empty.is_empty() {
            self.unsaved.note_gone(&self.keys, &empty)?;
            empty.iter().for_each(|slot| self.keys.remove(*slot));
        }
        Ok(())
    }
}

impl Operator for Join {
    fn push(&mut self, port: usize, batch: Batch, _out: &mut Output) -> Result<()> {
        let meets = self.can_meet(&batch.rows.columns()[..self.plan.keys], batch.len());
        if meets.true_count() == batch.len() {
            return self.meet(port, &batch);
        }
        self.pass_lonely(port, &batch.filter(&arrow::compute::not(&meets)?)?)?;
        let rest = batch.filter(&meets)?;
        if rest.is_empty() { Ok(()) } else { self.meet(port, &rest) }
    }

    fn finish(&mut self, watermarks_us: &[i64], out: &mut Output) -> Result<()> {
        let watermark = self.plan.inputs.iter().map(|input| watermarks_us[*input]).min();
        self.expire(watermark.unwrap_or(i64::MIN))?;
        let given = std::mem::take(&mut self.given);
        if self.plan.retracts {
            // Whoever comes next must not see a row taken back before it was given.
            net(&self.plan.output, given)?.into_iter().for_each(|batch| out.emit(batch));
        } else {
            given.into_iter().for_each(|batch| out.emit(batch));
        }
        Ok(())
    }

    fn content(&mut self, out: &mut Output) -> Result<()> {
        match self.plan.kind {
            Kind::Pairs { lonely } => {
                self.give_all_pairs()?;
                for side in (0..2).filter(|side| lonely[*side]) {
                    self.give_lonely(side, &self.shown(side))?;
                }
            }
            Kind::One { side, .. } | Kind::Mark { side } => self.give_rows(side, &self.shown(side))?,
        }
        std::mem::take(&mut self.given).into_iter().for_each(|batch| out.emit(batch));
        Ok(())
    }

    fn save(&mut self, which: Save) -> Result<Option<RecordBatch>> {
        let Join { unsaved, keys, sides, .. } = self;
        let taken = sides.each_mut().map(|side| side.taken(which));
        let states = |slots: &[u32], states: &mut States| {
            let [left, right] = &*sides;
            let (mut of_left, mut of_right) = (left.outgoing(&taken[0], slots)?, right.outgoing(&taken[1], slots)?);
            slots.iter().try_for_each(|slot| {
                states.push(|out| {
                    of_left.write(out);
                    of_right.write(out);
                    Ok((left.len(*slot) + right.len(*slot)) as i64)
                })
            })
        };
        unsaved.save(which, keys, states).map(Some)
    }

    fn load(&mut self, rows: &RecordBatch) -> Result<()> {
        let Loaded { gone, live, states } = state::load_keys(rows, &mut self.keys)?;
        self.unsaved.resize(self.keys.capacity());
        self.sides.iter_mut().for_each(|side| side.resize(self.keys.capacity()));
        for slot in gone {
            self.sides.iter_mut().for_each(|side| side.clear(slot));
        }
        for (part, slots) in live.chunks(SLOTS_AT_ONCE).enumerate() {
            let [left, right] = &mut self.sides;
            let (mut of_left, mut of_right) = (left.incoming(), right.incoming());
            for at in 0..slots.len() {
                let mut bytes = states.value(part * SLOTS_AT_ONCE + at);
                if !of_left.read(&mut bytes) || !of_right.read(&mut bytes) {
                    return Err(Error::corrupt("the state of a join is cut short"));
                }
            }
            let (of_left, of_right) = (of_left.finish()?, of_right.finish()?);
            left.load(slots, of_left)?;
            right.load(slots, of_right)?;
        }
        Ok(())
    }

    fn key_columns(&self) -> Option<usize> {
        Some(self.plan.keys)
    }

    fn status(&self) -> Status {
        let bytes = self.keys.bytes() + self.sides.iter().map(Side::bytes).sum::<usize>();
        Status { groups: self.keys.len() as u64, state_bytes: bytes as u64 }
    }
}

/// Whether rows with columns of these types can be kept.
pub fn check_types(schema: &SchemaRef) -> Result<()> {
    let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    Side::new(types, None).map(drop)
}
