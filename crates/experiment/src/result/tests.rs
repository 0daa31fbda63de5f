//! Rows of declared experiments: verdicts, what they go by, and what is refused.

use headwater_base::random::Random;

use super::*;
use crate::compare::many::Correction;
use crate::moments::Unit;

fn variants(names: &[&str]) -> Vec<Variant> {
    names.iter().map(|name| Variant { name: (*name).to_owned(), weight: 1 }).collect()
}

fn of(kind: Kind, better: Direction) -> Experiment {
    Experiment::new(variants(&["old", "new"]), vec![Metric::new("metric", kind, better)])
}

fn counts(successes: &[(u64, u64)]) -> Observed {
    let moments = successes.iter().map(|(successes, units)| Moments::of_counts(*successes, *units).unwrap()).collect();
    let assigned = successes.iter().map(|(_, units)| *units).collect();
    Observed { assigned, metrics: vec![moments], failed: Vec::new() }
}

fn verdicts(experiment: &Experiment, observed: &Observed) -> Vec<String> {
    let rows = analyse(experiment, observed).unwrap().rows;
    rows.iter().filter_map(|row| row.verdict.as_ref()).map(Verdict::to_string).collect()
}

fn once(experiment: Experiment) -> Experiment {
    Experiment { looks: Looks::Once, ..experiment }
}

/// An effect of 2.6 standard errors is one look's, not that of any number of looks; one of 6 is both's.
#[test]
fn verdicts_go_by_how_often_one_may_look() {
    let (some, much) = (counts(&[(1000, 10_000), (1113, 10_000)]), counts(&[(1000, 10_000), (1280, 10_000)]));
    let any = of(Kind::Proportion, Direction::Higher);
    assert_eq!(verdicts(&any, &some), ["no difference shown"]);
    assert_eq!(verdicts(&once(any.clone()), &some), ["better"]);
    assert_eq!(verdicts(&any, &much), ["better"]);
    let lower = of(Kind::Proportion, Direction::Lower);
    assert_eq!(verdicts(&lower, &much), ["worse"]);
    let report = analyse(&any, &much).unwrap();
    let comparison = report.rows[1].comparison.as_ref().unwrap();
    let sequential = comparison.plain.sequential.unwrap();
    assert!(sequential.interval.low < comparison.plain.difference.interval.low && sequential.interval.low > 0.0);
    assert_eq!((report.rows[0].mean, &report.rows[0].comparison, &report.rows[0].verdict), (Some(0.1), &None, &None));
}

#[test]
fn few_units_say_nothing_at_any_look() {
    let few = counts(&[(0, 40), (20, 40)]);
    let any = of(Kind::Proportion, Direction::Higher);
    assert_eq!(verdicts(&any, &few), ["no difference shown"]);
    assert_eq!(verdicts(&once(any), &few), ["better"]);
    let mut covered = vec![Moments::default(); 2];
    (0..800).for_each(|unit| {
        let unit_of = Unit::new(f64::from(u8::from(unit % 100 == 1))).with_covariate(f64::from(unit));
        covered[unit as usize % 2].push(unit_of).unwrap();
    });
    let few = Observed { assigned: vec![400, 400], metrics: vec![covered], failed: Vec::new() };
    let report = analyse(&of(Kind::Proportion, Direction::Higher), &few).unwrap();
    let comparison = report.rows[1].comparison.as_ref().unwrap();
    assert_eq!((&comparison.cuped, comparison.plain.sequential), (&None, None));
    let none = counts(&[(0, 0), (0, 1)]);
    assert_eq!(
        verdicts(&of(Kind::Proportion, Direction::Higher), &none),
        ["invalid: new has 1 units, and two are needed"]
    );
    let same = Observed {
        metrics: vec![vec![Moments::of_counts(5, 5).unwrap(); 2]],
        assigned: vec![5, 5],
        failed: Vec::new(),
    };
    assert_eq!(verdicts(&of(Kind::Mean, Direction::Higher), &same), ["invalid: all units have the same value"]);
}

#[test]
fn guardrails_are_held_violated_or_open() {
    let guarded = |better, margin| {
        let mut experiment = once(of(Kind::Proportion, better));
        experiment.metrics[0].guardrail = Some(margin);
        experiment
    };
    // A fall by a point, with an interval of about 0.8 points to each side.
    let fall = counts(&[(1100, 10_000), (1000, 10_000)]);
    for (margin, wanted) in [
        (Margin::Absolute(0.001), "guardrail violated"),
        (Margin::Absolute(0.01), "guardrail open"),
        (Margin::Absolute(0.02), "guardrail held"),
        (Margin::Relative(0.01), "guardrail violated"),
        (Margin::Relative(0.1), "guardrail open"),
        (Margin::Relative(0.2), "guardrail held"),
    ] {
        assert_eq!(verdicts(&guarded(Direction::Higher, margin), &fall), [wanted], "{margin:?}");
        assert_eq!(verdicts(&guarded(Direction::Lower, margin), &fall), ["guardrail held"], "{margin:?}");
    }
}

#[test]
fn a_broken_ratio_or_a_failed_check_makes_all_invalid() {
    let broken = counts(&[(1000, 10_000), (1200, 10_600)]);
    let experiment = of(Kind::Proportion, Direction::Higher);
    let said = verdicts(&experiment, &broken);
    assert_eq!(
        said,
        ["invalid: the sample ratio is broken: 10000 old, 10600 new do not fit the weights (p = 2.91e-5)"]
    );
    let unchecked = Experiment { sample_ratio_threshold: 0.0, ..experiment.clone() };
    assert!(!verdicts(&unchecked, &broken)[0].starts_with("invalid"));
    let failed = Observed { failed: vec!["rows came twice".to_owned()], ..counts(&[(1, 10), (2, 10)]) };
    assert_eq!(verdicts(&experiment, &failed), ["invalid: rows came twice"]);
    // All were drawn evenly, but of one variant too few are in the metric.
    let lacking = Observed { assigned: vec![10_600, 10_600], ..broken };
    let report = analyse(&experiment, &lacking).unwrap();
    assert!(report.invalid.is_empty());
    assert!(matches!(&report.rows[1].verdict, Some(Verdict::Invalid(why)) if why.contains("10000 old, 10600 new")));
}

/// 2.3 standard errors are shown alone, and not among three.
#[test]
fn more_variants_are_corrected_for() {
    let mut experiment = once(of(Kind::Proportion, Direction::Higher));
    experiment.variants = variants(&["old", "one", "two", "three"]);
    let observed = counts(&[(1000, 10_000), (1100, 10_000), (1005, 10_000), (1300, 10_000)]);
    assert_eq!(verdicts(&experiment, &observed), ["better", "no difference shown", "better"]);
    let close = counts(&[(1000, 10_000), (1100, 10_000), (1005, 10_000), (1006, 10_000)]);
    assert_eq!(verdicts(&experiment, &close)[0], "no difference shown");
    experiment.correction = Correction::None;
    assert_eq!(verdicts(&experiment, &close)[0], "better");
    let other = Experiment { control: 3, ..experiment };
    assert_eq!(verdicts(&other, &close)[1], "better");
    assert_eq!(analyse(&other, &close).unwrap().rows[3].comparison, None);
}

#[test]
fn a_covariate_decides_where_it_is_given() {
    let mut random = Random::new(9);
    let mut moments = vec![Moments::default(); 2];
    for unit in 0..4000 {
        let before = 10.0 * random.unit();
        let effect = if unit % 2 == 1 { 0.1 } else { 0.0 };
        moments[unit % 2].push(Unit::new(before + random.unit() + effect).with_covariate(before)).unwrap();
    }
    let observed = Observed { assigned: vec![2000, 2000], metrics: vec![moments], failed: Vec::new() };
    let mut experiment = of(Kind::Mean, Direction::Higher);
    experiment.metrics[0].wanted_effect = Some(Margin::Absolute(0.1));
    let report = analyse(&experiment, &observed).unwrap();
    let comparison = report.rows[1].comparison.as_ref().unwrap();
    let cuped = comparison.cuped.as_ref().unwrap();
    assert!((cuped.theta - 1.0).abs() < 0.02 && cuped.variance_reduction > 0.98, "{cuped:?}");
    let (plain, adjusted) = (comparison.plain.difference, cuped.test.difference);
    assert!(adjusted.standard_error < plain.standard_error / 8.0 && !adjusted.interval.holds(0.0));
    assert_eq!(report.rows[1].verdict, Some(Verdict::Better));
    let power = comparison.power;
    assert!(power.of_wanted_effect.unwrap() > 0.999 && power.units_needed.unwrap() < 4000.0, "{power:?}");
    assert!(power.detectable < 0.03 && power.detectable_relative.unwrap() < 0.006, "{power:?}");
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let refused = |experiment: &Experiment, observed: &Observed| analyse(experiment, observed).unwrap_err().to_string();
    let mean = of(Kind::Mean, Direction::Higher);
    let proportion = of(Kind::Proportion, Direction::Higher);
    let push = |unit: Unit| {
        let mut moments = Moments::default();
        (0..5).for_each(|_| moments.push(unit).unwrap());
        Observed {
            assigned: vec![5, 5],
            metrics: vec![vec![moments, Moments::of_counts(2, 5).unwrap()]],
            failed: Vec::new(),
        }
    };
    let said = [
        refused(&proportion, &push(Unit::new(0.5))),
        refused(&mean, &push(Unit::new(0.5).over(2.0))),
        refused(&mean, &push(Unit::new(0.5).with_covariate(1.0))),
        refused(&mean, &Observed { assigned: vec![5, 4], ..push(Unit::new(1.0)) }),
        refused(&mean, &Observed { assigned: vec![5], ..push(Unit::new(1.0)) }),
    ];
    let wanted = [
        "metric metric, variant old: a proportion has values other than 0 and 1: declare it as a mean",
        "metric metric, variant old: units have denominators: declare it as a ratio, or leave them out",
        "metric metric: 5 of 10 units have a covariate: give one to all units, \
         zero where there was nothing before, or to none",
        "metric metric, variant new: 5 units of 4 that were assigned: \
         count each unit once, and only those that were drawn",
        "what was seen: not 2 variants of each of 1 metrics: hand in all, in the order of the declaration",
    ];
    assert_eq!(said, wanted);
}

#[test]
fn declarations_that_mean_nothing_are_refused() {
    let sound = of(Kind::Mean, Direction::Higher);
    assert!(sound.check().is_ok());
    let mut margin = sound.clone();
    margin.metrics[0].guardrail = Some(Margin::Absolute(-0.1));
    for wrong in [
        Experiment { variants: variants(&["old"]), ..sound.clone() },
        Experiment { variants: variants(&["old", "old"]), ..sound.clone() },
        Experiment { control: 2, ..sound.clone() },
        Experiment { metrics: Vec::new(), ..sound.clone() },
        Experiment { alpha: 1.0, ..sound.clone() },
        Experiment { power: 0.0, ..sound.clone() },
        Experiment { sample_ratio_threshold: f64::NAN, ..sound.clone() },
        Experiment { planned_units: 0, ..sound },
        margin,
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
}

/// Whatever numbers units have, they are refused or there is a report, and soon.
#[test]
fn no_numbers_are_too_much() {
    let numbers = [0.0, 1.0, -1.0, 0.1, 1e-300, 5e-324, 1e-160, 1e140, -1e140, 1e9, 1e9 + 1.0, f64::INFINITY, f64::NAN];
    let (mut random, mut compared) = (Random::new(11), 0);
    for _ in 0..5000 {
        let mut pick = || numbers[random.below(numbers.len() as u64) as usize];
        let with_covariate = pick() > 0.0;
        let (kind, denominator) = if pick() > 0.0 { (Kind::Ratio, pick()) } else { (Kind::Mean, 1.0) };
        let mut moments = vec![Moments::default(); 2];
        for place in 0..400 {
            let unit = Unit::new(pick()).over(denominator);
            let unit = if with_covariate { unit.with_covariate(pick()) } else { unit };
            let pushed = moments[place % 2].push(unit);
            assert!(
                pushed.is_ok()
                    || ![unit.value, unit.denominator].iter().all(|number| number.is_finite())
                    || with_covariate
            );
        }
        let observed = Observed { assigned: vec![200, 200], metrics: vec![moments], failed: Vec::new() };
        let report = analyse(&of(kind, Direction::Higher), &observed).unwrap();
        let Some(comparison) = &report.rows[1].comparison else { continue };
        let test = comparison.decisive();
        assert!((0.0..=1.0).contains(&test.p_adjusted), "{comparison:?}");
        assert!(test.difference.interval.holds(test.difference.effect), "{comparison:?}");
        compared += 1;
    }
    assert!(compared > 1000, "{compared}");
}
