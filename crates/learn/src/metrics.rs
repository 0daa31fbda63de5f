//! How good predictions are. Names and values are scikit-learn's, where it has them.
//!
//! Weights are optional everywhere but in `ranking`. What is not defined (an AUC of one class) is an error, never a
//! number.

pub mod ranking;

use crate::{Error, Result};

/// A row of two classes, by score.
struct Scored {
    score: f64,
    positive: f64,
    negative: f64,
}

/// Sums of weights above a threshold, one entry a distinct score, from the greatest score down.
struct Curve {
    points: Vec<Point>,
    positives: f64,
    negatives: f64,
}

#[derive(Clone, Copy)]
struct Point {
    score: f64,
    true_positives: f64,
    false_positives: f64,
}

impl Curve {
    fn new(labels: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Curve> {
        check(labels.len(), scores, weights)?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut rows: Vec<Scored> = labels
            .iter()
            .zip(scores)
            .enumerate()
            .map(|(row, (label, score))| {
                let (positive, negative) = if *label { (weight(row), 0.0) } else { (0.0, weight(row)) };
                Scored { score: *score, positive, negative }
            })
            .collect();
        rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut points: Vec<Point> = Vec::new();
        let (mut positives, mut negatives) = (0.0, 0.0);
        for row in rows {
            positives += row.positive;
            negatives += row.negative;
            let point = Point { score: row.score, true_positives: positives, false_positives: negatives };
            match points.last_mut() {
                Some(last) if last.score == row.score => *last = point,
                _ => points.push(point),
            }
        }
        if positives == 0.0 || negatives == 0.0 {
            let hint = "judge on rows of both classes";
            return Err(Error::rows("labels", "only one class has rows", hint));
        }
        Ok(Curve { points, positives, negatives })
    }
}

/// Lengths that agree, scores that are numbers, some weight.
fn check(rows: usize, scores: &[f64], weights: Option<&[f64]>) -> Result<()> {
    if rows == 0 || scores.len() != rows || weights.is_some_and(|weights| weights.len() != rows) {
        let problem = format!("{rows} rows have {} scores", scores.len());
        return Err(Error::rows("rows to judge", problem, "give one label, score and weight a row"));
    }
    if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
        return Err(Error::rows(format!("score of row {row}"), "it is no finite number", "look at the model"));
    }
    let bad = |weight: &f64| !(weight.is_finite() && *weight >= 0.0);
    if weights.is_some_and(|weights| weights.iter().any(bad) || weights.iter().all(|weight| *weight == 0.0)) {
        return Err(Error::rows("weights", "they are negative or all 0", "give rows weights of 0 or more"));
    }
    Ok(())
}

/// Area under the ROC curve: how often a positive row scores above a negative one, ties counting half.
pub fn auc(labels: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let curve = Curve::new(labels, scores, weights)?;
    let (mut area, mut last) = (0.0, Point { score: f64::INFINITY, true_positives: 0.0, false_positives: 0.0 });
    for point in &curve.points {
        let width = point.false_positives - last.false_positives;
        area += width * (point.true_positives + last.true_positives) / 2.0;
        last = *point;
    }
    Ok(area / curve.positives / curve.negatives)
}

/// Average precision: precision at each threshold, weighted by what it adds to recall (no interpolation).
pub fn pr_auc(labels: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let curve = Curve::new(labels, scores, weights)?;
    let (mut sum, mut last) = (0.0, 0.0);
    for point in &curve.points {
        let precision = point.true_positives / (point.true_positives + point.false_positives);
        // Rows without weight at the top make 0 / 0 and add nothing.
        if point.true_positives > last {
            sum += (point.true_positives - last) / curve.positives * precision;
        }
        last = point.true_positives;
    }
    Ok(sum)
}

/// The greatest recall among thresholds whose false-positive rate is at most `rate`.
pub fn recall_at_false_positive_rate(
    labels: &[bool],
    scores: &[f64],
    rate: f64,
    weights: Option<&[f64]>,
) -> Result<f64> {
    let curve = Curve::new(labels, scores, weights)?;
    let within = curve.points.iter().filter(|point| point.false_positives / curve.negatives <= rate);
    Ok(within.map(|point| point.true_positives / curve.positives).fold(0.0, f64::max))
}

/// Mean of a row's figure by weight.
fn mean(rows: usize, weights: Option<&[f64]>, figure: impl Fn(usize) -> f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for row in 0..rows {
        let weight = weights.map_or(1.0, |weights| weights[row]);
        sum += weight * figure(row);
        total += weight;
    }
    sum / total
}

/// Mean of −ln of the probability that a row's class was given; probabilities are kept an epsilon from 0 and 1.
pub fn logloss(labels: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    check(labels.len(), probabilities, weights)?;
    Ok(mean(labels.len(), weights, |row| {
        let positive = probabilities[row].clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -(if labels[row] { positive } else { 1.0 - positive }).ln()
    }))
}

/// The same for more classes, whose probabilities stand side by side.
pub fn logloss_classes(codes: &[u32], probabilities: &[f64], classes: usize, weights: Option<&[f64]>) -> Result<f64> {
    let fits = classes > 0 && probabilities.len() == codes.len() * classes;
    if !fits || codes.iter().any(|code| *code as usize >= classes) {
        let problem = format!("{} rows have {} probabilities for {classes} classes", codes.len(), probabilities.len());
        return Err(Error::rows("rows to judge", problem, "give each row a probability a class"));
    }
    let own: Vec<f64> =
        codes.iter().enumerate().map(|(row, code)| probabilities[row * classes + *code as usize]).collect();
    check(codes.len(), &own, weights)?;
    Ok(mean(codes.len(), weights, |row| -own[row].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()))
}

/// Mean squared distance of probabilities from what happened.
pub fn brier(labels: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    check(labels.len(), probabilities, weights)?;
    Ok(mean(labels.len(), weights, |row| (probabilities[row] - f64::from(labels[row])).powi(2)))
}

/// What comes of saying yes from a threshold on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    pub accuracy: f64,
    /// 0 where nothing is said to be positive, as scikit-learn's `zero_division=0`.
    pub precision: f64,
    /// 0 where nothing is positive.
    pub recall: f64,
    pub f1: f64,
}

pub fn at_threshold(labels: &[bool], scores: &[f64], threshold: f64, weights: Option<&[f64]>) -> Result<Decision> {
    check(labels.len(), scores, weights)?;
    let sum = |label: bool, said: bool| {
        let rows = (0..labels.len()).filter(|row| labels[*row] == label && (scores[*row] >= threshold) == said);
        // The sum of no numbers is a negative zero.
        rows.map(|row| weights.map_or(1.0, |weights| weights[row])).fold(0.0, |sum, weight| sum + weight)
    };
    let (hit, miss, alarm, quiet) = (sum(true, true), sum(true, false), sum(false, true), sum(false, false));
    let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    Ok(Decision {
        accuracy: ratio(hit + quiet, hit + miss + alarm + quiet),
        precision: ratio(hit, hit + alarm),
        recall: ratio(hit, hit + miss),
        f1: ratio(2.0 * hit, 2.0 * hit + miss + alarm),
    })
}

/// The share of rows whose class has the greatest probability; of equal ones the first counts.
pub fn accuracy_classes(codes: &[u32], probabilities: &[f64], classes: usize, weights: Option<&[f64]>) -> Result<f64> {
    logloss_classes(codes, probabilities, classes, weights)?;
    Ok(mean(codes.len(), weights, |row| {
        let own = &probabilities[row * classes..(row + 1) * classes];
        let most = (0..classes).fold(0, |most, class| if own[class] > own[most] { class } else { most });
        f64::from(most == codes[row] as usize)
    }))
}

/// Root of the mean squared error.
pub fn rmse(targets: &[f64], predictions: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    check(targets.len(), predictions, weights)?;
    Ok(mean(targets.len(), weights, |row| (predictions[row] - targets[row]).powi(2)).sqrt())
}

/// Mean absolute error.
pub fn mae(targets: &[f64], predictions: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    check(targets.len(), predictions, weights)?;
    Ok(mean(targets.len(), weights, |row| (predictions[row] - targets[row]).abs()))
}

/// The share of the targets' variance that predictions explain. Constant targets: 1 where all are met, else 0.
pub fn r2(targets: &[f64], predictions: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    check(targets.len(), predictions, weights)?;
    let middle = mean(targets.len(), weights, |row| targets[row]);
    let missed = mean(targets.len(), weights, |row| (targets[row] - predictions[row]).powi(2));
    let spread = mean(targets.len(), weights, |row| (targets[row] - middle).powi(2));
    Ok(if spread > 0.0 { 1.0 - missed / spread } else { f64::from(missed == 0.0) })
}

#[cfg(test)]
mod tests;
