//! Whether units came to the variants as their weights say. Where they did not, something chose among them, and no
//! figure of the experiment means what it seems to (Fabijan et al., "Diagnosing Sample Ratio Mismatch", KDD 2019).

use crate::distribution::chi_square_tail;

/// Below this p value a ratio is called broken, unless something else is declared.
pub const THRESHOLD: f64 = 0.001;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRatio {
    pub chi_square: f64,
    pub p_value: f64,
}

impl SampleRatio {
    /// None of no units. Both are in the order of the variants; weights are positive.
    pub fn of(units: &[u64], weights: &[u64]) -> Option<SampleRatio> {
        let all: u64 = units.iter().sum();
        let total: u64 = weights.iter().sum();
        if all == 0 {
            return None;
        }
        let part = |(units, weight): (&u64, &u64)| {
            let expected = all as f64 * (*weight as f64 / total as f64);
            (*units as f64 - expected).powi(2) / expected
        };
        let chi_square = units.iter().zip(weights).map(part).sum();
        Some(SampleRatio { chi_square, p_value: chi_square_tail(chi_square, (units.len() - 1) as f64) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.chisquare([44700, 45489]) and chisquare([90, 6, 4], [90, 5, 5]).
    #[test]
    fn is_the_test_of_goodness_of_fit() {
        let found = SampleRatio::of(&[44700, 45489], &[1, 1]).unwrap();
        assert!((found.chi_square - 6.9024049496).abs() < 1e-9, "{found:?}");
        assert!((found.p_value - 0.0086079878).abs() < 1e-9, "{found:?}");
        let three = SampleRatio::of(&[90, 6, 4], &[18, 1, 1]).unwrap();
        assert!((three.p_value - (-0.2_f64).exp()).abs() < 1e-12, "{three:?}");
        assert_eq!(SampleRatio::of(&[0, 0], &[1, 1]), None);
    }
}
