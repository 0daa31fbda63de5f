//! Newton's steps to the least loss, halved where they go too far: iteratively reweighted least squares.

use rayon::prelude::*;

use super::Options;
use super::design::Design;
use crate::boosting::Loss;
use crate::cholesky;
use crate::{Error, Result};

/// Rows are summed in so many pieces and the pieces in order, however many threads there are.
const PIECES: usize = 16;
/// The decrease that a step promises, by row, below which it is the last.
const DECREASE_MIN: f64 = 1e-15;
const HALVINGS_MAX: usize = 40;

/// Derivatives of the loss at some coefficients.
struct Slope {
    gradient: Vec<f64>,
    /// By rows; symmetric.
    hessian: Vec<f64>,
}

/// Coefficients of the design's columns, output after output.
pub fn solve(
    design: &Design,
    labels: &[f64],
    weights: Option<&[f64]>,
    loss: Loss,
    options: &Options,
) -> Result<Vec<f64>> {
    let problem = Problem { design, labels, weights, loss, l2: options.l2 };
    let size = design.width * loss.outputs();
    let mut at = vec![0.0; size];
    let mut height = problem.height(&at);
    for _ in 0..options.iterations_max {
        let Slope { gradient, mut hessian } = problem.slope(&at);
        let mut step = gradient.clone();
        cholesky::solve(&mut hessian, &mut step);
        let decrease: f64 = step.iter().zip(&gradient).map(|(step, gradient)| step * gradient).sum();
        if !decrease.is_finite() {
            break;
        }
        let mut length = 1.0;
        let mut taken = None;
        for _ in 0..HALVINGS_MAX {
            let next: Vec<f64> = at.iter().zip(&step).map(|(at, step)| at - length * step).collect();
            let lower = problem.height(&next);
            if lower <= height {
                taken = Some((next, lower));
                break;
            }
            length /= 2.0;
        }
        // Where no step goes lower, rounding is all that is left.
        let done = decrease <= DECREASE_MIN * labels.len() as f64 || taken.is_none();
        if let Some((next, lower)) = taken {
            (at, height) = (next, lower);
        }
        if done {
            return Ok(at);
        }
    }
    Err(Error::NotConverged { method: "regression", iterations: options.iterations_max })
}

struct Problem<'a> {
    design: &'a Design,
    labels: &'a [f64],
    weights: Option<&'a [f64]>,
    loss: Loss,
    l2: f64,
}

impl Problem<'_> {
    /// Does work for each piece of rows, and gives the results in order.
    fn pieces<T: Send>(&self, work: impl Fn(std::ops::Range<usize>) -> T + Send + Sync) -> Vec<T> {
        let rows = self.labels.len();
        (0..PIECES).into_par_iter().map(|at| work(at * rows / PIECES..(at + 1) * rows / PIECES)).collect()
    }

    fn row(&self, row: usize) -> (&[f64], f64) {
        let width = self.design.width;
        let weight = self.weights.map_or(1.0, |weights| weights[row]);
        (&self.design.values[row * width..(row + 1) * width], weight)
    }

    fn scores(&self, at: &[f64], values: &[f64], scores: &mut [f64]) {
        for (score, coefficients) in scores.iter_mut().zip(at.chunks_exact(self.design.width)) {
            *score = coefficients.iter().zip(values).map(|(a, b)| a * b).sum();
        }
    }

    /// Squared errors count half here: derivatives are then those of the other losses.
    fn ridge(&self) -> impl Fn(usize) -> f64 {
        let (width, l2) = (self.design.width, self.l2);
        move |place| if (place + 1) % width == 0 { 0.0 } else { l2 }
    }

    fn height(&self, at: &[f64]) -> f64 {
        let outputs = self.loss.outputs();
        let half = if self.loss == Loss::Squared { 0.5 } else { 1.0 };
        let sums = self.pieces(|rows| {
            let mut scores = vec![0.0; outputs];
            let one = |row: usize| {
                let (values, weight) = self.row(row);
                self.scores(at, values, &mut scores);
                if weight == 0.0 { 0.0 } else { half * weight * self.loss.of_row(self.labels[row], &scores) }
            };
            rows.map(one).sum::<f64>()
        });
        let ridge = self.ridge();
        let held: f64 = at.iter().enumerate().map(|(place, value)| ridge(place) * value * value / 2.0).sum();
        sums.iter().sum::<f64>() + held
    }

    fn slope(&self, at: &[f64]) -> Slope {
        let size = at.len();
        let mut whole = Slope { gradient: vec![0.0; size], hessian: vec![0.0; size * size] };
        for piece in self.pieces(|rows| self.slope_of(at, rows)) {
            for (sum, value) in whole.gradient.iter_mut().zip(piece.gradient) {
                *sum += value;
            }
            for (sum, value) in whole.hessian.iter_mut().zip(piece.hessian) {
                *sum += value;
            }
        }
        let ridge = self.ridge();
        for (place, value) in at.iter().enumerate() {
            whole.gradient[place] += ridge(place) * value;
            whole.hessian[place * size + place] += ridge(place);
        }
        for row in 0..size {
            for column in 0..row {
                whole.hessian[column * size + row] = whole.hessian[row * size + column];
            }
        }
        whole
    }

    /// The lower half of the second derivatives is filled.
    fn slope_of(&self, at: &[f64], rows: std::ops::Range<usize>) -> Slope {
        let (width, size, outputs) = (self.design.width, at.len(), self.loss.outputs());
        let mut slope = Slope { gradient: vec![0.0; size], hessian: vec![0.0; size * size] };
        let (mut scores, mut first) = (vec![0.0; outputs], vec![0.0; outputs]);
        let mut second = vec![0.0; outputs * outputs];
        for row in rows {
            let (values, weight) = self.row(row);
            self.scores(at, values, &mut scores);
            self.loss.derive_all(self.labels[row], &scores, &mut first, &mut second);
            for (output, first) in first.iter().enumerate() {
                let gradient = &mut slope.gradient[output * width..(output + 1) * width];
                for (sum, value) in gradient.iter_mut().zip(values) {
                    *sum += weight * first * value;
                }
                for other in 0..=output {
                    let factor = weight * second[output * outputs + other];
                    for (column, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                        let from = (output * width + column) * size + other * width;
                        // Off the diagonal of outputs the block is whole, on it the lower half.
                        let until = if other == output { column + 1 } else { width };
                        let sums = &mut slope.hessian[from..from + until];
                        for (sum, other_value) in sums.iter_mut().zip(values) {
                            *sum += factor * value * other_value;
                        }
                    }
                }
            }
        }
        slope
    }
}
