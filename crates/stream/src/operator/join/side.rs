//! One side of a join: its rows by key, each with how often it is there and how many of the other side it meets.

use std::collections::{BTreeMap, HashMap, hash_map};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType};

use crate::operator::rows::{Codec, Row};
use crate::{Error, Result};

#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// How often the row is there, never zero between two ticks.
    pub weight: i64,
    /// How many rows of the other side it meets; counted only where somebody wants to know.
    pub meets: i64,
}

pub struct Side {
    codec: Codec,
    slots: Vec<HashMap<Row, Entry>>,
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
    pub fn filter(&self, keep: &BooleanArray) -> Rows {
        let kept = keep.iter().enumerate().filter(|(_, keep)| *keep == Some(true)).map(|(at, _)| at);
        let (rows, others) = kept.map(|at| (self.rows[at], Arc::clone(&self.others[at]))).unzip();
        Rows { rows, others }
    }
}

impl Side {
    pub fn new(types: Vec<DataType>, expiry: Option<Expiry>) -> Result<Side> {
        let codec = Codec::new(types, &[])?;
        Ok(Side { codec, slots: Vec::new(), bytes: 0, expiry, expiring: BTreeMap::new() })
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
            self.slots.resize_with(slots, HashMap::new);
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
            for other in self.slots[*slot as usize].keys() {
                found.rows.push(row as u32);
                found.others.push(Arc::clone(other));
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

    pub fn get(&self, slot: u32, row: &Row) -> Option<&Entry> {
        self.slots[slot as usize].get(row)
    }

    pub fn get_mut(&mut self, slot: u32, row: &Row) -> Option<&mut Entry> {
        self.slots[slot as usize].get_mut(row)
    }

    /// A row that comes so often; `time_us` is the time by which it goes.
    pub fn add(&mut self, slot: u32, row: Row, [weight, meets]: [i64; 2], time_us: Option<i64>) {
        let size = row.len() + ENTRY_BYTES;
        match self.slots[slot as usize].entry(row) {
            hash_map::Entry::Vacant(place) => {
                self.bytes += size;
                if let Some(time_us) = time_us {
                    self.expiring.entry(time_us).or_default().push((slot, Arc::clone(place.key())));
                }
                place.insert(Entry { weight, meets });
            }
            hash_map::Entry::Occupied(place) if place.get().weight + weight == 0 => {
                self.bytes -= size;
                place.remove();
            }
            hash_map::Entry::Occupied(mut place) => {
                place.get_mut().weight += weight;
                place.get_mut().meets = meets;
            }
        }
    }

    pub fn is_empty(&self, slot: u32) -> bool {
        self.slots[slot as usize].is_empty()
    }

    pub fn clear(&mut self, slot: u32) {
        let rows = std::mem::take(&mut self.slots[slot as usize]);
        self.bytes -= rows.keys().map(|row| row.len() + ENTRY_BYTES).sum::<usize>();
    }

    /// Appends one slot's rows, each with its two numbers. Returns how many there are.
    pub fn save(&self, slot: u32, out: &mut Vec<u8>) -> Result<i64> {
        let rows = &self.slots[slot as usize];
        self.codec.save(rows.iter().map(|(row, entry)| (row, [entry.weight, entry.meets])), out)?;
        Ok(rows.values().map(|entry| entry.weight).sum())
    }

    /// Reads what [`Side::save`] wrote, and moves `bytes` past it. False where it is cut short.
    pub fn load(&mut self, slot: u32, bytes: &mut &[u8]) -> Result<bool> {
        let Some(rows) = self.codec.load(bytes)? else { return Ok(false) };
        let columns = match self.expiry {
            Some(_) => self.codec.decode(rows.iter().map(|(row, _)| row.as_ref()))?,
            None => Vec::new(),
        };
        let times = self.times(&columns)?;
        for (at, (row, numbers)) in rows.into_iter().enumerate() {
            self.add(slot, row, numbers, times.map(|times| times[at]));
        }
        Ok(true)
    }

    pub fn bytes(&self) -> usize {
        let expiring = self.expiring.values().map(|rows| rows.capacity() * size_of::<(u32, Row)>()).sum::<usize>();
        self.bytes + expiring + self.slots.capacity() * size_of::<HashMap<Row, Entry>>()
    }
}
