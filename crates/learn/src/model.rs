//! A trained model with its encoder: it takes rows as they are and gives predictions, one row or many at a time.

use rayon::prelude::*;

use crate::boosting::{self, Part};
use crate::data::{Encoder, Feature, Kind, Matrix, Target, TrainingSet, Value};
use crate::linear::{self, Linear};
use crate::onnx::Imported;
use crate::trees::Ensemble;
use crate::{Error, Result};

/// How to learn.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    BoostedTrees(boosting::Options),
    /// Targets of two classes or more.
    LogisticRegression(linear::Options),
    /// Targets that are numbers.
    LinearRegression(linear::Options),
}

/// How raw scores become predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The score itself: a number.
    Identity,
    /// The probability of the positive class.
    Logistic,
    /// The probability of each class.
    Softmax,
}

impl Link {
    #[inline]
    pub(crate) fn apply(self, raw: &mut [f64]) {
        match self {
            Link::Identity => {}
            Link::Logistic => raw.iter_mut().for_each(|score| *score = 1.0 / (1.0 + (-*score).exp())),
            Link::Softmax => {
                let most = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                raw.iter_mut().for_each(|score| *score = (*score - most).exp());
                let sum: f64 = raw.iter().sum();
                raw.iter_mut().for_each(|score| *score /= sum);
            }
        }
    }
}

/// What gives raw scores.
#[derive(Debug, Clone, PartialEq)]
pub enum Scorer {
    Trees(Ensemble),
    Linear(Linear),
    Imported(Imported),
}

impl Scorer {
    pub fn outputs(&self) -> usize {
        match self {
            Scorer::Trees(trees) => trees.outputs(),
            Scorer::Linear(linear) => linear.outputs(),
            Scorer::Imported(imported) => imported.outputs(),
        }
    }

    pub fn features(&self) -> usize {
        match self {
            Scorer::Trees(trees) => trees.features(),
            Scorer::Linear(linear) => linear.features(),
            Scorer::Imported(imported) => imported.features(),
        }
    }

    /// Raw scores of an encoded row.
    #[inline]
    pub fn raw_into(&self, row: &[f64], raw: &mut [f64]) {
        match self {
            Scorer::Trees(trees) => trees.raw_into(row, raw),
            Scorer::Linear(linear) => linear.raw_into(row, raw),
            Scorer::Imported(imported) => imported.raw_into(row, raw),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) encoder: Encoder,
    pub(crate) scorer: Scorer,
    pub(crate) link: Link,
    /// Names of the outputs, where they are probabilities of classes; else empty.
    pub(crate) classes: Vec<String>,
}

impl Model {
    /// Learns from rows. Validation rows, which trees stop early by, are judged only.
    pub fn train(set: &TrainingSet, validation: Option<&TrainingSet>, method: &Method) -> Result<Model> {
        let encoder = Encoder::fit(set);
        let matrix = encoder.encode(set.features())?;
        let part = Part { matrix: &matrix, target: set.target(), weights: set.weights() };
        let kinds: Vec<&Kind> = encoder.features().iter().map(|(_, kind)| kind).collect();
        let scorer = match method {
            Method::BoostedTrees(options) => {
                let judged = validation.map(|set| encoder.encode(set.features()).map(|matrix| (matrix, set)));
                let judged = judged.transpose()?;
                let validation =
                    judged.as_ref().map(|(matrix, set)| Part { matrix, target: set.target(), weights: set.weights() });
                if validation.as_ref().is_some_and(|validation| !alike(validation.target, set.target())) {
                    let hint = "take both parts from one query";
                    return Err(Error::rows("validation rows", "their target is another than in training", hint));
                }
                Scorer::Trees(boosting::train(&part, &kinds, validation.as_ref(), options)?)
            }
            Method::LogisticRegression(options) => match set.target() {
                Target::Number(_) => return Err(wrong_target("logistic_regression", "classes", "linear_regression")),
                Target::Binary(_) | Target::Classes { .. } => Scorer::Linear(linear::train(&part, &kinds, options)?),
            },
            Method::LinearRegression(options) => match set.target() {
                Target::Number(_) => Scorer::Linear(linear::train(&part, &kinds, options)?),
                Target::Binary(_) | Target::Classes { .. } => {
                    return Err(wrong_target("linear_regression", "numbers", "logistic_regression"));
                }
            },
        };
        let (link, classes) = match set.target() {
            Target::Number(_) => (Link::Identity, Vec::new()),
            Target::Binary(_) => (Link::Logistic, Vec::new()),
            Target::Classes { names, .. } => (Link::Softmax, names.clone()),
        };
        Ok(Model { encoder, scorer, link, classes })
    }

    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    pub fn link(&self) -> Link {
        self.link
    }

    /// Names of the outputs, where they are classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    pub fn outputs(&self) -> usize {
        self.scorer.outputs()
    }

    /// Scores single rows without taking memory for each.
    pub fn predictor(&self) -> Predictor<'_> {
        Predictor { model: self, row: vec![0.0; self.encoder.width()], raw: vec![0.0; self.outputs()] }
    }

    /// Predictions of all rows, the outputs of a row side by side, by so many threads.
    pub fn predict(&self, features: &[Feature], threads: usize) -> Result<Vec<f64>> {
        self.predict_matrix(&self.encoder.encode(features)?, threads)
    }

    pub(crate) fn predict_matrix(&self, matrix: &Matrix, threads: usize) -> Result<Vec<f64>> {
        let outputs = self.outputs();
        let mut predictions = vec![0.0; matrix.rows() * outputs];
        let score = |predictor: &mut Predictor<'_>, (row, place): (usize, &mut [f64])| {
            matrix.row_into(row, &mut predictor.row);
            self.scorer.raw_into(&predictor.row, place);
            self.link.apply(place);
        };
        if threads <= 1 {
            let mut predictor = self.predictor();
            predictions.chunks_mut(outputs).enumerate().for_each(|row| score(&mut predictor, row));
            return Ok(predictions);
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::option("threads", threads, error.to_string()))?;
        pool.install(|| {
            let rows = predictions.par_chunks_mut(outputs).enumerate();
            rows.for_each_init(|| self.predictor(), score);
        });
        Ok(predictions)
    }
}

fn alike(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::Classes { names, .. }, Target::Classes { names: others, .. }) => names == others,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

fn wrong_target(method: &str, wanted: &str, instead: &str) -> Error {
    Error::rows("target", format!("{method} predicts {wanted}"), format!("use {instead} or boosted_trees"))
}

/// Scores rows one by one, in memory of its own.
#[derive(Debug)]
pub struct Predictor<'a> {
    model: &'a Model,
    row: Vec<f64>,
    raw: Vec<f64>,
}

impl Predictor<'_> {
    /// The predictions of a row whose values are in the order of the encoder's features.
    pub fn predict(&mut self, values: &[Value<'_>]) -> Result<&[f64]> {
        self.model.encoder.encode_row(values, &mut self.row)?;
        self.model.scorer.raw_into(&self.row, &mut self.raw);
        self.model.link.apply(&mut self.raw);
        Ok(&self.raw)
    }

    /// The raw scores of such a row: what contributions add up to.
    pub fn raw(&mut self, values: &[Value<'_>]) -> Result<&[f64]> {
        self.model.encoder.encode_row(values, &mut self.row)?;
        self.model.scorer.raw_into(&self.row, &mut self.raw);
        Ok(&self.raw)
    }
}

#[cfg(test)]
mod tests;
