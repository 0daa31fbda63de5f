//! Analyses of experiments: what queries find of units at one point in time, and the statistics of it. What came of each is
//! remembered for as long as runs are.

mod moment;

use std::collections::BTreeMap;
use std::num::ParseFloatError;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use async_trait::async_trait;
use futures::TryStreamExt;
use headwater_base::clock::Clock;
use headwater_experiment::compare::Interval;
use headwater_experiment::moments::{Moments, Unit, cap};
use headwater_experiment::result::{Kind as MetricKind, Observed, Report, Row, Test, Verdict, analyse};
use headwater_log::Log;
use headwater_query::provide::Snapshots;
use headwater_query::session::{Session, one};
use serde::{Deserialize, Serialize};

use super::check;
use super::refresh::Stage;
use super::{Failure, Outcome, Run, Work};
use crate::expectations::Suites;
use crate::experiments::{Declared, Measured, checks, query};
use crate::history::History;
use crate::{Error, Result};
use moment::Moment;

/// Where results are remembered.
pub const TOPIC: &str = "system.experiment_results";

/// What one analysis came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub run_id: u64,
    pub experiment: String,
    /// See [`Declared::identity`].
    pub identity: String,
    /// What time the analysis is of, microseconds UTC.
    pub analysed_us: i64,
    /// Units by variant that count, in the order of the declaration.
    pub assigned: Vec<u64>,
    /// Units that were seen with several variants: they are in none.
    pub mixed: u64,
    /// Units that were forced into a variant.
    pub forced: u64,
    /// Rows of exposures without a unit, or with a variant that is none of the experiment's.
    pub unknown: u64,
    pub sample_ratio_p_value: Option<Exact>,
    /// Why there is no verdict of any metric.
    pub invalid: Vec<String>,
    pub rows: Vec<Figures>,
}

/// Of one metric and variant. Against the control, but for `units` and `mean`; numbers that are none, or not finite, are
/// left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    pub metric: String,
    pub kind: String,
    pub variant: String,
    pub units: u64,
    pub mean: Option<Exact>,
    pub plain: Option<Compared>,
    pub cuped: Option<Compared>,
    pub cuped_mean: Option<Exact>,
    pub variance_reduction: Option<Exact>,
    pub detectable: Option<Exact>,
    pub detectable_relative: Option<Exact>,
    pub power: Option<Exact>,
    pub units_needed: Option<Exact>,
    /// None of the control, and where none may be given.
    pub verdict: Option<String>,
    pub invalid: Option<String>,
}

/// A test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Compared {
    pub method: String,
    pub difference: Exact,
    pub low: Option<Exact>,
    pub high: Option<Exact>,
    pub relative: Option<Exact>,
    pub relative_low: Option<Exact>,
    pub relative_high: Option<Exact>,
    pub p_value: Exact,
    pub p_adjusted: Exact,
    pub sequential_low: Option<Exact>,
    pub sequential_high: Option<Exact>,
    /// Raised over the variants, as `p_adjusted` is.
    pub sequential_p_value: Option<Exact>,
}

/// A number that is read back as it was: written as text, since what reads numbers of JSON here is off by a last digit at
/// times.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Exact(pub f64);

impl From<Exact> for String {
    fn from(number: Exact) -> String {
        number.0.to_string()
    }
}

impl TryFrom<String> for Exact {
    type Error = ParseFloatError;

    fn try_from(text: String) -> Result<Exact, ParseFloatError> {
        text.parse().map(Exact)
    }
}

/// All results of a node.
pub struct Results {
    history: History<Record>,
    latest: Mutex<BTreeMap<String, Record>>,
}

impl Results {
    pub fn open(log: Arc<dyn Log>, clock: Arc<dyn Clock>) -> Result<Results> {
        let history: History<Record> = History::open(log, clock, TOPIC)?;
        let latest = Mutex::new(latest(history.all()?));
        Ok(Results { history, latest })
    }

    /// The last of each experiment.
    pub fn latest(&self) -> BTreeMap<String, Record> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, record: Record) -> Result<()> {
        // Waits for the disk.
        tokio::task::block_in_place(|| self.history.append(std::slice::from_ref(&record)))?;
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(record.experiment.clone(), record);
        Ok(())
    }
}

/// The last of each experiment, of all that are remembered.
pub fn latest(all: Vec<Record>) -> BTreeMap<String, Record> {
    all.into_iter().map(|record| (record.experiment.clone(), record)).collect()
}

/// Analyses one experiment.
pub struct Analysis {
    pub experiment: Arc<Declared>,
    /// All suites that are declared.
    pub suites: Vec<Suites>,
    pub results: Arc<Results>,
    pub checks: Arc<check::Results>,
    pub stage: Arc<dyn Stage>,
}

#[async_trait]
impl Work for Analysis {
    async fn run(&self, run: &Run) -> Result<Outcome, Failure> {
        let record = self.analyse(run.id).await.map_err(|error| Failure::Failed(error.to_string()))?;
        let mut messages = record.invalid.clone();
        let told = [
            (record.mixed, "units were seen with several variants, and are in none"),
            (record.forced, "units were forced into a variant, and are not counted"),
            (record.unknown, "rows of exposures say no unit, or no variant of the experiment"),
        ];
        messages
            .extend(told.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        let units = record.assigned.iter().sum();
        self.results.remember(record).map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Outcome { rows: Some(units), messages, ..Outcome::default() })
    }

    /// What it had found is there; the next one finds it anew.
    async fn found(&self, _: &Run) -> Option<Outcome> {
        None
    }
}

impl Analysis {
    async fn analyse(&self, run_id: u64) -> Result<Record> {
        let experiment = &self.experiment;
        let session = self.stage.session();
        let moment = Moment::of(&session);
        let reading = session.with_reading(Arc::clone(&moment) as _, Arc::clone(&moment) as _);
        let failed = checks::unmet(experiment, &self.suites, &self.checks.latest());
        let counts = numbers(&reading, &query::counts(experiment)).await?;
        let unknown = match query::unknown(experiment) {
            Some(query) => numbers(&reading, &query).await?.first().copied().unwrap_or_default(),
            None => 0,
        };
        let [forced, mixed, assigned @ ..] = counts.as_slice() else {
            return Err(headwater_query::Error::Internal("exposures were not counted".to_owned()).into());
        };
        let mut metrics = Vec::with_capacity(experiment.metrics.len());
        for metric in &experiment.metrics {
            metrics.push(moments(&reading, experiment, metric).await?);
        }
        let observed = Observed { assigned: assigned.to_vec(), metrics, failed };
        let report = analyse(&experiment.meaning, &observed)?;
        Ok(Record {
            run_id,
            experiment: experiment.name.clone(),
            identity: experiment.identity(),
            analysed_us: moment.as_of_us(),
            assigned: observed.assigned,
            mixed: *mixed,
            forced: *forced,
            unknown,
            sample_ratio_p_value: report.sample_ratio.map(|ratio| Exact(ratio.p_value)),
            rows: figures(experiment, &report),
            invalid: report.invalid,
        })
    }
}

/// The one row of counts that a query has.
async fn numbers(session: &Session, query: &str) -> Result<Vec<u64>> {
    let batches = session.run(&one(query)?).await?.collect().await?;
    let row = batches.iter().find(|batch| batch.num_rows() > 0);
    let columns = row.map(RecordBatch::columns).unwrap_or_default();
    let counts =
        columns.iter().map(|column| column.as_primitive_opt::<Int64Type>().map(|counts| counts.value(0) as u64));
    counts.collect::<Option<Vec<u64>>>().ok_or_else(|| mistyped(query))
}

/// The moments of a metric by variant.
async fn moments(session: &Session, experiment: &Declared, metric: &Measured) -> Result<Vec<Moments>> {
    let query = query::units(experiment, metric);
    let mut batches = session.run(&one(&query)?).await?.batches;
    let mut moments = vec![Moments::default(); experiment.assigning.variants().len()];
    // A cap is known once all values are.
    let mut held: Vec<(usize, Unit)> = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        for (place, unit) in units(&batch, metric).ok_or_else(|| mistyped(&query))? {
            match metric.cap {
                Some(_) => held.push((place, unit)),
                None => moments[place].push(unit)?,
            }
        }
    }
    let mut values: Vec<f64> = held.iter().map(|(_, unit)| unit.value).collect();
    if let Some(most) = metric.cap.and_then(|share| cap(&mut values, share)) {
        held.into_iter().try_for_each(|(place, unit)| moments[place].push(unit.capped(most)))?;
    }
    Ok(moments)
}

/// The units of a batch, each with the place of its variant; `None` where its columns are of other types.
fn units(batch: &RecordBatch, metric: &Measured) -> Option<Vec<(usize, Unit)>> {
    let number = |at: usize| batch.columns().get(at)?.as_primitive_opt::<Float64Type>();
    let places = batch.columns().first()?.as_primitive_opt::<Int64Type>()?;
    let value = number(1)?;
    let denominator = if metric.denominator.is_some() { Some(number(2)?) } else { None };
    let before = if metric.cuped.is_some() { Some(number(2 + usize::from(denominator.is_some()))?) } else { None };
    let or_zero = |numbers: &arrow::array::Float64Array, row: usize| {
        if numbers.is_null(row) { 0.0 } else { numbers.value(row) }
    };
    let unit = |row: usize| {
        let mut unit = Unit::new(or_zero(value, row));
        if let Some(denominator) = denominator {
            unit = unit.over(or_zero(denominator, row));
        }
        if let Some(before) = before {
            unit = unit.with_covariate(or_zero(before, row));
        }
        (places.value(row) as usize, unit)
    };
    Some((0..batch.num_rows()).map(unit).collect())
}

fn mistyped(query: &str) -> Error {
    headwater_query::Error::Internal(format!("a query of ours has columns of other types: {query}")).into()
}

fn figures(experiment: &Declared, report: &Report) -> Vec<Figures> {
    let kind = |name: &str| {
        let metric = experiment.metrics.iter().find(|metric| metric.meaning.name == name);
        metric.map_or("", |metric| match metric.meaning.kind {
            MetricKind::Proportion => "proportion",
            MetricKind::Mean => "mean",
            MetricKind::Ratio => "ratio",
        })
    };
    report.rows.iter().map(|row| figures_of(row, kind(&row.metric))).collect()
}

fn figures_of(row: &Row, kind: &str) -> Figures {
    let comparison = row.comparison.as_ref();
    let cuped = comparison.and_then(|comparison| comparison.cuped.as_ref());
    let power = comparison.map(|comparison| comparison.power);
    let (verdict, invalid) = match &row.verdict {
        Some(Verdict::Invalid(why)) => (None, Some(why.clone())),
        Some(verdict) => (Some(verdict.to_string()), None),
        None => (None, None),
    };
    Figures {
        metric: row.metric.clone(),
        kind: kind.to_owned(),
        variant: row.variant.clone(),
        units: row.units,
        mean: row.mean.and_then(finite),
        plain: comparison.map(|comparison| compared(&comparison.plain)),
        cuped: cuped.map(|cuped| compared(&cuped.test)),
        cuped_mean: cuped.and_then(|cuped| finite(cuped.mean)),
        variance_reduction: cuped.and_then(|cuped| finite(cuped.variance_reduction)),
        detectable: power.and_then(|power| finite(power.detectable)),
        detectable_relative: power.and_then(|power| power.detectable_relative).and_then(finite),
        power: power.and_then(|power| power.of_wanted_effect).and_then(finite),
        units_needed: power.and_then(|power| power.units_needed).and_then(finite),
        verdict,
        invalid,
    }
}

fn compared(test: &Test) -> Compared {
    let (low, high) = bounds(Some(test.difference.interval));
    let (relative_low, relative_high) = bounds(test.difference.relative_interval);
    let (sequential_low, sequential_high) = bounds(test.sequential.map(|sequential| sequential.interval));
    Compared {
        method: test.method.to_owned(),
        difference: Exact(test.difference.effect),
        low,
        high,
        relative: test.difference.relative.and_then(finite),
        relative_low,
        relative_high,
        p_value: Exact(test.difference.p_value),
        p_adjusted: Exact(test.p_adjusted),
        sequential_low,
        sequential_high,
        sequential_p_value: test.sequential.map(|sequential| Exact(sequential.p_adjusted)),
    }
}

fn bounds(interval: Option<Interval>) -> (Option<Exact>, Option<Exact>) {
    (interval.and_then(|interval| finite(interval.low)), interval.and_then(|interval| finite(interval.high)))
}

/// What says nothing is none.
fn finite(number: f64) -> Option<Exact> {
    number.is_finite().then_some(Exact(number))
}
