//! Against scipy and statsmodels on small rows, and against what must hold of any rows. Many more rows are compared by
//! tests/clients/experiments.py.

use headwater_base::random::Random;

use super::many::Correction;
use super::mean::{Cuped, Estimate};
use super::proportion::{Proportion, compare, newcombe, pooled_test};
use super::*;
use crate::moments::{Moments, Unit};

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-9 * (1.0 + wanted.abs()), "found {found}, wanted {wanted}");
}

fn of(units: impl IntoIterator<Item = Unit>) -> Moments {
    let mut moments = Moments::default();
    units.into_iter().for_each(|unit| moments.push(unit).unwrap());
    moments
}

fn share(successes: f64, units: f64) -> Proportion {
    Proportion { successes, units }
}

/// scipy.stats.ttest_ind([3, 4, 1, 2.5, 7], [1, 0, 2, 2], equal_var=False) and its confidence_interval().
#[test]
fn welch() {
    let variant = Estimate::of(&of([3.0, 4.0, 1.0, 2.5, 7.0].map(Unit::new))).unwrap();
    let control = Estimate::of(&of([1.0, 0.0, 2.0, 2.0].map(Unit::new))).unwrap();
    let found = Contrast { variant: &variant, control: &control }.welch(0.05).unwrap();
    close(found.p_value, 0.09167890238829651);
    close(found.interval.low, -0.5043629157437604);
    close(found.interval.high, 5.00436291574376);
    close(found.relative.unwrap(), 2.25 / 1.25);
}

/// proportions_ztest and confint_proportions_2indep(method='wald' and 'newcomb') of statsmodels.
#[test]
fn proportions() {
    let (z, p) = pooled_test(share(20034.0, 44700.0), share(20119.0, 45489.0));
    assert_eq!((format!("{z:.3}"), format!("{p:.4}")), ("1.784".to_owned(), "0.0744".to_owned()));
    let (z, p) = pooled_test(share(8502.0, 44700.0), share(8279.0, 45489.0));
    assert_eq!((format!("{z:.3}"), format!("{p:.5}")), ("3.164".to_owned(), "0.00155".to_owned()));
    let found = compare(share(30.0, 100.0), share(20.0, 120.0), 0.05);
    close(found.interval.low, 0.021470933851739996);
    close(found.interval.high, 0.24519573281492668);
    let found = newcombe(share(7.0, 50.0), share(1.0, 60.0), 0.05);
    close(found.low, 0.022653270484757848);
    close(found.high, 0.24596501417472635);
}

#[test]
fn few_successes_have_intervals() {
    let none = compare(share(0.0, 50.0), share(0.0, 60.0), 0.05);
    assert_eq!((none.effect, none.p_value, none.relative_interval), (0.0, 1.0, None));
    assert!(none.interval.low < -0.05 && none.interval.high > 0.05, "{:?}", none.interval);
    let some = compare(share(0.0, 50.0), share(5.0, 60.0), 0.05);
    let relative = some.relative_interval.unwrap();
    assert_eq!((some.relative, relative.low), (Some(-1.0), -1.0));
    assert!(relative.high > 0.0 && relative.high.is_finite());
}

/// Both intervals leave out zero, or neither does; that is why it is Fieller's.
#[test]
fn relative_and_absolute_intervals_agree_on_zero() {
    let mut random = Random::new(3);
    let (mut without, mut unbounded) = (0, 0);
    for _ in 0..2000 {
        let sign = if random.chance(1, 2) { 1.0 } else { -1.0 };
        let mut estimate = |scale: f64| Estimate {
            units: 500.0,
            mean: sign * (0.5 + scale * random.unit()),
            variance: 0.2 * random.unit(),
            shared: 0.05 * random.unit(),
        };
        let (mut variant, control) = (estimate(2.0), estimate(1.0));
        variant.shared = control.shared;
        let contrast = Contrast { variant: &variant, control: &control };
        let found = contrast.welch(0.05).unwrap();
        let Some(relative) = found.relative_interval else {
            unbounded += 1;
            continue;
        };
        assert_eq!(relative.holds(0.0), found.interval.holds(0.0), "{contrast:?} {found:?}");
        assert!(relative.holds(found.relative.unwrap()), "{found:?}");
        without += usize::from(!relative.holds(0.0));
    }
    assert!(without > 200 && unbounded > 10, "{without} {unbounded}");
}

#[test]
fn a_ratio_over_ones_is_a_mean() {
    let values = [3.0, 4.0, 1.0, 2.5, 7.0];
    let plain = Estimate::of(&of(values.map(Unit::new))).unwrap();
    let double = Estimate::of(&of(values.map(|value| Unit::new(2.0 * value).over(2.0)))).unwrap();
    close(double.mean, plain.mean);
    close(double.variance, plain.variance);
    assert_eq!(Estimate::of(&of([Unit::new(1.0)])), None);
    assert_eq!(Estimate::of(&of([Unit::new(1.0).over(0.0); 3])), None);
}

/// A covariate that says all leaves nothing; one that says nothing leaves all; one that not all units have is none.
#[test]
fn cuped_at_its_ends() {
    let mut random = Random::new(4);
    let before: Vec<f64> = (0..1000).map(|_| random.unit()).collect();
    let variant = |effect: f64, half: usize| {
        of(before.iter().skip(half).step_by(2).map(|before| Unit::new(3.0 * before + effect).with_covariate(*before)))
    };
    let all = Cuped::of(&[variant(0.0, 0), variant(0.25, 1)]).unwrap();
    close(all.theta, 3.0);
    close(all.estimates[1].mean - all.estimates[0].mean, 0.25);
    assert!(all.estimates[0].variance < 1e-20);
    assert!(Cuped::of(&[variant(0.0, 0), of([Unit::new(1.0), Unit::new(2.0)])]).is_none());
    let flat = |half: usize| of(before.iter().skip(half).step_by(2).map(|value| Unit::new(*value).with_covariate(1.0)));
    assert_eq!(Cuped::of(&[flat(0), flat(1)]), None);
}

/// multipletests of statsmodels, methods 'holm' and 'fdr_bh'.
#[test]
fn corrections() {
    let p_values = [0.01, 0.04, 0.03, 0.005];
    for (correction, wanted) in [
        (Correction::None, p_values),
        (Correction::Holm, [0.03, 0.06, 0.06, 0.02]),
        (Correction::BenjaminiHochberg, [0.02, 0.04, 0.04, 0.02]),
    ] {
        correction.adjusted(&p_values).into_iter().zip(wanted).for_each(|(found, wanted)| close(found, wanted));
    }
}
