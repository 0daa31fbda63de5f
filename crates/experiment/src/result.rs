//! From a declared experiment and the moments of its metrics to a row for each variant and metric: what was measured,
//! how sure that is, and what it comes to.

mod declared;
#[cfg(test)]
mod tests;
mod verdict;

pub use declared::{Direction, Experiment, Kind, Looks, Margin, Metric, Variant};
pub use verdict::Verdict;

use crate::compare::mean::{Cuped, Estimate};
use crate::compare::proportion::{self, Proportion};
use crate::compare::{Contrast, Difference, Interval};
use crate::moments::{Moments, Of};
use crate::power::Wanted;
use crate::sample_ratio::SampleRatio;
use crate::sequential::{Boundary, UNITS_MIN};
use crate::{Error, Result};

/// What was seen. All lists are in the order of the declaration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// Units that were drawn into each variant, for the sample ratio.
    pub assigned: Vec<u64>,
    /// By metric, then by variant. Each unit counts once, with zero where it did nothing; not all units need be counted
    /// yet.
    pub metrics: Vec<Vec<Moments>>,
    /// What others found that makes the rows worth nothing, such as an expectation that is not met.
    pub failed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// None before there is a unit.
    pub sample_ratio: Option<SampleRatio>,
    /// Why no verdict is given, of any metric.
    pub invalid: Vec<String>,
    /// By metric, then by variant, the control among them.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub metric: String,
    pub variant: String,
    pub units: u64,
    /// None before there are two units.
    pub mean: Option<f64>,
    /// None of the control, and where there is nothing to compare.
    pub comparison: Option<Comparison>,
    /// None of the control.
    pub verdict: Option<Verdict>,
}

/// A variant against the control.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub plain: Test,
    /// With what the covariate explains taken out; where it is there, verdict and power go by it.
    pub cuped: Option<Adjusted>,
    pub power: Power,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    pub method: &'static str,
    /// Of one look.
    pub difference: Difference,
    pub p_adjusted: f64,
    /// Of any number of looks; none while there are too few units.
    pub sequential: Option<Sequential>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequential {
    pub interval: Interval,
    pub relative_interval: Option<Interval>,
    pub p_value: f64,
    pub p_adjusted: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Adjusted {
    pub theta: f64,
    pub mean: f64,
    pub control_mean: f64,
    /// Of the difference, what share of its variance is gone.
    pub variance_reduction: f64,
    pub test: Test,
}

/// Of the test of one look, with as many units as there are now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// The least effect that is found with the declared power.
    pub detectable: f64,
    pub detectable_relative: Option<f64>,
    /// How often the wanted effect is found.
    pub of_wanted_effect: Option<f64>,
    /// In control and variant together, to find the wanted effect with the declared power.
    pub units_needed: Option<f64>,
}

impl Comparison {
    /// The one that verdicts go by.
    pub fn decisive(&self) -> &Test {
        self.cuped.as_ref().map_or(&self.plain, |adjusted| &adjusted.test)
    }

    fn tests(&mut self) -> impl Iterator<Item = &mut Test> {
        [&mut self.plain].into_iter().chain(self.cuped.as_mut().map(|adjusted| &mut adjusted.test))
    }
}

/// Refuses what the declaration does not fit; that units are few, or a ratio broken, is said in the rows.
pub fn analyse(experiment: &Experiment, observed: &Observed) -> Result<Report> {
    experiment.check()?;
    fits(experiment, observed)?;
    let sample_ratio = SampleRatio::of(&observed.assigned, &experiment.weights());
    let mut invalid = observed.failed.clone();
    invalid.extend(broken_ratio(experiment, &observed.assigned));
    let mut rows = Vec::new();
    for (metric, variants) in experiment.metrics.iter().zip(&observed.metrics) {
        rows.extend(of_metric(experiment, metric, variants, &observed.assigned, &invalid)?);
    }
    Ok(Report { sample_ratio, invalid, rows })
}

fn of_metric(
    experiment: &Experiment,
    metric: &Metric,
    variants: &[Moments],
    assigned: &[u64],
    invalid: &[String],
) -> Result<Vec<Row>> {
    let units: Vec<u64> = variants.iter().map(Moments::units).collect();
    let mut invalid = invalid.to_vec();
    if units != assigned {
        invalid.extend(broken_ratio(experiment, &units));
    }
    let cuped = Cuped::of(variants);
    let compared = (0..variants.len()).map(|variant| {
        if variant == experiment.control {
            return Ok(None);
        }
        compare(experiment, metric, variants, variant, cuped.as_ref())
    });
    let mut compared: Vec<Option<Comparison>> = compared.collect::<Result<_>>()?;
    adjust(experiment, &mut compared);
    let rows = compared.into_iter().enumerate().map(|(variant, comparison)| {
        let verdict = match &comparison {
            _ if variant == experiment.control => None,
            _ if !invalid.is_empty() => Some(Verdict::Invalid(invalid.join("; "))),
            Some(comparison) => Some(Verdict::of(experiment, metric, comparison)),
            None => Some(Verdict::Invalid(nothing_to_compare(experiment, variants, variant))),
        };
        Row {
            metric: metric.name.clone(),
            variant: experiment.variants[variant].name.clone(),
            units: units[variant],
            mean: Estimate::of(&variants[variant]).map(|estimate| estimate.mean),
            comparison,
            verdict,
        }
    });
    Ok(rows.collect())
}

fn compare(
    experiment: &Experiment,
    metric: &Metric,
    variants: &[Moments],
    variant: usize,
    cuped: Option<&Cuped>,
) -> Result<Option<Comparison>> {
    let (of_variant, of_control) = (&variants[variant], &variants[experiment.control]);
    let (Some(left), Some(right)) = (Estimate::of(of_variant), Estimate::of(of_control)) else { return Ok(None) };
    let contrast = Contrast { variant: &left, control: &right };
    let plain = if metric.kind == Kind::Proportion {
        Some(of_proportions(experiment, of_variant, of_control))
    } else {
        let method = if metric.kind == Kind::Mean { "Welch" } else { "delta method" };
        of_means(experiment, method, &contrast)
    };
    let Some(plain) = plain else { return Ok(None) };
    // A mean's test is none of few successes, with a covariate or without.
    let few = metric.kind == Kind::Proportion && plain.method == FEW;
    let cuped = cuped.filter(|_| !few).and_then(|Cuped { theta, estimates }| {
        let (left, right) = (&estimates[variant], &estimates[experiment.control]);
        let test = of_means(experiment, "CUPED", &Contrast { variant: left, control: right })?;
        let variance_reduction = 1.0 - (test.difference.standard_error / contrast.standard_error()).powi(2);
        Some(Adjusted { theta: *theta, mean: left.mean, control_mean: right.mean, variance_reduction, test })
    });
    let error = cuped.as_ref().map_or(&plain, |adjusted| &adjusted.test).difference.standard_error;
    let power = power(experiment, metric, error, &right, left.units + right.units)?;
    Ok(Some(Comparison { plain, cuped, power }))
}

/// The method of proportions with few successes or failures.
const FEW: &str = "z, Newcombe";

fn of_proportions(experiment: &Experiment, variant: &Moments, control: &Moments) -> Test {
    let of = |moments: &Moments| Proportion { successes: moments.sum(Of::Value), units: moments.units() as f64 };
    let (variant, control) = (of(variant), of(control));
    let large = variant.is_large() && control.is_large();
    let difference = proportion::compare(variant, control, experiment.alpha);
    let estimates = (variant.estimate(), control.estimate());
    let contrast = Contrast { variant: &estimates.0, control: &estimates.1 };
    Test {
        method: if large { "z" } else { FEW },
        p_adjusted: difference.p_value,
        difference,
        sequential: large.then(|| sequential(experiment, &contrast)).flatten(),
    }
}

fn of_means(experiment: &Experiment, method: &'static str, contrast: &Contrast<'_>) -> Option<Test> {
    let difference = contrast.welch(experiment.alpha)?;
    Some(Test { method, p_adjusted: difference.p_value, difference, sequential: sequential(experiment, contrast) })
}

fn sequential(experiment: &Experiment, contrast: &Contrast<'_>) -> Option<Sequential> {
    let (left, right) = (contrast.variant.units, contrast.control.units);
    if left.min(right) < UNITS_MIN as f64 {
        return None;
    }
    let (boundary, units) = (Boundary::new(experiment.alpha, experiment.planned_units as f64), left + right);
    let (effect, error, quantile) = (contrast.effect(), contrast.standard_error(), boundary.quantile(units));
    let p_value = boundary.p_value(effect / error, units);
    Some(Sequential {
        interval: Interval::around(effect, quantile * error),
        relative_interval: contrast.relative_interval(quantile),
        p_value,
        p_adjusted: p_value,
    })
}

fn power(experiment: &Experiment, metric: &Metric, error: f64, control: &Estimate, units: f64) -> Result<Power> {
    let wanted = Wanted::new(experiment.alpha, experiment.power)?;
    let scale = control.mean.abs();
    let effect = metric.wanted_effect.map(|margin| match margin {
        Margin::Absolute(size) => size,
        Margin::Relative(size) => size * scale,
    });
    let effect = effect.filter(|effect| *effect > 0.0 && error > 0.0);
    let detectable = wanted.detectable(error);
    Ok(Power {
        detectable,
        detectable_relative: (scale > 0.0).then(|| detectable / scale),
        of_wanted_effect: effect.map(|effect| wanted.power_of(effect, error)),
        units_needed: effect.map(|effect| (units * (detectable / effect).powi(2)).ceil()),
    })
}

/// P values are raised over the variants of a metric: those of one look, and those of any, each among themselves.
fn adjust(experiment: &Experiment, compared: &mut [Option<Comparison>]) {
    for kind in 0..2 {
        let mut tests: Vec<&mut Test> =
            compared.iter_mut().flatten().filter_map(|comparison| comparison.tests().nth(kind)).collect();
        let p_values: Vec<f64> = tests.iter().map(|test| test.difference.p_value).collect();
        let adjusted = experiment.correction.adjusted(&p_values);
        tests.iter_mut().zip(adjusted).for_each(|(test, p_adjusted)| test.p_adjusted = p_adjusted);
        let mut looks: Vec<&mut Sequential> = tests.into_iter().filter_map(|test| test.sequential.as_mut()).collect();
        let others = experiment.variants.len() - 1;
        // Variants that are too small to be tested yet count as not different.
        let mut p_values: Vec<f64> = looks.iter().map(|look| look.p_value).collect();
        p_values.resize(others, 1.0);
        let adjusted = experiment.correction.adjusted(&p_values);
        looks.iter_mut().zip(adjusted).for_each(|(look, p_adjusted)| look.p_adjusted = p_adjusted);
    }
}

fn broken_ratio(experiment: &Experiment, units: &[u64]) -> Option<String> {
    let ratio = SampleRatio::of(units, &experiment.weights())?;
    (ratio.p_value < experiment.sample_ratio_threshold).then(|| {
        let named = experiment.variants.iter().zip(units).map(|(variant, units)| format!("{units} {}", variant.name));
        let (named, p_value) = (named.collect::<Vec<_>>().join(", "), ratio.p_value);
        format!("the sample ratio is broken: {named} do not fit the weights (p = {p_value:.2e})")
    })
}

fn nothing_to_compare(experiment: &Experiment, variants: &[Moments], variant: usize) -> String {
    for place in [variant, experiment.control] {
        let (units, name) = (variants[place].units(), &experiment.variants[place].name);
        if units < 2 {
            return format!("{name} has {units} units, and two are needed");
        }
        if Estimate::of(&variants[place]).is_none() {
            let are_none = variants[place].sum(Of::Denominator) == 0.0;
            let why = if are_none { "zero together" } else { "beyond what floats hold" };
            return format!("the denominators of {name} are {why}");
        }
    }
    "all units have the same value".to_owned()
}

/// Whether what was seen can have come from what is declared.
fn fits(experiment: &Experiment, observed: &Observed) -> Result<()> {
    let count = experiment.variants.len();
    let uneven = observed.metrics.iter().any(|variants| variants.len() != count);
    if observed.assigned.len() != count || observed.metrics.len() != experiment.metrics.len() || uneven {
        let what = format!("not {count} variants of each of {} metrics", experiment.metrics.len());
        return Err(Error::rows("what was seen", what, "hand in all, in the order of the declaration"));
    }
    for (metric, variants) in experiment.metrics.iter().zip(&observed.metrics) {
        for ((variant, moments), assigned) in experiment.variants.iter().zip(variants).zip(&observed.assigned) {
            let refused = |what: String, hint: &str| {
                Err(Error::rows(format!("metric {}, variant {}", metric.name, variant.name), what, hint))
            };
            if moments.units() > *assigned {
                let what = format!("{} units of {assigned} that were assigned", moments.units());
                return refused(what, "count each unit once, and only those that were drawn");
            }
            if metric.kind != Kind::Ratio && !moments.is_plain() {
                return refused("units have denominators".to_owned(), "declare it as a ratio, or leave them out");
            }
            if metric.kind == Kind::Proportion && !moments.is_proportion() {
                return refused("a proportion has values other than 0 and 1".to_owned(), "declare it as a mean");
            }
        }
        let (covariates, units) = variants
            .iter()
            .fold((0, 0), |(covariates, units), moments| (covariates + moments.covariates(), units + moments.units()));
        if covariates != 0 && covariates != units {
            let what = format!("{covariates} of {units} units have a covariate");
            let hint = "give one to all units, zero where there was nothing before, or to none";
            return Err(Error::rows(format!("metric {}", metric.name), what, hint));
        }
    }
    Ok(())
}
