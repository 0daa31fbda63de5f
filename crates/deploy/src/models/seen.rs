//! Rows that were scored, to be held against the training: some of them, each as probable as the other, however many come and
//! in whatever batches. A row that is not remembered costs nothing.
//!
//! Source: Li, "Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))", ACM TOMS 1994, algorithm L.

use headwater_base::random::Random;
use headwater_learn::data::{Feature, Values};

/// Rows that are remembered.
const ROWS: usize = 2000;

pub struct Seen {
    /// All that were scored.
    pub rows: u64,
    /// By feature.
    pub numbers: Vec<Vec<f64>>,
    pub texts: Vec<Vec<Option<String>>>,
    pub scores: Vec<f64>,
    random: Random,
    /// The next row that is remembered.
    next: u64,
    /// Of random numbers, one for each row: the greatest of those that are remembered, which are the smallest.
    greatest: f64,
}

impl Seen {
    pub fn new(features: usize, seed: u64) -> Seen {
        Seen {
            rows: 0,
            numbers: vec![Vec::new(); features],
            texts: vec![Vec::new(); features],
            scores: Vec::new(),
            random: Random::new(seed),
            next: 0,
            greatest: 1.0,
        }
    }

    /// A batch that was scored.
    pub fn take(&mut self, features: &[Feature], rows: usize, score: impl Fn(usize) -> f64) {
        let before = self.rows;
        self.rows += rows as u64;
        while self.next < self.rows {
            let row = (self.next - before) as usize;
            self.remember(features, row, score(row));
            if self.scores.len() < ROWS {
                self.next += 1;
            } else {
                self.greatest *= (self.logarithm() / ROWS as f64).exp();
                let passed = (self.logarithm() / (-self.greatest).ln_1p()).floor();
                self.next = self.next.saturating_add(1).saturating_add(passed as u64);
            }
        }
    }

    /// Of a random number above zero.
    fn logarithm(&mut self) -> f64 {
        (1.0 - self.random.unit()).ln()
    }

    /// Remembers a row, in the place of another one where there are enough.
    fn remember(&mut self, features: &[Feature], row: usize, score: f64) {
        let place = (self.scores.len() >= ROWS).then(|| self.random.below(ROWS as u64) as usize);
        put(&mut self.scores, place, score);
        for (at, feature) in features.iter().enumerate() {
            match &feature.values {
                Values::Numbers(numbers) => put(&mut self.numbers[at], place, numbers[row]),
                Values::Categories { codes, names } => {
                    put(&mut self.texts[at], place, names.get(codes[row] as usize).cloned());
                }
            }
        }
    }
}

fn put<T>(values: &mut Vec<T>, place: Option<usize>, value: T) {
    match place.and_then(|place| values.get_mut(place)) {
        Some(slot) => *slot = value,
        None => values.push(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of rows that say when they came, one batch after the other.
    fn remembered(batches: &[usize], seed: u64) -> Seen {
        let mut seen = Seen::new(1, seed);
        for rows in batches {
            let before = seen.rows as f64;
            let numbers = (0..*rows).map(|row| before + row as f64).collect();
            let feature = Feature { name: "at".to_owned(), values: Values::Numbers(numbers) };
            seen.take(&[feature], *rows, |row| before + row as f64);
        }
        seen
    }

    #[test]
    fn few_rows_are_all_remembered() {
        let seen = remembered(&[3, 0, 597, 1], 1);
        let all: Vec<f64> = (0..601).map(f64::from).collect();
        assert_eq!((seen.rows, &seen.scores, &seen.numbers[0]), (601, &all, &all));
    }

    #[test]
    fn of_many_each_is_as_probable_whatever_the_batches() {
        for batches in [vec![1; 20_000], vec![20_000], vec![8192, 8192, 3616], [3, 1, 496].repeat(40)] {
            let mut tenths = [0; 10];
            for seed in 0..50 {
                let seen = remembered(&batches, seed);
                assert_eq!((seen.rows, seen.scores.len()), (20_000, ROWS));
                assert_eq!(seen.scores, seen.numbers[0], "a row stays whole");
                seen.scores.iter().for_each(|at| tenths[*at as usize / 2000] += 1);
            }
            // 10,000 each, with a deviation of 90.
            assert!(tenths.iter().all(|count: &i32| (count - 10_000).abs() < 450), "{tenths:?}");
        }
    }
}
