//! `system.charts` and `system.dashboards`: all that the console needs to draw them.

use std::collections::BTreeSet;

use arrow::array::ArrayRef;
use headwater_catalog::{Definitions, Kind};
use headwater_deploy::Declared;
use headwater_deploy::charts::Chart;
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{CreateDashboard, Name, Range};
use serde_json::{Value, json};

use super::text;

/// Taken when what is declared changes.
#[derive(Default)]
pub struct Charts {
    charts: Vec<Row>,
    dashboards: Vec<CreateDashboard>,
}

struct Row {
    name: String,
    kind: &'static str,
    title: Option<String>,
    query: String,
    options: String,
    columns: String,
    relations: String,
}

impl Charts {
    pub fn new(definitions: &Definitions, declared: &Declared) -> Charts {
        let charts = declared.charts.iter().map(|chart| Row {
            name: chart.create.name.value.clone(),
            kind: chart.create.kind.word(),
            title: chart.create.title.clone(),
            query: chart.query.clone(),
            options: options(chart).to_string(),
            columns: columns(chart).to_string(),
            relations: json!(relations(chart, definitions)).to_string(),
        });
        Charts { charts: charts.collect(), dashboards: declared.dashboards.clone() }
    }

    pub fn charts(&self) -> Vec<ArrayRef> {
        let all = &self.charts;
        vec![
            text(all.iter().map(|each| Some(each.name.as_str()))),
            text(all.iter().map(|each| Some(each.kind))),
            text(all.iter().map(|each| each.title.as_deref())),
            text(all.iter().map(|each| Some(each.query.as_str()))),
            text(all.iter().map(|each| Some(each.options.as_str()))),
            text(all.iter().map(|each| Some(each.columns.as_str()))),
            text(all.iter().map(|each| Some(each.relations.as_str()))),
        ]
    }

    pub fn dashboards(&self) -> Vec<ArrayRef> {
        let all = &self.dashboards;
        let layouts: Vec<String> = all.iter().map(|each| layout(each).to_string()).collect();
        let options: Vec<String> = all.iter().map(|each| ways(each).to_string()).collect();
        vec![
            text(all.iter().map(|each| Some(each.name.value.as_str()))),
            text(all.iter().map(|each| each.title.as_deref())),
            text(layouts.iter().map(|each| Some(each.as_str()))),
            text(options.iter().map(|each| Some(each.as_str()))),
        ]
    }
}

/// What was said, and nothing for what was not.
fn options(chart: &Chart) -> Value {
    let create = &chart.create;
    let one = |name: &Option<Name>| name.as_ref().map(|name| name.value.clone());
    let all = |names: &[Name]| names.iter().map(|name| name.value.clone()).collect::<Vec<_>>();
    let mut options = json!({
        "x": one(&create.x),
        "over_time": chart.is_over_time(),
        "y": all(&create.y),
        "series": one(&create.series),
        "value": one(&create.value),
        "compare": one(&create.compare),
        "columns": all(&create.columns),
        "unit": create.unit,
        "stacked": create.is_stacked,
    });
    if let Value::Object(entries) = &mut options {
        entries.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!(false));
    }
    options
}

fn columns(chart: &Chart) -> Value {
    let fields = chart.columns.fields().iter();
    fields.map(|field| json!({ "name": field.name(), "type": sql_name(field.data_type()) })).collect()
}

/// What has the rows that a chart shows: views that are names for their queries are seen through.
fn relations(chart: &Chart, definitions: &Definitions) -> BTreeSet<String> {
    let mut found = chart.of_node.clone();
    let chart = chart.create.name.value.as_str();
    let mut seen = BTreeSet::from([chart]);
    let mut left = vec![chart];
    while let Some(reader) = left.pop() {
        for on in definitions.get(reader).iter().flat_map(|definition| &definition.depends_on) {
            let is_name = definitions.get(on).is_some_and(|definition| definition.kind == Kind::PlainView);
            if !is_name {
                found.insert(on.clone());
            } else if seen.insert(on) {
                left.push(on);
            }
        }
    }
    found
}

/// Rows of charts, each with its width in columns.
fn layout(dashboard: &CreateDashboard) -> Value {
    let row = |row: &headwater_sql::ast::ChartRow| {
        let charts = row.charts.iter();
        let charts = charts.map(|each| json!({ "chart": each.chart.value, "width": if each.is_wide { 2 } else { 1 } }));
        charts.collect::<Value>()
    };
    dashboard.rows.iter().map(row).collect()
}

/// Lengths of time in milliseconds; a range of none is that of all times.
fn ways(dashboard: &CreateDashboard) -> Value {
    let range = match dashboard.range {
        Range::All => None,
        Range::Last(length) => Some(length.as_millis() as u64),
    };
    json!({ "range_ms": range, "refresh_ms": dashboard.refresh.as_millis() as u64 })
}
