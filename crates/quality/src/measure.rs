//! What is measured of rows, batch by batch: each part of a scan by itself, then all parts together.

pub mod correlation;
pub mod distinct;
pub mod duplicates;
pub mod extremes;
pub mod numbers;
pub mod predicate;
pub mod rows;
pub mod spread;
pub mod values;

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;

use crate::column::{Batch, Column};
use crate::{Error, Result};
use correlation::Correlations;
use distinct::Distinct;
use duplicates::Duplicates;
use extremes::Extremes;
use numbers::Numbers;
use rows::{RowRule, Rows};
use spread::Spread;
use values::Counts;

/// Something to be measured. Columns are places in the scan.
#[derive(Debug, Clone)]
pub enum Measure {
    /// How many rows there are.
    Count,
    /// Rows that are not as a rule says.
    Rows(Arc<RowRule>),
    /// Rows whose values of these columns are not theirs alone.
    Duplicates { columns: Vec<usize>, missing: rows::Missing },
    /// Sums and moments.
    Numbers(usize),
    /// The least and the greatest value.
    Extremes(usize),
    /// How often each value is there.
    Counts(usize),
    /// As [`Measure::Counts`], given up where there are more values than that.
    CountsUpTo(usize, usize),
    /// About how many different values there are.
    Distinct(usize),
    /// All numbers, for quantiles.
    Sorted(usize),
    /// Numbers for quantiles that need not be exact.
    Spread(usize),
    /// Of each pair of columns.
    Correlations(Vec<usize>),
}

/// A measure over the rows of which a condition is true.
#[derive(Debug, Clone)]
pub struct Planned {
    pub measure: Measure,
    /// Which of the scan's conditions.
    pub condition: Option<usize>,
}

/// What was measured so far, and in the end.
#[derive(Debug)]
pub enum State {
    Count(u64),
    Rows(Rows),
    Duplicates(Duplicates),
    Numbers(Numbers),
    Extremes(Extremes),
    Counts(Counts),
    Distinct(Distinct),
    Sorted(Vec<f64>),
    Spread(Spread),
    Correlations(Correlations),
}

impl Measure {
    /// Whether one measurement serves both.
    pub fn same(&self, other: &Measure) -> bool {
        match (self, other) {
            (Measure::Count, Measure::Count) => true,
            (
                Measure::Duplicates { columns, missing },
                Measure::Duplicates { columns: other, missing: other_missing },
            ) => columns == other && missing == other_missing,
            (Measure::Numbers(one), Measure::Numbers(other))
            | (Measure::Extremes(one), Measure::Extremes(other))
            | (Measure::Counts(one), Measure::Counts(other))
            | (Measure::Sorted(one), Measure::Sorted(other)) => one == other,
            _ => false,
        }
    }

    pub fn start(&self, columns: &[Column]) -> Result<State> {
        Ok(match self {
            Measure::Count => State::Count(0),
            Measure::Rows(_) => State::Rows(Rows::default()),
            Measure::Duplicates { .. } => State::Duplicates(Duplicates::default()),
            Measure::Numbers(column) => State::Numbers(Numbers::new(&columns[*column])),
            Measure::Extremes(column) => State::Extremes(Extremes::new(&columns[*column])),
            Measure::Counts(column) => State::Counts(Counts::new(&columns[*column])?),
            Measure::CountsUpTo(column, limit) => State::Counts(Counts::up_to(&columns[*column], *limit)?),
            Measure::Distinct(_) => State::Distinct(Distinct::default()),
            Measure::Sorted(_) => State::Sorted(Vec::new()),
            Measure::Spread(_) => State::Spread(Spread::default()),
            Measure::Correlations(of) => State::Correlations(Correlations::new(of.len())),
        })
    }

    pub fn update(&self, state: &mut State, batch: &Batch) -> Result<()> {
        match (self, state) {
            (Measure::Count, State::Count(rows)) => *rows += batch.rows as u64,
            (Measure::Rows(rule), State::Rows(rows)) => rows.update(rule, batch)?,
            (Measure::Duplicates { columns, missing }, State::Duplicates(found)) => {
                found.update(columns, missing, batch)?;
            }
            (Measure::Numbers(column), State::Numbers(numbers)) => numbers.update(&batch.columns[*column])?,
            (Measure::Extremes(column), State::Extremes(extremes)) => extremes.update(&batch.columns[*column]),
            (Measure::Counts(column) | Measure::CountsUpTo(column, _), State::Counts(counts)) => {
                counts.update(&batch.columns[*column])?
            }
            (Measure::Sorted(column), State::Sorted(all)) => {
                let values =
                    arrow::compute::cast(&batch.columns[*column].compared, &arrow::datatypes::DataType::Float64)?;
                all.extend(values.as_primitive::<Float64Type>().iter().flatten());
            }
            (Measure::Distinct(column), State::Distinct(distinct)) => distinct.update(&batch.columns[*column])?,
            (Measure::Spread(column), State::Spread(spread)) => spread.update(&batch.columns[*column])?,
            (Measure::Correlations(of), State::Correlations(found)) => found.update(of, batch)?,
            _ => return Err(mixed()),
        }
        Ok(())
    }
}

impl State {
    /// Adds what a later part of the scan came to.
    pub fn merge(&mut self, later: State) -> Result<()> {
        match (self, later) {
            (State::Count(rows), State::Count(more)) => *rows += more,
            (State::Rows(rows), State::Rows(later)) => rows.merge(later),
            (State::Duplicates(found), State::Duplicates(later)) => found.merge(later),
            (State::Numbers(numbers), State::Numbers(later)) => numbers.merge(&later)?,
            (State::Extremes(extremes), State::Extremes(later)) => extremes.merge(later),
            (State::Counts(counts), State::Counts(later)) => counts.merge(later)?,
            (State::Distinct(distinct), State::Distinct(later)) => distinct.merge(&later),
            (State::Spread(spread), State::Spread(later)) => spread.merge(later),
            (State::Correlations(found), State::Correlations(later)) => found.merge(later),
            (State::Sorted(all), State::Sorted(later)) => all.extend(later),
            _ => return Err(mixed()),
        }
        Ok(())
    }
}

fn mixed() -> Error {
    Error::Internal("measures of one scan were mixed up".to_owned())
}
