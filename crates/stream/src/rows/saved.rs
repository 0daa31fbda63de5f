//! Rows of keys as bytes of a checkpoint: `docs/formats/checkpoint.md`.
//!
//! A key with many rows, of which few change, must not be written whole each time. So what is written of a key are its
//! rows, or those that changed since the checkpoint before. Rows of many keys are turned from bytes into columns and
//! back together, which for single ones would take most of the time. Whose rows these are, and what is done with those
//! that come back, is the operators' matter.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_empty_array};
use datafusion::common::ScalarValue;

use super::{Codec, Row, value};
use crate::Result;
use crate::aggregate::exact::take;
use crate::operator::Save;

/// A row with numbers of its own. How often it is there is one of them: 0 where it is gone.
pub type Numbered<const N: usize> = (Row, [i64; N]);

/// A row that is somebody else's, with its numbers.
pub type Bare<'a, const N: usize> = (&'a [u8], [i64; N]);

/// Set in the number of a key's rows where they are those that changed, and not all.
const CHANGES: u32 = 1 << 31;

/// What came, changed or went since the last checkpoint: the key's slot, and what it is of the key's.
#[derive(Debug)]
pub struct Touched<T>(Vec<(u32, T)>);

impl<T> Default for Touched<T> {
    fn default() -> Touched<T> {
        Touched(Vec::new())
    }
}

impl<T: Ord> Touched<T> {
    pub fn note(&mut self, slot: u32, what: T) {
        self.0.push((slot, what));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What a checkpoint takes; the next one begins from here.
    pub fn take(&mut self, which: Save) -> Taken<T> {
        let mut touched = std::mem::take(&mut self.0);
        if which == Save::All {
            touched.clear();
        }
        touched.sort_unstable();
        touched.dedup();
        Taken { which, touched }
    }

    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<(u32, T)>()
    }
}

/// Which rows of each key a checkpoint takes.
pub struct Taken<T> {
    which: Save,
    /// In the order of slots, each once.
    touched: Vec<(u32, T)>,
}

impl<T> IntoIterator for Taken<T> {
    type Item = (u32, T);
    type IntoIter = std::vec::IntoIter<(u32, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.touched.into_iter()
    }
}

impl<T> Taken<T> {
    /// Rows of keys on their way into the checkpoint, in the order of the slots: `all` of a key, or `one` for each that was
    /// touched, with numbers that say that it is gone where it is.
    pub fn outgoing<'a, const N: usize, R: Iterator<Item = Bare<'a, N>>>(
        &'a self,
        codec: &Codec,
        slots: &[u32],
        all: impl Fn(u32) -> R,
        one: impl Fn(u32, &'a T) -> Bare<'a, N>,
    ) -> Result<Outgoing<N>> {
        let (mut rows, mut keys) = (Vec::new(), Vec::with_capacity(slots.len()));
        for slot in slots {
            let (begin, is_whole) = (rows.len(), self.which.is_whole(*slot));
            if is_whole {
                rows.extend(all(*slot));
            } else {
                rows.extend(self.of(*slot).map(|what| one(*slot, what)));
            }
            keys.push((is_whole, begin..rows.len()));
        }
        let columns = codec.decode(rows.iter().map(|(row, _)| *row))?;
        let numbers = rows.into_iter().map(|(_, numbers)| numbers).collect();
        Ok(Outgoing::new(columns, numbers, keys))
    }

    /// What was touched of a key.
    fn of(&self, slot: u32) -> impl Iterator<Item = &T> {
        let from = self.touched.partition_point(|(each, _)| *each < slot);
        self.touched[from..].iter().take_while(move |(each, _)| *each == slot).map(|(_, what)| what)
    }
}

/// Rows of many keys on their way into a checkpoint.
pub struct Outgoing<const N: usize> {
    columns: Vec<ArrayRef>,
    numbers: Arc<[[i64; N]]>,
    /// The rows of each key, and whether these are all that it has.
    keys: std::vec::IntoIter<(bool, Range<usize>)>,
}

impl<const N: usize> Outgoing<N> {
    /// Rows as columns, with which of them are each key's, and whether it has no others.
    pub fn new(columns: Vec<ArrayRef>, numbers: Arc<[[i64; N]]>, keys: Vec<(bool, Range<usize>)>) -> Self {
        Outgoing { columns, numbers, keys: keys.into_iter() }
    }

    /// Appends the next key's rows: how many there are, then the values of each and its numbers.
    pub fn write(&mut self, out: &mut Vec<u8>) {
        let (is_whole, rows) = self.keys.next().unwrap_or_default();
        let mark = if is_whole { 0 } else { CHANGES };
        out.extend_from_slice(&(rows.len() as u32 | mark).to_le_bytes());
        for row in rows {
            self.columns.iter().for_each(|column| value::save(column, row, out));
            self.numbers[row].iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        }
    }
}

/// Rows of many keys on their way out of a checkpoint.
pub struct Incoming<const N: usize> {
    codec: Arc<Codec>,
    columns: Vec<Vec<ScalarValue>>,
    numbers: Vec<[i64; N]>,
    /// Of each key: whether these are all its rows, and how many.
    keys: Vec<(bool, usize)>,
}

/// What a checkpoint has of a key.
pub struct OfKey<const N: usize> {
    /// These are all its rows, and not only those that changed.
    pub is_whole: bool,
    pub rows: Vec<Numbered<N>>,
}

/// What a checkpoint has of many keys. All their rows are there as columns, too.
pub struct Came<const N: usize> {
    pub columns: Vec<ArrayRef>,
    pub keys: Vec<OfKey<N>>,
}

impl<const N: usize> Incoming<N> {
    pub fn new(codec: &Arc<Codec>) -> Incoming<N> {
        let columns = vec![Vec::new(); codec.types().len()];
        Incoming { codec: Arc::clone(codec), columns, numbers: Vec::new(), keys: Vec::new() }
    }

    /// Reads the next key's rows, which [`Outgoing::write`] wrote, and moves `bytes` past them. False where they are cut
    /// short.
    pub fn read(&mut self, bytes: &mut &[u8]) -> bool {
        self.read_rows(bytes).is_some()
    }

    fn read_rows(&mut self, bytes: &mut &[u8]) -> Option<()> {
        let count = u32::from_le_bytes(take(bytes)?);
        let is_whole = count & CHANGES == 0;
        let count = count & !CHANGES;
        for _ in 0..count {
            for (column, data_type) in self.columns.iter_mut().zip(self.codec.types()) {
                column.push(value::load(data_type, bytes)?);
            }
            let mut of_row = [0; N];
            for number in &mut of_row {
                *number = i64::from_le_bytes(take(bytes)?);
            }
            self.numbers.push(of_row);
        }
        self.keys.push((is_whole, count as usize));
        Some(())
    }

    pub fn finish(self) -> Result<Came<N>> {
        let Incoming { codec, columns, numbers, keys } = self;
        if numbers.is_empty() {
            let columns = codec.types().iter().map(new_empty_array).collect();
            let none = |(is_whole, _)| OfKey { is_whole, rows: Vec::new() };
            return Ok(Came { columns, keys: keys.into_iter().map(none).collect() });
        }
        let columns = columns.into_iter().map(ScalarValue::iter_to_array);
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        let encoded = codec.encode(&columns, numbers.len())?;
        let mut rows = encoded.iter().map(|row| Arc::from(row.as_ref())).zip(numbers);
        let of_key = |(is_whole, count)| OfKey { is_whole, rows: rows.by_ref().take(count).collect() };
        let keys = keys.into_iter().map(of_key).collect();
        Ok(Came { columns, keys })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::Int64Array;
    use arrow::datatypes::DataType;

    use super::*;

    fn encode(codec: &Codec, values: impl Iterator<Item = i64>) -> Vec<Row> {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
        let encoded = codec.encode(&[Arc::clone(&column)], column.len()).unwrap();
        encoded.iter().map(|row| Arc::from(row.as_ref())).collect()
    }

    /// What two keys have: written, and read again as another life would.
    #[test]
    fn of_a_key_with_many_rows_those_that_changed_are_written() {
        let codec = Codec::new(vec![DataType::Int64], &[]).unwrap();
        let mut keys: [BTreeMap<Row, i64>; 2] = Default::default();
        let mut touched = Touched::default();
        for (slot, rows) in [(0, 0..5000), (1, 0..3)] {
            keys[slot as usize] = encode(&codec, rows).into_iter().map(|row| (row, 1)).collect();
        }
        let mut read: [BTreeMap<Row, i64>; 2] = Default::default();
        let mut checkpoint = |keys: &[BTreeMap<Row, i64>; 2], touched: &mut Touched<Row>, which| {
            let taken = touched.take(which);
            let of = |slot: u32| &keys[slot as usize];
            let all = |slot| of(slot).iter().map(|(row, copies)| (row.as_ref(), [*copies]));
            let one = |slot, row: &'_ Row| [of(slot).get(row).copied().unwrap_or_default()];
            let one = |slot, row| (AsRef::<[u8]>::as_ref(row), one(slot, row));
            let mut outgoing = taken.outgoing(&codec, &[0, 1], all, one).unwrap();
            let mut bytes = Vec::new();
            (0..2).for_each(|_| outgoing.write(&mut bytes));
            let (mut incoming, mut rest) = (Incoming::<1>::new(&codec), bytes.as_slice());
            assert!(incoming.read(&mut rest) && incoming.read(&mut rest) && rest.is_empty());
            for (rows, of_key) in read.iter_mut().zip(incoming.finish().unwrap().keys) {
                if of_key.is_whole {
                    rows.clear();
                }
                rows.extend(of_key.rows.into_iter().map(|(row, [copies])| (row, copies)));
                rows.retain(|_, copies| *copies != 0);
            }
            assert_eq!(&read, keys);
            bytes.len()
        };
        assert!(checkpoint(&keys, &mut touched, Save::All) > 5000 * 8);
        let [gone, more, new] = [10, 20, 9000].map(|value| encode(&codec, std::iter::once(value)).remove(0));
        keys[0].remove(&gone);
        keys[0].insert(Arc::clone(&more), 7);
        keys[0].insert(Arc::clone(&new), 1);
        [gone, Arc::clone(&more), more, new].into_iter().for_each(|row| touched.note(0, row));
        assert!(checkpoint(&keys, &mut touched, Save::Changes) < 100);
        assert_eq!(checkpoint(&keys, &mut touched, Save::Changes), 8);
        touched.note(0, encode(&codec, std::iter::once(1)).remove(0));
        assert!(checkpoint(&keys, &mut touched, Save::All) > 5000 * 8);
    }
}
