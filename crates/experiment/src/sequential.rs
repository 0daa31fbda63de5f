//! Intervals and p values that hold at every look at once, so that who looks each day and stops when it pleases is
//! wrong in no more than alpha of the experiments.
//!
//! The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit
//! theory and asymptotic confidence sequences", Annals of Statistics 52, 2024), with a normal mixture (Robbins 1970).
//! The mixture SPRT of Johari, Koomen, Pekelis and Walsh (Operations Research 70, 2022) has the same boundary, but asks
//! for a spread of effects in the metric's own units; this one asks at how many units it shall be narrowest.

/// Before a variant has so many units, its variance is not known well enough, and nothing is said.
pub const UNITS_MIN: u64 = 100;

/// For so many units in all the interval is narrowest, unless something else is planned.
pub const PLANNED_UNITS: u64 = 10_000;

/// A boundary for one alpha. It must not depend on what is seen, nor change while an experiment runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundary {
    alpha: f64,
    rho_squared: f64,
}

impl Boundary {
    /// Narrowest at so many units: equation 10 of the paper, which is within a hundredth of the best.
    pub fn new(alpha: f64, planned_units: f64) -> Boundary {
        let log = -2.0 * alpha.ln();
        Boundary { alpha, rho_squared: (log + log.ln_1p()) / planned_units }
    }

    /// How many standard errors the interval reaches, at so many units in all variants that are compared.
    pub fn quantile(&self, units: f64) -> f64 {
        let growth = units * self.rho_squared;
        (2.0 * (1.0 + growth) / growth * (0.5 * growth.ln_1p() - self.alpha.ln())).sqrt()
    }

    /// The least alpha with which the interval would not hold zero, of an effect so many standard errors from it.
    pub fn p_value(&self, errors: f64, units: f64) -> f64 {
        let growth = units * self.rho_squared;
        (0.5 * growth.ln_1p() - 0.5 * errors * errors * growth / (1.0 + growth)).exp().min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_the_interval() {
        let boundary = Boundary::new(0.05, 5000.0);
        for units in [10.0, 1000.0, 1e6] {
            assert!((boundary.p_value(boundary.quantile(units), units) - 0.05).abs() < 1e-12);
            assert_eq!(boundary.p_value(0.0, units), 1.0);
        }
    }

    /// Other plans are wider there, by little.
    #[test]
    fn is_narrowest_where_it_is_planned() {
        let at = |planned| Boundary::new(0.05, planned).quantile(5000.0);
        assert!((at(5000.0) - 3.035).abs() < 0.001, "{}", at(5000.0));
        assert!(at(5000.0) < at(2500.0) && at(5000.0) < at(10_000.0));
        assert!(at(500.0) < 1.2 * at(5000.0) && at(50_000.0) < 1.3 * at(5000.0));
    }
}
