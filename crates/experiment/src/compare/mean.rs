//! Means over units, ratios of two means by the delta method, and CUPED: all are a mean of one number a unit.
//!
//! A ratio R of sums varies as the mean of `(value - R * denominator) / mean denominator` does (Deng, Knoblich and Lu,
//! "Applying the Delta Method in Metric Analytics", KDD 2018). With all denominators one that is the mean itself.

use crate::moments::{Moments, Of};

/// What is known of one variant's metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub units: f64,
    pub mean: f64,
    /// Of the mean, without what it shares.
    pub variance: f64,
    /// The part of the variance that is in all variants' means alike.
    pub shared: f64,
}

impl Estimate {
    /// None below two units, where all denominators together are zero, and where figures are beyond what floats hold.
    pub fn of(moments: &Moments) -> Option<Estimate> {
        let linear = Linear::of(moments)?;
        Some(Estimate { units: linear.units, mean: linear.mean, variance: linear.variance / linear.units, shared: 0.0 })
    }
}

/// How values of the time before take chance out of all variants (Deng, Xu, Kohavi and Walker, "Improving the
/// Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data", WSDM 2013).
#[derive(Debug, Clone, PartialEq)]
pub struct Cuped {
    /// How much the metric goes with the covariate, within variants: an effect of a variant is not in it.
    pub theta: f64,
    /// In the order of the moments.
    pub estimates: Vec<Estimate>,
}

impl Cuped {
    /// None where a unit has no covariate, or all have the same.
    pub fn of(variants: &[Moments]) -> Option<Cuped> {
        let linears: Vec<Linear> = variants.iter().map(Linear::of).collect::<Option<_>>()?;
        if variants.iter().any(|moments| moments.covariates() != moments.units()) {
            return None;
        }
        let pooled =
            |of: fn(&Linear) -> f64| linears.iter().map(|linear| (linear.units - 1.0) * of(linear)).sum::<f64>();
        let spread = pooled(|linear| linear.covariate_variance);
        let all = linears.iter().map(|linear| linear.units).sum::<f64>();
        let middle = linears.iter().map(|linear| linear.units * linear.covariate_mean).sum::<f64>() / all;
        let theta = pooled(|linear| linear.covariance) / spread;
        if !(spread > 0.0 && theta.is_finite()) {
            return None;
        }
        let degrees = all - linears.len() as f64;
        let shared = theta * theta * spread / degrees / all;
        // The slope is estimated, too, which takes a degree of freedom.
        let slope = degrees / (degrees - 1.0);
        let adjusted = |linear: &Linear| {
            let left = linear.variance - 2.0 * theta * linear.covariance + theta * theta * linear.covariate_variance;
            Estimate {
                units: linear.units,
                mean: linear.mean - theta * (linear.covariate_mean - middle),
                variance: slope * left.max(0.0) / linear.units,
                shared,
            }
        };
        Some(Cuped { theta, estimates: linears.iter().map(adjusted).collect() })
    }
}

/// The one number a unit that a metric is the mean of.
struct Linear {
    units: f64,
    mean: f64,
    variance: f64,
    covariance: f64,
    covariate_mean: f64,
    covariate_variance: f64,
}

impl Linear {
    fn of(moments: &Moments) -> Option<Linear> {
        use Of::{Covariate, Denominator, Value};
        let scale = moments.mean(Denominator);
        if moments.units() < 2 || scale == 0.0 {
            return None;
        }
        let ratio = moments.mean(Value) / scale;
        let variance = moments.covariance(Value, Value) - 2.0 * ratio * moments.covariance(Value, Denominator)
            + ratio * ratio * moments.covariance(Denominator, Denominator);
        let variance = variance.max(0.0) / (scale * scale);
        if !(ratio.is_finite() && variance.is_finite()) {
            return None;
        }
        let covariance = moments.covariance(Value, Covariate) - ratio * moments.covariance(Denominator, Covariate);
        Some(Linear {
            units: moments.units() as f64,
            mean: ratio,
            variance,
            covariance: covariance / scale,
            covariate_mean: moments.mean(Covariate),
            covariate_variance: moments.covariance(Covariate, Covariate),
        })
    }
}
