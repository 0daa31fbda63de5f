//! What an experiment of a size can find, and what size finds an effect: of two-sided z tests, as textbooks and
//! `statsmodels.stats.power` have them.

use crate::distribution::{normal_quantile, normal_tail};
use crate::{Error, Result};

/// How often a test may be wrong, and how often it shall find what is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    alpha: f64,
    power: f64,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted { alpha: 0.05, power: 0.8 }
    }
}

impl Wanted {
    pub fn new(alpha: f64, power: f64) -> Result<Wanted> {
        if !(alpha > 1e-9 && alpha < 0.5) {
            return Err(Error::declaration(format!("alpha is {alpha}"), "it lies between 0 and 0.5, such as 0.05"));
        }
        if !(0.5..=0.999_999).contains(&power) {
            return Err(Error::declaration(format!("power is {power}"), "it lies between 0.5 and 1, such as 0.8"));
        }
        Ok(Wanted { alpha, power })
    }

    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    pub fn power(&self) -> f64 {
        self.power
    }

    /// The effect that is found with the wanted power, where differences have such a standard error.
    pub fn detectable(&self, standard_error: f64) -> f64 {
        (normal_quantile(self.alpha / 2.0) + normal_quantile(1.0 - self.power)) * standard_error
    }

    /// How often such an effect is found.
    pub fn power_of(&self, effect: f64, standard_error: f64) -> f64 {
        let (errors, quantile) = ((effect / standard_error).abs(), normal_quantile(self.alpha / 2.0));
        normal_tail(quantile - errors) + normal_tail(quantile + errors)
    }

    /// Units of the control that find a difference of two means; the variant has `ratio` times as many.
    pub fn units_for_means(&self, effect: f64, deviations: (f64, f64), ratio: f64) -> Result<f64> {
        let (control, variant) = deviations;
        positive("the effect", effect.abs())?;
        positive("the ratio", ratio)?;
        positive("the standard deviation", control)?;
        positive("the standard deviation", variant)?;
        Ok((self.detectable((control * control + variant * variant / ratio).sqrt()) / effect).powi(2))
    }

    /// Units of the control that find a difference of two proportions by the pooled z test (Fleiss, Levin and Paik,
    /// "Statistical Methods for Rates and Proportions", 2003, without correction for continuity).
    pub fn units_for_proportions(&self, control: f64, variant: f64, ratio: f64) -> Result<f64> {
        for share in [control, variant] {
            if !(share > 0.0 && share < 1.0) {
                return Err(Error::declaration(format!("a share of {share}"), "it lies between 0 and 1"));
            }
        }
        positive("the effect", (control - variant).abs())?;
        positive("the ratio", ratio)?;
        let spread = |share: f64| share * (1.0 - share);
        let pooled = (control + ratio * variant) / (1.0 + ratio);
        let under_none = (spread(pooled) * (1.0 + 1.0 / ratio)).sqrt();
        let under_effect = (spread(control) + spread(variant) / ratio).sqrt();
        let reach = normal_quantile(self.alpha / 2.0) * under_none + normal_quantile(1.0 - self.power) * under_effect;
        Ok((reach / (variant - control)).powi(2))
    }

    /// The least rise of a share that so many units find; none where no share below one is far enough.
    pub fn detectable_proportion(&self, control: f64, units: f64, ratio: f64) -> Result<Option<f64>> {
        positive("the number of units", units)?;
        let (mut low, mut high) = (control, 1.0 - 1e-12);
        if self.units_for_proportions(control, high, ratio)? > units {
            return Ok(None);
        }
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if self.units_for_proportions(control, middle, ratio)? > units { low = middle } else { high = middle }
        }
        Ok(Some(high - control))
    }
}

fn positive(what: &str, number: f64) -> Result<()> {
    if number > 0.0 && number.is_finite() {
        return Ok(());
    }
    Err(Error::declaration(format!("{what} is {number}"), "it is a number above zero"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_effects_belong_together() {
        let wanted = Wanted::new(0.05, 0.8).unwrap();
        // The rule of thumb: 16 variances over the square of the effect.
        let units = wanted.units_for_means(0.1, (1.0, 1.0), 1.0).unwrap();
        assert!((units - 1569.776).abs() < 0.01, "{units}");
        let error = (2.0 / units).sqrt();
        assert!((wanted.detectable(error) - 0.1).abs() < 1e-12 && (wanted.power_of(0.1, error) - 0.8).abs() < 1e-5);
        let units = wanted.units_for_proportions(0.1, 0.12, 2.0).unwrap();
        let found = wanted.detectable_proportion(0.1, units, 2.0).unwrap().unwrap();
        assert!((found - 0.02).abs() < 1e-9, "{found}");
        assert_eq!(wanted.detectable_proportion(0.9, 5.0, 1.0).unwrap(), None);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        assert!(
            Wanted::new(0.0, 0.8).is_err() && Wanted::new(0.05, 0.3).is_err() && Wanted::new(f64::NAN, 0.8).is_err()
        );
        let wanted = Wanted::default();
        assert!(wanted.units_for_means(0.0, (1.0, 1.0), 1.0).is_err());
        assert!(wanted.units_for_proportions(0.0, 0.1, 1.0).is_err());
        assert!(wanted.units_for_proportions(0.2, 0.2, 1.0).is_err());
    }
}
