//! `EXPLAIN MATERIALIZED VIEW`: the steps of a view's dataflow, the state that each keeps, and what frees it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use futures::StreamExt;
use headwater_base::ErrorKind;
use headwater_gateway::Problem;
use headwater_query::session::QueryResult;
use headwater_stream::engine::published::{Published, Status};
use headwater_stream::graph::{Graph, Kind, Step, Upstream};
use headwater_stream::operator::late::Until;
use headwater_stream::operator::{aggregate, over};

use super::system::text;

/// One row a step, in the order in which rows go through them; the last is where they are kept.
pub fn explain(graph: &Graph, published: &Published, view: &str) -> Result<QueryResult, Problem> {
    let Some(output) = graph.outputs.iter().find(|output| output.relation == view) else {
        let known = graph.outputs.iter().map(|output| output.relation.as_str());
        let problem = Problem::new(ErrorKind::Invalid, format!("there is no materialized view {view} that runs"));
        return Err(match headwater_sql::nearest(view, known) {
            Some(near) => problem.with_hint(format!("did you mean {near}?")),
            None => problem,
        });
    };
    let inner = published.lock();
    let (epoch, as_of_us) = (inner.epoch, inner.as_of_us);
    let mut rows = Vec::new();
    let read = graph.nodes.iter().filter(|node| node.relation == view).flat_map(|node| &node.reads);
    let inputs: BTreeSet<usize> = read
        .chain([&output.from])
        .filter_map(|upstream| match upstream {
            Upstream::Input(input) => Some(*input),
            Upstream::Node(_) => None,
        })
        .collect();
    rows.extend(inputs.into_iter().map(|input| waiting(&graph.inputs[input].name, &inner.status)));
    for node in graph.nodes.iter().filter(|node| node.relation == view) {
        let status = inner.status.operators.iter().find(|(id, _)| *id == node.id).map(|(_, status)| *status);
        let (what, state, freed) = describe(&node.step);
        rows.push(Row {
            step: node.id.clone(),
            what,
            reads: node.reads.iter().map(|read| place(graph, read)).collect::<Vec<_>>().join(", "),
            state,
            freed,
            rows: status.map(|status| status.rows as i64),
            busy_ms: status.map(|status| status.busy.as_millis() as i64),
            state_bytes: status.map(|status| status.state.state_bytes as i64),
        });
    }
    let (what, freed) = match &output.kind {
        _ if output.paused => ("is paused: its rows stay as they are".to_owned(), "never".to_owned()),
        Kind::Derived(stream) => (format!("appends to the stream {}", stream.name), "retention".to_owned()),
        Kind::Keyed { key, schema } => {
            let names: Vec<&str> = key.iter().map(|column| schema.field(*column).name().as_str()).collect();
            let by = if names.is_empty() { "the whole row".to_owned() } else { names.join(", ") };
            (format!("a table kept by {by}"), "a row goes when its query no longer gives it".to_owned())
        }
    };
    let table = inner.tables.get(view);
    rows.push(Row {
        step: view.to_owned(),
        what,
        reads: place(graph, &output.from),
        state: table.map_or("none: rows are in the log and the archive", |_| "its rows").to_owned(),
        freed,
        rows: table.map(|table| table.len() as i64),
        busy_ms: None,
        state_bytes: table.map(|table| table.bytes() as i64),
    });
    drop(inner);
    answer(&rows, epoch, as_of_us)
}

struct Row {
    step: String,
    what: String,
    reads: String,
    state: String,
    freed: String,
    rows: Option<i64>,
    busy_ms: Option<i64>,
    state_bytes: Option<i64>,
}

/// A stream, and what of it waits.
fn waiting(stream: &str, status: &Status) -> Row {
    let partitions = status.partitions.iter().filter(|each| each.stream == stream);
    let waiting = partitions.map(|each| (each.stable - each.next).max(0)).sum::<i64>();
    let pressed = status.pressed.get(stream).copied().unwrap_or_default();
    Row {
        step: stream.to_owned(),
        what: format!("is read from the log; {waiting} records wait, back-pressure {} ms", pressed.as_millis()),
        reads: String::new(),
        state: "none".to_owned(),
        freed: String::new(),
        rows: status.rows.get(stream).map(|rows| *rows as i64),
        busy_ms: None,
        state_bytes: None,
    }
}

fn place(graph: &Graph, upstream: &Upstream) -> String {
    match upstream {
        Upstream::Input(input) => graph.inputs[*input].name.clone(),
        Upstream::Node(node) => graph.nodes[*node].id.clone(),
    }
}

/// What a step does, the state that it keeps, and what frees that.
fn describe(step: &Step) -> (String, String, String) {
    let (what, (state, freed)) = match step {
        Step::Values(rows) => {
            let given = "a note that they were given".to_owned();
            (format!("gives {} rows that stand in the query, once", rows.num_rows()), (given, "never".to_owned()))
        }
        Step::Table(plan) => {
            let what = format!("gives the rows of table {}, and what each new version changes", plan.table.name);
            (what, ("the rows of the table".to_owned(), "a row leaves the table".to_owned()))
        }
        Step::Retain(plan) => {
            let what = format!("takes rows back after {} s", plan.retention_us as f64 / 1e6);
            let freed = "the watermark has left a row so far behind".to_owned();
            (what, ("the rows".to_owned(), freed))
        }
        Step::Pace(plan) => {
            let what = format!("tells every {} what has changed", headwater_sql::duration_text(plan.every));
            (what, ("changes that wait".to_owned(), "they are told".to_owned()))
        }
        Step::Asof(plan) => {
            let what = format!("joins with the last version by {} columns", plan.keys);
            let freed = match plan.expiry {
                Some(_) => {
                    "the watermark passes a left row's time; of versions, when all left rows are after a later one"
                }
                None => "a row is taken back; else it grows with the rows of both sides",
            };
            (what, ("left rows that may get another version, and versions".to_owned(), freed.to_owned()))
        }
        Step::Join(plan) => {
            let what = format!("joins by {} columns", plan.keys);
            let freed = match plan.expiry {
                [None, None] => "a row is taken back; else it grows with the rows of both sides",
                [Some(_), Some(_)] => "the watermark leaves a row nothing to meet",
                [Some(_), None] => "the watermark leaves a left row nothing to meet; right rows stay",
                [None, Some(_)] => "the watermark leaves a right row nothing to meet; left rows stay",
            };
            (what, ("the rows of both sides".to_owned(), freed.to_owned()))
        }
        Step::Session(plan) => {
            let (gap, calls) = (plan.gap_us as f64 / 1e6, plan.calls.len());
            let what = format!("groups sessions by {} columns and gaps of {gap} s, {calls} aggregates", plan.keys);
            let freed = "the watermark says that no row can reach the session any more".to_owned();
            (what, ("a group a session".to_owned(), freed))
        }
        Step::Over(plan) => over(plan),
        Step::Aggregate(plan) => groups(plan),
        other => (passes(other), ("none".to_owned(), String::new())),
    };
    (what, state, freed)
}

/// What a step does that keeps nothing.
fn passes(step: &Step) -> String {
    let seconds = |us: i64| us as f64 / 1e6;
    match step {
        Step::Filter(condition) => format!("keeps rows where {condition}"),
        Step::Project { expressions, .. } => {
            let list: Vec<String> = expressions.iter().map(ToString::to_string).collect();
            format!("computes {}", list.join(", "))
        }
        Step::Unnest(_) => "a row for each value of its lists".to_owned(),
        Step::Combine { .. } => "counts equal rows of the same windows as one".to_owned(),
        Step::Rules(rules) => format!("tests {} rules", rules.rules().len()),
        Step::Trim(plan) => {
            let closed = format!("windows that closed more than {} s ago", seconds(plan.lateness_us));
            format!("takes {closed} off a row, and tells it to dead letters")
        }
        Step::Late(plan) => {
            let allowed = seconds(plan.lateness_us);
            match plan.until {
                Until::WindowEnd { .. } => {
                    format!("sends rows to dead letters whose window closed more than {allowed} s ago")
                }
                Until::Time => {
                    format!("sends rows to dead letters that are more than {allowed} s behind the watermark")
                }
            }
        }
        Step::Exchange { keys } => format!("sends each row to the worker that owns its first {keys} columns"),
        _ => "passes all rows on".to_owned(),
    }
}

fn groups(plan: &aggregate::Plan) -> (String, (String, String)) {
    let what = format!("groups by {} columns, {} aggregates", plan.keys, plan.calls.len());
    let kept = match (&plan.window, plan.keys) {
        (Some(_), _) => ("a group a key in each open window", "the watermark passes the window's end"),
        (None, 0) => ("one group", "never"),
        (None, _) => ("a group a key", "the last row of its key is taken back; else it grows with the keys"),
    };
    let whole = plan.calls.iter().filter(|call| call.function.keeps_values()).count();
    let values = if whole > 0 { format!(", with the values of {whole} aggregates") } else { String::new() };
    (what, (format!("{}{values}", kept.0), kept.1.to_owned()))
}

fn over(plan: &over::Plan) -> (String, (String, String)) {
    let functions: Vec<&str> = plan.functions.iter().map(|function| function.expr.name()).collect();
    let what = format!("orders the rows of each of {} partition columns: {}", plan.keys, functions.join(", "));
    let grows = match plan.window {
        Some(_) => "the watermark passes the window's end".to_owned(),
        None => "a row is taken back; else it grows with the rows".to_owned(),
    };
    match plan.first {
        Some(first) if first.is_final => {
            let kept = format!("the first {} rows of each partition", first.rows);
            let freed = if plan.window.is_some() { grows } else { "others come before them".to_owned() };
            (what, (kept, freed))
        }
        Some(first) => (format!("{what}; gives the first {}", first.rows), ("all rows".to_owned(), grows)),
        None => (what, ("all rows".to_owned(), grows)),
    }
}

fn answer(rows: &[Row], epoch: u64, as_of_us: i64) -> Result<QueryResult, Problem> {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    let names = ["step", "does", "reads", "state", "freed_when"];
    let mut fields: Vec<Field> = names.iter().map(|name| field(name, DataType::Utf8View)).collect();
    fields.extend(["rows", "busy_ms", "state_bytes"].map(|name| field(name, DataType::Int64)));
    let schema = Arc::new(Schema::new(fields));
    let columns: Vec<ArrayRef> = vec![
        text(rows.iter().map(|row| Some(row.step.as_str()))),
        text(rows.iter().map(|row| Some(row.what.as_str()))),
        text(rows.iter().map(|row| Some(row.reads.as_str()))),
        text(rows.iter().map(|row| Some(row.state.as_str()))),
        text(rows.iter().map(|row| Some(row.freed.as_str()).filter(|freed| !freed.is_empty()))),
        Arc::new(rows.iter().map(|row| row.rows).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.busy_ms).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.state_bytes).collect::<Int64Array>()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
    let batch = batch.map_err(|error| Problem::new(ErrorKind::Internal, error.to_string()))?;
    let batches = futures::stream::iter([Ok(batch)]).boxed();
    Ok(QueryResult { schema, epoch, as_of_us, query: None, plan: None, batches })
}
