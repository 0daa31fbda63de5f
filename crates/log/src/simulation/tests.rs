//! Runs the simulation: some seeds with every test run, thousands with `cargo xtask soak log`.

use super::{Report, simulate};

/// `HEADWATER_SEEDS` says how many, `HEADWATER_SEED` which one.
#[test]
fn simulated_lives_keep_their_promises() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("HEADWATER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HEADWATER_SEEDS").unwrap_or(60),
    };
    let count = seeds.end - seeds.start;
    let mut sum = Report::default();
    for seed in seeds {
        let report = simulate(seed).unwrap_or_else(|failure| panic!("{failure}"));
        sum.lives += report.lives;
        sum.power_cuts += report.power_cuts;
        sum.operations += report.operations;
        sum.acknowledged += report.acknowledged;
        sum.in_doubt += report.in_doubt;
        sum.truncated += report.truncated;
    }
    println!("{count} seeds: {sum:?}");
    assert!(count < 50 || (sum.in_doubt > 0 && sum.truncated > 0 && sum.power_cuts > 50), "{sum:?}");
}

#[test]
fn a_seed_repeats() {
    assert_eq!(simulate(7), simulate(7));
}
