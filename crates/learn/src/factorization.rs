//! Recommendations from what users did: matrix factorization of implicit feedback by alternating least squares.
//!
//! Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", 2008: whoever did something
//! prefers it, the surer the more often; whoever did not, does not, with little confidence.

use std::collections::BTreeMap;

use headwater_base::random::Random;
use rayon::prelude::*;

use crate::cholesky;
use crate::{Error, Result};

/// Sums over all rows are taken in so many pieces, in order, however many threads there are.
const PIECES: usize = 16;

#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub factors: usize,
    pub iterations: usize,
    pub l2: f64,
    /// How much surer each unit of strength makes; confidence is one and this times the strength.
    pub alpha: f64,
    pub seed: u64,
    /// Changes the time only.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { factors: 32, iterations: 15, l2: 0.1, alpha: 10.0, seed: 0, threads: 1 }
    }
}

/// One side's neighbours with their strengths, one row after the other.
struct Rows {
    ends: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Rows {
    fn of(count: usize, strengths: &BTreeMap<(u32, u32), f64>) -> Rows {
        let mut ends = vec![0; count];
        for (row, _) in strengths.keys() {
            ends[*row as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        Rows { ends, entries: strengths.iter().map(|((_, other), strength)| (*other, *strength)).collect() }
    }

    fn row(&self, row: usize) -> &[(u32, f64)] {
        let begin = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.entries[begin..self.ends[row]]
    }
}

/// Users and items as points; a user's liking of an item is the product of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Factorization {
    pub(crate) factors: usize,
    /// Sorted.
    pub(crate) users: Vec<String>,
    pub(crate) items: Vec<String>,
    pub(crate) user_factors: Vec<f64>,
    pub(crate) item_factors: Vec<f64>,
    /// Items that each user has had to do with, sorted.
    pub(crate) seen: Vec<Vec<u32>>,
}

impl Factorization {
    /// Learns from what users did with items; strengths of the same two add up. A strength is more than 0.
    pub fn train(users: &[&str], items: &[&str], strengths: &[f64], options: &Options) -> Result<Factorization> {
        check(users, items, strengths, options)?;
        let (user_names, user_codes) = codes(users);
        let (item_names, item_codes) = codes(items);
        let mut sums: BTreeMap<(u32, u32), f64> = BTreeMap::new();
        for ((user, item), strength) in user_codes.iter().zip(&item_codes).zip(strengths) {
            *sums.entry((*user, *item)).or_default() += strength;
        }
        let turned = sums.iter().map(|((user, item), strength)| ((*item, *user), *strength)).collect();
        let by_user = Rows::of(user_names.len(), &sums);
        let by_item = Rows::of(item_names.len(), &turned);
        let mut random = Random::new(options.seed);
        let mut start = |count: usize| -> Vec<f64> {
            (0..count * options.factors).map(|_| (random.unit() - 0.5) / (options.factors as f64).sqrt()).collect()
        };
        let mut user_factors = start(user_names.len());
        let mut item_factors = start(item_names.len());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.max(1)).build();
        let pool = pool.map_err(|error| Error::option("threads", options.threads, error.to_string()))?;
        pool.install(|| {
            for _ in 0..options.iterations {
                solve_side(&mut user_factors, &item_factors, &by_user, options);
                solve_side(&mut item_factors, &user_factors, &by_item, options);
            }
        });
        let seen =
            (0..user_names.len()).map(|user| by_user.row(user).iter().map(|(item, _)| *item).collect()).collect();
        let factors = options.factors;
        Ok(Factorization { factors, users: user_names, items: item_names, user_factors, item_factors, seen })
    }

    /// The `n` items that a user likes most, best first, with their scores; none of a user who was not there in
    /// training.
    pub fn recommend(&self, user: &str, n: usize, exclude_seen: bool) -> Vec<(&str, f64)> {
        let Some(user) = place(&self.users, user) else { return Vec::new() };
        let own = self.point(&self.user_factors, user);
        let left_out = |item: usize| exclude_seen && self.seen[user].binary_search(&(item as u32)).is_ok();
        let scores = (0..self.items.len()).filter(|item| !left_out(*item));
        self.best(scores.map(|item| (item, dot(own, self.point(&self.item_factors, item)))).collect(), n)
    }

    /// A user's score of an item, where both are known.
    pub fn score(&self, user: &str, item: &str) -> Option<f64> {
        let (user, item) = (place(&self.users, user)?, place(&self.items, item)?);
        Some(dot(self.point(&self.user_factors, user), self.point(&self.item_factors, item)))
    }

    /// The `n` items nearest to one by the angle between them, with its cosine; none of an unknown item.
    pub fn similar(&self, item: &str, n: usize) -> Vec<(&str, f64)> {
        let Some(item) = place(&self.items, item) else { return Vec::new() };
        let own = self.point(&self.item_factors, item);
        let cosine = |other: usize| {
            let point = self.point(&self.item_factors, other);
            let length = (dot(own, own) * dot(point, point)).sqrt();
            if length > 0.0 { dot(own, point) / length } else { 0.0 }
        };
        let others = (0..self.items.len()).filter(|other| *other != item);
        self.best(others.map(|other| (other, cosine(other))).collect(), n)
    }

    pub fn users(&self) -> &[String] {
        &self.users
    }

    pub fn items(&self) -> &[String] {
        &self.items
    }

    fn point<'a>(&self, factors: &'a [f64], row: usize) -> &'a [f64] {
        &factors[row * self.factors..(row + 1) * self.factors]
    }

    /// The greatest scores; of equal ones the first item's.
    fn best(&self, mut scores: Vec<(usize, f64)>, n: usize) -> Vec<(&str, f64)> {
        scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        scores.truncate(n);
        scores.into_iter().map(|(item, score)| (self.items[item].as_str(), score)).collect()
    }

    pub(crate) fn check(&self) -> Result<()> {
        let rising = |names: &[String]| names.windows(2).all(|two| two[0] < two[1]);
        let known = |items: &Vec<u32>| {
            items.windows(2).all(|two| two[0] < two[1]) && items.iter().all(|item| (*item as usize) < self.items.len())
        };
        let fits = self.factors > 0
            && Some(self.user_factors.len()) == self.users.len().checked_mul(self.factors)
            && Some(self.item_factors.len()) == self.items.len().checked_mul(self.factors)
            && self.seen.len() == self.users.len()
            && self.seen.iter().all(known)
            && rising(&self.users)
            && rising(&self.items)
            && self.user_factors.iter().chain(&self.item_factors).all(|factor| factor.is_finite());
        if fits { Ok(()) } else { Err(Error::Damaged { at: 0, problem: "factors do not fit their names".into() }) }
    }
}

fn check(users: &[&str], items: &[&str], strengths: &[f64], options: &Options) -> Result<()> {
    if users.is_empty() || users.len() != items.len() || users.len() != strengths.len() {
        let problem = format!("{} users, {} items and {} strengths", users.len(), items.len(), strengths.len());
        return Err(Error::rows("training rows", problem, "give each row one of each"));
    }
    if let Some(row) = strengths.iter().position(|strength| !(strength.is_finite() && *strength > 0.0)) {
        let hint = "a strength is more than 0; leave out what users did not do";
        return Err(Error::rows(format!("strength of row {row}"), strengths[row].to_string(), hint));
    }
    if !(1..=512).contains(&options.factors) {
        return Err(Error::option("factors", options.factors, "it lies between 1 and 512"));
    }
    if options.iterations == 0 {
        return Err(Error::option("iterations", 0, "it is 1 or more"));
    }
    let positive = |option, value: f64| {
        let fits = value.is_finite() && value > 0.0;
        if fits { Ok(()) } else { Err(Error::option(option, value, "it is more than 0")) }
    };
    positive("l2", options.l2)?;
    positive("alpha", options.alpha)
}

/// Names, sorted, and each row's place among them.
fn codes(texts: &[&str]) -> (Vec<String>, Vec<u32>) {
    let mut names: Vec<&str> = texts.to_vec();
    names.sort_unstable();
    names.dedup();
    let code = |text: &&str| names.partition_point(|name| name < text) as u32;
    let codes = texts.iter().map(code).collect();
    (names.into_iter().map(String::from).collect(), codes)
}

fn place(names: &[String], name: &str) -> Option<usize> {
    names.binary_search_by(|known| known.as_str().cmp(name)).ok()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sets each point of one side to what fits best with the other side as it is.
fn solve_side(points: &mut [f64], others: &[f64], rows: &Rows, options: &Options) {
    let factors = options.factors;
    let mut whole = gram(others, factors);
    for place in 0..factors {
        whole[place * factors + place] += options.l2;
    }
    points.par_chunks_mut(factors).enumerate().for_each(|(row, point)| {
        let mut matrix = whole.clone();
        point.fill(0.0);
        for (other, strength) in rows.row(row) {
            let other = &others[*other as usize * factors..(*other as usize + 1) * factors];
            let surer = options.alpha * strength;
            for (place, value) in other.iter().enumerate() {
                point[place] += (1.0 + surer) * value;
                let sums = &mut matrix[place * factors..(place + 1) * factors];
                for (sum, second) in sums.iter_mut().zip(other) {
                    *sum += surer * value * second;
                }
            }
        }
        cholesky::solve(&mut matrix, point);
    });
}

/// The sum over points of each by itself.
fn gram(points: &[f64], factors: usize) -> Vec<f64> {
    let count = points.len() / factors;
    let piece = |at: usize| {
        let mut sum = vec![0.0; factors * factors];
        let own = &points[at * count / PIECES * factors..(at + 1) * count / PIECES * factors];
        for point in own.chunks_exact(factors) {
            for (sums, value) in sum.chunks_exact_mut(factors).zip(point) {
                for (sum, second) in sums.iter_mut().zip(point) {
                    *sum += value * second;
                }
            }
        }
        sum
    };
    let pieces: Vec<Vec<f64>> = (0..PIECES).into_par_iter().map(piece).collect();
    let mut whole = vec![0.0; factors * factors];
    for piece in pieces {
        for (sum, value) in whole.iter_mut().zip(piece) {
            *sum += value;
        }
    }
    whole
}

#[cfg(test)]
mod tests;
