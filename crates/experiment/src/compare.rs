//! A variant against the control: differences, absolute and relative, with intervals and p values.
//!
//! Means, ratios and CUPED are one thing here, a [mean of units](mean) with a variance; proportions have tests of their
//! own.

pub mod many;
pub mod mean;
pub mod proportion;
#[cfg(test)]
mod tests;

use crate::distribution::{student_quantile, student_tail};
use mean::Estimate;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub fn around(middle: f64, reach: f64) -> Interval {
        Interval { low: middle - reach, high: middle + reach }
    }

    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// What a variant has more than the control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    pub effect: f64,
    pub standard_error: f64,
    pub p_value: f64,
    pub interval: Interval,
    /// The effect as a share of the control; none where the control is zero.
    pub relative: Option<f64>,
    /// None where the control can't be told from zero: then no share of it has bounds.
    pub relative_interval: Option<Interval>,
}

/// Two estimates whose difference is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast<'a> {
    pub variant: &'a Estimate,
    pub control: &'a Estimate,
}

impl Contrast<'_> {
    pub fn effect(&self) -> f64 {
        self.variant.mean - self.control.mean
    }

    /// What both share of their errors is not in their difference.
    pub fn standard_error(&self) -> f64 {
        (self.variant.variance + self.control.variance).sqrt()
    }

    /// By Welch and Satterthwaite.
    pub fn degrees(&self) -> f64 {
        let variance = self.variant.variance + self.control.variance;
        let part = |estimate: &Estimate| (estimate.variance / variance).powi(2) / (estimate.units - 1.0);
        1.0 / (part(self.variant) + part(self.control))
    }

    /// Welch's t test; none where no unit differs from another, so that there is nothing to measure chance by.
    pub fn welch(&self, alpha: f64) -> Option<Difference> {
        let (effect, standard_error) = (self.effect(), self.standard_error());
        if !(standard_error > 0.0 && standard_error.is_finite()) {
            return None;
        }
        let degrees = self.degrees();
        let quantile = student_quantile(alpha / 2.0, degrees);
        Some(Difference {
            effect,
            standard_error,
            p_value: 2.0 * student_tail((effect / standard_error).abs(), degrees),
            interval: Interval::around(effect, quantile * standard_error),
            relative: self.relative(),
            relative_interval: self.relative_interval(quantile),
        })
    }

    pub fn relative(&self) -> Option<f64> {
        (self.control.mean != 0.0).then(|| self.effect() / self.control.mean.abs())
    }

    /// Fieller's: the shares r for which `variant - r * control` is within the quantile of zero. It holds zero exactly
    /// where the interval of the difference does, which an interval by the delta method does not.
    pub fn relative_interval(&self, quantile: f64) -> Option<Interval> {
        let (a, b, squared) = (self.variant.mean, self.control.mean, quantile * quantile);
        let shared = self.variant.shared;
        let (of_a, of_b) = (self.variant.variance + shared, self.control.variance + shared);
        let (square, linear, rest) = (b * b - squared * of_b, a * b - squared * shared, a * a - squared * of_a);
        if square <= 0.0 {
            return None;
        }
        let reach = (linear * linear - square * rest).max(0.0).sqrt();
        let (low, high) = ((linear - reach) / square - 1.0, (linear + reach) / square - 1.0);
        Some(if b > 0.0 { Interval { low, high } } else { Interval { low: -high, high: -low } })
    }
}
