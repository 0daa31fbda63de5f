//! Sums of floating point that can be taken back: exact, so that what is added and then retracted leaves nothing.
//!
//! A sum is kept as a short list of doubles that do not overlap and add up to it exactly. Source: J. R. Shewchuk,
//! "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997 (grow-expansion).

/// An exact sum of doubles. Order of additions does not change the result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExactSum {
    /// Non-overlapping, rising in magnitude.
    parts: Vec<f64>,
    /// Values that are not finite are counted, not added, so that they too can be taken back.
    infinite: i64,
    negative_infinite: i64,
    not_a_number: i64,
    /// Finite values whose exact sum left the range of doubles.
    overflow: bool,
}

impl ExactSum {
    /// Adds `value` `weight` times.
    pub fn add(&mut self, value: f64, weight: i64) {
        if value.is_nan() {
            self.not_a_number += weight;
        } else if value == f64::INFINITY {
            self.infinite += weight;
        } else if value == f64::NEG_INFINITY {
            self.negative_infinite += weight;
        } else if weight == 1 {
            self.grow(value);
        } else if weight == -1 {
            self.grow(-value);
        } else {
            // The product of a double and a small integer is not always a double; its two halves are.
            let factor = weight as f64;
            let product = value * factor;
            self.grow(product);
            self.grow(value.mul_add(factor, -product));
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        self.infinite += other.infinite;
        self.negative_infinite += other.negative_infinite;
        self.not_a_number += other.not_a_number;
        self.overflow |= other.overflow;
        other.parts.iter().for_each(|part| self.grow(*part));
    }

    fn grow(&mut self, value: f64) {
        let mut carried = value;
        let mut kept = 0;
        for index in 0..self.parts.len() {
            let (sum, error) = two_sum(carried, self.parts[index]);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
            carried = sum;
        }
        self.parts.truncate(kept);
        if !carried.is_finite() {
            self.overflow = true;
            self.parts.clear();
        } else if carried != 0.0 {
            self.parts.push(carried);
        }
    }

    /// The sum as a double.
    pub fn value(&self) -> f64 {
        if self.not_a_number > 0 || (self.infinite > 0 && self.negative_infinite > 0) || self.overflow {
            f64::NAN
        } else if self.infinite > 0 {
            f64::INFINITY
        } else if self.negative_infinite > 0 {
            f64::NEG_INFINITY
        } else {
            self.rounded()
        }
    }

    /// The double nearest to the exact sum, ties to even: the same for every list of parts of one sum.
    fn rounded(&self) -> f64 {
        let mut rest = self.parts.iter().rev();
        let Some(mut high) = rest.next().copied() else { return 0.0 };
        let mut low = 0.0;
        for part in rest.by_ref() {
            (high, low) = two_sum(high, *part);
            if low != 0.0 {
                break;
            }
        }
        // A tie that the parts below would break: round away if they point the same way.
        if let Some(next) = rest.next()
            && ((low < 0.0 && *next < 0.0) || (low > 0.0 && *next > 0.0))
        {
            let doubled = low * 2.0;
            let moved = high + doubled;
            if doubled == moved - high {
                high = moved;
            }
        }
        high
    }

    /// True when the exact sum left the range of doubles and nothing can be known any more.
    pub fn has_overflowed(&self) -> bool {
        self.overflow
    }

    /// Bytes for a checkpoint: three counts, then the parts, little-endian. A sum that overflowed has one part that is
    /// not a number.
    pub fn save(&self, out: &mut Vec<u8>) {
        let parts = if self.overflow { &[f64::NAN][..] } else { &self.parts };
        out.extend_from_slice(&(parts.len() as u32).to_le_bytes());
        for count in [self.infinite, self.negative_infinite, self.not_a_number] {
            out.extend_from_slice(&count.to_le_bytes());
        }
        for part in parts {
            out.extend_from_slice(&part.to_le_bytes());
        }
    }

    /// Reads what [`ExactSum::save`] wrote and moves `bytes` past it; `None` when it is cut short.
    pub fn load(bytes: &mut &[u8]) -> Option<ExactSum> {
        let count = u32::from_le_bytes(take(bytes)?) as usize;
        let mut sum = ExactSum {
            infinite: i64::from_le_bytes(take(bytes)?),
            negative_infinite: i64::from_le_bytes(take(bytes)?),
            not_a_number: i64::from_le_bytes(take(bytes)?),
            ..ExactSum::default()
        };
        for _ in 0..count {
            let part = f64::from_le_bytes(take(bytes)?);
            sum.overflow |= part.is_nan();
            sum.parts.push(part);
        }
        if sum.overflow {
            sum.parts.clear();
        }
        Some(sum)
    }

    /// Roughly the bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.parts.capacity() * size_of::<f64>()
    }
}

/// Takes the first `N` bytes off a slice.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

/// The rounded sum of two doubles and its exact error (Knuth).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_virtual = sum - a;
    let error = (a - (sum - b_virtual)) + (b - b_virtual);
    (sum, error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_large_value_leaves_nothing_behind() {
        let mut sum = ExactSum::default();
        for (value, weight) in [(1e300, 1), (0.1, 1), (1e-300, 3), (1e300, -1), (1e-300, -3)] {
            sum.add(value, weight);
        }
        assert_eq!(sum.value(), 0.1);
    }

    #[test]
    fn infinities_are_taken_back() {
        let mut sum = ExactSum::default();
        sum.add(2.5, 1);
        sum.add(f64::INFINITY, 1);
        assert_eq!(sum.value(), f64::INFINITY);
        sum.add(f64::NAN, 1);
        assert!(sum.value().is_nan());
        sum.add(f64::NAN, -1);
        sum.add(f64::INFINITY, -1);
        assert_eq!(sum.value(), 2.5);
    }

    #[test]
    fn an_overflow_survives_a_checkpoint() {
        let mut sum = ExactSum::default();
        sum.add(1.7e308, 1);
        sum.add(1.7e308, 1);
        let mut bytes = Vec::new();
        sum.save(&mut bytes);
        let loaded = ExactSum::load(&mut bytes.as_slice()).unwrap();
        assert!(sum.has_overflowed() && loaded == sum);
    }

    proptest! {
        #[test]
        fn retraction_restores_the_sum(values in prop::collection::vec(-1e200f64..1e200, 1..40),
                                       noise in prop::collection::vec(-1e200f64..1e200, 0..40)) {
            let mut plain = ExactSum::default();
            values.iter().for_each(|value| plain.add(*value, 1));
            let mut noisy = ExactSum::default();
            noise.iter().for_each(|value| noisy.add(*value, 2));
            values.iter().rev().for_each(|value| noisy.add(*value, 1));
            noise.iter().for_each(|value| noisy.add(*value, -2));
            prop_assert_eq!(plain.value(), noisy.value());
            let mut halves = [ExactSum::default(), ExactSum::default()];
            values.iter().enumerate().for_each(|(at, value)| halves[at % 2].add(*value, 1));
            let [mut merged, other] = halves;
            merged.merge(&other);
            prop_assert_eq!(merged.value(), plain.value());
            let mut bytes = Vec::new();
            noisy.save(&mut bytes);
            prop_assert_eq!(ExactSum::load(&mut bytes.as_slice()), Some(noisy));
        }
    }
}
