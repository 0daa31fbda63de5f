//! `system.runs` and `system.schedules`: what ran, and what runs when.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array};
use headwater_deploy::history;
use headwater_deploy::runs::agenda::Agenda;
use headwater_deploy::runs::{Next, Run, Runs, TOPIC};
use headwater_log::Log;
use headwater_query::{Error, Result};

use super::{text, times};

/// Without a node, those that the log has.
pub fn runs(runs: Option<&Runs>, log: &dyn Log) -> Result<Vec<ArrayRef>> {
    let all = match runs {
        Some(runs) => runs.list(),
        None => {
            let remembered = history::read(log, TOPIC).map_err(|error| Error::Execution(error.to_string()))?;
            Agenda::new(remembered).runs()
        }
    };
    let said = |all: &[Run], say: fn(&Run) -> String| all.iter().map(say).collect::<Vec<_>>();
    let texts = |values: &[String]| text(values.iter().map(|value| Some(value.as_str())));
    let numbers = |value: fn(&Run) -> Option<i64>| Arc::new(all.iter().map(value).collect::<Int64Array>()) as ArrayRef;
    let inputs: Vec<Option<String>> = all.iter().map(inputs).collect();
    let messages: Vec<Option<String>> = all.iter().map(messages).collect();
    Ok(vec![
        numbers(|run| i64::try_from(run.id).ok()),
        text(all.iter().map(|run| Some(run.object.as_str()))),
        texts(&said(&all, |run| run.kind.to_string())),
        texts(&said(&all, |run| run.cause.to_string())),
        texts(&said(&all, |run| run.state.to_string())),
        Arc::new(all.iter().map(|run| run.attempt as i32).collect::<Int32Array>()),
        times(all.iter().map(|run| Some(run.due_us))),
        times(all.iter().map(|run| run.began_us)),
        times(all.iter().map(|run| run.ended_us)),
        numbers(|run| run.outcome.rows.map(|rows| rows as i64)),
        numbers(|run| run.outcome.bytes.map(|bytes| bytes as i64)),
        Arc::new(all.iter().map(|run| run.outcome.cpu_ms).collect::<Float64Array>()),
        text(all.iter().map(|run| run.error.as_deref())),
        text(inputs.iter().map(Option::as_deref)),
        numbers(|run| run.outcome.output_version),
        text(messages.iter().map(Option::as_deref)),
    ])
}

pub fn schedules(runs: Option<&Runs>) -> Vec<ArrayRef> {
    let all: Vec<Next> = runs.map(Runs::schedules).unwrap_or_default();
    let kinds: Vec<String> = all.iter().map(|next| next.kind.to_string()).collect();
    let last = |next: &Next| next.last.as_ref().map(|run| run.state.to_string());
    let states: Vec<Option<String>> = all.iter().map(last).collect();
    vec![
        text(all.iter().map(|next| Some(next.object.as_str()))),
        text(kinds.iter().map(|kind| Some(kind.as_str()))),
        text(all.iter().map(|next| Some(next.schedule.as_str()))),
        times(all.iter().map(|next| next.next_due_us)),
        Arc::new(
            all.iter()
                .map(|next| next.last.as_ref().and_then(|run| i64::try_from(run.id).ok()))
                .collect::<Int64Array>(),
        ),
        text(states.iter().map(Option::as_deref)),
        text(all.iter().map(|next| Some(next.pool.as_str()))),
    ]
}

/// As a JSON object, by the names of what was read.
fn inputs(run: &Run) -> Option<String> {
    if run.outcome.inputs.is_empty() {
        return None;
    }
    serde_json::to_string(&run.outcome.inputs).ok()
}

/// A line each.
fn messages(run: &Run) -> Option<String> {
    Some(run.outcome.messages.join("\n")).filter(|messages| !messages.is_empty())
}
