//! Linear and logistic regression, ridged: of numbers and, one coefficient a category, of texts.
//!
//! Numbers are standardised to learn, so that the ridge treats them alike; the coefficients kept are those of the
//! numbers as they are. A missing number counts as the mean, a missing or unknown category as none. The intercept has
//! no ridge.

mod design;
mod newton;

use crate::data::{Kind, Target};
use crate::{Error, Result};

use crate::boosting::{Loss, Part, labels};
use design::Design;
pub(crate) use design::spread;

#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The ridge: the loss summed over rows is raised by half of this times the square of each coefficient; of squared
    /// errors, which have no half, by this times the square. scikit-learn's `1 / C` and `alpha`.
    pub l2: f64,
    pub iterations_max: usize,
    /// Changes the time only.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { l2: 1.0, iterations_max: 100, threads: 1 }
    }
}

/// What one feature adds to each output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    /// By unit of the number; the mean stands for what is missing.
    Number { mean: f64, weights: Vec<f64> },
    /// By category, outputs side by side, and the mean over the training rows.
    Category { weights: Vec<f64>, means: Vec<f64> },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    pub(crate) intercepts: Vec<f64>,
    pub(crate) terms: Vec<Term>,
}

impl Linear {
    pub fn outputs(&self) -> usize {
        self.intercepts.len()
    }

    pub fn features(&self) -> usize {
        self.terms.len()
    }

    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Coefficients of a feature: by unit of a number, or by category; outputs side by side.
    pub fn coefficients(&self, feature: usize) -> &[f64] {
        match &self.terms[feature] {
            Term::Number { weights, .. } | Term::Category { weights, .. } => weights,
        }
    }

    pub fn raw_into(&self, row: &[f64], raw: &mut [f64]) {
        raw.copy_from_slice(&self.intercepts);
        for (term, value) in self.terms.iter().zip(row) {
            match term {
                Term::Number { mean, weights } => {
                    let value = if value.is_nan() { *mean } else { *value };
                    for (raw, weight) in raw.iter_mut().zip(weights) {
                        *raw += weight * value;
                    }
                }
                Term::Category { weights, .. } => {
                    if let Some(weights) = of_category(weights, *value, raw.len()) {
                        for (raw, weight) in raw.iter_mut().zip(weights) {
                            *raw += weight;
                        }
                    }
                }
            }
        }
    }

    /// What makes a row's raw score differ from that of the mean row: per feature, outputs side by side. Returns the
    /// base, to which they add up to the raw score.
    pub fn contributions_into(&self, row: &[f64], contributions: &mut [f64]) -> Vec<f64> {
        let outputs = self.outputs();
        let mut base = self.intercepts.clone();
        let places = contributions.chunks_exact_mut(outputs);
        for ((term, value), place) in self.terms.iter().zip(row).zip(places) {
            for (output, place) in place.iter_mut().enumerate() {
                let (all, mean) = match term {
                    Term::Number { mean, weights } => {
                        let value = if value.is_nan() { *mean } else { *value };
                        (weights[output] * value, weights[output] * mean)
                    }
                    Term::Category { weights, means } => {
                        let own = of_category(weights, *value, outputs).map_or(0.0, |weights| weights[output]);
                        (own, means[output])
                    }
                };
                *place = all - mean;
                base[output] += mean;
            }
        }
        base
    }

    pub(crate) fn check(&self) -> Result<()> {
        let outputs = self.outputs();
        let fits = |term: &Term| match term {
            Term::Number { mean, weights } => {
                weights.len() == outputs && mean.is_finite() && weights.iter().all(|weight| weight.is_finite())
            }
            Term::Category { weights, means } => {
                weights.len() % outputs == 0
                    && means.len() == outputs
                    && weights.iter().chain(means).all(|weight| weight.is_finite())
            }
        };
        if outputs == 0 || !self.intercepts.iter().all(|one| one.is_finite()) || !self.terms.iter().all(fits) {
            return Err(Error::Damaged { at: 0, problem: "coefficients do not fit their outputs".into() });
        }
        Ok(())
    }
}

fn of_category(weights: &[f64], value: f64, outputs: usize) -> Option<&[f64]> {
    if value.is_nan() {
        return None;
    }
    let from = (value as usize).checked_mul(outputs)?;
    weights.get(from..from.checked_add(outputs)?)
}

/// Trains on encoded rows: least squares of numbers, logistic regression of two classes, multinomial of more.
pub(crate) fn train(part: &Part<'_>, kinds: &[&Kind], options: &Options) -> Result<Linear> {
    if !(options.l2 >= 0.0 && options.l2.is_finite()) {
        return Err(Error::option("l2", options.l2, "it is 0 or more"));
    }
    if options.iterations_max == 0 {
        return Err(Error::option("iterations_max", 0, "it is 1 or more"));
    }
    let loss = Loss::of(part.target);
    let one_class = match part.target {
        Target::Number(_) => false,
        Target::Binary(positives) => positives.windows(2).all(|two| two[0] == two[1]),
        Target::Classes { codes, .. } => codes.windows(2).all(|two| two[0] == two[1]),
    };
    if one_class {
        return Err(Error::rows("target", "it has one class", "take rows of two classes at least"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.max(1)).build();
    let pool = pool.map_err(|error| Error::option("threads", options.threads, error.to_string()))?;
    let design = Design::new(part, kinds, loss.outputs())?;
    let labels = labels(part.target);
    let solved = pool.install(|| newton::solve(&design, &labels, part.weights, loss, options))?;
    Ok(design.linear(&solved, loss.outputs()))
}

#[cfg(test)]
mod tests;
