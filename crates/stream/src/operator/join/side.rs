//! One side of a join: its rows by key, each with how often it is there and how many of the other side it meets.

use std::collections::{HashMap, hash_map};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;

use crate::aggregate::{exact, value};
use crate::batch::{Batch, assemble, plain_nulls};
use crate::{Error, Result};

/// A row's columns as bytes that are equal for equal rows.
pub type Row = Arc<[u8]>;

#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// How often the row is there, never zero between two ticks.
    pub weight: i64,
    /// How many rows of the other side it meets; counted only where somebody wants to know.
    pub meets: i64,
}

pub struct Side {
    types: Vec<DataType>,
    converter: RowConverter,
    slots: Vec<HashMap<Row, Entry>>,
    bytes: usize,
}

/// Of a row, beside its own bytes.
const ENTRY_BYTES: usize = 56;

/// Pairs of rows that come, by their number in the batch and ascending, and rows of the other side.
#[derive(Debug, Default)]
pub struct Rows {
    pub rows: Vec<u32>,
    pub others: Vec<Row>,
}

/// Rows that are given so often.
#[derive(Debug, Default)]
pub struct Given {
    pub rows: Vec<Row>,
    pub weights: Vec<i64>,
}

impl Given {
    pub fn push(&mut self, row: &Row, weight: i64) {
        self.rows.push(Arc::clone(row));
        self.weights.push(weight);
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
    pub fn new(types: Vec<DataType>) -> Result<Side> {
        if let Some(other) = types.iter().find(|each| !value::is_kept(each)) {
            return Err(Error::not_built(format!("rows with values of type {other} can't be kept for a join yet")));
        }
        let converter = RowConverter::new(fields(&types))?;
        Ok(Side { types, converter, slots: Vec::new(), bytes: 0 })
    }

    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    pub fn resize(&mut self, slots: usize) {
        if slots > self.slots.len() {
            self.slots.resize_with(slots, HashMap::new);
        }
    }

    pub fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<arrow::row::Rows> {
        Ok(self.converter.convert_columns(&filled(columns, rows))?)
    }

    pub fn decode<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        let mut columns = plain_nulls(self.converter.convert_rows(rows.map(|row| parser.parse(row)))?);
        columns.truncate(self.types.len());
        Ok(columns)
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

    pub fn get_mut(&mut self, slot: u32, row: &Row) -> Option<&mut Entry> {
        self.slots[slot as usize].get_mut(row)
    }

    pub fn add(&mut self, slot: u32, row: Row, weight: i64, meets: i64) {
        let size = row.len() + ENTRY_BYTES;
        match self.slots[slot as usize].entry(row) {
            hash_map::Entry::Vacant(place) => {
                self.bytes += size;
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

    /// Appends one slot's rows: how many different ones, then each with its two numbers. Returns how many there are.
    pub fn save(&self, slot: u32, out: &mut Vec<u8>) -> Result<i64> {
        let rows = &self.slots[slot as usize];
        out.extend_from_slice(&(rows.len() as u32).to_le_bytes());
        let columns = self.decode(rows.keys().map(AsRef::as_ref))?;
        for (at, entry) in rows.values().enumerate() {
            columns.iter().for_each(|column| value::save(column, at, out));
            out.extend_from_slice(&entry.weight.to_le_bytes());
            out.extend_from_slice(&entry.meets.to_le_bytes());
        }
        Ok(rows.values().map(|entry| entry.weight).sum())
    }

    /// Reads what [`Side::save`] wrote, and moves `bytes` past it. False where it is cut short.
    pub fn load(&mut self, slot: u32, bytes: &mut &[u8]) -> Result<bool> {
        let Some((columns, entries)) = self.read(bytes) else { return Ok(false) };
        if entries.is_empty() {
            return Ok(true);
        }
        let columns = columns.into_iter().map(ScalarValue::iter_to_array);
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        let encoded = self.encode(&columns, entries.len())?;
        for (row, entry) in encoded.iter().zip(entries) {
            self.add(slot, Arc::from(row.as_ref()), entry.weight, entry.meets);
        }
        Ok(true)
    }

    fn read(&self, bytes: &mut &[u8]) -> Option<(Vec<Vec<ScalarValue>>, Vec<Entry>)> {
        let number = u32::from_le_bytes(exact::take(bytes)?);
        let (mut columns, mut entries) = (vec![Vec::new(); self.types.len()], Vec::new());
        for _ in 0..number {
            for (column, data_type) in columns.iter_mut().zip(&self.types) {
                column.push(value::load(data_type, bytes)?);
            }
            let weight = i64::from_le_bytes(exact::take(bytes)?);
            entries.push(Entry { weight, meets: i64::from_le_bytes(exact::take(bytes)?) });
        }
        Some((columns, entries))
    }

    pub fn bytes(&self) -> usize {
        self.bytes + self.slots.capacity() * size_of::<HashMap<Row, Entry>>()
    }
}

/// Without columns, rows would encode to no rows: they have one that is false.
fn fields(types: &[DataType]) -> Vec<SortField> {
    match types {
        [] => vec![SortField::new(DataType::Boolean)],
        types => types.iter().cloned().map(SortField::new).collect(),
    }
}

fn filled(columns: &[ArrayRef], rows: usize) -> Vec<ArrayRef> {
    match columns {
        [] => vec![Arc::new(BooleanArray::from(vec![false; rows]))],
        columns => columns.to_vec(),
    }
}

/// Changes with equal rows added up; what comes to nothing is not there.
pub fn net(schema: &SchemaRef, batches: Vec<Batch>) -> Result<Vec<Batch>> {
    if batches.iter().all(|batch| batch.weights.is_none()) {
        return Ok(batches);
    }
    let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let converter = RowConverter::new(fields(&types))?;
    let mut encoded = converter.empty_rows(0, 0);
    let mut weights = Vec::new();
    for batch in &batches {
        converter.append(&mut encoded, &filled(batch.rows.columns(), batch.len()))?;
        weights.extend((0..batch.len()).map(|row| batch.weight(row)));
    }
    let mut sums: HashMap<&[u8], (usize, i64)> = HashMap::new();
    let rows: Vec<arrow::row::Row<'_>> = encoded.iter().collect();
    for (at, row) in rows.iter().enumerate() {
        sums.entry(row.as_ref()).or_insert((at, 0)).1 += weights[at];
    }
    let mut left: Vec<(usize, i64)> = sums.into_values().filter(|(_, weight)| *weight != 0).collect();
    left.sort_unstable();
    let mut columns = plain_nulls(converter.convert_rows(left.iter().map(|(at, _)| rows[*at]))?);
    columns.truncate(types.len());
    let rows = assemble(schema, columns, left.len())?;
    let weights: Vec<i64> = left.into_iter().map(|(_, weight)| weight).collect();
    Ok(vec![Batch { weights: Some(weights.into()), ..Batch::insertions(rows) }])
}
