//! Rows to learn from, as columns: features that are numbers or categories, a target, and weights.

mod encoder;
pub mod split;

use std::collections::BTreeMap;

use crate::{Error, Result};

pub use encoder::{Encoder, Kind, Matrix, Value};

/// The code of a category that is not known.
pub const MISSING: u32 = u32::MAX;

/// A column of features.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// NaN is a missing value; infinite ones are refused.
    Numbers(Vec<f64>),
    /// Indexes into `names`, or [`MISSING`].
    Categories { codes: Vec<u32>, names: Vec<String> },
}

impl Values {
    /// Categories by their texts; `None` is missing.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Values {
        let mut known: BTreeMap<&str, u32> = BTreeMap::new();
        let mut names = Vec::new();
        let mut code = |text: &'a str| {
            *known.entry(text).or_insert_with(|| {
                names.push(text.to_string());
                names.len() as u32 - 1
            })
        };
        let codes = texts.into_iter().map(|text| text.map_or(MISSING, &mut code)).collect();
        Values::Categories { codes, names }
    }

    pub fn len(&self) -> usize {
        match self {
            Values::Numbers(numbers) => numbers.len(),
            Values::Categories { codes, .. } => codes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn select(&self, rows: &[usize]) -> Values {
        match self {
            Values::Numbers(numbers) => Values::Numbers(rows.iter().map(|row| numbers[*row]).collect()),
            Values::Categories { codes, names } => {
                Values::Categories { codes: rows.iter().map(|row| codes[*row]).collect(), names: names.clone() }
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    pub name: String,
    pub values: Values,
}

impl Feature {
    pub fn new(name: impl Into<String>, values: Values) -> Feature {
        Feature { name: name.into(), values }
    }
}

/// What is to be predicted; it is known for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Number(Vec<f64>),
    Binary(Vec<bool>),
    /// Indexes into `names`.
    Classes {
        codes: Vec<u32>,
        names: Vec<String>,
    },
}

impl Target {
    pub fn len(&self) -> usize {
        match self {
            Target::Number(numbers) => numbers.len(),
            Target::Binary(positives) => positives.len(),
            Target::Classes { codes, .. } => codes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn select(&self, rows: &[usize]) -> Target {
        match self {
            Target::Number(numbers) => Target::Number(rows.iter().map(|row| numbers[*row]).collect()),
            Target::Binary(positives) => Target::Binary(rows.iter().map(|row| positives[*row]).collect()),
            Target::Classes { codes, names } => {
                Target::Classes { codes: rows.iter().map(|row| codes[*row]).collect(), names: names.clone() }
            }
        }
    }

    fn check(&self) -> Result<()> {
        let bad = match self {
            Target::Number(numbers) => numbers.iter().position(|number| !number.is_finite()),
            Target::Binary(_) => None,
            Target::Classes { codes, names } => codes.iter().position(|code| *code as usize >= names.len()),
        };
        match bad {
            Some(row) => Err(Error::rows(
                format!("target of row {row}"),
                "it has no value",
                "leave out rows whose target is NULL or not finite",
            )),
            None => Ok(()),
        }
    }
}

/// Rows with all that learning needs. Whoever made one has checked lengths and values.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSet {
    features: Vec<Feature>,
    target: Target,
    weights: Option<Vec<f64>>,
}

impl TrainingSet {
    pub fn new(features: Vec<Feature>, target: Target, weights: Option<Vec<f64>>) -> Result<TrainingSet> {
        if target.is_empty() {
            return Err(Error::rows("training rows", "there are none", "look at the query's conditions"));
        }
        if features.is_empty() {
            return Err(Error::rows("training rows", "they have no features", "select columns beside the target"));
        }
        target.check()?;
        check_features(&features, target.len())?;
        if let Some(weights) = &weights {
            let bad = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0));
            if weights.len() != target.len() || bad.is_some() {
                let place = bad.map_or_else(|| "weights".to_string(), |row| format!("weight of row {row}"));
                return Err(Error::rows(place, "each row needs one that is 0 or more", "mend the weights' column"));
            }
            if weights.iter().all(|weight| *weight == 0.0) {
                return Err(Error::rows("weights", "all are 0", "give some rows a weight"));
            }
        }
        Ok(TrainingSet { features, target, weights })
    }

    pub fn rows(&self) -> usize {
        self.target.len()
    }

    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// Some of the rows, in the order asked for.
    pub fn select(&self, rows: &[usize]) -> Result<TrainingSet> {
        let feature = |feature: &Feature| Feature::new(&feature.name, feature.values.select(rows));
        let weights = self.weights.as_ref().map(|weights| rows.iter().map(|row| weights[*row]).collect());
        TrainingSet::new(self.features.iter().map(feature).collect(), self.target.select(rows), weights)
    }
}

/// Names that occur once, columns of one length, numbers that are finite or missing, codes that have a name.
pub(crate) fn check_features(features: &[Feature], rows: usize) -> Result<()> {
    for (index, feature) in features.iter().enumerate() {
        let place = || format!("column {}", feature.name);
        if features[..index].iter().any(|other| other.name == feature.name) {
            return Err(Error::rows(place(), "it is there twice", "name each column once"));
        }
        if feature.values.len() != rows {
            let problem = format!("it has {} values for {rows} rows", feature.values.len());
            return Err(Error::rows(place(), problem, "give one value a row"));
        }
        let bad = match &feature.values {
            Values::Numbers(numbers) => numbers.iter().position(|number| number.is_infinite()),
            Values::Categories { codes, names } => {
                codes.iter().position(|code| *code != MISSING && *code as usize >= names.len())
            }
        };
        if let Some(row) = bad {
            let hint = "numbers are finite or missing, categories are among their names";
            return Err(Error::rows(place(), format!("row {row} has a value that is none"), hint));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
