//! Values as bins: at most 254 of known values a feature, and one for what is missing.

use rayon::prelude::*;

use crate::data::{Kind, Matrix};

/// The bin of a missing value, of every feature.
pub const MISSING_BIN: usize = 254;
const KNOWN_MAX: usize = MISSING_BIN;
/// So many rows, evenly spread, tell where bins end.
const SAMPLE_MAX: usize = 100_000;
/// As many features together keep their histograms in a core's cache.
const GROUP_MAX: usize = 32;

/// How one feature is binned.
pub enum Scale {
    /// Each bin's greatest value; the last takes all that is greater.
    Number(Vec<f64>),
    /// The category of each bin. Those that did not get a bin, the rarest, are as if missing.
    Category(Vec<u32>),
}

impl Scale {
    fn of(kind: &Kind, values: &[f64]) -> Scale {
        match kind {
            Kind::Number => Scale::Number(number_ends(values)),
            Kind::Categories(names) => {
                let mut counts = vec![0usize; names.len()];
                for value in values.iter().filter(|value| !value.is_nan()) {
                    counts[*value as usize] += 1;
                }
                let mut codes: Vec<u32> = (0..names.len() as u32).collect();
                codes.sort_by_key(|code| (std::cmp::Reverse(counts[*code as usize]), *code));
                codes.truncate(KNOWN_MAX);
                Scale::Category(codes)
            }
        }
    }

    fn bins(&self, values: &[f64]) -> Vec<u8> {
        match self {
            Scale::Number(ends) => values.iter().map(|value| number_bin(ends, *value)).collect(),
            Scale::Category(codes) => {
                let width = codes.iter().max().map_or(0, |most| *most as usize + 1);
                let mut bin_of = vec![MISSING_BIN as u8; width];
                for (bin, code) in codes.iter().enumerate() {
                    bin_of[*code as usize] = bin as u8;
                }
                let bin = |value: &f64| bin_of.get(*value as usize).copied().unwrap_or(MISSING_BIN as u8);
                values.iter().map(|value| if value.is_nan() { MISSING_BIN as u8 } else { bin(value) }).collect()
            }
        }
    }
}

fn number_bin(ends: &[f64], value: f64) -> u8 {
    if value.is_nan() { MISSING_BIN as u8 } else { ends[..ends.len() - 1].partition_point(|end| *end < value) as u8 }
}

/// Ends of bins with about as many rows each; a value that fills a bin alone has its own.
fn number_ends(values: &[f64]) -> Vec<f64> {
    let step = values.len().div_ceil(SAMPLE_MAX).max(1);
    let mut sorted: Vec<f64> = values.iter().step_by(step).copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for value in sorted {
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    let mut left: usize = distinct.iter().map(|(_, count)| count).sum();
    let (mut ends, mut inside) = (Vec::new(), 0);
    for (at, (value, count)) in distinct.iter().enumerate() {
        let Some((next, next_count)) = distinct.get(at + 1) else { break };
        inside += count;
        let wanted = if distinct.len() <= KNOWN_MAX { 1 } else { left / (KNOWN_MAX - ends.len()) };
        let alone = inside + next_count > wanted + wanted / 2;
        if (inside >= wanted || alone) && ends.len() + 1 < KNOWN_MAX {
            let middle = value + (next - value) / 2.0;
            ends.push(if middle < *next { middle } else { *value });
            left -= inside;
            inside = 0;
        }
    }
    ends.push(f64::INFINITY);
    ends
}

/// Some features' bins row by row, so that a row is read once for all of them.
pub struct Group {
    pub width: usize,
    pub rows: Vec<u8>,
}

pub struct Binned {
    pub scales: Vec<Scale>,
    /// By feature and row.
    pub columns: Vec<Vec<u8>>,
    /// All of one width but the last, which may be smaller. How many there are changes no result.
    pub groups: Vec<Group>,
}

impl Binned {
    pub fn new(matrix: &Matrix, kinds: &[&Kind], threads: usize) -> Binned {
        let columns = matrix.columns();
        let binned: Vec<(Scale, Vec<u8>)> = columns
            .par_iter()
            .zip(kinds)
            .map(|(values, kind)| {
                let scale = Scale::of(kind, values);
                let bins = scale.bins(values);
                (scale, bins)
            })
            .collect();
        let (scales, columns): (Vec<Scale>, Vec<Vec<u8>>) = binned.into_iter().unzip();
        let width = columns.len().div_ceil(threads.max(1)).clamp(1, GROUP_MAX);
        let groups = columns.par_chunks(width).map(|columns| group(columns, matrix.rows())).collect();
        Binned { scales, columns, groups }
    }
}

fn group(columns: &[Vec<u8>], rows: usize) -> Group {
    let width = columns.len();
    let mut together = vec![0; rows * width];
    for (place, column) in columns.iter().enumerate() {
        for (slot, bin) in together[place..].iter_mut().step_by(width).zip(column) {
            *slot = *bin;
        }
    }
    Group { width, rows: together }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_their_own_bins_and_many_share() {
        assert_eq!(number_ends(&[3.0, 1.0, f64::NAN, 1.0, 2.0]), [1.5, 2.5, f64::INFINITY]);
        assert_eq!(number_ends(&[f64::NAN]), [f64::INFINITY]);
        let many: Vec<f64> = (0..10_000).map(|n| if n % 3 == 0 { 7.0 } else { f64::from(n) }).collect();
        let ends = number_ends(&many);
        assert!((200..=KNOWN_MAX).contains(&ends.len()), "{}", ends.len());
        let mut counts = vec![0; ends.len()];
        for value in &many {
            counts[number_bin(&ends, *value) as usize] += 1;
        }
        assert!(counts.iter().filter(|count| **count > 80).count() == 1, "only the frequent value has a large bin");
        assert_eq!(number_bin(&ends, f64::NAN) as usize, MISSING_BIN);
    }

    #[test]
    fn neighbours_that_have_no_middle_are_told_apart() {
        let next = 1.0f64.next_up();
        let ends = number_ends(&[1.0, next]);
        assert_eq!((number_bin(&ends, 1.0), number_bin(&ends, next)), (0, 1));
    }
}
