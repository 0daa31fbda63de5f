//! How far the rows that a model scores are from those that it learnt from.

use headwater_learn::data::Values;
use headwater_learn::drift::{Reference, kolmogorov_smirnov};

use super::score::Scoring;
use super::train::SampledValues;

/// Parts that numbers are counted in, equally many of the training's in each.
const BINS: usize = 10;

/// Rows below which nothing is said.
const ROWS_MIN: usize = 100;

/// A feature, or the score, of late against the training.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// None: the score.
    pub feature: Option<String>,
    /// The population stability index.
    pub psi: Option<f64>,
    /// Of numbers: the greatest distance of the two distributions, and how probable one of its size is by chance.
    pub ks: Option<(f64, f64)>,
    pub training_rows: usize,
    /// Rows that were scored.
    pub rows: u64,
}

/// Of each feature, and of the score.
pub fn drift(scoring: &Scoring) -> Vec<Drift> {
    let seen = scoring.seen();
    let mut found = Vec::new();
    for (at, sampled) in scoring.sample.features.iter().enumerate() {
        let feature = Some(sampled.name.clone());
        found.push(match &sampled.values {
            SampledValues::Numbers(training) => {
                let training: Vec<f64> = training.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
                of_numbers(feature, &training, &seen.numbers[at], seen.rows)
            }
            SampledValues::Texts(training) => {
                let codes = |texts: &[Option<String>]| match Values::from_texts(texts.iter().map(Option::as_deref)) {
                    Values::Categories { codes, names } => (codes, names),
                    Values::Numbers(_) => Default::default(),
                };
                let ((before, known), (now, names)) = (codes(training), codes(&seen.texts[at]));
                let psi = (now.len() >= ROWS_MIN)
                    .then(|| Reference::of_categories(&before, &known).psi_of_categories(&now, &names).ok())
                    .flatten();
                Drift { feature, psi, ks: None, training_rows: before.len(), rows: seen.rows }
            }
        });
    }
    found.push(of_numbers(None, &scoring.sample.scores, &seen.scores, seen.rows));
    found
}

fn of_numbers(feature: Option<String>, training: &[f64], now: &[f64], rows: u64) -> Drift {
    let training_rows = training.len();
    if now.len() < ROWS_MIN {
        return Drift { feature, psi: None, ks: None, training_rows, rows };
    }
    let psi = Reference::of_numbers(training, BINS).and_then(|reference| reference.psi_of_numbers(now)).ok();
    let known = |values: &[f64]| values.iter().copied().filter(|value| !value.is_nan()).collect::<Vec<f64>>();
    let ks = kolmogorov_smirnov(&known(training), &known(now)).ok();
    Drift { feature, psi, ks: ks.map(|test| (test.statistic, test.p_value)), training_rows, rows }
}
