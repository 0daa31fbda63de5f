//! Verdicts of experiments that are looked at once: how often they are wrong, and how often they find what is there.

use headwater_base::random::Random;
use headwater_experiment::compare::many::Correction;
use headwater_experiment::moments::{Moments, Unit};
use headwater_experiment::power::Wanted;
use headwater_experiment::result::{
    Direction, Experiment, Kind, Looks, Margin, Metric, Observed, Variant, Verdict, analyse,
};

use crate::chance::{assert_about, assert_not_more, is, normal};

const EXPERIMENTS: u64 = 2000;

fn experiment(variants: usize, kind: Kind) -> Experiment {
    let variants = (0..variants).map(|variant| Variant { name: format!("variant {variant}"), weight: 1 }).collect();
    let declared = Experiment::new(variants, vec![Metric::new("metric", kind, Direction::Higher)]);
    Experiment { looks: Looks::Once, sample_ratio_threshold: 0.0, ..declared }
}

/// Verdicts of an experiment whose variants have so many units each.
fn verdicts(experiment: &Experiment, units: usize, mut unit: impl FnMut(usize) -> Unit) -> Vec<Verdict> {
    let mut moments = vec![Moments::default(); experiment.variants.len()];
    for (variant, moments) in moments.iter_mut().enumerate() {
        (0..units).for_each(|_| moments.push(unit(variant)).unwrap());
    }
    let observed = Observed { assigned: vec![units as u64; moments.len()], metrics: vec![moments], failed: Vec::new() };
    analyse(experiment, &observed).unwrap().rows.into_iter().filter_map(|row| row.verdict).collect()
}

fn count(of: impl Fn(&mut Random) -> bool) -> u64 {
    (0..EXPERIMENTS).filter(|seed| of(&mut Random::new(*seed))).count() as u64
}

#[test]
fn sizes_find_what_they_are_for() {
    let wanted = Wanted::new(0.05, 0.8).unwrap();
    let units = wanted.units_for_means(0.4, (1.0, 1.0), 1.0).unwrap().ceil() as usize;
    let found = count(|random| {
        let unit = |variant: usize| Unit::new(normal(random) + 0.4 * variant as f64);
        verdicts(&experiment(2, Kind::Mean), units, unit) == [Verdict::Better]
    });
    assert_about(found, EXPERIMENTS, 0.795, &format!("means of {units} units, found"));
    let units = wanted.units_for_proportions(0.2, 0.3, 1.0).unwrap().ceil() as usize;
    let found = count(|random| {
        let unit = |variant: usize| Unit::new(is(random, [0.2, 0.3][variant]));
        verdicts(&experiment(2, Kind::Proportion), units, unit) == [Verdict::Better]
    });
    assert_about(found, EXPERIMENTS, 0.8, &format!("proportions of {units} units, found"));
}

/// With five variants that are all the same, one of them seems different in one experiment of five, if nothing is done.
#[test]
fn many_variants_are_not_more_often_wrong() {
    for correction in [Correction::None, Correction::Holm] {
        let declared = Experiment { correction, ..experiment(6, Kind::Mean) };
        let wrong = count(|random| {
            let verdicts = verdicts(&declared, 50, |_| Unit::new(normal(random)));
            verdicts.iter().any(|verdict| *verdict != Verdict::NoDifferenceShown)
        });
        match correction {
            Correction::Holm => assert_not_more(wrong, EXPERIMENTS, 0.05, "some of five, with Holm"),
            _ => {
                println!("some of five, without correction: {wrong} of {EXPERIMENTS}");
                assert!(wrong > EXPERIMENTS / 8, "{wrong}");
            }
        }
    }
}

/// Where the truth is the margin itself, either verdict is wrong, each in 2.5 of 100.
#[test]
fn guardrails_at_their_margin_are_seldom_decided() {
    for (name, margin) in [("absolute", Margin::Absolute(0.5)), ("relative", Margin::Relative(0.05))] {
        let mut declared = experiment(2, Kind::Mean);
        declared.metrics[0].guardrail = Some(margin);
        let decided = |wanted: Verdict| {
            count(|random| {
                let unit = |variant: usize| Unit::new(10.0 - 0.5 * variant as f64 + normal(random));
                verdicts(&declared, 80, unit) == [wanted.clone()]
            })
        };
        assert_about(decided(Verdict::GuardrailHeld), EXPERIMENTS, 0.025, &format!("{name} margin, held"));
        assert_about(decided(Verdict::GuardrailViolated), EXPERIMENTS, 0.025, &format!("{name} margin, violated"));
    }
}
