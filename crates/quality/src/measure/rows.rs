//! Rows that are not as a rule says: how many, and the first of them.

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;

use super::predicate::Predicate;
use crate::Result;
use crate::column::{Batch, json_rows, json_values};

/// As Great Expectations' `partial_unexpected_count`.
pub const SAMPLES_MAX: usize = 20;

/// What is right of a row, and which rows it is not about.
#[derive(Debug)]
pub struct RowRule {
    pub missing: Missing,
    pub predicate: Predicate,
    /// The columns that samples show, with their names.
    pub shown: Vec<(usize, String)>,
}

/// Rows that lack what a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    None,
    /// Those where one of the columns is null.
    Any(Vec<usize>),
    /// Those where all columns are null.
    All(Vec<usize>),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    pub elements: u64,
    pub missing: u64,
    pub unexpected: u64,
    /// As JSON: the value of one column, or an object of several.
    pub samples: Vec<String>,
}

impl Missing {
    /// Where a row is missing; `None` where it is so nowhere.
    pub fn of(&self, batch: &Batch) -> Option<BooleanBuffer> {
        let (columns, any) = match self {
            Missing::None => return None,
            Missing::Any(columns) => (columns, true),
            Missing::All(columns) => (columns, false),
        };
        let nulls = columns.iter().map(|column| batch.columns[*column].is_null());
        let found = nulls.reduce(|one, other| if any { &one | &other } else { &one & &other })?;
        (found.count_set_bits() > 0).then_some(found)
    }
}

impl Rows {
    pub fn update(&mut self, rule: &RowRule, batch: &Batch) -> Result<()> {
        self.elements += batch.rows as u64;
        let right = rule.predicate.right(batch)?;
        let mut wrong = !&right;
        if let Some(missing) = rule.missing.of(batch) {
            self.missing += missing.count_set_bits() as u64;
            wrong = &wrong & &!&missing;
        }
        let count = wrong.count_set_bits();
        self.unexpected += count as u64;
        if count > 0 && self.samples.len() < SAMPLES_MAX {
            let first = wrong.set_indices().take(SAMPLES_MAX - self.samples.len()).map(|row| row as u64);
            self.samples.extend(samples(&rule.shown, batch, first.collect())?);
        }
        Ok(())
    }

    pub fn merge(&mut self, later: Rows) {
        self.elements += later.elements;
        self.missing += later.missing;
        self.unexpected += later.unexpected;
        self.samples.extend(later.samples);
        self.samples.truncate(SAMPLES_MAX);
    }
}

fn samples(shown: &[(usize, String)], batch: &Batch, rows: Vec<u64>) -> Result<Vec<String>> {
    let rows = UInt64Array::from(rows);
    let taken =
        shown.iter().map(|(column, name)| Ok((name.as_str(), take(&batch.columns[*column].plain, &rows, None)?)));
    show(&taken.collect::<Result<Vec<_>>>()?)
}

/// Samples of one column are its values, those of several are objects; of none there are none.
pub fn show(columns: &[(&str, ArrayRef)]) -> Result<Vec<String>> {
    match columns {
        [] => Ok(Vec::new()),
        [(_, only)] => json_values(only),
        several => json_rows(several),
    }
}

/// Where a comparison is true; what is unknown is not.
pub fn is_true(found: &BooleanArray) -> BooleanBuffer {
    match found.nulls() {
        None => found.values().clone(),
        Some(valid) => found.values() & valid.inner(),
    }
}
