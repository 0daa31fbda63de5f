//! A report as JSON.

use headwater_experiment::compare::Difference;
use headwater_experiment::result::{Comparison, Report, Row, Sequential, Test};
use serde_json::{Value, json};

use super::questions::interval;

pub fn json(report: &Report) -> Value {
    json!({
        "sample_ratio": report.sample_ratio.map(|ratio| [ratio.chi_square, ratio.p_value]),
        "invalid": report.invalid,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(row: &Row) -> Value {
    json!({
        "metric": row.metric,
        "variant": row.variant,
        "units": row.units,
        "mean": row.mean,
        "verdict": row.verdict.as_ref().map(ToString::to_string),
        "comparison": row.comparison.as_ref().map(comparison),
    })
}

fn comparison(comparison: &Comparison) -> Value {
    let power = comparison.power;
    json!({
        "plain": test(&comparison.plain),
        "cuped": comparison.cuped.as_ref().map(|adjusted| json!({
            "theta": adjusted.theta,
            "mean": adjusted.mean,
            "control_mean": adjusted.control_mean,
            "variance_reduction": adjusted.variance_reduction,
            "test": test(&adjusted.test),
        })),
        "detectable": power.detectable,
        "detectable_relative": power.detectable_relative,
        "power": power.of_wanted_effect,
        "units_needed": power.units_needed,
    })
}

fn test(test: &Test) -> Value {
    let Difference { effect, standard_error, p_value, interval: absolute, relative, relative_interval } =
        test.difference;
    json!({
        "method": test.method,
        "effect": effect,
        "standard_error": standard_error,
        "p_value": p_value,
        "p_adjusted": test.p_adjusted,
        "interval": interval(absolute),
        "relative": relative,
        "relative_interval": relative_interval.map(interval),
        "sequential": test.sequential.as_ref().map(sequential),
    })
}

fn sequential(sequential: &Sequential) -> Value {
    json!({
        "interval": interval(sequential.interval),
        "relative_interval": sequential.relative_interval.map(interval),
        "p_value": sequential.p_value,
        "p_adjusted": sequential.p_adjusted,
    })
}
