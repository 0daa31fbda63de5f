//! Two proportions: the pooled z test, Wald's interval for many successes and failures, Wilson's, Newcombe's and Donner
//! and Zou's for few.

use super::mean::Estimate;
use super::{Contrast, Difference, Interval};
use crate::distribution::{normal_quantile, normal_tail};

/// With fewer successes or failures than this in a variant, Wald's interval holds the truth too seldom.
pub const MANY: f64 = 10.0;

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proportion {
    pub successes: f64,
    pub units: f64,
}

impl Proportion {
    pub fn share(&self) -> f64 {
        self.successes / self.units
    }

    pub fn is_large(&self) -> bool {
        self.successes.min(self.units - self.successes) >= MANY
    }

    /// With the variance of the maximum likelihood, as the z test has it.
    pub fn estimate(&self) -> Estimate {
        let share = self.share();
        Estimate { units: self.units, mean: share, variance: share * (1.0 - share) / self.units, shared: 0.0 }
    }

    /// E. B. Wilson, JASA 22 (1927).
    pub fn wilson(&self, alpha: f64) -> Interval {
        let (z, share, units) = (normal_quantile(alpha / 2.0), self.share(), self.units);
        let scale = 1.0 + z * z / units;
        let middle = (share + z * z / (2.0 * units)) / scale;
        let reach = z / scale * (share * (1.0 - share) / units + z * z / (4.0 * units * units)).sqrt();
        let (low, high) = ((middle - reach).max(0.0), (middle + reach).min(1.0));
        // At the edges rounding would leave a rest.
        let low = if self.successes == 0.0 { 0.0 } else { low };
        Interval { low, high: if self.successes == self.units { 1.0 } else { high } }
    }
}

/// The pooled z test, with Wald's interval where both have [many](MANY) successes and failures, else with Newcombe's.
pub fn compare(variant: Proportion, control: Proportion, alpha: f64) -> Difference {
    let estimates = (variant.estimate(), control.estimate());
    let contrast = Contrast { variant: &estimates.0, control: &estimates.1 };
    let (interval, relative_interval) = if variant.is_large() && control.is_large() {
        let quantile = normal_quantile(alpha / 2.0);
        (wald(variant, control, alpha), contrast.relative_interval(quantile))
    } else {
        (newcombe(variant, control, alpha), relative_of_few(variant, control, alpha))
    };
    Difference {
        effect: contrast.effect(),
        standard_error: contrast.standard_error(),
        p_value: pooled_test(variant, control).1,
        interval,
        relative: contrast.relative(),
        relative_interval,
    }
}

/// z and its two-sided p value, under the hypothesis that both have the share that they have together.
pub fn pooled_test(variant: Proportion, control: Proportion) -> (f64, f64) {
    let share = (variant.successes + control.successes) / (variant.units + control.units);
    let error = (share * (1.0 - share) * (1.0 / variant.units + 1.0 / control.units)).sqrt();
    if error == 0.0 {
        return (0.0, 1.0);
    }
    let z = (variant.share() - control.share()) / error;
    (z, 2.0 * normal_tail(z.abs()))
}

/// Unpooled.
pub fn wald(variant: Proportion, control: Proportion, alpha: f64) -> Interval {
    let error = (variant.estimate().variance + control.estimate().variance).sqrt();
    Interval::around(variant.share() - control.share(), normal_quantile(alpha / 2.0) * error)
}

/// R. G. Newcombe, method 10, Statistics in Medicine 17 (1998): from the Wilson intervals of both.
pub fn newcombe(variant: Proportion, control: Proportion, alpha: f64) -> Interval {
    let (a, b) = (variant.share(), control.share());
    let (of_a, of_b) = (variant.wilson(alpha), control.wilson(alpha));
    let below = (a - of_a.low).hypot(of_b.high - b);
    let above = (of_a.high - a).hypot(b - of_b.low);
    Interval { low: a - b - below, high: a - b + above }
}

/// The ratio less one from the Wilson intervals of both, by Donner and Zou, Statistical Methods in Medical Research 21
/// (2012); none without a success in the control.
pub fn relative_of_few(variant: Proportion, control: Proportion, alpha: f64) -> Option<Interval> {
    if control.successes == 0.0 {
        return None;
    }
    let (a, b) = (variant.share(), control.share());
    let (of_a, of_b) = (variant.wilson(alpha), control.wilson(alpha));
    let product = a * b;
    let span = |end: f64, middle: f64| end * (2.0 * middle - end);
    let (top, bottom) = (span(of_a.low, a), span(of_b.high, b));
    let low = if a == 0.0 { 0.0 } else { top / (product + (product * product - top * bottom).max(0.0).sqrt()) };
    let (top, bottom) = (span(of_a.high, a), span(of_b.low, b));
    let high = (product + (product * product - top * bottom).max(0.0).sqrt()) / bottom;
    Some(Interval { low: low - 1.0, high: high - 1.0 })
}
