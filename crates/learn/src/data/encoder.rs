//! From rows as users have them to the numbers that models compute with, remembered from training.

use std::collections::BTreeMap;

use super::{Feature, MISSING, TrainingSet, Values, check_features};
use crate::{Error, Result};

/// What a feature is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Number,
    /// The categories of the training rows, sorted; a value's code is its place.
    Categories(Vec<String>),
}

impl Kind {
    fn noun(&self) -> &'static str {
        match self {
            Kind::Number => "numbers",
            Kind::Categories(_) => "texts",
        }
    }
}

/// One value of a row to score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
}

/// Encoded rows, column by column. A number is itself, a category its code; NaN is what is missing or unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    columns: Vec<Vec<f64>>,
    rows: usize,
}

impl Matrix {
    /// Columns of one length.
    pub fn new(columns: Vec<Vec<f64>>) -> Matrix {
        let rows = columns.first().map_or(0, Vec::len);
        assert!(columns.iter().all(|column| column.len() == rows), "columns have one length");
        Matrix { columns, rows }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    pub fn row_into(&self, row: usize, values: &mut [f64]) {
        for (value, column) in values.iter_mut().zip(&self.columns) {
            *value = column[row];
        }
    }

    pub(crate) fn replace(&mut self, column: usize, values: Vec<f64>) -> Vec<f64> {
        std::mem::replace(&mut self.columns[column], values)
    }
}

/// Columns and categories as they were in training. An unknown category is a missing value; a missing column is an
/// error.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    features: Vec<(String, Kind)>,
}

impl Encoder {
    pub fn fit(set: &TrainingSet) -> Encoder {
        let kind = |values: &Values| match values {
            Values::Numbers(_) => Kind::Number,
            Values::Categories { codes, names } => {
                let mut seen = vec![false; names.len()];
                for code in codes.iter().filter(|code| **code != MISSING) {
                    seen[*code as usize] = true;
                }
                let mut found: Vec<String> =
                    names.iter().zip(seen).filter(|(_, seen)| *seen).map(|(name, _)| name.clone()).collect();
                found.sort();
                found.dedup();
                Kind::Categories(found)
            }
        };
        Encoder { features: set.features().iter().map(|f| (f.name.clone(), kind(&f.values))).collect() }
    }

    pub(crate) fn of(features: Vec<(String, Kind)>) -> Encoder {
        Encoder { features }
    }

    pub fn features(&self) -> &[(String, Kind)] {
        &self.features
    }

    pub fn width(&self) -> usize {
        self.features.len()
    }

    /// Where each feature is among columns of these names. Columns that the model does not know are left alone.
    pub fn places(&self, columns: &[&str]) -> Result<Vec<usize>> {
        let place = |name: &String| columns.iter().position(|column| column == name);
        self.features
            .iter()
            .map(|(name, _)| place(name).ok_or_else(|| Error::MissingColumn { column: name.clone() }))
            .collect()
    }

    /// Encodes one row, whose values are in the order of the features.
    pub fn encode_row(&self, values: &[Value<'_>], encoded: &mut [f64]) -> Result<()> {
        if values.len() != self.features.len() || encoded.len() != self.features.len() {
            let problem = format!("it has {} values, the model {} features", values.len(), self.features.len());
            return Err(Error::rows("row to score", problem, "order values by Encoder::places"));
        }
        for ((slot, value), (name, kind)) in encoded.iter_mut().zip(values).zip(&self.features) {
            *slot = match (value, kind) {
                (Value::Missing, _) => f64::NAN,
                (Value::Number(number), Kind::Number) if number.is_infinite() => return Err(not_finite(name)),
                (Value::Number(number), Kind::Number) => *number,
                (Value::Text(text), Kind::Categories(known)) => code(known, text),
                (Value::Number(_), _) => return Err(wrong_type(name, kind, "numbers")),
                (Value::Text(_), _) => return Err(wrong_type(name, kind, "texts")),
            };
        }
        Ok(())
    }

    /// Encodes columns, found by their names.
    pub fn encode(&self, features: &[Feature]) -> Result<Matrix> {
        check_features(features, features.first().map_or(0, |feature| feature.values.len()))?;
        let by_name: BTreeMap<&str, &Values> = features.iter().map(|f| (f.name.as_str(), &f.values)).collect();
        let mut columns = Vec::with_capacity(self.features.len());
        for (name, kind) in &self.features {
            let values = by_name.get(name.as_str()).ok_or_else(|| Error::MissingColumn { column: name.clone() })?;
            columns.push(match (values, kind) {
                (Values::Numbers(numbers), Kind::Number) => numbers.clone(),
                (Values::Categories { codes, names }, Kind::Categories(known)) => {
                    let codes_now: Vec<f64> = names.iter().map(|name| code(known, name)).collect();
                    codes.iter().map(|code| codes_now.get(*code as usize).copied().unwrap_or(f64::NAN)).collect()
                }
                (Values::Numbers(_), _) => return Err(wrong_type(name, kind, "numbers")),
                (Values::Categories { .. }, _) => return Err(wrong_type(name, kind, "texts")),
            });
        }
        Ok(Matrix::new(columns))
    }
}

fn code(known: &[String], text: &str) -> f64 {
    known.binary_search_by(|name| name.as_str().cmp(text)).map_or(f64::NAN, |place| place as f64)
}

fn wrong_type(column: &str, kind: &Kind, found: &'static str) -> Error {
    Error::WrongType { column: column.to_string(), wanted: kind.noun(), found }
}

fn not_finite(column: &str) -> Error {
    Error::rows(format!("column {column}"), "a value is infinite", "give a finite number, or NULL")
}
