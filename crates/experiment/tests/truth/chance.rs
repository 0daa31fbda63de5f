//! Random numbers of a shape, and what counts of luck are too many or too few.

use headwater_base::random::Random;

/// A normal number, by Box and Muller.
pub fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

pub fn is(random: &mut Random, share: f64) -> f64 {
    if random.unit() < share { 1.0 } else { 0.0 }
}

/// The logarithm of how likely so many of so many are.
fn log_binomial(successes: u64, units: u64, share: f64) -> f64 {
    let choose = (1..=successes).map(|k| (((units - successes + k) as f64) / k as f64).ln()).sum::<f64>();
    choose + successes as f64 * share.ln() + (units - successes) as f64 * (1.0 - share).ln()
}

fn at_most(successes: u64, units: u64, share: f64) -> f64 {
    (0..=successes).map(|count| log_binomial(count, units, share).exp()).sum()
}

fn at_least(successes: u64, units: u64, share: f64) -> f64 {
    (successes..=units).map(|count| log_binomial(count, units, share).exp()).sum()
}

const LUCK: f64 = 1e-6;

/// Each of `units` was a success in about this share.
pub fn assert_about(successes: u64, units: u64, share: f64, what: &str) {
    assert_not_fewer(successes, units, share, what);
    let luck = at_least(successes, units, share);
    assert!(luck > LUCK, "{what}: {successes} of {units} is too many for {share} (p = {luck:e})");
}

pub fn assert_not_fewer(successes: u64, units: u64, share: f64, what: &str) {
    println!("{what}: {successes} of {units}, {:.4}", successes as f64 / units as f64);
    let luck = at_most(successes, units, share);
    assert!(luck > LUCK, "{what}: {successes} of {units} is too few for {share} (p = {luck:e})");
}

pub fn assert_not_more(successes: u64, units: u64, share: f64, what: &str) {
    println!("{what}: {successes} of {units}, {:.4}", successes as f64 / units as f64);
    let luck = at_least(successes, units, share);
    assert!(luck > LUCK, "{what}: {successes} of {units} is too many for {share} (p = {luck:e})");
}

/// scipy.stats.binom.cdf(1860, 2000, 0.95) and sf(39, 2000, 0.01).
#[test]
fn luck_is_that_of_the_binomial_distribution() {
    assert!((at_most(1860, 2000, 0.95) / 5.928320101826457e-05 - 1.0).abs() < 1e-9);
    assert!((at_least(40, 2000, 0.01) / 4.811531715232038e-05 - 1.0).abs() < 1e-9);
}
