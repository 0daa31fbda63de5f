//! What boosting lowers: squared error, logistic loss, and the cross entropy of classes, with their derivatives.

use crate::data::Target;

/// First and second derivative of the loss by a row's raw score.
pub type Derivatives = (f64, f64);

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    Squared,
    Logistic,
    Softmax { classes: usize },
}

impl Loss {
    pub fn of(target: &Target) -> Loss {
        match target {
            Target::Number(_) => Loss::Squared,
            Target::Binary(_) => Loss::Logistic,
            Target::Classes { names, .. } => Loss::Softmax { classes: names.len() },
        }
    }

    pub fn outputs(self) -> usize {
        match self {
            Loss::Squared | Loss::Logistic => 1,
            Loss::Softmax { classes } => classes,
        }
    }

    /// The constant raw scores that fit best. Classes without rows get what one in a million would.
    pub fn base(self, labels: &[f64], weights: Option<&[f64]>) -> Vec<f64> {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..labels.len()).map(weight).sum();
        let share = |class: f64| {
            let rows = labels.iter().enumerate().filter(|(_, label)| **label == class);
            (rows.map(|(row, _)| weight(row)).sum::<f64>() / total).clamp(1e-6, 1.0 - 1e-6)
        };
        match self {
            Loss::Squared => {
                let sum: f64 = labels.iter().enumerate().map(|(row, label)| label * weight(row)).sum();
                vec![sum / total]
            }
            Loss::Logistic => vec![(share(1.0) / (1.0 - share(1.0))).ln()],
            Loss::Softmax { classes } => (0..classes).map(|class| share(class as f64).ln()).collect(),
        }
    }

    /// Derivatives of a row by each output.
    #[inline]
    pub fn derive(self, label: f64, scores: &[f64], output: usize) -> Derivatives {
        match self {
            Loss::Squared => (scores[0] - label, 1.0),
            Loss::Logistic => {
                let probability = 1.0 / (1.0 + (-scores[0]).exp());
                (probability - label, probability * (1.0 - probability))
            }
            Loss::Softmax { classes } => {
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                let probability = (scores[output] - most).exp() / sum;
                // One output is free: Friedman's K / (K - 1).
                let factor = classes as f64 / (classes as f64 - 1.0).max(1.0);
                (probability - f64::from(label == output as f64), factor * probability * (1.0 - probability))
            }
        }
    }

    /// First derivatives by each output, and exact second ones by each two.
    pub fn derive_all(self, label: f64, scores: &[f64], first: &mut [f64], second: &mut [f64]) {
        let Loss::Softmax { classes } = self else {
            (first[0], second[0]) = self.derive(label, scores, 0);
            return;
        };
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
        let probability = |class: usize| (scores[class] - most).exp() / sum;
        for class in 0..classes {
            let own = probability(class);
            first[class] = own - f64::from(label == class as f64);
            for other in 0..classes {
                let same = f64::from(class == other);
                second[class * classes + other] = own * (same - probability(other));
            }
        }
    }

    /// The mean loss of rows whose scores stand side by side.
    pub fn mean(self, labels: &[f64], scores: &[f64], weights: Option<&[f64]>) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, (label, scores)) in labels.iter().zip(scores.chunks_exact(self.outputs())).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            sum += weight * self.of_row(*label, scores);
            total += weight;
        }
        sum / total
    }

    pub fn of_row(self, label: f64, scores: &[f64]) -> f64 {
        match self {
            Loss::Squared => (scores[0] - label).powi(2),
            // ln(1 + e^-s) and ln(1 + e^s), without overflow.
            Loss::Logistic => {
                let margin = if label == 1.0 { scores[0] } else { -scores[0] };
                (-margin.abs()).exp().ln_1p() + (-margin).max(0.0)
            }
            Loss::Softmax { .. } => {
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                most + sum.ln() - scores[label as usize]
            }
        }
    }
}

/// A target as numbers: 0 and 1, or classes by their codes.
pub fn labels(target: &Target) -> Vec<f64> {
    match target {
        Target::Number(numbers) => numbers.clone(),
        Target::Binary(positives) => positives.iter().map(|positive| f64::from(*positive)).collect(),
        Target::Classes { codes, .. } => codes.iter().map(|code| f64::from(*code)).collect(),
    }
}
