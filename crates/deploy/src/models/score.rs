//! A version that scores, and what it has seen of late.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Float64Builder, ListBuilder, StringViewArray, StringViewBuilder,
    StructBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use headwater_learn::data::{Feature, Value, Values};
use headwater_learn::stored::Stored;
use headwater_query::model::{Champion, Model, Task};
use headwater_query::{Error, Result};

use super::columns;
use super::registry::Version;
use super::seen::Seen;
use super::train::Sample;

/// A version of a model, loaded.
pub struct Scoring {
    pub version: Version,
    pub stored: Stored,
    pub model: Arc<Model>,
    pub sample: Sample,
    seen: Mutex<Seen>,
}

impl Scoring {
    pub fn new(version: Version, stored: Stored, model: Arc<Model>, sample: Sample) -> Scoring {
        let seen = Seen::new(model.inputs.len(), version.number);
        Scoring { version, stored, model, sample, seen: Mutex::new(seen) }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn features(&self, inputs: &[ArrayRef]) -> Result<Vec<Feature>> {
        let features = self.model.inputs.iter().zip(inputs);
        let features = features.map(|(field, column)| columns::feature(field.name(), column));
        features.collect::<Result<_, _>>().map_err(|error| Error::Execution(error.to_string()))
    }

    /// All outputs of all rows.
    fn outputs(&self, features: &[Feature], rows: usize) -> Result<(Vec<f64>, usize)> {
        let told = |error: headwater_learn::Error| Error::Execution(format!("{}: {error}", self.model.name));
        match &self.stored {
            Stored::Model(model) => Ok((model.predict(features, 1).map_err(told)?, model.outputs())),
            Stored::Forest(forest) => Ok((forest.scores(features, 1).map_err(told)?, 1)),
            Stored::Factorization(_) => Ok((vec![f64::NAN; rows], 1)),
        }
    }

    /// The prediction, and how probable it is.
    fn said(&self, outputs: &[f64], width: usize) -> Result<Vec<ArrayRef>> {
        let told = |error: arrow::error::ArrowError| Error::Execution(error.to_string());
        let numbers = || -> ArrayRef { Arc::new(Float64Array::from(outputs.to_vec())) };
        Ok(match &self.model.task {
            Task::Regression | Task::Anomaly => vec![numbers()],
            Task::Classification(DataType::Boolean) => {
                let truths = outputs.iter().map(|score| Some(*score >= self.version.threshold));
                vec![Arc::new(truths.collect::<BooleanArray>()), numbers()]
            }
            Task::Classification(of) => {
                let classes = match &self.stored {
                    Stored::Model(model) => model.classes(),
                    _ => &[],
                };
                let best = outputs.chunks(width.max(1)).map(|row| {
                    let greatest = row.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1));
                    greatest.map_or((0, f64::NAN), |(class, score)| (class, *score))
                });
                let best: Vec<(usize, f64)> = best.collect();
                let names = best.iter().map(|(class, _)| classes.get(*class).map(String::as_str));
                let names: ArrayRef = Arc::new(names.collect::<StringViewArray>());
                let scores: ArrayRef = Arc::new(best.iter().map(|(_, score)| Some(*score)).collect::<Float64Array>());
                vec![cast(&names, of).map_err(told)?, scores]
            }
            Task::Recommendation => Vec::new(),
        })
    }

    fn watch(&self, features: &[Feature], outputs: &[f64], width: usize) {
        let rows = outputs.len() / width.max(1);
        let score =
            |row: usize| outputs[row * width..(row + 1) * width].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.seen().take(features, rows, score);
    }
}

impl Champion for Scoring {
    fn version(&self) -> u64 {
        self.version.number
    }

    fn predict(&self, inputs: &[ArrayRef], rows: usize) -> Result<Vec<ArrayRef>> {
        let features = self.features(inputs)?;
        let (outputs, width) = self.outputs(&features, rows)?;
        self.watch(&features, &outputs, width);
        self.said(&outputs, width)
    }

    fn explain(&self, inputs: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let told = |error: headwater_learn::Error| Error::Execution(format!("{}: {error}", self.model.name));
        let Stored::Model(model) = &self.stored else {
            return Err(Error::Execution(format!("{} can't say why a row has its score", self.model.name)));
        };
        let features = self.features(inputs)?;
        let mut explanations = StringViewBuilder::new();
        for row in 0..rows {
            let values: Vec<Value<'_>> = features.iter().map(|feature| value(feature, row)).collect();
            let explained = model.explain(&values).map_err(told)?;
            // Of several outputs the one that is predicted: that with the greatest sum.
            let width = explained.base.len();
            let sum = |output: usize| {
                explained.base[output] + explained.contributions.iter().skip(output).step_by(width).sum::<f64>()
            };
            let output = (0..width).max_by(|one, other| sum(*one).total_cmp(&sum(*other))).unwrap_or(0);
            let mut object = serde_json::Map::new();
            object.insert(String::new(), explained.base[output].into());
            for (at, feature) in features.iter().enumerate() {
                object.insert(feature.name.clone(), explained.contributions[at * width + output].into());
            }
            explanations.append_value(serde_json::Value::Object(object).to_string());
        }
        Ok(Arc::new(explanations.finish()))
    }

    fn recommend(&self, users: &ArrayRef, number: usize) -> Result<ArrayRef> {
        let told = |error: arrow::error::ArrowError| Error::Execution(error.to_string());
        let users = columns::texts(users).map_err(told)?;
        let items = StructBuilder::from_fields(Task::recommended(), users.iter().count() * number);
        let mut lists = ListBuilder::new(items);
        for user in users.iter() {
            let found = match (&self.stored, user) {
                (Stored::Factorization(model), Some(user)) => model.recommend(user, number, true),
                _ => Vec::new(),
            };
            let items = lists.values();
            for (item, score) in found {
                if let Some(items) = items.field_builder::<StringViewBuilder>(0) {
                    items.append_value(item);
                }
                if let Some(scores) = items.field_builder::<Float64Builder>(1) {
                    scores.append_value(score);
                }
                items.append(true);
            }
            lists.append(true);
        }
        Ok(Arc::new(lists.finish()))
    }
}

fn value(feature: &Feature, row: usize) -> Value<'_> {
    match &feature.values {
        Values::Numbers(numbers) if numbers[row].is_nan() => Value::Missing,
        Values::Numbers(numbers) => Value::Number(numbers[row]),
        Values::Categories { codes, names } => {
            names.get(codes[row] as usize).map_or(Value::Missing, |name| Value::Text(name))
        }
    }
}
