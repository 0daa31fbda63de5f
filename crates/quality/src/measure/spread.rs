//! Numbers for their quantiles: all of them while they are few, a digest of many.
//!
//! The digest is Dunning's t-digest, whose quantiles near the ends are the best.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float64Type};
use datafusion_functions_aggregate_common::tdigest::TDigest;

use crate::Result;
use crate::column::Values;
use crate::outcome::nearest;

/// So many numbers of a part are kept as they are.
const KEPT: usize = 1 << 18;
/// Centroids of a digest.
const CENTROIDS: usize = 500;

#[derive(Debug, Default)]
pub struct Spread {
    kept: Vec<f64>,
    digest: Option<TDigest>,
}

impl Spread {
    pub fn update(&mut self, values: &Values) -> Result<()> {
        let values = arrow::compute::cast(&values.compared, &DataType::Float64)?;
        self.kept.extend(values.as_primitive::<Float64Type>().iter().flatten().filter(|value| value.is_finite()));
        if self.kept.len() > KEPT {
            self.digest();
        }
        Ok(())
    }

    pub fn merge(&mut self, mut later: Spread) {
        self.kept.append(&mut later.kept);
        if let Some(later) = later.digest {
            self.digest();
            let own = self.digest.take();
            self.digest = Some(own.map_or(later.clone(), |own| TDigest::merge_digests([&own, &later])));
        }
        if self.kept.len() > KEPT {
            self.digest();
        }
    }

    fn digest(&mut self) {
        let digest = self.digest.take().unwrap_or_else(|| TDigest::new(CENTROIDS));
        self.digest = Some(digest.merge_unsorted_f64(std::mem::take(&mut self.kept)));
    }

    /// Exact of few numbers, and near of many.
    pub fn quantile(&mut self, share: f64) -> Option<f64> {
        self.gather();
        match &self.digest {
            Some(digest) => Some(digest.estimate_quantile(share)),
            None => nearest(&mut self.kept, share),
        }
    }

    /// How many numbers lie in each of so many ranges of one width; one range where all numbers are the same. As exact as
    /// quantiles are. `None`: there are no numbers, or their ends lie further apart than a number reaches.
    pub fn histogram(&mut self, ranges: usize) -> Option<Histogram> {
        self.gather();
        let (from, to) = match &self.digest {
            Some(digest) => (digest.min(), digest.max()),
            None => {
                let ends = (f64::INFINITY, f64::NEG_INFINITY);
                self.kept.iter().fold(ends, |(least, most), value| (least.min(*value), most.max(*value)))
            }
        };
        let width = (to - from) / ranges as f64;
        if !width.is_finite() {
            return None;
        }
        let mut counts = vec![0; if width > 0.0 { ranges } else { 1 }];
        let last = counts.len() - 1;
        match &self.digest {
            None => {
                for value in &self.kept {
                    let at = if width > 0.0 { ((value - from) / width) as usize } else { 0 };
                    counts[at.min(last)] += 1;
                }
            }
            Some(digest) => {
                let mut below = 0;
                for (at, count) in counts.iter_mut().enumerate() {
                    let share = if at == last { 1.0 } else { share_below(digest, from + width * (at + 1) as f64) };
                    let until = (share * digest.count()).round() as u64;
                    *count = until.saturating_sub(below);
                    below = below.max(until);
                }
            }
        }
        Some(Histogram { from, to, counts })
    }

    /// Either all numbers, or a digest of all.
    fn gather(&mut self) {
        if self.digest.is_some() && !self.kept.is_empty() {
            self.digest();
        }
    }
}

/// How many numbers lie where, from the least to the greatest, which is in the last range.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Histogram {
    pub from: f64,
    pub to: f64,
    pub counts: Vec<u64>,
}

/// The share of the numbers that are less: the digest gives quantiles alone, so it is halved to.
fn share_below(digest: &TDigest, value: f64) -> f64 {
    let (mut less, mut more) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = (less + more) / 2.0;
        if digest.estimate_quantile(middle) < value {
            less = middle;
        } else {
            more = middle;
        }
    }
    more
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Spread};

    fn of(numbers: impl Iterator<Item = f64>) -> Spread {
        let mut spread = Spread { kept: numbers.collect(), digest: None };
        if spread.kept.len() > KEPT {
            spread.digest();
        }
        spread
    }

    fn counts(spread: &mut Spread, ranges: usize) -> Vec<u64> {
        spread.histogram(ranges).unwrap().counts
    }

    #[test]
    fn few_numbers_are_counted() {
        let mut spread = of((0..=100).map(f64::from));
        assert_eq!(counts(&mut spread, 4), [25, 25, 25, 26]);
        let histogram = spread.histogram(4).unwrap();
        assert_eq!((histogram.from, histogram.to), (0.0, 100.0));
        assert_eq!(counts(&mut of([7.0, 7.0].into_iter()), 20), [2]);
        assert_eq!(of(std::iter::empty()).histogram(20), None);
        assert_eq!(of([f64::MIN, f64::MAX].into_iter()).histogram(20), None);
    }

    #[test]
    fn of_many_numbers_the_counts_are_near_and_none_is_lost() {
        let many = 4 * KEPT as u32;
        // The square of what is spread evenly: a quarter of the range has half of it.
        let mut spread = of((0..many).map(|number| (f64::from(number) / f64::from(many)).powi(2)));
        let counts = counts(&mut spread, 4);
        assert_eq!(counts.iter().sum::<u64>(), u64::from(many));
        for (count, until) in counts.iter().zip([0.0_f64, 0.25, 0.5, 0.75]) {
            let expected = f64::from(many) * ((until + 0.25).sqrt() - until.sqrt());
            assert!((*count as f64 / expected - 1.0).abs() < 0.01, "{count} of {expected}");
        }
    }
}
