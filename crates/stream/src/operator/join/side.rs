//! One side of a join: its rows by key, each with how often it is there and how many of the other side it meets.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType};

use super::slot::Slot;
use crate::operator::Save;
use crate::rows::saved::{Came, Incoming, OfKey, Outgoing, Taken, Touched};
use crate::rows::{Codec, Row};
use crate::{Error, Result};

#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// How often the row is there, never zero between two ticks.
    pub weight: i64,
    /// How many rows of the other side it meets; counted only where somebody wants to know.
    pub meets: i64,
}

pub struct Side {
    codec: Arc<Codec>,
    slots: Vec<Slot>,
    touched: Touched<Row>,
    bytes: usize,
    expiry: Option<Expiry>,
    /// Rows with their slot by their time, where they go by that; some have gone already.
    expiring: BTreeMap<i64, Vec<(u32, Row)>>,
}

/// When a side's rows can meet nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The column of the side with a time.
    pub column: usize,
    /// The watermark that is so far behind it leaves a row nothing to meet; negative where it is ahead.
    pub after_us: i64,
}

/// Of a row, beside its own bytes.
const ENTRY_BYTES: usize = 56;

/// Pairs of rows that come, by their number in the batch and ascending, and rows of the other side.
#[derive(Debug, Default)]
pub struct Rows {
    pub rows: Vec<u32>,
    pub others: Vec<Row>,
    /// How often each of the others is there.
    pub copies: Vec<i64>,
}

/// Rows of a side that are given so often, each with whether it meets something.
#[derive(Debug, Default)]
pub struct Given {
    pub rows: Vec<Row>,
    pub weights: Vec<i64>,
    pub meets: Vec<bool>,
    /// Which of them are asked for: those that meet something, those that do not, or all.
    shown: Option<bool>,
}

impl Given {
    pub fn of(shown: Option<bool>) -> Given {
        Given { shown, ..Given::default() }
    }

    pub fn push(&mut self, row: &Row, weight: i64, meets: bool) {
        if self.shown.is_none_or(|shown| shown == meets) {
            self.rows.push(Arc::clone(row));
            self.weights.push(weight);
            self.meets.push(meets);
        }
    }
}

impl Rows {
    fn push(&mut self, row: u32, other: &Row, copies: i64) {
        self.rows.push(row);
        self.others.push(Arc::clone(other));
        self.copies.push(copies);
    }

    pub fn filter(&self, keep: &BooleanArray) -> Rows {
        let mut kept = Rows::default();
        for (at, _) in keep.iter().enumerate().filter(|(_, keep)| *keep == Some(true)) {
            kept.push(self.rows[at], &self.others[at], self.copies[at]);
        }
        kept
    }
}

impl Side {
    pub fn new(types: Vec<DataType>, expiry: Option<Expiry>) -> Result<Side> {
        let codec = Codec::new(types, &[])?;
        Ok(Side { codec, slots: Vec::new(), touched: Touched::default(), bytes: 0, expiry, expiring: BTreeMap::new() })
    }

    /// The times by which rows go, of columns of the side; `None` where they stay.
    pub fn times<'a>(&self, columns: &'a [ArrayRef]) -> Result<Option<&'a [i64]>> {
        let Some(expiry) = self.expiry else { return Ok(None) };
        let times = columns[expiry.column].as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.filter(|times| times.null_count() == 0);
        times.map(|times| Some(times.values().as_ref())).ok_or_else(|| Error::internal("an event time that is none"))
    }

    /// Takes out the rows that can meet nothing any more.
    pub fn expire(&mut self, watermark_us: i64) -> Vec<(u32, Row, Entry)> {
        let Some(expiry) = self.expiry else { return Vec::new() };
        let mut gone = Vec::new();
        while let Some(first) = self.expiring.first_entry() {
            if first.key().saturating_add(expiry.after_us) > watermark_us {
                break;
            }
            for (slot, row) in first.remove() {
                if let Some(entry) = self.slots[slot as usize].remove(&row) {
                    self.bytes -= row.len() + ENTRY_BYTES;
                    self.touched.note(slot, Arc::clone(&row));
                    gone.push((slot, row, entry));
                }
            }
        }
        gone
    }

    /// How its rows are bytes.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    pub fn resize(&mut self, slots: usize) {
        if slots > self.slots.len() {
            self.slots.resize_with(slots, Slot::default);
        }
    }

    /// How many of the rows that come have no more than so many candidates together; at least one.
    pub fn fitting(&self, slots: &[u32], pairs_max: usize) -> usize {
        let mut pairs = 0;
        let fits = |slot: &&u32| {
            pairs += self.slots[**slot as usize].len();
            pairs <= pairs_max
        };
        slots.iter().take_while(fits).count().max(1)
    }

    /// Every row of the slot of each row that comes.
    pub fn candidates(&self, slots: &[u32]) -> Rows {
        let mut found = Rows::default();
        for (row, slot) in slots.iter().enumerate() {
            for (other, entry) in self.slots[*slot as usize].iter() {
                found.push(row as u32, other, entry.weight);
            }
        }
        found
    }

    /// Every row with its slot.
    pub fn all(&self) -> Vec<(u32, Row, Entry)> {
        let slots = self.slots.iter().enumerate();
        slots
            .flat_map(|(slot, rows)| rows.iter().map(move |(row, entry)| (slot as u32, Arc::clone(row), *entry)))
            .collect()
    }

    /// A row meets so many more of the other side. Returns whether it met some, and whether it does now; nothing where
    /// it is not there.
    pub fn meet(&mut self, slot: u32, row: &Row, more: i64) -> Option<[bool; 2]> {
        let entry = self.slots[slot as usize].get_mut(row)?;
        let before = entry.meets > 0;
        entry.meets += more;
        self.touched.note(slot, Arc::clone(row));
        Some([before, entry.meets > 0])
    }

    /// A row that comes so often; `time_us` is the time by which it goes.
    pub fn add(&mut self, slot: u32, row: Row, [weight, meets]: [i64; 2], time_us: Option<i64>) {
        let weight = weight + self.slots[slot as usize].get(&row).map_or(0, |entry| entry.weight);
        self.touched.note(slot, Arc::clone(&row));
        self.set(slot, row, Entry { weight, meets }, time_us);
    }

    /// A row that is there so often, and maybe not at all.
    fn set(&mut self, slot: u32, row: Row, entry: Entry, time_us: Option<i64>) {
        let (rows, size) = (&mut self.slots[slot as usize], row.len() + ENTRY_BYTES);
        if entry.weight == 0 {
            if rows.remove(&row).is_some() {
                self.bytes -= size;
            }
        } else if let Some(there) = rows.get_mut(&row) {
            *there = entry;
        } else {
            self.bytes += size;
            if let Some(time_us) = time_us {
                self.expiring.entry(time_us).or_default().push((slot, Arc::clone(&row)));
            }
            rows.insert(row, entry);
        }
    }

    /// How many different rows a key has.
    pub fn len(&self, slot: u32) -> usize {
        self.slots[slot as usize].len()
    }

    pub fn clear(&mut self, slot: u32) {
        let rows = std::mem::take(&mut self.slots[slot as usize]);
        self.bytes -= rows.iter().map(|(row, _)| row.len() + ENTRY_BYTES).sum::<usize>();
    }

    /// What a checkpoint takes of the rows.
    pub fn taken(&mut self, which: Save) -> Taken<Row> {
        self.touched.take(which)
    }

    /// Rows of keys with how often each is there and how many it meets.
    pub fn outgoing(&self, taken: &Taken<Row>, slots: &[u32]) -> Result<Outgoing<2>> {
        let numbers = |entry: &Entry| [entry.weight, entry.meets];
        let rows = |slot: u32| &self.slots[slot as usize];
        taken.outgoing(
            &self.codec,
            slots,
            |slot| rows(slot).iter().map(|(row, entry)| (row.as_ref(), numbers(entry))),
            |slot, row| (row.as_ref(), numbers(&rows(slot).get(row).copied().unwrap_or_default())),
        )
    }

    pub fn incoming(&self) -> Incoming<2> {
        Incoming::new(&self.codec)
    }

    /// Takes back what a checkpoint has of keys.
    pub fn load(&mut self, slots: &[u32], Came { columns, keys }: Came<2>) -> Result<()> {
        let times = self.times(&columns)?;
        let mut at = 0;
        for (slot, OfKey { is_whole, rows }) in slots.iter().zip(keys) {
            if is_whole {
                self.clear(*slot);
            }
            for (row, [weight, meets]) in rows {
                self.set(*slot, row, Entry { weight, meets }, times.map(|times| times[at]));
                at += 1;
            }
        }
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        let expiring = self.expiring.values().map(|rows| rows.capacity() * size_of::<(u32, Row)>()).sum::<usize>();
        self.bytes + self.touched.bytes() + expiring + self.slots.capacity() * size_of::<Slot>()
    }
}
