//! The live rows of keyed tables: what a view that can retract holds, readable at any completed tick.
//!
//! Rows are kept in shards that are shared with snapshots and copied only when changed while one is held, so a reader
//! never waits for more than the taking of its snapshot, and never sees half a tick.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;

use crate::aggregate::keys::hash_bytes;
use crate::batch::{Batch, assemble, plain_nulls};
use crate::operator::{Save, Share};
use crate::{Error, Result};

const SHARDS: usize = 64;

/// How many rows one batch of a snapshot has at the most.
const BATCH_ROWS: usize = 8192;

type Bytes = Arc<[u8]>;

/// One row, or several that are equal, under a key.
#[derive(Debug, Clone)]
struct Entry {
    /// The whole row, encoded; empty where the key is the whole row.
    row: Bytes,
    copies: i64,
}

type Shard = HashMap<Bytes, Entry>;

/// The rows of one keyed table.
pub struct Table {
    shape: Arc<Shape>,
    shards: Vec<Arc<Shard>>,
    /// Keys that changed since the last save, each with the shard it is in.
    unsaved: HashMap<Bytes, usize>,
    rows: u64,
    bytes: u64,
    /// How often rows changed.
    changes: u64,
}

/// How rows become bytes.
#[derive(Debug)]
struct Shape {
    schema: SchemaRef,
    /// Key columns; empty where the key is the whole row.
    key: Vec<usize>,
    key_converter: RowConverter,
    row_converter: RowConverter,
}

/// The rows of a table as they were at one tick.
#[derive(Clone)]
pub struct Snapshot {
    shape: Arc<Shape>,
    shards: Vec<Arc<Shard>>,
}

impl Table {
    /// An empty table. `key` names the columns that identify a row; none means the whole row with its multiplicity.
    pub fn new(schema: SchemaRef, key: Vec<usize>) -> Result<Table> {
        let converter = |columns: &mut dyn Iterator<Item = usize>| {
            let fields = columns.map(|column| SortField::new(schema.field(column).data_type().clone())).collect();
            RowConverter::new(fields)
        };
        let all = || 0..schema.fields().len();
        let key_converter = if key.is_empty() { converter(&mut all())? } else { converter(&mut key.iter().copied())? };
        let row_converter = converter(&mut all())?;
        let shape = Arc::new(Shape { schema: SchemaRef::clone(&schema), key, key_converter, row_converter });
        let shards = (0..SHARDS).map(|_| Arc::default()).collect();
        Ok(Table { shape, shards, unsaved: HashMap::new(), rows: 0, bytes: 0, changes: 0 })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.shape.schema
    }

    /// Rows held, equal ones counted each.
    pub fn len(&self) -> u64 {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Counts the ticks that changed it since it was made.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Roughly the bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Applies the changes of one tick. Under a key, what is taken back goes first, so a group's old row and its new
    /// one may come in any order.
    pub fn apply(&mut self, changes: &[Batch]) -> Result<()> {
        self.changes += u64::from(changes.iter().any(|batch| !batch.is_empty()));
        for batch in changes.iter().filter(|batch| batch.weights.is_some()) {
            self.apply_signed(batch, |weight| weight < 0)?;
        }
        for batch in changes {
            self.apply_signed(batch, |weight| weight > 0)?;
        }
        Ok(())
    }

    fn apply_signed(&mut self, batch: &Batch, wanted: impl Fn(i64) -> bool) -> Result<()> {
        let keyed = !self.shape.key.is_empty();
        let keys = self.shape.keys(batch.rows.columns())?;
        let rows = if keyed { Some(self.shape.row_converter.convert_columns(batch.rows.columns())?) } else { None };
        for index in (0..batch.len()).filter(|row| wanted(batch.weight(*row))) {
            let key: Bytes = Arc::from(keys.row(index).as_ref());
            match &rows {
                Some(rows) if batch.weight(index) > 0 => {
                    self.put(key, Entry { row: Arc::from(rows.row(index).as_ref()), copies: 1 });
                }
                Some(_) => self.put(key, Entry { row: Bytes::default(), copies: 0 }),
                None => self.add(key, batch.weight(index))?,
            }
        }
        Ok(())
    }

    /// Sets what stands under a key, for the next checkpoint to save.
    fn put(&mut self, key: Bytes, entry: Entry) {
        let shard = shard_of(&key);
        self.set(shard, Bytes::clone(&key), entry);
        self.unsaved.insert(key, shard);
    }

    /// Sets what stands under a key; no copies means nothing.
    fn set(&mut self, shard: usize, key: Bytes, entry: Entry) {
        let length = key.len();
        let size = |entry: &Entry| (length + entry.row.len() + 64) as u64;
        let rows = Arc::make_mut(&mut self.shards[shard]);
        let before = if entry.copies == 0 {
            rows.remove(&key)
        } else {
            self.rows += entry.copies as u64;
            self.bytes += size(&entry);
            rows.insert(key, entry)
        };
        if let Some(before) = before {
            self.rows -= before.copies as u64;
            self.bytes -= size(&before);
        }
    }

    fn add(&mut self, key: Bytes, weight: i64) -> Result<()> {
        let shard = shard_of(&key);
        let copies = self.shards[shard].get(&key).map_or(0, |entry| entry.copies) + weight;
        // A row may be taken back before its other copy comes in the same tick: below zero is settled by then or never.
        if copies < 0 {
            return Err(Error::internal("a view's row was taken back that was never given"));
        }
        self.put(key, Entry { row: Bytes::default(), copies });
        Ok(())
    }

    /// For each of so many keys the row under it, or several that are equal, or none. Costs as much however many rows
    /// there are.
    pub fn find(&self, keys: &[ArrayRef], number: usize) -> Result<Vec<RecordBatch>> {
        let shape = &self.shape;
        let keys = shape.key_converter.convert_columns(keys)?;
        let parser = shape.row_converter.parser();
        let (mut found, mut copies) = (Vec::with_capacity(number), Vec::with_capacity(number));
        for key in (0..number).map(|at| keys.row(at)) {
            let entry = self.shards[shard_of(key.as_ref())].get(key.as_ref());
            if let Some(entry) = entry {
                let row = if shape.key.is_empty() { key.data() } else { &entry.row };
                found.extend(std::iter::repeat_n(parser.parse(row), entry.copies as usize));
            }
            copies.push(entry.map_or(0, |entry| entry.copies as usize));
        }
        let total = found.len();
        let rows = assemble(&shape.schema, plain_nulls(shape.row_converter.convert_rows(found)?), total)?;
        let ends = copies.iter().scan(0, |end, copies| {
            *end += copies;
            Some(*end)
        });
        Ok(ends.zip(&copies).map(|(end, copies)| rows.slice(end - copies, *copies)).collect())
    }

    /// The rows as they are now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { shape: Arc::clone(&self.shape), shards: self.shards.clone() }
    }

    /// State for a checkpoint: the table's columns and `weight` (0 for a row that is gone, of which only the key
    /// columns count).
    pub fn save(&mut self, which: Save) -> Result<RecordBatch> {
        let unsaved = std::mem::take(&mut self.unsaved);
        // Of those that are taken with all of their share, a checkpoint tells only that they are gone.
        let changed = unsaved.iter().filter_map(|(key, shard)| {
            let entry = self.shards[*shard].get(key);
            let is_told = which != Save::All && (entry.is_none() || !is_whole(which, key));
            is_told.then_some((key.as_ref(), entry))
        });
        let whole = (0..SHARDS).filter(|shard| reaches(which, *shard)).flat_map(|shard| {
            let entries = self.shards[shard].iter().filter(move |(key, _)| is_whole(which, key));
            entries.map(|(key, entry)| (key.as_ref(), Some(entry)))
        });
        self.shape.state(changed.chain(whole))
    }

    /// Takes back what [`Table::save`] gave, in the order of checkpoints.
    pub fn load(&mut self, state: &RecordBatch) -> Result<()> {
        let columns = self.shape.schema.fields().len();
        let weights = state.column(columns).as_primitive::<Int64Type>().clone();
        let rows = &state.columns()[..columns];
        let keys = self.shape.keys(rows)?;
        let encoded = self.shape.row_converter.convert_columns(rows)?;
        // What is gone goes first: an older version may have told the rows of a key apart that are one by now.
        let (gone, live): (Vec<usize>, Vec<usize>) = (0..state.num_rows()).partition(|row| weights.value(*row) == 0);
        if self.rows == 0 {
            // The whole of it, as a rule: keys are spread evenly.
            self.shards.iter_mut().for_each(|shard| Arc::make_mut(shard).reserve(live.len() / SHARDS));
        }
        for row in gone.into_iter().chain(live) {
            let key: Bytes = Arc::from(keys.row(row).as_ref());
            let whole = if self.shape.key.is_empty() { Bytes::default() } else { Arc::from(encoded.row(row).as_ref()) };
            self.set(shard_of(&key), key, Entry { row: whole, copies: weights.value(row) });
        }
        Ok(())
    }
}

impl Shape {
    fn keys(&self, rows: &[ArrayRef]) -> Result<arrow::row::Rows> {
        if self.key.is_empty() {
            return Ok(self.key_converter.convert_columns(rows)?);
        }
        let columns: Vec<ArrayRef> = self.key.iter().map(|column| Arc::clone(&rows[*column])).collect();
        Ok(self.key_converter.convert_columns(&columns)?)
    }

    /// Rows of entries; for those that are gone the key columns are set and the others are null.
    fn state<'a>(&self, entries: impl Iterator<Item = (&'a [u8], Option<&'a Entry>)>) -> Result<RecordBatch> {
        let keyed = !self.key.is_empty();
        let (mut gone, mut live, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (key, entry) in entries {
            match entry {
                None => gone.push(key),
                Some(entry) => {
                    live.push(if keyed { entry.row.as_ref() } else { key });
                    weights.push(entry.copies);
                }
            }
        }
        let row_parser = self.row_converter.parser();
        let mut columns = self.row_converter.convert_rows(live.iter().map(|row| row_parser.parse(row)))?;
        if !gone.is_empty() {
            let key_parser = self.key_converter.parser();
            let keys = self.key_converter.convert_rows(gone.iter().map(|key| key_parser.parse(key)))?;
            for (index, column) in columns.iter_mut().enumerate() {
                let key = if keyed { self.key.iter().position(|each| *each == index) } else { Some(index) };
                let tail = match key {
                    Some(position) => Arc::clone(&keys[position]),
                    None => arrow::array::new_null_array(column.data_type(), gone.len()),
                };
                *column = arrow::compute::concat(&[column.as_ref(), tail.as_ref()])?;
            }
        }
        weights.resize(live.len() + gone.len(), 0);
        let rows = weights.len();
        columns.push(Arc::new(Int64Array::from(weights)));
        let mut fields: Vec<Field> =
            self.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        fields.push(Field::new("weight", DataType::Int64, false));
        Ok(assemble(&Arc::new(Schema::new(fields)), columns, rows)?)
    }
}

impl Snapshot {
    pub fn schema(&self) -> &SchemaRef {
        &self.shape.schema
    }

    /// All rows, equal ones as often as they are there, in no particular order.
    pub fn rows(&self) -> Result<Vec<RecordBatch>> {
        let keyed = !self.shape.key.is_empty();
        let parser = self.shape.row_converter.parser();
        let entries = self.entries();
        let mut batches = Vec::new();
        for part in entries.chunks(BATCH_ROWS) {
            let encoded = part.iter().map(|(key, entry)| parser.parse(if keyed { &entry.row } else { key }));
            let mut columns = plain_nulls(self.shape.row_converter.convert_rows(encoded)?);
            let mut rows = part.len();
            if part.iter().any(|(_, entry)| entry.copies != 1) {
                let repeated: UInt32Array = part
                    .iter()
                    .enumerate()
                    .flat_map(|(index, (_, entry))| std::iter::repeat_n(index as u32, entry.copies as usize))
                    .collect();
                rows = repeated.len();
                for column in &mut columns {
                    *column = arrow::compute::take(column.as_ref(), &repeated, None)?;
                }
            }
            batches.push(assemble(&self.shape.schema, columns, rows)?);
        }
        Ok(batches)
    }

    fn entries(&self) -> Vec<(Bytes, Entry)> {
        let all = self.shards.iter().flat_map(|shard| shard.iter());
        all.map(|(key, entry)| (Bytes::clone(key), entry.clone())).collect()
    }
}

fn shard_of(key: &[u8]) -> usize {
    place(key) as usize / (PLACES / SHARDS as u64) as usize
}

/// How many places there are.
const PLACES: u64 = 1 << 32;

/// Where a key is.
fn place(key: &[u8]) -> u64 {
    hash_bytes(key) >> 32
}

/// Whether a row is taken, changed or not. Shares are of places that follow each other, as shards are, so that a small one
/// need not look at all rows.
fn is_whole(which: Save, key: &[u8]) -> bool {
    match which {
        Save::Changes => false,
        Save::Share(Share { of, from, to }) => {
            let number = place(key) * u64::from(of) / PLACES;
            (u64::from(from)..u64::from(to)).contains(&number)
        }
        Save::All => true,
    }
}

/// Whether a shard has rows that are taken, changed or not.
fn reaches(which: Save, shard: usize) -> bool {
    match which {
        Save::Changes => false,
        Save::Share(Share { of, from, to }) => {
            let (first, end) = (shard as u64 * u64::from(of), (shard as u64 + 1) * u64::from(of));
            first < u64::from(to) * SHARDS as u64 && u64::from(from) * (SHARDS as u64) < end
        }
        Save::All => true,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;

    fn rows(values: &[(&str, i64, i64)]) -> Batch {
        let keys = Arc::new(StringArray::from_iter_values(values.iter().map(|(key, ..)| *key)));
        let numbers = Arc::new(Int64Array::from_iter_values(values.iter().map(|(_, number, _)| *number)));
        let weights: Vec<i64> = values.iter().map(|(.., weight)| *weight).collect();
        let rows = RecordBatch::try_new(schema(), vec![keys, numbers]).unwrap();
        Batch { weights: Some(weights.into()), ..Batch::insertions(rows) }
    }

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("number", DataType::Int64, false),
        ]))
    }

    /// Where they don't, a reader of one row makes the next tick copy all of them.
    #[test]
    fn rows_spread_over_the_shards() {
        let narrow: SchemaRef = Arc::new(Schema::new(vec![Field::new("number", DataType::Int64, false)]));
        for step in [1, 64, 1 << 20, 1_000_000] {
            let mut table = Table::new(Arc::clone(&narrow), vec![0]).unwrap();
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..6400).map(|number| number * step)));
            let rows = RecordBatch::try_new(Arc::clone(&narrow), vec![numbers]).unwrap();
            table.apply(&[Batch::insertions(rows)]).unwrap();
            let most = table.shards.iter().map(|shard| shard.len()).max().unwrap();
            assert!(most < 200, "{most} of 6400 numbers, {step} apart, are in one of 64 shards");
        }
    }

    /// A newer version may find a key in a view that had none.
    #[test]
    fn what_was_saved_of_whole_rows_can_be_loaded_by_a_key() {
        let mut whole = Table::new(schema(), Vec::new()).unwrap();
        let mut by_key = Table::new(schema(), vec![0]).unwrap();
        for changes in [
            rows(&[("a", 1, 1), ("b", 1, 1), ("c", 1, 1)]),
            rows(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1)]),
            rows(&[("c", 1, -1), ("c", 3, 1), ("b", 4, 1)]),
        ] {
            whole.apply(&[changes]).unwrap();
            by_key.load(&whole.save(Save::Changes).unwrap()).unwrap();
        }
        assert_eq!(by_key.len(), 3);
        for (key, number) in [("a", 2), ("b", 4), ("c", 3)] {
            let found = by_key.find(&[Arc::new(StringArray::from(vec![key]))], 1).unwrap().remove(0);
            assert_eq!(found.column(1).as_primitive::<Int64Type>().values(), &[number]);
        }
    }
}
