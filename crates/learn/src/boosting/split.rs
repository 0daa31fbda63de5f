//! The best question about one feature, from its histogram.

use super::bins::{MISSING_BIN, Scale};
use super::histogram::{BINS, Histogram, Scaling, Sums};

/// No side may be flatter: its value would be without bounds.
const HESSIAN_MIN: f64 = 1e-3;
/// Less gain than this is noise of rounding.
const GAIN_MIN: f64 = 1e-9;
// As LightGBM has them: up to so many categories are asked for one by one, more are sorted by their slope, which is
// held back by so much, sides of so many are tried, and rarer ones stay out.
const ONE_BY_ONE_MAX: usize = 4;
const SLOPE_SMOOTHING: f64 = 10.0;
const CATEGORIES_MAX: usize = 32;
const CATEGORY_ROWS_MIN: usize = 10;
const CATEGORY_L2: f64 = 10.0;

/// What splits have to keep to.
#[derive(Clone, Copy)]
pub struct Limits {
    pub l2: f64,
    pub rows_min: usize,
    pub scaling: Scaling,
}

/// Which bins go left.
pub type Sides = [bool; BINS];

#[derive(Clone)]
pub struct Split {
    pub gain: f64,
    pub feature: usize,
    /// Of a number, the last bin that goes left; of categories, none.
    pub last: Option<usize>,
    pub missing_left: bool,
    pub sides: Sides,
    pub left: Sums,
}

impl Limits {
    fn score(&self, sums: Sums, l2: f64) -> f64 {
        let gradient = self.scaling.gradient(sums);
        gradient * gradient / (self.scaling.hessian(sums) + l2)
    }

    fn fits(&self, sums: Sums) -> bool {
        self.scaling.count(sums) >= self.rows_min && self.scaling.hessian(sums) >= HESSIAN_MIN
    }

    /// What is won by a split; nothing where a side is too small.
    fn gain(&self, left: Sums, total: Sums, parent: f64, l2: f64) -> Option<f64> {
        let right = total.minus(left);
        if !self.fits(left) || !self.fits(right) {
            return None;
        }
        Some(self.score(left, l2) + self.score(right, l2) - parent).filter(|gain| *gain > GAIN_MIN)
    }
}

/// The best split of rows with these sums by one feature.
pub fn best(feature: usize, scale: &Scale, histogram: &Histogram, total: Sums, limits: &Limits) -> Option<Split> {
    match scale {
        Scale::Number(ends) => number(feature, ends.len(), histogram, total, limits),
        Scale::Category(codes) => category(feature, codes.len(), histogram, total, limits),
    }
}

fn number(feature: usize, bins: usize, histogram: &Histogram, total: Sums, limits: &Limits) -> Option<Split> {
    let missing = histogram[MISSING_BIN];
    let some_missing = limits.scaling.count(missing) > 0;
    let parent = limits.score(total, limits.l2);
    let mut found: Option<(f64, usize, bool, Sums)> = None;
    for missing_left in [false, true] {
        if missing_left && !some_missing {
            break;
        }
        let mut left = if missing_left { missing } else { Sums::default() };
        // With nothing missing, the last bin has no right side; else what is missing is one.
        let ends = if some_missing && !missing_left { bins } else { bins - 1 };
        for (bin, sums) in histogram[..ends].iter().enumerate() {
            if sums.packed == 0 {
                continue;
            }
            left.add(*sums);
            if let Some(gain) = limits.gain(left, total, parent, limits.l2)
                && found.is_none_or(|(most, ..)| gain > most)
            {
                found = Some((gain, bin, missing_left, left));
            }
        }
    }
    let (gain, last, mut missing_left, left) = found?;
    if !some_missing {
        // Nothing is known of missing values here: they go where most rows go.
        missing_left = 2 * limits.scaling.count(left) >= limits.scaling.count(total);
    }
    let mut sides = [false; BINS];
    sides[..=last].fill(true);
    sides[MISSING_BIN] = missing_left;
    Some(Split { gain, feature, last: Some(last), missing_left, sides, left })
}

fn category(feature: usize, bins: usize, histogram: &Histogram, total: Sums, limits: &Limits) -> Option<Split> {
    let known = (0..bins).chain([MISSING_BIN]);
    let used: Vec<usize> = known.filter(|bin| histogram[*bin].packed != 0).collect();
    let split = |bins: &[usize], gain: f64, left: Sums| {
        let mut sides = [false; BINS];
        for bin in bins {
            sides[*bin] = true;
        }
        Split { gain, feature, last: None, missing_left: sides[MISSING_BIN], sides, left }
    };
    let mut found: Option<Split> = None;
    let mut keep = |bins: &[usize], left: Sums, l2: f64, parent: f64| {
        if let Some(gain) = limits.gain(left, total, parent, l2)
            && found.as_ref().is_none_or(|best| gain > best.gain)
        {
            found = Some(split(bins, gain, left));
        }
    };
    if used.len() <= ONE_BY_ONE_MAX {
        let parent = limits.score(total, limits.l2);
        for bin in &used {
            keep(&[*bin], histogram[*bin], limits.l2, parent);
        }
        return found;
    }
    let l2 = limits.l2 + CATEGORY_L2;
    let parent = limits.score(total, limits.l2);
    let scaling = &limits.scaling;
    let slope = |bin: &usize| scaling.gradient(histogram[*bin]) / (scaling.hessian(histogram[*bin]) + SLOPE_SMOOTHING);
    let mut sorted = used;
    sorted.retain(|bin| scaling.count(histogram[*bin]) >= CATEGORY_ROWS_MIN);
    sorted.sort_by(|a, b| slope(a).total_cmp(&slope(b)).then(a.cmp(b)));
    for _ in 0..2 {
        let mut left = Sums::default();
        for (place, bin) in sorted.iter().enumerate().take(CATEGORIES_MAX) {
            left.add(histogram[*bin]);
            keep(&sorted[..=place], left, l2, parent);
        }
        sorted.reverse();
    }
    found
}
