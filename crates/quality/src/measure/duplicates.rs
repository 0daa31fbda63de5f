//! Rows whose values are not theirs alone.
//!
//! Each row leaves a fingerprint of 96 bits and its place, in one of many buckets by its first bits; in the end each
//! bucket is small enough for a table in a core's own cache. Two different rows of a billion have one fingerprint with a
//! chance below 1 in 10^10. Values themselves are kept as far as there is room, for samples.

use std::sync::Mutex;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow::compute::{concat, take};
use datafusion::common::hash_utils::{RandomState, create_hashes};

use super::rows::{Missing, Rows, SAMPLES_MAX, show};
use crate::column::Batch;
use crate::{Error, Result};

const BUCKETS: usize = 1024;
const BUCKET_BITS: u32 = BUCKETS.trailing_zeros();

/// Bytes of values that are kept for samples; what comes later in a part than that has none.
const KEPT_BYTES_MAX: usize = 256 << 20;

const SEEDS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];

#[derive(Debug, Default)]
pub struct Duplicates {
    elements: u64,
    missing: u64,
    parts: Vec<Part>,
}

/// A part of a scan.
#[derive(Debug, Default)]
struct Part {
    /// By the first bits of their fingerprints, each in the order of its rows: the fingerprint, then the row's number.
    buckets: Vec<Vec<u128>>,
    rows: u64,
    /// The values of the first rows, column by column.
    kept: Vec<Vec<ArrayRef>>,
    kept_rows: u64,
    kept_bytes: usize,
}

/// What all rows came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    pub rows: Rows,
    /// Different values.
    pub distinct: u64,
}

impl Duplicates {
    pub fn update(&mut self, columns: &[usize], missing: &Missing, batch: &Batch) -> Result<()> {
        self.elements += batch.rows as u64;
        let gone = missing.of(batch);
        let present = match &gone {
            None => None,
            Some(gone) => {
                self.missing += gone.count_set_bits() as u64;
                Some(BooleanArray::new(!gone, None))
            }
        };
        let filtered = present.map(|present| batch.filtered(&present)).transpose()?;
        let batch = filtered.as_ref().unwrap_or(batch);
        if batch.rows == 0 {
            return Ok(());
        }
        if self.parts.is_empty() {
            self.parts.push(Part {
                buckets: vec![Vec::new(); BUCKETS],
                kept: vec![Vec::new(); columns.len()],
                ..Part::default()
            });
        }
        let part = &mut self.parts[0];
        let arrays: Vec<&ArrayRef> = columns.iter().map(|column| &batch.columns[*column].plain).collect();
        let [mut first, mut second] = [vec![0u64; batch.rows], vec![0u64; batch.rows]];
        for (hashes, seed) in [(&mut first, SEEDS[0]), (&mut second, SEEDS[1])] {
            let hashed = create_hashes(arrays.iter().copied(), &RandomState::with_seed(seed), hashes);
            hashed.map_err(|error| Error::Internal(error.to_string()))?;
        }
        for (row, (first, second)) in first.into_iter().zip(second).enumerate() {
            // Combined hashes of few bits can be weak in their first ones.
            let first = (first ^ (first >> 32)).wrapping_mul(SEEDS[0]);
            let place = u32::try_from(part.rows + row as u64).unwrap_or(u32::MAX);
            let entry = u128::from(first) << 64 | u128::from(second >> 32) << 32 | u128::from(place);
            part.buckets[(first >> (64 - BUCKET_BITS)) as usize].push(entry);
        }
        part.rows += batch.rows as u64;
        part.keep(&arrays);
        Ok(())
    }

    pub fn merge(&mut self, later: Duplicates) {
        self.elements += later.elements;
        self.missing += later.missing;
        self.parts.extend(later.parts);
    }

    /// Looks for equal fingerprints, on so many threads. `names` are those of the columns, for samples; without them there
    /// are none.
    pub fn finish(&self, names: &[String], threads: usize) -> Result<Found> {
        let next = Mutex::new(0..BUCKETS);
        let counted = std::thread::scope(|scope| {
            let work = || {
                let (mut all, mut table) = (Counted::default(), Vec::new());
                while let Some(bucket) = next.lock().ok().and_then(|mut next| next.next()) {
                    all.add(self.count(bucket, &mut table));
                }
                all
            };
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join()).collect::<Vec<_>>()
        });
        let mut all = Counted::default();
        for counted in counted {
            all.add(counted.map_err(|_| Error::Internal("counting duplicates panicked".to_owned()))?);
        }
        all.first.sort_unstable();
        all.first.truncate(SAMPLES_MAX);
        let samples = self.samples(&all.first, names)?;
        let rows = Rows { elements: self.elements, missing: self.missing, unexpected: all.duplicates, samples };
        Ok(Found { rows, distinct: all.distinct })
    }

    fn count(&self, bucket: usize, table: &mut Vec<u128>) -> Counted {
        let entries = || {
            self.parts.iter().enumerate().flat_map(|(part, of)| of.buckets[bucket].iter().map(move |one| (part, *one)))
        };
        let rows: usize = self.parts.iter().map(|part| part.buckets[bucket].len()).sum();
        let slots = (rows * 2).next_power_of_two().max(2);
        table.clear();
        table.resize(slots, EMPTY);
        let mut counted = Counted::default();
        for (_, entry) in entries() {
            let slot = slot(table, entry);
            match *slot & STATE {
                EMPTY => {
                    *slot = entry & !STATE | ONCE;
                    counted.distinct += 1;
                }
                ONCE => {
                    *slot = entry & !STATE | AGAIN;
                    counted.duplicates += 2;
                }
                _ => counted.duplicates += 1,
            }
        }
        if counted.duplicates > 0 {
            let again = entries().filter(|(_, entry)| *slot(table, *entry) & STATE == AGAIN);
            counted.first = again.take(SAMPLES_MAX).map(|(part, entry)| (part, (entry & STATE) as u32)).collect();
        }
        counted
    }

    /// The values of rows by their places, as far as they were kept.
    fn samples(&self, places: &[(usize, u32)], names: &[String]) -> Result<Vec<String>> {
        let mut samples = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            let rows = places.iter().filter(|(of, row)| *of == number && u64::from(*row) < part.kept_rows);
            let rows = UInt64Array::from_iter_values(rows.map(|(_, row)| u64::from(*row)));
            if rows.is_empty() {
                continue;
            }
            let mut columns = Vec::with_capacity(names.len());
            for (name, kept) in names.iter().zip(&part.kept) {
                columns.push((name.as_str(), take_from(kept, &rows)?));
            }
            samples.extend(show(&columns)?);
        }
        Ok(samples)
    }
}

/// Some rows of arrays that follow each other.
fn take_from(arrays: &[ArrayRef], rows: &UInt64Array) -> Result<ArrayRef> {
    let mut taken: Vec<ArrayRef> = Vec::new();
    let mut begin = 0u64;
    for array in arrays {
        let end = begin + array.len() as u64;
        let here = rows.values().iter().filter(|row| (begin..end).contains(*row)).map(|row| row - begin);
        let here = UInt64Array::from_iter_values(here);
        if !here.is_empty() {
            taken.push(take(array, &here, None)?);
        }
        begin = end;
    }
    let taken: Vec<&dyn Array> = taken.iter().map(|array| array.as_ref()).collect();
    Ok(concat(&taken)?)
}

impl Part {
    fn keep(&mut self, arrays: &[&ArrayRef]) {
        let bytes: usize = arrays.iter().map(|array| array.get_array_memory_size()).sum();
        // A gap would move what comes after it.
        if self.kept_rows + arrays.first().map_or(0, |array| array.len() as u64) != self.rows
            || self.kept_bytes + bytes > KEPT_BYTES_MAX
        {
            return;
        }
        self.kept_bytes += bytes;
        self.kept_rows = self.rows;
        for (kept, array) in self.kept.iter_mut().zip(arrays) {
            kept.push(ArrayRef::clone(array));
        }
    }
}

/// What a slot of a table says in the place of a row's number.
const STATE: u128 = u32::MAX as u128;
const EMPTY: u128 = 0;
const ONCE: u128 = 1;
const AGAIN: u128 = 2;

/// The slot of a fingerprint, or the free one where it belongs. A table is half empty.
fn slot(table: &mut [u128], entry: u128) -> &mut u128 {
    let mask = table.len() - 1;
    let mut at = (entry >> 64) as usize & mask;
    while table[at] & STATE != EMPTY && table[at] >> 32 != entry >> 32 {
        at = (at + 1) & mask;
    }
    &mut table[at]
}

#[derive(Debug, Default)]
struct Counted {
    distinct: u64,
    duplicates: u64,
    /// Part and row of the first ones.
    first: Vec<(usize, u32)>,
}

impl Counted {
    fn add(&mut self, other: Counted) {
        self.distinct += other.distinct;
        self.duplicates += other.duplicates;
        self.first.extend(other.first);
    }
}
