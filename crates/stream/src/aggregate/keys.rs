//! The hash table of an aggregation: key columns to slots, with lookup and removal of single groups.
//!
//! DataFusion's own group tables can only emit and forget from the front, which suits batch; here groups come and go.
//! Keys of up to three fixed-width columns are packed into words; all others use arrow's row encoding. Neither
//! encoding is ever stored: checkpoints hold the key columns themselves.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, PrimitiveArray, new_empty_array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Schema};
use arrow::row::{OwnedRow, RowConverter, SortField};
use hashbrown::HashTable;

use crate::batch::plain_nulls;
use crate::{Error, Result};

/// The most columns that are packed.
const WORDS: usize = 3;

/// Three values and a bit mask of nulls.
type Packed = [u64; WORDS + 1];

/// Distinct keys, each with a slot: a small number that stays its own until it is removed.
#[derive(Debug)]
pub struct Keys {
    types: Vec<DataType>,
    table: HashTable<u32>,
    hashes: Vec<u64>,
    store: Store,
    free: Vec<u32>,
}

#[derive(Debug)]
enum Store {
    Packed(Vec<Packed>),
    Rows { converter: Box<RowConverter>, rows: Vec<Option<OwnedRow>>, bytes: usize },
}

impl Keys {
    pub fn new(types: Vec<DataType>) -> Result<Keys> {
        let store = if types.len() <= WORDS && types.iter().all(is_packable) {
            Store::Packed(Vec::new())
        } else {
            let fields = types.iter().map(|each| SortField::new(each.clone())).collect();
            Store::Rows { converter: Box::new(RowConverter::new(fields)?), rows: Vec::new(), bytes: 0 }
        };
        Ok(Keys { types, table: HashTable::new(), hashes: Vec::new(), store, free: Vec::new() })
    }

    /// The types of the key columns.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// One past the highest slot ever given.
    pub fn capacity(&self) -> usize {
        self.hashes.len()
    }

    /// Roughly the bytes held.
    pub fn bytes(&self) -> usize {
        let held = match &self.store {
            Store::Packed(keys) => keys.capacity() * size_of::<Packed>(),
            Store::Rows { rows, bytes, .. } => rows.capacity() * size_of::<Option<OwnedRow>>() + bytes,
        };
        held + self.table.capacity() * 5 + self.hashes.capacity() * 8
    }

    /// The slot of each row's key, with new slots for new keys. `columns` have the types given to [`Keys::new`].
    pub fn assign(&mut self, columns: &[ArrayRef], rows: usize, slots: &mut Vec<u32>) -> Result<()> {
        slots.clear();
        slots.reserve(rows);
        let Keys { table, hashes, store, free, .. } = self;
        match store {
            Store::Packed(keys) => {
                let packed = pack(columns, rows);
                let mut last: Option<(Packed, u32)> = None;
                for key in packed {
                    if let Some((same, slot)) = last
                        && same == key
                    {
                        slots.push(slot);
                        continue;
                    }
                    let hash = hash_words(&key);
                    let found = table.find(hash, |slot| keys[*slot as usize] == key).copied();
                    let slot = match found {
                        Some(slot) => slot,
                        None => {
                            let slot = claim(free, hashes, hash);
                            put(keys, slot, key);
                            table.insert_unique(hash, slot, |slot| hashes[*slot as usize]);
                            slot
                        }
                    };
                    last = Some((key, slot));
                    slots.push(slot);
                }
            }
            Store::Rows { converter, rows: stored, bytes } => {
                let encoded = converter.convert_columns(columns)?;
                for row in encoded.iter().take(rows) {
                    let hash = hash_bytes(row.as_ref());
                    let same = |slot: &u32| stored[*slot as usize].as_ref().is_some_and(|key| key.row() == row);
                    let slot = match table.find(hash, same).copied() {
                        Some(slot) => slot,
                        None => {
                            let slot = claim(free, hashes, hash);
                            *bytes += row.as_ref().len();
                            put(stored, slot, Some(row.owned()));
                            table.insert_unique(hash, slot, |slot| hashes[*slot as usize]);
                            slot
                        }
                    };
                    slots.push(slot);
                }
                // A table without key columns has one key and rows that encode to nothing.
                if columns.is_empty() && rows > 0 {
                    return Err(Error::internal("a key without columns must be packed"));
                }
            }
        }
        Ok(())
    }

    /// Forgets a key; its slot is given away again later.
    pub fn remove(&mut self, slot: u32) {
        if let Ok(entry) = self.table.find_entry(self.hashes[slot as usize], |each| *each == slot) {
            entry.remove();
            if let Store::Rows { rows, bytes, .. } = &mut self.store
                && let Some(row) = rows[slot as usize].take()
            {
                *bytes -= row.row().as_ref().len();
            }
            self.free.push(slot);
        }
    }

    /// The keys of some slots as columns.
    pub fn columns(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        if slots.is_empty() {
            return Ok(self.types.iter().map(new_empty_array).collect());
        }
        match &self.store {
            Store::Packed(keys) => self
                .types
                .iter()
                .enumerate()
                .map(|(index, data_type)| unpack(data_type, index, slots.iter().map(|slot| &keys[*slot as usize])))
                .collect(),
            Store::Rows { converter, rows, .. } => {
                let wanted = slots.iter().filter_map(|slot| rows[*slot as usize].as_ref().map(OwnedRow::row));
                Ok(plain_nulls(converter.convert_rows(wanted)?))
            }
        }
    }

    /// All slots in use, in no particular order.
    pub fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.table.iter().copied()
    }
}

fn claim(free: &mut Vec<u32>, hashes: &mut Vec<u64>, hash: u64) -> u32 {
    match free.pop() {
        Some(slot) => {
            hashes[slot as usize] = hash;
            slot
        }
        None => {
            hashes.push(hash);
            (hashes.len() - 1) as u32
        }
    }
}

fn put<T>(values: &mut Vec<T>, slot: u32, value: T) {
    if slot as usize == values.len() {
        values.push(value);
    } else {
        values[slot as usize] = value;
    }
}

fn is_packable(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(
        data_type,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Date32 | Date64 | Timestamp(_, _) | Time64(_)
    )
}

fn pack(columns: &[ArrayRef], rows: usize) -> Vec<Packed> {
    let mut packed = vec![[0; WORDS + 1]; rows];
    for (index, column) in columns.iter().enumerate() {
        fill(column.as_ref(), index, &mut packed);
        if let Some(nulls) = column.nulls() {
            for (row, key) in packed.iter_mut().enumerate() {
                if nulls.is_null(row) {
                    key[index] = 0;
                    key[WORDS] |= 1 << index;
                }
            }
        }
    }
    packed
}

/// Applies a macro to the primitive type that has a data type's layout.
macro_rules! with_layout {
    ($data_type:expr, $run:ident) => {
        match $data_type {
            DataType::Int8 => $run!(arrow::datatypes::Int8Type),
            DataType::Int16 => $run!(arrow::datatypes::Int16Type),
            DataType::Int32 => $run!(arrow::datatypes::Int32Type),
            DataType::Date32 => $run!(arrow::datatypes::Date32Type),
            DataType::UInt8 => $run!(arrow::datatypes::UInt8Type),
            DataType::UInt16 => $run!(arrow::datatypes::UInt16Type),
            DataType::UInt32 => $run!(arrow::datatypes::UInt32Type),
            DataType::UInt64 => $run!(arrow::datatypes::UInt64Type),
            // All others of `is_packable` are 64-bit integers underneath.
            _ => $run!(arrow::datatypes::Int64Type),
        }
    };
}

fn fill(column: &dyn Array, index: usize, packed: &mut [Packed]) {
    let data = column.to_data();
    macro_rules! run {
        ($type:ty) => {{
            let values = &data.buffers()[0].typed_data::<<$type as ArrowPrimitiveType>::Native>();
            let values = &values[data.offset()..data.offset() + data.len()];
            for (key, value) in packed.iter_mut().zip(values) {
                key[index] = *value as u64;
            }
        }};
    }
    with_layout!(column.data_type(), run);
}

fn unpack<'a>(data_type: &DataType, index: usize, keys: impl Iterator<Item = &'a Packed>) -> Result<ArrayRef> {
    let mut valid = Vec::new();
    macro_rules! run {
        ($type:ty) => {{
            let values: ScalarBuffer<<$type as ArrowPrimitiveType>::Native> = keys
                .map(|key| {
                    valid.push(key[WORDS] & (1 << index) == 0);
                    key[index] as <$type as ArrowPrimitiveType>::Native
                })
                .collect();
            let array = PrimitiveArray::<$type>::new(values, Some(NullBuffer::from(valid)));
            let data = array.into_data().into_builder().data_type(data_type.clone()).build()?;
            arrow::array::make_array(data)
        }};
    }
    Ok(with_layout!(data_type, run))
}

/// A multiply-and-fold hash of a packed key; it is never stored.
fn hash_words(key: &Packed) -> u64 {
    let mut hash = 0x9E37_79B9_7F4A_7C15;
    for word in key {
        hash = fold(hash ^ word, 0xA076_1D64_78BD_642F);
    }
    hash
}

/// The same of bytes.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = 0x9E37_79B9_7F4A_7C15 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = fold(hash ^ u64::from_le_bytes(word), 0xA076_1D64_78BD_642F);
    }
    let mut word = [0; 8];
    word[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    fold(hash ^ u64::from_le_bytes(word), 0xE703_7ED1_A0B4_28DB)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Which of `workers` owns each row's key. The same key has the same owner in every run with as many workers, but
/// nothing stored depends on it.
pub fn owners(columns: &[ArrayRef], rows: usize, workers: usize, out: &mut Vec<u32>) -> Result<()> {
    out.clear();
    let owner = |hash: u64| ((u128::from(hash.rotate_left(32)) * workers as u128) >> 64) as u32;
    let types: Vec<_> = columns.iter().map(|column| column.data_type().clone()).collect();
    if types.len() <= WORDS && types.iter().all(is_packable) {
        out.extend(pack(columns, rows).iter().map(|key| owner(hash_words(key))));
    } else {
        let fields = types.into_iter().map(SortField::new).collect();
        let encoded = RowConverter::new(fields)?.convert_columns(columns)?;
        out.extend(encoded.iter().map(|row| owner(hash_bytes(row.as_ref()))));
    }
    Ok(())
}

/// A schema for key columns alone, named by position.
pub fn key_schema(types: &[DataType]) -> Arc<Schema> {
    let fields: Vec<Field> =
        types.iter().enumerate().map(|(index, each)| Field::new(format!("key_{index}"), each.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}
