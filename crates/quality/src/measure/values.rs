//! How often each value of a column is there. Nulls are not counted.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::filter;
use arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;

use crate::column::{Column, Values, json_values};
use crate::{Error, Result};

/// More different values than that are not counted one by one.
pub const VALUES_MAX: usize = 1 << 22;

#[derive(Debug)]
pub struct Counts {
    column: Column,
    limit: usize,
    converter: RowConverter,
    /// By the value's bytes, whose order is that of the values. None: there are too many.
    counts: Option<HashMap<Box<[u8]>, u64>>,
}

impl Counts {
    pub fn new(column: &Column) -> Result<Counts> {
        Counts::up_to(column, VALUES_MAX)
    }

    /// Gives up where there are more values.
    pub fn up_to(column: &Column, limit: usize) -> Result<Counts> {
        let converter = RowConverter::new(vec![SortField::new(column.data_type.clone())])?;
        Ok(Counts { column: column.clone(), limit, converter, counts: Some(HashMap::new()) })
    }

    pub fn update(&mut self, values: &Values) -> Result<()> {
        let Some(counts) = &mut self.counts else { return Ok(()) };
        let present = match values.plain.null_count() {
            0 => ArrayRef::clone(&values.plain),
            _ => filter(&values.plain, &BooleanArray::new(!&values.is_null(), None))?,
        };
        for row in &self.converter.convert_columns(&[present])? {
            match counts.get_mut(row.as_ref()) {
                Some(count) => *count += 1,
                None => drop(counts.insert(row.as_ref().into(), 1)),
            }
        }
        if counts.len() > self.limit {
            self.counts = None;
        }
        Ok(())
    }

    pub fn merge(&mut self, later: Counts) -> Result<()> {
        let (Some(counts), Some(more)) = (&mut self.counts, later.counts) else {
            self.counts = None;
            return Ok(());
        };
        for (value, count) in more {
            *counts.entry(value).or_default() += count;
        }
        if counts.len() > self.limit {
            self.counts = None;
        }
        Ok(())
    }

    /// Each value's bytes and how often it is there, in the order of the values.
    ///
    /// # Errors
    /// [`Error::TooManyValues`].
    pub fn sorted(&self) -> Result<Vec<(&[u8], u64)>> {
        let counts = self
            .counts
            .as_ref()
            .ok_or_else(|| Error::TooManyValues { column: self.column.name.clone(), limit: self.limit })?;
        let mut all: Vec<(&[u8], u64)> = counts.iter().map(|(value, count)| (&**value, *count)).collect();
        all.sort_unstable_by(|one, other| one.0.cmp(other.0));
        Ok(all)
    }

    /// The bytes of other values of the column's type.
    pub fn bytes(&self, values: &ArrayRef) -> Result<Vec<Box<[u8]>>> {
        let converter = RowConverter::new(vec![SortField::new(self.column.data_type.clone())])?;
        let rows = converter.convert_columns(&[ArrayRef::clone(values)])?;
        Ok(rows.iter().map(|row| row.as_ref().into()).collect())
    }

    /// Values as JSON, from their bytes.
    pub fn json<'a>(&self, bytes: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>> {
        let parser = self.converter.parser();
        let rows = bytes.into_iter().map(|bytes| parser.parse(bytes));
        let arrays = self.converter.convert_rows(rows)?;
        arrays.first().map_or_else(|| Ok(Vec::new()), json_values)
    }
}
