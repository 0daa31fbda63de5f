//! Of many experiments that are looked at once, so many intervals hold the truth as they say, and so many alarms are
//! false.

use headwater_base::random::Random;
use headwater_experiment::compare::mean::{Cuped, Estimate};
use headwater_experiment::compare::proportion::{Proportion, compare};
use headwater_experiment::compare::{Contrast, Difference};
use headwater_experiment::moments::{Moments, Unit};
use headwater_experiment::sample_ratio::{SampleRatio, THRESHOLD};

use crate::chance::{assert_about, is, normal};

const EXPERIMENTS: u64 = 2000;

/// How many intervals hold the effect, absolute and relative, and how many p values are below alpha.
fn count(name: &str, effect: f64, relative: f64, experiment: impl Fn(&mut Random) -> Difference) -> u64 {
    let (mut held, mut relative_held, mut different) = (0, 0, 0);
    for seed in 0..EXPERIMENTS {
        let found = experiment(&mut Random::new(seed));
        held += u64::from(found.interval.holds(effect));
        relative_held += u64::from(found.relative_interval.is_some_and(|interval| interval.holds(relative)));
        different += u64::from(found.p_value < 0.05);
    }
    assert_about(held, EXPERIMENTS, 0.95, &format!("{name}, intervals"));
    assert_about(relative_held, EXPERIMENTS, 0.95, &format!("{name}, relative intervals"));
    different
}

fn of(count: usize, mut unit: impl FnMut() -> Unit) -> Moments {
    let mut moments = Moments::default();
    (0..count).for_each(|_| moments.push(unit()).unwrap());
    moments
}

fn welch(variant: &Moments, control: &Moments) -> Difference {
    let (variant, control) = (Estimate::of(variant).unwrap(), Estimate::of(control).unwrap());
    Contrast { variant: &variant, control: &control }.welch(0.05).unwrap()
}

#[test]
fn means_of_unequal_spread_and_size() {
    let experiment = |effect: f64| {
        move |random: &mut Random| {
            let variant = of(30, || Unit::new(10.0 + effect + 4.0 * normal(random)));
            let control = of(90, || Unit::new(10.0 + normal(random)));
            welch(&variant, &control)
        }
    };
    count("means", 1.0, 0.1, experiment(1.0));
    let wrong = count("means without an effect", 0.0, 0.0, experiment(0.0));
    assert_about(wrong, EXPERIMENTS, 0.05, "means, p values below 0.05");
}

#[test]
fn proportions_of_many_and_of_few() {
    let draw = |random: &mut Random, units: u64, share: f64| {
        let successes = (0..units).map(|_| is(random, share)).sum();
        Proportion { successes, units: units as f64 }
    };
    for (name, units, shares) in
        [("many of many", 1000, (0.12, 0.1)), ("few of few", 60, (0.3, 0.12)), ("few of many", 400, (0.02, 0.015))]
    {
        let (variant, control) = shares;
        count(name, variant - control, variant / control - 1.0, |random| {
            compare(draw(random, units, variant), draw(random, units, control), 0.05)
        });
    }
    let wrong = count("the same proportion", 0.0, 0.0, |random| {
        compare(draw(random, 1000, 0.2), draw(random, 1500, 0.2), 0.05)
    });
    assert_about(wrong, EXPERIMENTS, 0.05, "proportions, p values below 0.05");
}

/// People come 1 to 8 times, some like it more than others: their visits are not independent, which a test over visits
/// would take them for.
#[test]
fn ratios_over_dependent_rows() {
    let person = |random: &mut Random, effect: f64| {
        let (visits, liking) = (1 + random.below(8), random.unit() * 0.6);
        Unit::new((0..visits).map(|_| is(random, liking + effect)).sum()).over(visits as f64)
    };
    count("ratios", 0.05, 0.05 / 0.3, |random| {
        let variant = of(400, || person(random, 0.05));
        let control = of(400, || person(random, 0.0));
        welch(&variant, &control)
    });
    let naive = (0..EXPERIMENTS).filter(|seed| {
        let random = &mut Random::new(*seed);
        let mut side = || {
            let moments = of(400, || person(random, 0.0));
            let of = |of| moments.sum(of);
            use headwater_experiment::moments::Of::{Denominator, Value};
            Proportion { successes: of(Value), units: of(Denominator) }
        };
        compare(side(), side(), 0.05).p_value < 0.05
    });
    let naive = naive.count();
    assert!(naive > EXPERIMENTS as usize / 10, "rows that depend on each other don't mislead: {naive}");
}

/// With a correlation r, the variance is that of before times 1 - r².
#[test]
fn cuped_narrows_intervals_by_what_theory_says() {
    for correlation in [0.0, 0.5, 0.9] {
        let person = |random: &mut Random, effect: f64| {
            let (before, rest) = (normal(random), normal(random));
            let value = 20.0 + effect + correlation * before + (1.0_f64 - correlation * correlation).sqrt() * rest;
            Unit::new(value).with_covariate(7.0 + 3.0 * before)
        };
        let sides = |random: &mut Random| [of(200, || person(random, 0.0)), of(300, || person(random, 0.2))];
        let adjusted = |random: &mut Random| {
            let Cuped { estimates, .. } = Cuped::of(&sides(random)).unwrap();
            Contrast { variant: &estimates[1], control: &estimates[0] }.welch(0.05).unwrap()
        };
        count(&format!("CUPED at {correlation}"), 0.2, 0.01, adjusted);
        let widths = (0..EXPERIMENTS).map(|seed| {
            let plain = sides(&mut Random::new(seed));
            let (plain, narrow) = (welch(&plain[1], &plain[0]), adjusted(&mut Random::new(seed)));
            (narrow.standard_error / plain.standard_error).powi(2)
        });
        let kept = widths.sum::<f64>() / EXPERIMENTS as f64;
        let theory = 1.0 - correlation * correlation;
        println!("CUPED at {correlation}: {kept:.4} of the variance are left, {theory:.4} by theory");
        // Of one experiment the share is off by at most 0.05; the mean of all by as much over the root of 2,000.
        assert!((kept - theory).abs() < 0.006, "{kept} and {theory}");
    }
}

#[test]
fn sample_ratios_alarm_as_often_as_they_say() {
    const RUNS: u64 = 10_000;
    let alarms = |runs: u64, threshold: f64, lost: f64| {
        let broken = (0..runs).filter(|seed| {
            let mut random = Random::new(*seed);
            let mut units = [0, 0, 0];
            (0..500).for_each(|_| {
                let place = [0, 0, 1, 2][random.below(4) as usize];
                units[place] += u64::from(place != 2 || random.unit() >= lost);
            });
            SampleRatio::of(&units, &[2, 1, 1]).unwrap().p_value < threshold
        });
        broken.count() as u64
    };
    assert_about(alarms(RUNS, 0.05, 0.0), RUNS, 0.05, "sample ratios below 0.05");
    assert_about(alarms(RUNS, THRESHOLD, 0.0), RUNS, THRESHOLD, "sample ratios below 0.001");
    let found = alarms(EXPERIMENTS, THRESHOLD, 0.5);
    assert!(found > EXPERIMENTS * 9 / 10, "half of a variant is lost and {found} of {EXPERIMENTS} are found");
}
