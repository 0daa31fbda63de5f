//! What is kept of the units of one variant for one metric: a count and sums, which can be added to each other in any
//! order.
//!
//! Sums of values and of their products are carried with more than twice the digits of a float. So variances come out
//! right also far from zero, and the order of rows, parts and merges shows only behind the 12th digit; of whole
//! numbers, not at all.

mod exact;
#[cfg(test)]
mod tests;

use exact::{Double, Exact};

use crate::{Error, Result};

/// One unit's row: its value, what the value is over in a ratio (one elsewhere), and what was known of it before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    pub value: f64,
    pub denominator: f64,
    pub covariate: Option<f64>,
}

impl Unit {
    pub fn new(value: f64) -> Unit {
        Unit { value, denominator: 1.0, covariate: None }
    }

    /// Of a ratio metric: the metric is the sum of values over the sum of denominators.
    pub fn over(self, denominator: f64) -> Unit {
        Unit { denominator, ..self }
    }

    /// A number of the time before the experiment, for CUPED.
    pub fn with_covariate(self, covariate: f64) -> Unit {
        Unit { covariate: Some(covariate), ..self }
    }

    /// With values beyond the cap taken for the cap: winsorised.
    pub fn capped(self, cap: f64) -> Unit {
        Unit { value: self.value.min(cap), ..self }
    }
}

/// The count and the sums of units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    units: u64,
    /// How many of them have a covariate.
    covariates: u64,
    sums: [Exact; SUMS],
}

const SUMS: usize = 9;

/// So that the sum of ten billion such numbers can be squared.
const NUMBER_MAX: f64 = 1e140;
const SUM_MAX: f64 = 1e150;

/// A number that each unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Value = 0,
    Denominator = 1,
    Covariate = 2,
}

/// Sums as a query has them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    pub units: u64,
    pub value: f64,
    pub value_squared: f64,
    pub denominator: f64,
    pub denominator_squared: f64,
    pub value_denominator: f64,
    /// Units that have a covariate.
    pub covariates: u64,
    pub covariate: f64,
    pub covariate_squared: f64,
    pub value_covariate: f64,
    pub denominator_covariate: f64,
}

impl Sums {
    /// Of a proportion or a mean, whose denominators are one.
    pub fn of_values(units: u64, value: f64, value_squared: f64) -> Sums {
        let all = units as f64;
        let ones = Sums { denominator: all, denominator_squared: all, value_denominator: value, ..Sums::default() };
        Sums { units, value, value_squared, ..ones }
    }

    /// Of a proportion or a mean, all of whose units have a covariate.
    pub fn with_covariates(self, covariate: f64, covariate_squared: f64, value_covariate: f64) -> Sums {
        let (covariates, denominator_covariate) = (self.units, covariate);
        Sums { covariates, covariate, covariate_squared, value_covariate, denominator_covariate, ..self }
    }
}

impl Moments {
    /// Numbers that are not finite, and those whose squares would not be, are refused.
    pub fn push(&mut self, unit: Unit) -> Result<()> {
        let Unit { value, denominator, covariate } = unit;
        let before = covariate.unwrap_or(0.0);
        if ![value, denominator, before].iter().all(|number| number.abs() <= NUMBER_MAX) {
            let what = format!("a unit has the value {value} over {denominator}, and {before} before");
            return Err(Error::rows("moments", what, format!("numbers are finite, and at most {NUMBER_MAX:e}")));
        }
        self.units += 1;
        self.covariates += u64::from(covariate.is_some());
        let numbers = [value, denominator, before];
        for (of, number) in numbers.into_iter().enumerate() {
            self.sums[of].add(number);
        }
        for (place, (left, right)) in PAIRS.into_iter().enumerate() {
            self.sums[3 + place].add_product(numbers[left], numbers[right]);
        }
        Ok(())
    }

    pub fn merge(&mut self, other: &Moments) {
        self.units += other.units;
        self.covariates += other.covariates;
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            sum.merge(more);
        }
    }

    /// From sums that were made elsewhere. In plain floats they lose digits where values are large beside their spread;
    /// then push units, or sum what is left of the values when a constant is taken off.
    pub fn from_sums(sums: &Sums) -> Result<Moments> {
        let numbers = [
            sums.value,
            sums.denominator,
            sums.covariate,
            sums.value_squared,
            sums.denominator_squared,
            sums.covariate_squared,
            sums.value_denominator,
            sums.value_covariate,
            sums.denominator_covariate,
        ];
        let (plain, products) = numbers.split_at(3);
        let fit =
            plain.iter().all(|sum| sum.abs() <= SUM_MAX) && products.iter().all(|sum| sum.abs() <= SUM_MAX * SUM_MAX);
        if !fit || sums.covariates > sums.units {
            let hint = "sums are finite and not huge, and no more units have a covariate than there are";
            return Err(Error::rows("moments", format!("{sums:?}"), hint));
        }
        Ok(Moments { units: sums.units, covariates: sums.covariates, sums: numbers.map(Exact::of) })
    }

    /// Of a proportion: so many of so many units.
    pub fn of_counts(successes: u64, units: u64) -> Result<Moments> {
        if successes > units {
            let what = format!("{successes} successes of {units} units");
            return Err(Error::rows("moments", what, "no more units than there are"));
        }
        Moments::from_sums(&Sums::of_values(units, successes as f64, successes as f64))
    }

    pub fn units(&self) -> u64 {
        self.units
    }

    pub fn covariates(&self) -> u64 {
        self.covariates
    }

    pub fn sum(&self, of: Of) -> f64 {
        self.sums[of as usize].float()
    }

    pub fn mean(&self, of: Of) -> f64 {
        self.sum(of) / self.units as f64
    }

    /// With n - 1; not below zero for one and itself. It wants two units.
    pub fn covariance(&self, left: Of, right: Of) -> f64 {
        let pair = (left as usize, right as usize);
        let place = PAIRS.iter().position(|(a, b)| (*a, *b) == pair || (*b, *a) == pair).unwrap_or_default();
        let units = self.units as f64;
        let centred = self.sums[3 + place].double().minus(self.product(pair).over(units)).float();
        // What is left of equal values is the last digit of their squares.
        let rounding = if left == right { 1e-28 * self.sums[3 + place].float() } else { 0.0 };
        if left == right && centred <= rounding { 0.0 } else { centred / (units - 1.0) }
    }

    fn product(&self, (left, right): (usize, usize)) -> Double {
        self.sums[left].double().times(self.sums[right].double())
    }

    /// Whether each value was 0 or 1, as far as sums can tell.
    pub(crate) fn is_proportion(&self) -> bool {
        let (sum, squares) = (self.sum(Of::Value), self.sums[3].float());
        sum == squares && sum >= 0.0 && sum <= self.units as f64 && sum.fract() == 0.0
    }

    /// Whether each denominator was 1.
    pub(crate) fn is_plain(&self) -> bool {
        self.sum(Of::Denominator) == self.units as f64 && self.sums[4].float() == self.units as f64
    }
}

/// Whose products are summed, in the order of the sums.
const PAIRS: [(usize, usize); 6] = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)];

/// The value that so large a share of all values does not exceed, of the nearest rank: the cap of winsorised values. It
/// is taken over all variants together, so that it is the same for each. None of no values.
pub fn cap(values: &mut [f64], share: f64) -> Option<f64> {
    let rank = (share.clamp(0.0, 1.0) * values.len() as f64).ceil() as usize;
    let place = rank.max(1) - 1;
    (place < values.len()).then(|| *values.select_nth_unstable_by(place, f64::total_cmp).1)
}
