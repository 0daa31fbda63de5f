//! Experiments that are looked at every day for 30 days.

use headwater_base::random::Random;
use headwater_experiment::moments::{Moments, Unit};
use headwater_experiment::result::{Direction, Experiment, Kind, Looks, Metric, Observed, Variant, Verdict, analyse};
use headwater_experiment::sequential::Boundary;

use crate::chance::{assert_not_fewer, assert_not_more, is, normal};

const EXPERIMENTS: u64 = 2000;
const DAYS: usize = 30;

/// What was seen over all days.
#[derive(Default)]
struct Seen {
    /// In how many experiments every interval held the effect.
    held: u64,
    held_relative: u64,
    /// In how many some look was called a difference, by the sequential p value and by that of one look.
    called: u64,
    called_once: u64,
}

struct World {
    kind: Kind,
    units_a_day: usize,
    effect: f64,
    relative: f64,
    planned_units: u64,
}

fn look(world: &World, unit: impl Fn(&mut Random, bool) -> Unit) -> Seen {
    let variants = ["old", "new"].map(|name| Variant { name: name.to_owned(), weight: 1 }).to_vec();
    let metric = Metric::new("metric", world.kind, Direction::Higher);
    let mut experiment = Experiment::new(variants, vec![metric]);
    experiment.planned_units = world.planned_units;
    experiment.sample_ratio_threshold = 0.0;
    assert_eq!(experiment.looks, Looks::Any);
    let mut seen = Seen::default();
    for seed in 0..EXPERIMENTS {
        let mut random = Random::new(seed);
        let mut moments = vec![Moments::default(); 2];
        let (mut held, mut held_relative, mut called, mut called_once) = (true, true, false, false);
        for _ in 0..DAYS {
            for _ in 0..world.units_a_day {
                let new = random.chance(1, 2);
                moments[usize::from(new)].push(unit(&mut random, new)).unwrap();
            }
            let assigned = moments.iter().map(Moments::units).collect();
            let observed = Observed { assigned, metrics: vec![moments.clone()], failed: Vec::new() };
            let report = analyse(&experiment, &observed).unwrap();
            let Some(comparison) = &report.rows[1].comparison else { continue };
            let test = comparison.decisive();
            called_once |= test.difference.p_value < 0.05;
            called |= matches!(report.rows[1].verdict, Some(Verdict::Better | Verdict::Worse));
            let Some(sequential) = test.sequential else { continue };
            held &= sequential.interval.holds(world.effect);
            held_relative &= sequential.relative_interval.is_none_or(|interval| interval.holds(world.relative));
        }
        seen.held += u64::from(held);
        seen.held_relative += u64::from(held_relative);
        seen.called += u64::from(called);
        seen.called_once += u64::from(called_once);
    }
    seen
}

fn check(name: &str, seen: &Seen) {
    assert_not_fewer(seen.held, EXPERIMENTS, 0.95, &format!("{name}, intervals of 30 days"));
    assert_not_fewer(seen.held_relative, EXPERIMENTS, 0.95, &format!("{name}, relative intervals of 30 days"));
}

fn check_without_effect(name: &str, seen: &Seen) {
    check(name, seen);
    assert_not_more(seen.called, EXPERIMENTS, 0.05, &format!("{name}, called different on some day"));
    println!("{name}, called different on some day by the test of one look: {} of {EXPERIMENTS}", seen.called_once);
    assert!(seen.called_once > EXPERIMENTS / 6, "{name}: who looks each day is not misled: {}", seen.called_once);
}

#[test]
fn means() {
    let world = World { kind: Kind::Mean, units_a_day: 50, effect: 0.0, relative: 0.0, planned_units: 1500 };
    check_without_effect("means", &look(&world, |random, _| Unit::new(5.0 + normal(random))));
    let world = World { kind: Kind::Mean, units_a_day: 50, effect: 0.5, relative: 0.1, planned_units: 1500 };
    let seen = look(&world, |random, new| Unit::new(5.0 + normal(random) + if new { 0.5 } else { 0.0 }));
    check("means with an effect", &seen);
    assert!(seen.called > EXPERIMENTS * 99 / 100, "half a deviation is found in {} of {EXPERIMENTS}", seen.called);
}

/// Few buy, and those who do pay very different amounts.
#[test]
fn skewed_means() {
    let world = World { kind: Kind::Mean, units_a_day: 100, effect: 0.0, relative: 0.0, planned_units: 3000 };
    let paid = |random: &mut Random| is(random, 0.1) * (2.0 + normal(random)).exp();
    check_without_effect("skewed means", &look(&world, |random, _| Unit::new(paid(random))));
}

#[test]
fn proportions() {
    for (name, share) in [("proportions", 0.3), ("small proportions", 0.02)] {
        let world = World { kind: Kind::Proportion, units_a_day: 100, effect: 0.0, relative: 0.0, planned_units: 3000 };
        check_without_effect(name, &look(&world, |random, _| Unit::new(is(random, share))));
    }
    let world = World { kind: Kind::Proportion, units_a_day: 100, effect: 0.05, relative: 0.5, planned_units: 3000 };
    check(
        "proportions with an effect",
        &look(&world, |random, new| Unit::new(is(random, if new { 0.15 } else { 0.1 }))),
    );
}

#[test]
fn ratios_with_covariates() {
    let world = World { kind: Kind::Ratio, units_a_day: 60, effect: 0.0, relative: 0.0, planned_units: 1800 };
    let person = |random: &mut Random| {
        let (visits, liking, before) = (1 + random.below(6), 0.5 * random.unit(), 1 + random.below(6));
        let mut bought = |visits: u64| (0..visits).map(|_| is(random, liking)).sum::<f64>();
        let before = bought(before) / before as f64;
        Unit::new(bought(visits)).over(visits as f64).with_covariate(before)
    };
    let seen = look(&world, |random, _| person(random));
    check("ratios with covariates", &seen);
    assert_not_more(seen.called, EXPERIMENTS, 0.05, "ratios with covariates, called different on some day");
}

/// What the wider boundary costs: at the planned size it reaches about 1.55 times as far.
#[test]
fn the_price_of_looking_is_a_wider_interval() {
    let boundary = Boundary::new(0.05, 3000.0);
    let reach = boundary.quantile(3000.0) / 1.959964;
    assert!((1.5..1.6).contains(&reach), "{reach}");
}
