//! `system.expectations` and `system.expectation_results`: what is expected of relations, and what came of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use headwater_deploy::expectations::Suites;
use headwater_deploy::history;
use headwater_deploy::runs::check::{Record, TOPIC};
use headwater_log::Log;
use headwater_query::{Error, Result};

use super::{text, times};

/// One row an expectation.
pub fn declared(suites: &[Suites]) -> Vec<ArrayRef> {
    let of = |suites| -> Vec<_> { Suites::expectations(suites).collect() };
    let all: Vec<_> = suites.iter().flat_map(of).collect();
    let schedules: Vec<String> = all.iter().map(|(suites, _, _)| suites.schedule.to_string()).collect();
    let before: Vec<Option<String>> = all
        .iter()
        .map(|(suites, _, _)| Some(suites.before_refresh_of.join(", ")).filter(|views| !views.is_empty()))
        .collect();
    vec![
        text(all.iter().map(|(suites, _, _)| Some(suites.suite.name.as_str()))),
        text(all.iter().map(|(suites, _, _)| Some(suites.suite.relation.as_str()))),
        Arc::new(all.iter().map(|(_, position, _)| *position as i64).collect::<Int64Array>()),
        text(all.iter().map(|(_, _, expected)| Some(expected.expectation))),
        text(all.iter().map(|(_, _, expected)| expected.column)),
        text(all.iter().map(|(_, _, expected)| Some(expected.arguments))),
        text(all.iter().map(|(_, _, expected)| Some(expected.severity.as_str()))),
        Arc::new(all.iter().map(|(_, _, expected)| expected.mostly).collect::<Float64Array>()),
        text(schedules.iter().map(|schedule| Some(schedule.as_str()))),
        text(before.iter().map(Option::as_deref)),
        Arc::new(all.iter().map(|(suites, _, _)| Some(suites.each_checkpoint)).collect::<BooleanArray>()),
    ]
}

/// All results that are remembered, the oldest first.
pub fn results(log: &dyn Log) -> Result<Vec<ArrayRef>> {
    let all: Vec<Record> = history::read(log, TOPIC).map_err(|error| Error::Execution(error.to_string()))?;
    let mut columns = vec![
        Arc::new(all.iter().map(|one| i64::try_from(one.run_id).ok()).collect::<Int64Array>()) as ArrayRef,
        text(all.iter().map(|one| Some(one.suite.as_str()))),
        text(all.iter().map(|one| Some(one.relation.as_str()))),
    ];
    columns.extend(judged(&all));
    columns.push(times(all.iter().map(|one| Some(one.checked_us))));
    Ok(columns)
}

/// What came of each expectation.
pub fn judged(all: &[Record]) -> Vec<ArrayRef> {
    let counts = |value: fn(&Record) -> Option<u64>| {
        Arc::new(all.iter().map(|one| value(one).and_then(|count| i64::try_from(count).ok())).collect::<Int64Array>())
            as ArrayRef
    };
    let samples: Vec<String> = all.iter().map(|one| one.judged.samples_json()).collect();
    vec![
        text(all.iter().map(|one| Some(one.judged.expectation.as_str()))),
        text(all.iter().map(|one| one.judged.column.as_deref())),
        text(all.iter().map(|one| Some(one.judged.arguments.as_str()))),
        text(all.iter().map(|one| Some(one.judged.severity.as_str()))),
        Arc::new(all.iter().map(|one| Some(one.judged.success)).collect::<BooleanArray>()),
        counts(|one| one.judged.element_count),
        counts(|one| one.judged.missing_count),
        counts(|one| one.judged.unexpected_count),
        Arc::new(all.iter().map(|one| one.judged.unexpected_percent).collect::<Float64Array>()),
        text(all.iter().map(|one| one.judged.observed_value.as_deref())),
        text(samples.iter().map(|samples| Some(samples.as_str()))),
        Arc::new(all.iter().map(|one| Some(one.judged.score)).collect::<Float64Array>()),
    ]
}
