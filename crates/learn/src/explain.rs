//! Why a model gives what it gives: contributions to one prediction, and importances over many.

pub(crate) mod tree_shap;

use headwater_base::random::Random;

use crate::data::{TrainingSet, Value, split};
use crate::model::{Model, Scorer};
use crate::{Error, Result};

/// What made one raw score: for each output, the base and all contributions add up to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The mean raw score of the training rows, by output.
    pub base: Vec<f64>,
    /// By feature, outputs side by side.
    pub contributions: Vec<f64>,
}

impl Model {
    /// Explains the raw scores of a row whose values are in the order of the encoder's features. Trees by exact
    /// TreeSHAP, paths weighted by the training rows on them; linear models by distance from the mean row.
    pub fn explain(&self, values: &[Value<'_>]) -> Result<Explanation> {
        let mut row = vec![0.0; self.encoder.width()];
        self.encoder.encode_row(values, &mut row)?;
        let mut contributions = vec![0.0; row.len() * self.outputs()];
        let base = match &self.scorer {
            Scorer::Trees(trees) => tree_shap::contributions_into(trees, &row, &mut contributions)?,
            Scorer::Linear(linear) => linear.contributions_into(&row, &mut contributions),
            Scorer::Imported(_) => {
                let hint = "ask for permutation importances, or train the model here";
                return Err(Error::rows("explanation", "the model comes from an ONNX file", hint));
            }
        };
        Ok(Explanation { base, contributions })
    }

    /// What questions about each feature lowered the loss by in training, as shares of 1.
    pub fn gain_importances(&self) -> Result<Vec<f64>> {
        let Scorer::Trees(trees) = &self.scorer else {
            let hint = "ask for permutation importances";
            return Err(Error::rows("importances", "only trees that were trained here have them", hint));
        };
        let gains = trees.gain_importances();
        let sum: f64 = gains.iter().sum();
        Ok(gains.iter().map(|gain| if sum > 0.0 { gain / sum } else { 0.0 }).collect())
    }

    /// How much worse predictions get when one feature's values are shuffled among rows: the mean fall, over `repeats`
    /// shuffles, of what `judge` gives for predictions (greater is better). After Breiman, "Random forests", 2001.
    pub fn permutation_importances(
        &self,
        set: &TrainingSet,
        judge: impl Fn(&[f64]) -> Result<f64>,
        repeats: usize,
        seed: u64,
        threads: usize,
    ) -> Result<Vec<f64>> {
        if repeats == 0 {
            return Err(Error::option("repeats", repeats, "it is 1 or more"));
        }
        let mut matrix = self.encoder.encode(set.features())?;
        let whole = judge(&self.predict_matrix(&matrix, threads)?)?;
        let mut random = Random::new(seed);
        let mut importances = Vec::with_capacity(self.encoder.width());
        for feature in 0..self.encoder.width() {
            let mut fall = 0.0;
            for _ in 0..repeats {
                let mut shuffled = matrix.columns()[feature].clone();
                split::shuffle(&mut shuffled, &mut random);
                let kept = matrix.replace(feature, shuffled);
                fall += whole - judge(&self.predict_matrix(&matrix, threads)?)?;
                matrix.replace(feature, kept);
            }
            importances.push(fall / repeats as f64);
        }
        Ok(importances)
    }
}

#[cfg(test)]
mod tests;
