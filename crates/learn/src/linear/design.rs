//! Rows as regression sees them: standardised numbers, a column a category, and ones for the intercept, last.

use super::{Linear, Term};
use crate::boosting::Part;
use crate::data::Kind;
use crate::{Error, Result};

/// Equations grow with its square, time with its cube.
const COLUMNS_MAX: usize = 2000;

#[derive(Debug, Clone, Copy)]
enum Origin {
    Number { mean: f64, deviation: f64 },
    Category { count: usize },
}

pub struct Design {
    origins: Vec<Origin>,
    /// Mean of each column over the rows, by weight, for explanations.
    means: Vec<f64>,
    pub width: usize,
    /// Row by row.
    pub values: Vec<f64>,
}

impl Design {
    pub fn new(part: &Part<'_>, kinds: &[&Kind], outputs: usize) -> Result<Design> {
        let width = 1 + kinds.iter().map(|kind| columns_of(kind)).sum::<usize>();
        if width * outputs > COLUMNS_MAX {
            let made = width * outputs;
            let problem = format!("they make {made} coefficients, at most {COLUMNS_MAX} are taken");
            let hint = "leave out columns with many categories, or train boosted_trees";
            return Err(Error::rows("training rows", problem, hint));
        }
        let rows = part.matrix.rows();
        let mut design =
            Design { origins: Vec::new(), means: vec![0.0; width], width, values: vec![0.0; rows * width] };
        let mut place = 0;
        for (values, kind) in part.matrix.columns().iter().zip(kinds) {
            let slots = design.values.chunks_exact_mut(width).zip(values);
            match kind {
                Kind::Number => {
                    let (mean, deviation) = spread(values, part.weights);
                    for (slots, value) in slots {
                        slots[place] = if value.is_nan() { 0.0 } else { (value - mean) / deviation };
                    }
                    design.origins.push(Origin::Number { mean, deviation });
                }
                Kind::Categories(names) => {
                    for (slots, value) in slots.filter(|(_, value)| !value.is_nan()) {
                        slots[place + *value as usize] = 1.0;
                    }
                    design.origins.push(Origin::Category { count: names.len() });
                }
            }
            place += columns_of(kind);
        }
        for row in design.values.chunks_exact_mut(width) {
            row[width - 1] = 1.0;
        }
        design.means = design.column_means(part.weights);
        Ok(design)
    }

    fn column_means(&self, weights: Option<&[f64]>) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for (row, values) in self.values.chunks_exact(self.width).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
        let total = sums[self.width - 1];
        sums.iter().map(|sum| sum / total).collect()
    }

    /// Coefficients of the features as they are, from those of the design's columns; each output has its own in a row.
    pub fn linear(&self, solved: &[f64], outputs: usize) -> Linear {
        let of = |output: usize, column: usize| solved[output * self.width + column];
        let mut intercepts: Vec<f64> = (0..outputs).map(|output| of(output, self.width - 1)).collect();
        let mut place = 0;
        let mut terms = Vec::new();
        for origin in &self.origins {
            match *origin {
                Origin::Number { mean, deviation } => {
                    let weights: Vec<f64> = (0..outputs).map(|output| of(output, place) / deviation).collect();
                    for (intercept, weight) in intercepts.iter_mut().zip(&weights) {
                        *intercept -= weight * mean;
                    }
                    terms.push(Term::Number { mean, weights });
                    place += 1;
                }
                Origin::Category { count } => {
                    let columns = place..place + count;
                    let weights = columns.clone().flat_map(|column| (0..outputs).map(move |output| of(output, column)));
                    let mean = |output| columns.clone().map(|column| self.means[column] * of(output, column)).sum();
                    terms.push(Term::Category { weights: weights.collect(), means: (0..outputs).map(mean).collect() });
                    place += count;
                }
            }
        }
        Linear { intercepts, terms }
    }
}

fn columns_of(kind: &Kind) -> usize {
    match kind {
        Kind::Number => 1,
        Kind::Categories(names) => names.len(),
    }
}

/// Mean and standard deviation of what is known; a constant has deviation 1, so that it is divided by something.
pub fn spread(values: &[f64], weights: Option<&[f64]>) -> (f64, f64) {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let known = || values.iter().enumerate().filter(|(_, value)| !value.is_nan());
    let total: f64 = known().map(|(row, _)| weight(row)).sum();
    if total <= 0.0 {
        return (0.0, 1.0);
    }
    let mean = known().map(|(row, value)| weight(row) * value).sum::<f64>() / total;
    let variance = known().map(|(row, value)| weight(row) * (value - mean).powi(2)).sum::<f64>() / total;
    let deviation = variance.sqrt();
    // As scikit-learn: what is left of a constant by rounding is no deviation.
    (mean, if deviation > 10.0 * f64::EPSILON * mean.abs() && deviation > 0.0 { deviation } else { 1.0 })
}
