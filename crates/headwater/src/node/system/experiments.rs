//! `system.experiments` and `system.experiment_results`: who is drawn into what, and what came of it.
//!
//! What is invalid now is so in both, at once: where a check of what an experiment is made of has failed since it was
//! analysed, its last results give no verdict until a check is met.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use headwater_deploy::expectations::Suites;
use headwater_deploy::experiments::{Declared, checks};
use headwater_deploy::history;
use headwater_deploy::runs::analysis::{Compared, Exact, Figures, Record, TOPIC, latest};
use headwater_deploy::runs::check;
use headwater_deploy::system::{EXPERIMENT_RESULTS, schema};
use headwater_log::Log;
use headwater_query::{Error, Result};

use super::{Known, text, times};

/// Why experiments give no verdicts now, beside what their last analysis says.
pub type Unmet = BTreeMap<String, Vec<String>>;

impl Known {
    /// What the last checks say of experiments. Without a node, those that the log has are not looked at here; see
    /// [`unmet`].
    pub fn unmet(&self) -> Unmet {
        let latest = self.results.as_ref().map(|results| results.latest()).unwrap_or_default();
        unmet(&self.experiments(), &self.suites(), &latest)
    }
}

pub fn unmet(experiments: &[Arc<Declared>], suites: &[Suites], latest: &checks::Latest) -> Unmet {
    let of = |one: &Arc<Declared>| (one.name.clone(), checks::unmet(one, suites, latest));
    experiments.iter().map(of).filter(|(_, reasons)| !reasons.is_empty()).collect()
}

/// What is known of experiments: of a node that runs, or what the log has.
pub struct Told {
    pub all: Vec<Record>,
    pub unmet: Unmet,
}

impl Told {
    pub fn of(known: &Known, log: &dyn Log) -> Result<Told> {
        let failed = |error: headwater_deploy::Error| Error::Execution(error.to_string());
        let all: Vec<Record> = history::read(log, TOPIC).map_err(failed)?;
        let unmet = match &known.results {
            Some(_) => known.unmet(),
            None => {
                let checked = checks::latest(history::read(log, check::TOPIC).map_err(failed)?);
                unmet(&known.experiments(), &known.suites(), &checked)
            }
        };
        Ok(Told { all, unmet })
    }
}

/// One row an experiment.
pub fn declared(known: &Known, told: Told) -> Vec<ArrayRef> {
    let all = known.experiments().clone();
    let latest = latest(told.all);
    let last: Vec<Option<&Record>> =
        all.iter().map(|one| latest.get(&one.name).filter(|record| record.identity == one.identity())).collect();
    let invalid: Vec<Option<String>> = all
        .iter()
        .zip(&last)
        .map(|(one, last)| {
            let now = told.unmet.get(&one.name).map_or(&[][..], Vec::as_slice);
            let before = last.map_or(&[][..], |record| record.invalid.as_slice());
            joined(now, before)
        })
        .collect();
    let state = |(invalid, last): (&Option<String>, &Option<&Record>)| match (invalid, last) {
        (Some(_), _) => "invalid",
        (None, None) => "new",
        (None, Some(_)) => "valid",
    };
    let variants: Vec<String> = all
        .iter()
        .map(|one| {
            let weighed = one.assigning.variants().iter().zip(one.assigning.weights());
            weighed.map(|(variant, weight)| format!("{variant} {weight}")).collect::<Vec<_>>().join(", ")
        })
        .collect();
    let schedules: Vec<String> = all.iter().map(|one| one.schedule.to_string()).collect();
    let count = |of: fn(&Record) -> u64| {
        Arc::new(last.iter().map(|last| last.map(|record| of(record) as i64)).collect::<Int64Array>()) as ArrayRef
    };
    vec![
        text(all.iter().map(|one| Some(one.name.as_str()))),
        text(all.iter().map(|one| Some(one.unit.as_str()))),
        text(variants.iter().map(|variants| Some(variants.as_str()))),
        text(all.iter().map(|one| Some(one.assigning.salt()))),
        text(all.iter().map(|one| Some(one.exposures.relation()))),
        text(schedules.iter().map(|schedule| Some(schedule.as_str()))),
        text(invalid.iter().zip(&last).map(state).map(Some)),
        count(|record| record.assigned.iter().sum()),
        count(|record| record.mixed),
        count(|record| record.forced),
        count(|record| record.unknown),
        Arc::new(
            last.iter()
                .map(|last| last.and_then(|record| Some(record.sample_ratio_p_value?.0)))
                .collect::<Float64Array>(),
        ),
        times(last.iter().map(|last| last.map(|record| record.analysed_us))),
        text(invalid.iter().map(Option::as_deref)),
    ]
}

/// All results that are remembered, the oldest first.
pub fn results(told: &Told) -> Result<RecordBatch> {
    results_of(&told.all, &told.unmet)
}

/// A row for each metric and variant of each of these.
pub fn results_of(all: &[Record], unmet: &Unmet) -> Result<RecordBatch> {
    let newest: BTreeMap<&str, u64> = all.iter().map(|record| (record.experiment.as_str(), record.run_id)).collect();
    let rows: Vec<(&Record, &Figures)> =
        all.iter().flat_map(|record| record.rows.iter().map(move |figures| (record, figures))).collect();
    // Since then.
    let since = |record: &Record| {
        let is_newest = newest.get(record.experiment.as_str()) == Some(&record.run_id);
        unmet.get(&record.experiment).filter(|_| is_newest)
    };
    let invalid: Vec<Option<String>> = rows
        .iter()
        .map(|(record, figures)| {
            let now = since(record).map_or(&[][..], Vec::as_slice);
            // The control has no verdict that could be none.
            let is_judged = figures.verdict.is_some() || figures.invalid.is_some();
            joined(now, figures.invalid.as_slice()).filter(|_| is_judged)
        })
        .collect();
    let verdicts = rows.iter().zip(&invalid);
    let verdicts =
        text(verdicts.map(|((_, figures), invalid)| figures.verdict.as_deref().filter(|_| invalid.is_none())));
    let mut columns = vec![
        text(rows.iter().map(|(record, _)| Some(record.experiment.as_str()))),
        Arc::new(rows.iter().map(|(record, _)| i64::try_from(record.run_id).ok()).collect::<Int64Array>()) as ArrayRef,
        times(rows.iter().map(|(record, _)| Some(record.analysed_us))),
        text(rows.iter().map(|(_, figures)| Some(figures.metric.as_str()))),
        text(rows.iter().map(|(_, figures)| Some(figures.kind.as_str()))),
        text(rows.iter().map(|(_, figures)| Some(figures.variant.as_str()))),
        Arc::new(rows.iter().map(|(_, figures)| Some(figures.units as i64)).collect::<Int64Array>()),
    ];
    columns.extend(measured(&rows));
    columns.push(float(&rows, |record, _| record.sample_ratio_p_value));
    columns.push(verdicts);
    columns.push(text(invalid.iter().map(Option::as_deref)));
    let rows = RecordBatch::try_new(schema(EXPERIMENT_RESULTS), columns);
    rows.map_err(|error| Error::Internal(format!("system.{EXPERIMENT_RESULTS}: {error}")))
}

/// What tests and power say, in the order of the columns.
fn measured(rows: &[(&Record, &Figures)]) -> Vec<ArrayRef> {
    let plain = |of: fn(&Compared) -> Option<Exact>| float(rows, move |_, figures| figures.plain.as_ref().and_then(of));
    let cuped = |of: fn(&Compared) -> Option<Exact>| float(rows, move |_, figures| figures.cuped.as_ref().and_then(of));
    vec![
        float(rows, |_, figures| figures.mean),
        text(rows.iter().map(|(_, figures)| figures.plain.as_ref().map(|test| test.method.as_str()))),
        plain(|test| Some(test.difference)),
        plain(|test| test.low),
        plain(|test| test.high),
        plain(|test| test.relative),
        plain(|test| test.relative_low),
        plain(|test| test.relative_high),
        plain(|test| Some(test.p_value)),
        plain(|test| Some(test.p_adjusted)),
        plain(|test| test.sequential_low),
        plain(|test| test.sequential_high),
        plain(|test| test.sequential_p_value),
        float(rows, |_, figures| figures.cuped_mean),
        cuped(|test| Some(test.difference)),
        cuped(|test| test.low),
        cuped(|test| test.high),
        cuped(|test| Some(test.p_value)),
        cuped(|test| Some(test.p_adjusted)),
        cuped(|test| test.sequential_low),
        cuped(|test| test.sequential_high),
        cuped(|test| test.sequential_p_value),
        float(rows, |_, figures| figures.variance_reduction),
        float(rows, |_, figures| figures.detectable),
        float(rows, |_, figures| figures.detectable_relative),
        float(rows, |_, figures| figures.power),
        float(rows, |_, figures| figures.units_needed),
    ]
}

fn float(rows: &[(&Record, &Figures)], of: impl Fn(&Record, &Figures) -> Option<Exact>) -> ArrayRef {
    Arc::new(rows.iter().map(|(record, figures)| of(record, figures).map(|number| number.0)).collect::<Float64Array>())
}

/// Reasons, each once.
fn joined(now: &[String], before: &[String]) -> Option<String> {
    let mut all: Vec<&str> = now.iter().map(String::as_str).collect();
    all.extend(before.iter().map(String::as_str).filter(|reason| !now.iter().any(|one| reason.contains(one.as_str()))));
    Some(all.join("; ")).filter(|all| !all.is_empty())
}
