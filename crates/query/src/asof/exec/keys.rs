//! Numbers for the keys of a join as of a time: what stands behind them need not know their types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

/// Further keys that are kept before they are forgotten, beside as many as there are lasting ones.
const FURTHER: usize = 1 << 16;

pub struct Keys {
    schema: SchemaRef,
    /// `None` where a join has no keys: then all rows have one.
    values: Option<Box<dyn GroupValues>>,
    numbers: Vec<usize>,
    /// The lasting keys by their numbers, once it is said that these are all.
    lasting: Option<Vec<ArrayRef>>,
    /// From what `values` say now to the numbers of lasting keys, where these differ.
    renumbered: Option<Vec<usize>>,
}

impl Keys {
    pub fn new(types: &[DataType]) -> Result<Keys> {
        let field = |(at, data_type): (usize, &DataType)| Field::new(format!("key{at}"), data_type.clone(), true);
        let schema = Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()));
        let values = match types.is_empty() {
            true => None,
            false => Some(new_group_values(Arc::clone(&schema), &GroupOrdering::None)?),
        };
        Ok(Keys { schema, values, numbers: Vec::new(), lasting: None, renumbered: None })
    }

    /// The number of each row's key, from 0 on in the order in which keys first come, and which rows have a key: one
    /// with a NULL has a number too, but is equal to none.
    pub fn of(&mut self, columns: &[ArrayRef], rows: usize) -> Result<(&[usize], Option<NullBuffer>)> {
        self.forget()?;
        let Some(values) = &mut self.values else {
            self.numbers.clear();
            self.numbers.resize(rows, 0);
            return Ok((&self.numbers, None));
        };
        values.intern(columns, &mut self.numbers)?;
        if let Some(renumbered) = &self.renumbered {
            for number in &mut self.numbers {
                *number = renumbered.get(*number).copied().unwrap_or(*number);
            }
        }
        let nulls: Vec<_> = columns.iter().map(|column| column.logical_nulls()).collect();
        let whole = nulls
            .iter()
            .fold(None, |whole: Option<NullBuffer>, nulls| NullBuffer::union(whole.as_ref(), nulls.as_ref()));
        Ok((&self.numbers, whole))
    }

    /// How many numbers were given.
    pub fn len(&self) -> usize {
        self.values.as_ref().map_or(1, |values| values.len())
    }

    /// From now on further keys have greater numbers, and only for as long as there are few of them.
    pub fn settle(&mut self) -> Result<()> {
        if let Some(values) = self.values.as_mut().filter(|values| !values.is_empty()) {
            self.lasting = Some(values.emit(EmitTo::All)?);
            self.begin_anew()?;
        }
        Ok(())
    }

    fn forget(&mut self) -> Result<()> {
        let lasting = self.lasting.as_ref().and_then(|lasting| lasting.first());
        match lasting.is_some_and(|lasting| self.len() > 2 * lasting.len() + FURTHER) {
            true => self.begin_anew(),
            false => Ok(()),
        }
    }

    /// With the lasting keys alone. Keys whose hashes are equal may come in another order than at first.
    fn begin_anew(&mut self) -> Result<()> {
        let Some(lasting) = &self.lasting else { return Ok(()) };
        // What a table of keys keeps of those that it gave away is not the same for all types.
        let mut values = new_group_values(Arc::clone(&self.schema), &GroupOrdering::None)?;
        values.intern(lasting, &mut self.numbers)?;
        self.values = Some(values);
        self.renumbered = None;
        if self.numbers.iter().enumerate().any(|(number, now)| number != *now) {
            let mut renumbered = vec![0; self.numbers.len()];
            for (number, now) in self.numbers.iter().enumerate() {
                renumbered[*now] = number;
            }
            self.renumbered = Some(renumbered);
        }
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        let lasting = self.lasting.iter().flatten().map(|array| array.get_array_memory_size()).sum::<usize>();
        let values = self.values.as_ref().map_or(0, |values| values.size());
        values + lasting + self.numbers.capacity() * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    /// Keys by numbers, the first of which is NULL.
    fn columns(types: &[DataType], numbers: std::ops::Range<i64>) -> Vec<ArrayRef> {
        let number = |number| (number > 0).then_some(number);
        let column = |kind: &DataType| -> ArrayRef {
            match kind {
                DataType::Int64 => Arc::new(numbers.clone().map(number).collect::<Int64Array>()),
                _ => Arc::new(numbers.clone().map(|number| Some(format!("key {number}"))).collect::<StringViewArray>()),
            }
        };
        types.iter().map(column).collect()
    }

    #[test]
    fn lasting_keys_keep_their_numbers_while_further_ones_are_forgotten() {
        for types in [vec![DataType::Int64], vec![DataType::Utf8View], vec![DataType::Int64, DataType::Utf8View]] {
            let mut keys = Keys::new(&types).unwrap();
            let (numbers, whole) = keys.of(&columns(&types, 0..1000), 1000).unwrap();
            assert_eq!(whole.map_or(0, |whole| whole.null_count()), usize::from(types[0] == DataType::Int64));
            assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
            keys.settle().unwrap();
            for from in (1000..400_000).step_by(10_000) {
                let (numbers, _) = keys.of(&columns(&types, from..from + 10_000), 10_000).unwrap();
                assert!(numbers.iter().all(|number| *number >= 1000), "{types:?}");
                assert!(keys.len() < 2 * 1000 + FURTHER + 10_001, "{types:?}");
            }
            let (numbers, _) = keys.of(&columns(&types, 0..1000), 1000).unwrap();
            assert_eq!(numbers, (0..1000).collect::<Vec<_>>(), "{types:?}");
        }
    }
}
