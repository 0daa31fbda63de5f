//! An experiment declared in JSON over the rows of a CSV file, one row a unit. Cells have no quotes; `TRUE` and `FALSE`
//! are 1 and 0.

use headwater_experiment::moments::{Moments, Unit};
use headwater_experiment::result::{
    Direction, Experiment, Kind, Looks, Margin, Metric, Observed, Report, Variant, analyse,
};
use serde::Deserialize;

use super::questions::correction_of;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    csv: String,
    /// The column that says which variant a row is of.
    variant: String,
    /// Name and weight; the first one is the control.
    variants: Vec<(String, u64)>,
    metrics: Vec<DeclaredMetric>,
    alpha: f64,
    correction: String,
    one_look: bool,
    planned_units: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredMetric {
    name: String,
    kind: String,
    value: String,
    denominator: Option<String>,
    covariate: Option<String>,
    /// A share of the control that it must not get worse by.
    guardrail: Option<f64>,
    #[serde(default)]
    lower_is_better: bool,
    wanted_effect: Option<f64>,
}

impl Declared {
    pub fn analyse(&self) -> Result<Report> {
        let variants = self.variants.iter().map(|(name, weight)| Variant { name: name.clone(), weight: *weight });
        let metrics = self.metrics.iter().map(DeclaredMetric::declare).collect::<Result<Vec<_>>>()?;
        let mut experiment = Experiment::new(variants.collect(), metrics);
        experiment.alpha = self.alpha;
        experiment.correction = correction_of(&self.correction)?;
        experiment.looks = if self.one_look { Looks::Once } else { Looks::Any };
        experiment.planned_units = self.planned_units;
        Ok(analyse(&experiment, &self.read()?)?)
    }

    fn read(&self) -> Result<Observed> {
        let text = std::fs::read_to_string(&self.csv).map_err(|error| format!("{}: {error}", self.csv))?;
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let place = |name: &str| {
            header.iter().position(|column| *column == name).ok_or_else(|| format!("{} has no column {name}", self.csv))
        };
        let optional = |name: &Option<String>| name.as_deref().map(place).transpose();
        let columns = self
            .metrics
            .iter()
            .map(|metric| Ok((place(&metric.value)?, optional(&metric.denominator)?, optional(&metric.covariate)?)));
        let columns: Vec<_> = columns.collect::<std::result::Result<_, String>>()?;
        let of_variant = place(&self.variant)?;
        let mut assigned = vec![0; self.variants.len()];
        let mut metrics = vec![vec![Moments::default(); self.variants.len()]; self.metrics.len()];
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |place: usize| cells.get(place).copied().ok_or_else(|| format!("a row without a cell: {line}"));
            let name = cell(of_variant)?;
            let variant = self.variants.iter().position(|(known, _)| known == name);
            let variant = variant.ok_or_else(|| format!("there is no variant {name}"))?;
            assigned[variant] += 1;
            for (moments, (value, denominator, covariate)) in metrics.iter_mut().zip(&columns) {
                let mut unit = Unit::new(number(cell(*value)?)?);
                if let Some(denominator) = denominator {
                    unit = unit.over(number(cell(*denominator)?)?);
                }
                if let Some(covariate) = covariate {
                    unit = unit.with_covariate(number(cell(*covariate)?)?);
                }
                moments[variant].push(unit)?;
            }
        }
        Ok(Observed { assigned, metrics, failed: Vec::new() })
    }
}

impl DeclaredMetric {
    fn declare(&self) -> Result<Metric> {
        let kind = match self.kind.as_str() {
            "proportion" => Kind::Proportion,
            "mean" => Kind::Mean,
            "ratio" => Kind::Ratio,
            other => return Err(format!("there is no kind {other}: write proportion, mean or ratio").into()),
        };
        let better = if self.lower_is_better { Direction::Lower } else { Direction::Higher };
        let mut metric = Metric::new(&self.name, kind, better);
        metric.guardrail = self.guardrail.map(Margin::Relative);
        metric.wanted_effect = self.wanted_effect.map(Margin::Absolute);
        Ok(metric)
    }
}

fn number(cell: &str) -> Result<f64> {
    match cell {
        "TRUE" => Ok(1.0),
        "FALSE" => Ok(0.0),
        text => text.parse().map_err(|_| format!("{text} is no number").into()),
    }
}
