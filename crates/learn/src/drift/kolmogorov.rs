//! The test of Kolmogorov and Smirnov for two samples, with the p value that scipy's `ks_2samp` gives.
//!
//! Up to 10,000 rows a side it is exact, by counting ways through the lattice of both samples (Hodges, "The
//! significance probability of the Smirnov two-sample test", 1958). Above, it is that of one sample of m·n/(m+n) rows:
//! exact up to 140 of them and for small distances (Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution",
//! 2003), else by Miller's bound where the distance is large and by the expansion of Pelz and Good (1976) between.

use std::f64::consts::PI;

use crate::{Error, Result};

const EXACT_MAX: usize = 10_000;
/// Rows of one sample that the matrix of Marsaglia, Tsang and Wang is made for.
const MATRIX_MAX: f64 = 140.0;
/// Up to so many rows, and as long as n·d^1.5 is no greater, the matrix is small and the expansion not good enough.
const NARROW_MAX: f64 = 10_000.0;
const NARROW: f64 = 1.4;
/// n·d² above which two-sided is twice one-sided (Simard and L'Ecuyer, 2011).
const MILLER_MIN: f64 = 2.2;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// The greatest distance between the two distribution functions.
    pub statistic: f64,
    /// How likely such a distance is where both samples are of one distribution.
    pub p_value: f64,
}

/// Compares two samples of numbers; missing ones (NaN) are left out.
pub fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> Result<Test> {
    let sorted = |values: &[f64]| {
        let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        known.sort_by(f64::total_cmp);
        known
    };
    let (a, b) = (sorted(one), sorted(other));
    if a.is_empty() || b.is_empty() {
        return Err(Error::rows("rows to compare", "a side has no values", "compare columns that have some"));
    }
    let (m, n) = (a.len(), b.len());
    // |i·n − j·m| in whole numbers: a distance is this by m·n, without rounding.
    let (mut i, mut j, mut most) = (0, 0, 0u128);
    while i < m && j < n {
        let value = a[i].min(b[j]);
        i += a[i..].iter().take_while(|next| **next == value).count();
        j += b[j..].iter().take_while(|next| **next == value).count();
        most = most.max((i as u128 * n as u128).abs_diff(j as u128 * m as u128));
    }
    let statistic = most as f64 / (m as f64 * n as f64);
    let p_value = if m.max(n) <= EXACT_MAX { exact(m, n, most) } else { of_one(m, n, statistic) };
    Ok(Test { statistic, p_value: p_value.clamp(0.0, 1.0) })
}

/// The share of ways from (0, 0) to (m, n) that touch a distance of `most` or more. Each cell has the share of ways to
/// it that did; shares and not counts, so that nothing overflows.
fn exact(m: usize, n: usize, most: u128) -> f64 {
    if most == 0 {
        return 1.0;
    }
    let outside = |i: usize, j: usize| (i as u128 * n as u128).abs_diff(j as u128 * m as u128) >= most;
    let mut row: Vec<f64> = Vec::with_capacity(n + 1);
    for i in 0..=m {
        for j in 0..=n {
            let share = if outside(i, j) {
                1.0
            } else {
                // Of the ways to (i, j), i of i + j come from (i − 1, j).
                match (i, j) {
                    (0, 0) => 0.0,
                    (0, _) => row[j - 1],
                    (_, 0) => row[0],
                    _ => (row[j] * i as f64 + row[j - 1] * j as f64) / (i + j) as f64,
                }
            };
            if i == 0 { row.push(share) } else { row[j] = share }
        }
    }
    row[n]
}

fn of_one(m: usize, n: usize, distance: f64) -> f64 {
    let rows = (m as f64 * n as f64 / (m + n) as f64).round_ties_even();
    let squared = rows * distance * distance;
    if distance >= 1.0 {
        0.0
    } else if rows <= MATRIX_MAX && squared < 4.0 || rows <= NARROW_MAX && rows * distance.powf(1.5) <= NARROW {
        1.0 - matrix(rows as usize, distance)
    } else if squared >= MILLER_MIN {
        2.0 * one_sided(rows, distance)
    } else {
        1.0 - pelz_good(rows, distance)
    }
}

/// P(D < d) by the power of a matrix.
fn matrix(n: usize, distance: f64) -> f64 {
    let scaled = n as f64 * distance;
    let k = scaled.floor() as usize + 1;
    let (size, h) = (2 * k - 1, k as f64 - scaled);
    let mut step = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..size {
            step[i * size + j] = if i + 1 >= j { 1.0 } else { 0.0 };
        }
    }
    for i in 0..size {
        step[i * size] -= h.powi(i as i32 + 1);
        step[(size - 1) * size + i] -= h.powi((size - i) as i32);
    }
    step[(size - 1) * size] += if 2.0 * h > 1.0 { (2.0 * h - 1.0).powi(size as i32) } else { 0.0 };
    for i in 0..size {
        for j in 0..=i {
            let factorial: f64 = (1..=i - j + 1).map(|g| g as f64).product();
            step[i * size + j] /= factorial;
        }
    }
    // Of n! / nⁿ each step takes an equal part, so that powers stay within bounds.
    let part = ((1..=n).map(|g| (g as f64).ln()).sum::<f64>() / n as f64).exp() / n as f64;
    let mut row = vec![0.0; size];
    row[k - 1] = 1.0;
    for _ in 0..n {
        let mut next = vec![0.0; size];
        for (value, steps) in row.iter().zip(step.chunks_exact(size)) {
            for (next, step) in next.iter_mut().zip(steps) {
                *next += value * step;
            }
        }
        next.iter_mut().for_each(|value| *value *= part);
        row = next;
    }
    row[k - 1]
}

/// P(D⁺ ≥ d), Smirnov's sum, by logarithms.
fn one_sided(n: f64, distance: f64) -> f64 {
    let last = (n * (1.0 - distance)).floor() as usize;
    let mut choose = 0.0;
    let mut sum = 0.0;
    for j in 0..=last {
        let at = distance + j as f64 / n;
        let rest = n - j as f64;
        let term = if at >= 1.0 { f64::NEG_INFINITY } else { rest * (1.0 - at).ln() };
        sum += (choose + term + (j as f64 - 1.0) * at.ln()).exp();
        choose += (rest / (j as f64 + 1.0)).ln();
    }
    distance * sum
}

/// P(D < d) by the expansion in powers of 1/√n.
fn pelz_good(n: f64, distance: f64) -> f64 {
    let z = n.sqrt() * distance;
    let (z2, z3, z4, z6) = (z * z, z.powi(3), z.powi(4), z.powi(6));
    let (z7, z10) = (z.powi(7), z.powi(10));
    let (p2, p4, p6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let root = (PI / 2.0).sqrt();
    let mut k = [0.0; 4];
    for half in 0..100 {
        let h = f64::from(half) + 0.5;
        let h2 = h * h;
        let e = (-p2 * h2 / (2.0 * z2)).exp();
        k[0] += e;
        k[1] += (p2 * h2 - z2) * e;
        k[2] += (6.0 * z6 + 2.0 * z4 + p2 * (2.0 * z4 - 5.0 * z2) * h2 + p4 * (1.0 - 2.0 * z2) * h2 * h2) * e;
        let cubic = -30.0 * z6 - 90.0 * z6 * z2
            + p2 * (135.0 * z4 - 96.0 * z6) * h2
            + p4 * (212.0 * z4 - 60.0 * z2) * h2 * h2
            + p6 * (5.0 - 30.0 * z2) * h2 * h2 * h2;
        k[3] += cubic * e;
    }
    let (mut second, mut third) = (0.0, 0.0);
    for whole in 1..100 {
        let w2 = f64::from(whole).powi(2);
        let e = (-p2 * w2 / (2.0 * z2)).exp();
        second += p2 * w2 * e;
        third += (3.0 * p2 * w2 * z2 - p4 * w2 * w2) * e;
    }
    let zeroth = 2.0 * root / z * k[0];
    let first = root / (3.0 * z4) * k[1];
    let second = root / (36.0 * z7) * k[2] - root / (18.0 * z3) * second;
    let third = root / (3240.0 * z10) * k[3] + root / (108.0 * z6) * third;
    zeroth + first / n.sqrt() + second / n + third / n.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_samples_by_hand() {
        let test = kolmogorov_smirnov(&[1.0, 2.0], &[3.0, 4.0]).unwrap();
        // Of 6 orders 2 are wholly apart.
        assert_eq!(test.statistic, 1.0);
        assert!((test.p_value - 1.0 / 3.0).abs() < 1e-15);
        let same = kolmogorov_smirnov(&[1.0, 2.0, f64::NAN], &[1.0, 2.0]).unwrap();
        assert_eq!((same.statistic, same.p_value), (0.0, 1.0));
        assert!(kolmogorov_smirnov(&[], &[1.0]).is_err());
    }

    #[test]
    fn ways_to_the_p_value_agree_where_they_meet() {
        // Marsaglia, Tsang and Wang print this one.
        assert!((matrix(10, 0.274) - 0.628_479_615_456_504_4).abs() < 1e-12);
        for distance in [0.09, 0.11, 0.13] {
            let (by_matrix, expanded) = (matrix(140, distance), pelz_good(140.0, distance));
            assert!((by_matrix - expanded).abs() < 3e-6, "{distance}: {by_matrix}, {expanded}");
        }
        let (bound, by_matrix) = (2.0 * one_sided(140.0, 0.15), 1.0 - matrix(140, 0.15));
        assert!((bound - by_matrix).abs() < 1e-9, "{bound}, {by_matrix}");
    }
}
