//! What came of one expectation, with the fields of Great Expectations' results.

use std::fmt;

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};

use crate::literal::Set;
use crate::measure::duplicates::{Duplicates, Found};
use crate::measure::numbers::{Numbers, float};
use crate::measure::rows::{Rows, SAMPLES_MAX};
use crate::measure::values::Counts;
use crate::measure::{State, extremes::Extremes};
use crate::suite::{Ask, Check, Statistic, Wanted};
use crate::{Error, Result};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub expectation: String,
    /// The column or columns that it is about.
    pub column: Option<String>,
    /// As they were written.
    pub arguments: String,
    /// `critical` or `warning`.
    pub severity: String,
    pub success: bool,
    /// Rows that were looked at, of expectations about rows.
    pub element_count: Option<u64>,
    /// Rows without the value that it is about.
    pub missing_count: Option<u64>,
    pub unexpected_count: Option<u64>,
    /// Of the rows that are not missing; none where all are.
    pub unexpected_percent: Option<f64>,
    /// As JSON.
    pub observed_value: Option<String>,
    /// Values that are not as expected, each as JSON: of rows the first ones.
    pub samples: Vec<String>,
    /// The share of rows that are as expected; 0 or 1 for what is about all rows together.
    pub score: f64,
}

impl Outcome {
    pub(crate) fn of(check: &Check, states: &[State]) -> Result<Outcome> {
        let state = |measure: &usize| states.get(*measure).ok_or_else(mixed);
        match &check.ask {
            Ask::Known { success, observed, samples } => {
                Ok(check.whole(*success, observed.clone()).with_samples(samples.clone()))
            }
            Ask::Rows { measure } => Ok(check.rows(rows(state(measure)?)?)),
            Ask::Unique { measure, columns } => Ok(check.rows(&found(state(measure)?, columns)?.rows)),
            Ask::RowCount { measure, least, most } => {
                let State::Count(rows) = state(measure)? else { return Err(mixed()) };
                Ok(check.whole((*least..=*most).contains(rows), Some(rows.to_string())))
            }
            Ask::DistinctCount { measure, least, most } => {
                let distinct = found(state(measure)?, &[])?.distinct;
                Ok(check.whole((*least..=*most).contains(&distinct), Some(distinct.to_string())))
            }
            Ask::DistinctShare { measure, least, most } => {
                let Found { rows, distinct } = found(state(measure)?, &[])?;
                let present = rows.elements - rows.missing;
                let share = if present == 0 { 0.0 } else { distinct as f64 / present as f64 };
                Ok(check.number(Some(share), *least, *most))
            }
            Ask::PresentShare { measure, least, most } => {
                let Rows { elements, unexpected, .. } = rows(state(measure)?)?;
                let share = (*elements > 0).then(|| (elements - unexpected) as f64 / *elements as f64);
                Ok(check.number(share, *least, *most))
            }
            Ask::Statistic { measure, of, least, most } => check.statistic(state(measure)?, *of, *least, *most),
            Ask::Median { measure, least, most } => {
                let State::Sorted(all) = state(measure)? else { return Err(mixed()) };
                Ok(check.number(median(&mut all.clone()), *least, *most))
            }
            Ask::Extreme { measure, greatest, range } => {
                let State::Extremes(extremes) = state(measure)? else { return Err(mixed()) };
                let value = if *greatest { extremes.greatest() } else { extremes.least() };
                check.extreme(extremes, value, |value| range.holds(value))
            }
            Ask::DistinctSet { measure, set, wanted } => check.distinct_set(counts(state(measure)?)?, set, *wanted),
            Ask::MostCommon { measure, set, ties_okay } => check.most_common(counts(state(measure)?)?, set, *ties_okay),
            Ask::Quantiles { measure, quantiles, ranges } => {
                let State::Sorted(all) = state(measure)? else { return Err(mixed()) };
                Ok(check.quantiles(&mut all.clone(), quantiles, ranges))
            }
        }
    }

    fn with_samples(mut self, samples: Vec<String>) -> Outcome {
        self.samples = samples;
        self
    }

    /// The samples as a JSON array.
    pub fn samples_json(&self) -> String {
        format!("[{}]", self.samples.join(","))
    }
}

/// In one line, for who asks why something does not go on.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.expectation, self.arguments)?;
        match (self.unexpected_count, self.element_count, &self.observed_value) {
            (Some(wrong), Some(rows), _) => write!(f, " has {wrong} unexpected of {rows} rows"),
            (_, _, Some(observed)) => write!(f, " observed {observed}"),
            (Some(wrong), None, None) => write!(f, " has {wrong} unexpected values"),
            (None, _, None) => write!(f, " observed nothing"),
        }
    }
}

fn mixed() -> Error {
    Error::Internal("measures of one suite were mixed up".to_owned())
}

fn rows(state: &State) -> Result<&Rows> {
    match state {
        State::Rows(rows) => Ok(rows),
        _ => Err(mixed()),
    }
}

fn counts(state: &State) -> Result<&Counts> {
    match state {
        State::Counts(counts) => Ok(counts),
        _ => Err(mixed()),
    }
}

fn found(state: &State, columns: &[String]) -> Result<Found> {
    let State::Duplicates(duplicates) = state else { return Err(mixed()) };
    Duplicates::finish(duplicates, columns, threads())
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Check {
    fn blank(&self, success: bool) -> Outcome {
        Outcome {
            expectation: self.expectation.to_owned(),
            column: self.column.clone(),
            arguments: self.arguments.clone(),
            severity: self.severity.as_str().to_owned(),
            success,
            element_count: None,
            missing_count: None,
            unexpected_count: None,
            unexpected_percent: None,
            observed_value: None,
            samples: Vec::new(),
            score: if success { 1.0 } else { 0.0 },
        }
    }

    fn whole(&self, success: bool, observed: Option<String>) -> Outcome {
        Outcome { observed_value: observed, ..self.blank(success) }
    }

    fn number(&self, value: Option<f64>, least: f64, most: f64) -> Outcome {
        self.whole(value.is_some_and(|value| (least..=most).contains(&value)), value.map(float))
    }

    /// Rows that are missing don't count; where none are left, nothing is wrong.
    fn rows(&self, rows: &Rows) -> Outcome {
        let considered = rows.elements - rows.missing;
        let score = if considered == 0 { 1.0 } else { (considered - rows.unexpected) as f64 / considered as f64 };
        Outcome {
            element_count: Some(rows.elements),
            missing_count: Some(rows.missing),
            unexpected_count: Some(rows.unexpected),
            unexpected_percent: (considered > 0).then(|| rows.unexpected as f64 / considered as f64 * 100.0),
            samples: rows.samples.clone(),
            score,
            ..self.blank(score >= self.mostly)
        }
    }

    fn statistic(&self, state: &State, of: Statistic, least: f64, most: f64) -> Result<Outcome> {
        let State::Numbers(numbers) = state else { return Err(mixed()) };
        Ok(match of {
            Statistic::Mean => self.number(numbers.mean(), least, most),
            Statistic::Stdev => self.number(numbers.stdev(), least, most),
            Statistic::Sum => {
                let sum = (numbers.count > 0).then(|| Numbers::sum_float(numbers));
                self.whole(sum.is_some_and(|sum| (least..=most).contains(&sum)), numbers.sum())
            }
        })
    }

    fn extreme(&self, of: &Extremes, value: Option<ArrayRef>, holds: impl Fn(&ArrayRef) -> bool) -> Result<Outcome> {
        match value {
            Some(value) => Ok(self.whole(holds(&value), of.json(&value)?)),
            None => Ok(self.whole(false, None)),
        }
    }

    fn distinct_set(&self, counts: &Counts, set: &Set, wanted: Wanted) -> Result<Outcome> {
        let (there, set) = (counts.sorted()?, counts.bytes(&set.plain)?);
        let outside = there.iter().map(|(value, _)| *value).filter(|value| !set.iter().any(|one| **one == **value));
        let lacking =
            set.iter().map(|one| &**one).filter(|one| there.binary_search_by(|(value, _)| (*value).cmp(one)).is_err());
        let outside: Vec<&[u8]> = if wanted == Wanted::Contain { Vec::new() } else { outside.collect() };
        let lacking: Vec<&[u8]> = if wanted == Wanted::In { Vec::new() } else { lacking.collect() };
        let unexpected = outside.len() + lacking.len();
        let samples = counts.json(outside.into_iter().chain(lacking).take(SAMPLES_MAX))?;
        let observed = if there.len() <= SAMPLES_MAX {
            Some(format!("[{}]", counts.json(there.iter().map(|(value, _)| *value))?.join(",")))
        } else {
            None
        };
        let outcome = self.whole(unexpected == 0, observed).with_samples(samples);
        Ok(Outcome { unexpected_count: Some(unexpected as u64), ..outcome })
    }

    fn most_common(&self, counts: &Counts, set: &Set, ties_okay: bool) -> Result<Outcome> {
        let (there, set) = (counts.sorted()?, counts.bytes(&set.plain)?);
        let most = there.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let common: Vec<&[u8]> = there.iter().filter(|(_, count)| *count == most).map(|(value, _)| *value).collect();
        let among = common.iter().filter(|value| set.iter().any(|one| **one == ***value)).count();
        let success = if ties_okay { among > 0 } else { common.len() == 1 && among == 1 };
        let shown = counts.json(common.into_iter().take(SAMPLES_MAX))?;
        Ok(self.whole(success, Some(format!("[{}]", shown.join(",")))))
    }

    fn quantiles(&self, all: &mut [f64], quantiles: &[f64], ranges: &[(f64, f64)]) -> Outcome {
        let values: Vec<Option<f64>> = quantiles.iter().map(|share| nearest(all, *share)).collect();
        let within = |(value, (least, most)): (&Option<f64>, &(f64, f64))| {
            value.is_some_and(|value| close(value, *least) || close(value, *most) || (*least..=*most).contains(&value))
        };
        let success = values.iter().zip(ranges).all(within);
        let shown = values.iter().map(|value| value.map_or("null".to_owned(), float)).collect::<Vec<_>>().join(",");
        self.whole(success, Some(format!("[{shown}]")))
    }
}

/// As numpy's `isclose` with the tolerance that Great Expectations gives it.
fn close(value: f64, bound: f64) -> bool {
    bound.is_finite() && (value - bound).abs() <= 1e-8 + 1e-4 * bound.abs()
}

/// The value in the middle, or between the two that are.
pub fn median(all: &mut [f64]) -> Option<f64> {
    if all.is_empty() {
        return None;
    }
    let (middle, is_odd) = (all.len() / 2, all.len() % 2 == 1);
    let (below, at, _) = all.select_nth_unstable_by(middle, f64::total_cmp);
    let before = below.iter().copied().max_by(f64::total_cmp).filter(|_| !is_odd);
    Some(before.map_or(*at, |before| before + (*at - before) / 2.0))
}

/// The value nearest to a quantile's place; of two that are equally near, the one at the even place, as numpy does.
pub fn nearest(all: &mut [f64], share: f64) -> Option<f64> {
    if all.is_empty() {
        return None;
    }
    let place = (all.len() - 1) as f64 * share;
    let place = (place.round_ties_even() as usize).min(all.len() - 1);
    let (_, value, _) = all.select_nth_unstable_by(place, f64::total_cmp);
    Some(*value)
}
