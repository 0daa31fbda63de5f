//! Whether rows are still like those that a model learnt from: the population stability index, and the test of
//! Kolmogorov and Smirnov.

mod kolmogorov;

use crate::data::MISSING;
use crate::{Error, Result};

pub use kolmogorov::{Test, kolmogorov_smirnov};

/// So much of a row is added to each bin, in both shares: an empty bin then makes no infinite index, and the fewer rows
/// there are the less it says.
const SMOOTHING: f64 = 0.5;

/// Bins of training rows, to hold later rows against.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    bins: Bins,
    counts: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Bins {
    /// The greatest value of each bin but the last; behind the last, one of missing values.
    Numbers(Vec<f64>),
    /// A bin a category, one for other names, one of missing values.
    Categories(Vec<String>),
}

impl Reference {
    /// Bins whose ends are quantiles of the training values (as numpy's `linear`); equal ones are one, so there may be
    /// fewer.
    pub fn of_numbers(values: &[f64], bins: usize) -> Result<Reference> {
        if !(2..=1000).contains(&bins) {
            return Err(Error::option("bins", bins, "it lies between 2 and 1000"));
        }
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        if sorted.iter().any(|value| value.is_infinite()) {
            return Err(Error::rows("training rows", "a value is infinite", "compare columns of finite numbers"));
        }
        let Some(last) = sorted.len().checked_sub(1) else {
            let hint = "compare columns that have some";
            return Err(Error::rows("training rows", "the column has no values", hint));
        };
        let quantile = |part: usize| {
            let place = last as f64 * part as f64 / bins as f64;
            let (below, share) = (place as usize, place.fract());
            sorted[below] + (sorted[(below + 1).min(last)] - sorted[below]) * share
        };
        let mut ends: Vec<f64> = (1..bins).map(quantile).collect();
        ends.dedup();
        let bins = Bins::Numbers(ends);
        Ok(Reference { counts: bins.count_numbers(values), bins })
    }

    /// A bin a category.
    pub fn of_categories(codes: &[u32], names: &[String]) -> Reference {
        let mut known = names.to_vec();
        known.sort();
        let bins = Bins::Categories(known);
        Reference { counts: bins.count_categories(codes, names), bins }
    }

    /// Σ (new − old) · ln(new / old) over the bins' shares.
    pub fn psi_of_numbers(&self, values: &[f64]) -> Result<f64> {
        match &self.bins {
            Bins::Numbers(_) => self.psi(&self.bins.count_numbers(values)),
            Bins::Categories(_) => Err(wrong_type("texts", "numbers")),
        }
    }

    pub fn psi_of_categories(&self, codes: &[u32], names: &[String]) -> Result<f64> {
        match &self.bins {
            Bins::Categories(_) => self.psi(&self.bins.count_categories(codes, names)),
            Bins::Numbers(_) => Err(wrong_type("numbers", "texts")),
        }
    }

    fn psi(&self, counts: &[f64]) -> Result<f64> {
        let total = |counts: &[f64]| counts.iter().sum::<f64>();
        if total(counts) == 0.0 {
            return Err(Error::rows("rows to compare", "there are none", "wait for some"));
        }
        let share = |count: f64, total: f64| (count + SMOOTHING) / (total + SMOOTHING * counts.len() as f64);
        let (before, now) = (total(&self.counts), total(counts));
        let bins = self.counts.iter().zip(counts);
        Ok(bins
            .map(|(old, new)| {
                let (old, new) = (share(*old, before), share(*new, now));
                (new - old) * (new / old).ln()
            })
            .sum())
    }
}

impl Bins {
    fn count_numbers(&self, values: &[f64]) -> Vec<f64> {
        let Bins::Numbers(ends) = self else { return Vec::new() };
        let mut counts = vec![0.0; ends.len() + 2];
        for value in values {
            let bin = if value.is_nan() { ends.len() + 1 } else { ends.partition_point(|end| end < value) };
            counts[bin] += 1.0;
        }
        counts
    }

    fn count_categories(&self, codes: &[u32], names: &[String]) -> Vec<f64> {
        let Bins::Categories(known) = self else { return Vec::new() };
        let bins: Vec<usize> = names.iter().map(|name| known.binary_search(name).unwrap_or(known.len())).collect();
        let mut counts = vec![0.0; known.len() + 2];
        for code in codes {
            let bin = if *code == MISSING { known.len() + 1 } else { bins[*code as usize] };
            counts[bin] += 1.0;
        }
        counts
    }
}

fn wrong_type(wanted: &'static str, found: &'static str) -> Error {
    Error::WrongType { column: "to compare".into(), wanted, found }
}

#[cfg(test)]
mod tests {
    use headwater_base::random::Random;

    use super::*;

    fn normal(seed: u64, rows: usize, shift: f64) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..rows).map(|_| (0..12).map(|_| random.unit()).sum::<f64>() - 6.0 + shift).collect()
    }

    #[test]
    fn the_same_is_stable_and_what_moved_is_not() {
        let reference = Reference::of_numbers(&normal(1, 5000, 0.0), 10).unwrap();
        assert!(reference.psi_of_numbers(&normal(2, 5000, 0.0)).unwrap() < 0.01);
        let moved = reference.psi_of_numbers(&normal(2, 5000, 0.5)).unwrap();
        // Of normal distributions it is the shift squared, as far as bins tell them apart.
        assert!((0.2..0.3).contains(&moved), "{moved}");
        let gone = reference.psi_of_numbers(&[f64::NAN; 1000]).unwrap();
        assert!(gone > 5.0 && gone.is_finite());
        assert!(reference.psi_of_numbers(&[]).is_err());
        assert!(reference.psi_of_categories(&[], &[]).is_err());
    }

    #[test]
    fn categories_are_compared_by_name() {
        let names = ["b".to_string(), "a".to_string()];
        let reference = Reference::of_categories(&[0, 0, 1, 1], &names);
        let turned = ["a".to_string(), "b".to_string()];
        assert_eq!(reference.psi_of_categories(&[0, 0, 1, 1], &turned).unwrap(), 0.0);
        let other = ["c".to_string()];
        assert!(reference.psi_of_categories(&[0, 0, 0, MISSING], &other).unwrap() > 0.5);
    }
}
