//! Sums of derivatives by bin, in integers: they are the same in whatever order rows are added, and the difference of
//! two is exact. So any number of threads gives the same trees.

use super::bins::Group;

/// Bins of a feature; those above the missing one stay empty, and a byte needs no check.
pub const BINS: usize = 256;
/// Bits of a first derivative with its sign.
const GRADIENT_BITS: u32 = 30;

/// A row's derivatives, scaled to integers.
#[derive(Clone, Copy, Default)]
pub struct Pair {
    pub gradient: i32,
    pub hessian: u32,
}

/// Sums over rows: of first derivatives; of second ones above the count of rows, in one word.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Sums {
    pub gradient: i64,
    pub packed: u64,
}

impl Sums {
    #[inline]
    pub fn add(&mut self, other: Sums) {
        self.gradient += other.gradient;
        self.packed += other.packed;
    }

    #[inline]
    pub fn minus(self, other: Sums) -> Sums {
        Sums { gradient: self.gradient - other.gradient, packed: self.packed - other.packed }
    }
}

pub type Histogram = [Sums; BINS];

/// How derivatives become integers and back. The factors are powers of two, so scaling itself loses nothing.
#[derive(Clone, Copy, Debug)]
pub struct Scaling {
    count_bits: u32,
    gradient: f64,
    hessian: f64,
}

/// So many rows leave a second derivative 12 bits at least.
pub const ROWS_MAX: usize = 1 << 26;

impl Scaling {
    /// For derivatives of at most these sizes over so many rows.
    pub fn new(rows: usize, gradient_max: f64, hessian_max: f64) -> Scaling {
        let count_bits = usize::BITS - rows.leading_zeros();
        let hessian_bits = (64 - 2 * count_bits).min(31);
        let factor = |most: f64, bits: u32| {
            if most > 0.0 { 2f64.powi(bits as i32 - 1 - most.log2().floor().max(-900.0) as i32) } else { 1.0 }
        };
        Scaling {
            count_bits,
            gradient: factor(gradient_max, GRADIENT_BITS),
            hessian: factor(hessian_max, hessian_bits - 1),
        }
    }

    pub fn pair(&self, gradient: f64, hessian: f64) -> Pair {
        Pair { gradient: (gradient * self.gradient).round() as i32, hessian: (hessian * self.hessian).round() as u32 }
    }

    #[inline]
    pub fn sums(&self, pair: Pair) -> Sums {
        Sums { gradient: i64::from(pair.gradient), packed: u64::from(pair.hessian) << self.count_bits | 1 }
    }

    #[inline]
    pub fn gradient(&self, sums: Sums) -> f64 {
        sums.gradient as f64 / self.gradient
    }

    #[inline]
    pub fn hessian(&self, sums: Sums) -> f64 {
        (sums.packed >> self.count_bits) as f64 / self.hessian
    }

    #[inline]
    pub fn count(&self, sums: Sums) -> usize {
        (sums.packed & ((1 << self.count_bits) - 1)) as usize
    }
}

/// Adds rows to the histograms of a group's features.
pub fn accumulate(group: &Group, rows: &[u32], pairs: &[Pair], scaling: Scaling, histograms: &mut [Histogram]) {
    for histogram in histograms.iter_mut() {
        histogram.fill(Sums::default());
    }
    for row in rows {
        let row = *row as usize;
        let sums = scaling.sums(pairs[row]);
        let bins = &group.rows[row * group.width..(row + 1) * group.width];
        for (histogram, bin) in histograms.iter_mut().zip(bins) {
            histogram[*bin as usize].add(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_back_and_never_overflow_into_each_other() {
        for rows in [1usize, 5, 1000, 200_000, 3_000_000] {
            let scaling = Scaling::new(rows, 0.75, 0.25);
            let one = scaling.sums(scaling.pair(-0.75, 0.25));
            let all = Sums { gradient: one.gradient * rows as i64, packed: one.packed * rows as u64 };
            assert_eq!(scaling.count(all), rows);
            assert!((scaling.gradient(all) / rows as f64 + 0.75).abs() < 1e-8);
            assert!((scaling.hessian(all) / rows as f64 - 0.25).abs() < 1e-4, "{rows}");
        }
        let most = Scaling::new(ROWS_MAX, 1.0, 1.0);
        let one = most.sums(most.pair(1.0, 1.0));
        assert!(one.packed.checked_mul(ROWS_MAX as u64).is_some());
    }
}
