//! The relations under `system.`: what a node knows of itself.

mod alerts;
mod charts;
mod declared;
pub mod expectations;
pub mod experiments;
mod features;
mod known;
mod models;
mod queries;
mod runs;
pub mod samples;
mod versions;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use headwater_base::clock::Clock;
use headwater_deploy::running::{Progress, State};
use headwater_deploy::system::{
    ALERTS, CHANGES, CHARTS, CHECKPOINTS, COLUMNS, DASHBOARDS, DEAD_LETTERS, EXPECTATION_RESULTS, EXPECTATIONS,
    EXPERIMENT_RESULTS, EXPERIMENTS, FEATURE_DIFFERENCES, FEATURE_VIEWS, LINEAGE, METRICS, MODEL_DRIFT, MODEL_METRICS,
    MODEL_VERSIONS, MODELS, NOTIFICATIONS, OPERATORS, PARTITIONS, QUERIES, RELATIONS, REPLAYS, RULES, RUNS, SCHEDULES,
    SINKS, SOURCES, STREAMS, USERS, VERSIONS, VIEWS, relations, schema,
};
use headwater_log::{Log, ReadOptions};
use headwater_query::provide::{ReadPoint, SystemTables};
use headwater_query::relation::UTC;
use headwater_query::{Error, Result};
use headwater_stream::delivery::runner as delivery;
use headwater_stream::engine::published::Published;
use headwater_stream::graph::Graph;
use headwater_stream::letter;
use headwater_stream::source::runner as source;
use headwater_stream::view::Table;

use super::doors::Outside;
use super::letters;

pub use alerts::Alerts;
pub use charts::Charts;
pub use declared::Declared;
pub use known::Known;
pub use versions::Versions;

/// Reads the engine's published state and the log.
pub struct System {
    published: Arc<Published>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    rules: Vec<DeclaredRule>,
    /// Materialized views, and whether each is paused.
    views: Vec<(String, bool)>,
    declared: Declared,
    known: Known,
    outside: Outside,
    charts: Charts,
    versions: Versions,
}

struct DeclaredRule {
    relation: String,
    name: String,
    condition: String,
    action: String,
}

impl System {
    pub fn new(
        graph: &Graph,
        declared: Declared,
        published: Arc<Published>,
        known: Known,
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        outside: Outside,
    ) -> System {
        let rules = graph.rules().map(|(relation, rule)| DeclaredRule {
            relation: relation.to_owned(),
            name: rule.name.clone(),
            condition: rule.text.clone(),
            action: rule.action.to_string(),
        });
        let views = graph.outputs.iter().map(|output| (output.relation.clone(), output.paused)).collect();
        System {
            rules: rules.collect(),
            views,
            declared,
            known,
            published,
            log,
            clock,
            outside,
            charts: Charts::default(),
            versions: Versions::default(),
        }
    }

    /// With what is drawn of it.
    pub fn with_charts(self, charts: Charts) -> System {
        System { charts, ..self }
    }

    /// With what tells whether rows have changed.
    pub fn with_versions(self, versions: Versions) -> System {
        System { versions, ..self }
    }

    fn dead_letters(&self, point: &ReadPoint) -> Result<Vec<RecordBatch>> {
        let until = point.streams.get(letter::TOPIC).and_then(|ends| ends.first().copied());
        let mut decoder = headwater_format::decoder(headwater_format::Format::Json, letter::schema(), None)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let options = ReadOptions { isolation: point.isolation, bytes_max: 1 << 20, until, ..ReadOptions::default() };
        let replayed = letters::replayed_letters(self.log.as_ref())?;
        let mut from = 0;
        let mut batches = Vec::new();
        loop {
            let chunk = self.log.read(letter::TOPIC, 0, from, &options)?;
            if chunk.next <= from {
                return Ok(batches);
            }
            from = chunk.next;
            let mut numbers = Vec::new();
            for record in chunk.records() {
                let record = record?;
                let value = record.value.unwrap_or_default();
                decoder.push(value).map_err(|error| Error::Internal(format!("a stored dead letter: {error}")))?;
                numbers.push(record.offset);
            }
            let mut columns = decoder.finish().columns().to_vec();
            columns.push(times(numbers.iter().map(|number| Some(replayed.get(number)? * 1000))));
            columns.insert(0, Arc::new(Int64Array::from(numbers)));
            let rows = RecordBatch::try_new(schema(DEAD_LETTERS), columns);
            batches.push(rows.map_err(|error| Error::Internal(format!("system.{DEAD_LETTERS}: {error}")))?);
        }
    }

    fn streams(&self) -> Vec<ArrayRef> {
        let inner = self.published.lock();
        let names: Vec<&String> = inner.ends.keys().filter(|name| *name != letter::TOPIC).collect();
        let lag = |name: &str| {
            let partitions = inner.status.partitions.iter().filter(|each| each.stream == name);
            partitions.map(|each| (each.stable - each.next).max(0)).sum::<i64>()
        };
        let pressed = |name: &str| inner.status.pressed.get(name).map(|time| time.as_secs_f64() * 1e3);
        vec![
            text(names.iter().map(|name| Some(name.as_str()))),
            Arc::new(names.iter().map(|name| inner.ends[*name].len() as i32).collect::<Int32Array>()),
            Arc::new(
                names
                    .iter()
                    .map(|name| inner.status.rows.get(*name).map_or(0, |rows| *rows as i64))
                    .collect::<Int64Array>(),
            ),
            Arc::new(names.iter().map(|name| lag(name)).collect::<Int64Array>()),
            Arc::new(names.iter().map(|name| pressed(name)).collect::<Float64Array>()),
        ]
    }

    fn partitions(&self) -> Vec<ArrayRef> {
        let inner = self.published.lock();
        let all = &inner.status.partitions;
        vec![
            text(all.iter().map(|each| Some(each.stream.as_str()))),
            Arc::new(all.iter().map(|each| each.partition as i32).collect::<Int32Array>()),
            Arc::new(all.iter().map(|each| each.start).collect::<Int64Array>()),
            Arc::new(all.iter().map(|each| each.next).collect::<Int64Array>()),
            Arc::new(all.iter().map(|each| each.stable).collect::<Int64Array>()),
            times(all.iter().map(|each| each.watermark_us)),
            Arc::new(all.iter().map(|each| Some(each.idle)).collect::<BooleanArray>()),
            text(all.iter().map(|each| each.stopped.as_deref())),
        ]
    }

    fn views(&self) -> Vec<ArrayRef> {
        let inner = self.published.lock();
        let tables = || self.views.iter().map(|(view, _)| inner.tables.get(view));
        let kind = |table: Option<&Table>| if table.is_some() { "keyed table" } else { "derived stream" };
        vec![
            text(self.views.iter().map(|(view, _)| Some(view.as_str()))),
            text(tables().map(|table| Some(kind(table)))),
            Arc::new(tables().map(|table| Some(table?.len() as i64)).collect::<Int64Array>()),
            Arc::new(tables().map(|table| Some(table?.bytes() as i64)).collect::<Int64Array>()),
            text(self.views.iter().map(|(view, _)| inner.failed.get(view).map(String::as_str))),
            Arc::new(self.views.iter().map(|(_, paused)| Some(*paused)).collect::<BooleanArray>()),
        ]
    }

    fn operators(&self) -> Vec<ArrayRef> {
        let inner = self.published.lock();
        let all = &inner.status.operators;
        vec![
            text(all.iter().map(|(name, _)| Some(name.as_str()))),
            Arc::new(all.iter().map(|(_, status)| status.rows as i64).collect::<Int64Array>()),
            Arc::new(all.iter().map(|(_, status)| status.busy.as_secs_f64() * 1e3).collect::<Float64Array>()),
            Arc::new(all.iter().map(|(_, status)| status.state.groups as i64).collect::<Int64Array>()),
            Arc::new(all.iter().map(|(_, status)| status.state.state_bytes as i64).collect::<Int64Array>()),
        ]
    }

    fn rules(&self) -> Vec<ArrayRef> {
        let inner = self.published.lock();
        let violations = |rule: &DeclaredRule| {
            let counts = inner.status.violations.get(&rule.relation);
            counts.and_then(|counts| counts.get(&rule.name)).map_or(0, |rows| *rows as i64)
        };
        vec![
            text(self.rules.iter().map(|rule| Some(rule.relation.as_str()))),
            text(self.rules.iter().map(|rule| Some(rule.name.as_str()))),
            text(self.rules.iter().map(|rule| Some(rule.condition.as_str()))),
            text(self.rules.iter().map(|rule| Some(rule.action.as_str()))),
            Arc::new(self.rules.iter().map(violations).collect::<Int64Array>()),
        ]
    }

    fn replays(&self) -> Vec<ArrayRef> {
        let all = self.known.replays().clone();
        let views: Vec<(&String, &Progress)> =
            all.iter().flat_map(|each| each.views.iter().map(move |view| (view, each))).collect();
        let state = |state: State| match state {
            State::Running => "running",
            State::Done => "done",
            State::GivenUp => "given up",
            State::Failed => "failed",
        };
        vec![
            text(views.iter().map(|(view, _)| Some(view.as_str()))),
            text(views.iter().map(|(_, each)| Some(state(each.state)))),
            Arc::new(views.iter().map(|(_, each)| each.rows_done as i64).collect::<Int64Array>()),
            Arc::new(views.iter().map(|(_, each)| each.rows_total as i64).collect::<Int64Array>()),
            times(views.iter().map(|(_, each)| Some(each.began_us))),
            Arc::new(views.iter().map(|(_, each)| Some(each.took?.as_secs_f64() * 1e3)).collect::<Float64Array>()),
            text(views.iter().map(|(_, each)| each.failure.as_deref())),
        ]
    }

    fn sinks(&self) -> Vec<ArrayRef> {
        let all: Vec<(&str, _)> =
            self.outside.sinks.iter().map(|(name, reports)| (name.as_str(), reports.get())).collect();
        let failure = |report: &delivery::Report| report.failure.as_ref().map(|(failure, _)| failure.clone());
        let trouble: Vec<Option<String>> =
            all.iter().map(|(_, report)| failure(report).or_else(|| report.trouble.clone())).collect();
        let state = |report: &delivery::Report| match (&report.failure, &report.trouble) {
            (Some(_), _) => "stopped",
            (None, Some(_)) => "retrying",
            (None, None) => "running",
        };
        vec![
            text(all.iter().map(|(name, _)| Some(*name))),
            text(all.iter().map(|(_, report)| Some(state(report)))),
            Arc::new(all.iter().map(|(_, report)| report.rows as i64).collect::<Int64Array>()),
            Arc::new(all.iter().map(|(_, report)| report.lag as i64).collect::<Int64Array>()),
            text(trouble.iter().map(Option::as_deref)),
        ]
    }

    fn sources(&self) -> Vec<ArrayRef> {
        let all: Vec<(&str, _)> =
            self.outside.sources.iter().map(|(name, reports)| (name.as_str(), reports.get())).collect();
        let state = |report: &source::Report| match &report.failure {
            Some(_) => "stopped",
            None if report.ended => "ended",
            None => "running",
        };
        vec![
            text(all.iter().map(|(name, _)| Some(*name))),
            text(all.iter().map(|(_, report)| Some(state(report)))),
            Arc::new(all.iter().map(|(_, report)| report.rows as i64).collect::<Int64Array>()),
            text(all.iter().map(|(_, report)| Some(report.status.at.as_str()))),
            text(all.iter().map(|(_, report)| report.failure.as_ref().map(|(failure, _)| failure.as_str()))),
        ]
    }

    fn users(&self) -> Vec<ArrayRef> {
        let users = self.outside.users.all();
        vec![
            text(users.keys().map(|name| Some(name.as_str()))),
            times(users.values().map(|user| Some(user.changed_us))),
        ]
    }

    fn checkpoints(&self) -> Vec<ArrayRef> {
        let inner = self.published.lock();
        let all: Vec<_> = inner.status.checkpoint.iter().collect();
        let age_ms = |taken_us: i64| (self.clock.now_us() - taken_us).max(0) as f64 / 1e3;
        vec![
            Arc::new(all.iter().map(|each| each.number as i64).collect::<Int64Array>()),
            times(all.iter().map(|each| Some(each.taken_us))),
            Arc::new(all.iter().map(|each| age_ms(each.taken_us)).collect::<Float64Array>()),
            Arc::new(all.iter().map(|each| Some(each.written?.duration_us as f64 / 1e3)).collect::<Float64Array>()),
            Arc::new(all.iter().map(|each| Some(each.written?.bytes as i64)).collect::<Int64Array>()),
        ]
    }
}

impl SystemTables for System {
    fn tables(&self) -> Vec<(String, SchemaRef)> {
        relations().iter().map(|(name, schema)| (name.clone(), SchemaRef::clone(schema))).collect()
    }

    fn rows(&self, table: &str, point: &ReadPoint) -> Result<Vec<RecordBatch>> {
        let columns = match table {
            DEAD_LETTERS => return self.dead_letters(point),
            STREAMS => self.streams(),
            PARTITIONS => self.partitions(),
            VIEWS => self.views(),
            OPERATORS => self.operators(),
            CHECKPOINTS => self.checkpoints(),
            RULES => self.rules(),
            RELATIONS => self.declared.relations(),
            COLUMNS => self.declared.columns(),
            LINEAGE => self.declared.lineage(),
            CHANGES => self.declared.changes(),
            REPLAYS => self.replays(),
            QUERIES => queries::rows(&self.known.queries),
            METRICS => self.known.samples.rows(),
            SINKS => self.sinks(),
            SOURCES => self.sources(),
            USERS => self.users(),
            RUNS => runs::runs(self.known.runs.as_deref(), self.log.as_ref())?,
            SCHEDULES => runs::schedules(self.known.runs.as_deref()),
            ALERTS => self.outside.alerts.incidents(),
            NOTIFICATIONS => self.outside.alerts.notifications(),
            CHARTS => self.charts.charts(),
            DASHBOARDS => self.charts.dashboards(),
            VERSIONS => self.versions.rows(&self.published.lock()),
            EXPECTATIONS => expectations::declared(&self.known.suites()),
            EXPECTATION_RESULTS => expectations::results(self.log.as_ref())?,
            FEATURE_VIEWS => features::views(&self.known, &self.declared.feature_views, self.clock.as_ref()),
            FEATURE_DIFFERENCES => features::differences(&self.known),
            MODELS => models::models(&self.known),
            MODEL_VERSIONS => models::versions(&self.known),
            MODEL_METRICS => models::metrics(&self.known),
            MODEL_DRIFT => models::drift(&self.known),
            EXPERIMENTS => experiments::declared(&self.known, experiments::Told::of(&self.known, self.log.as_ref())?),
            EXPERIMENT_RESULTS => {
                return Ok(vec![experiments::results(&experiments::Told::of(&self.known, self.log.as_ref())?)?]);
            }
            other => return Err(Error::Internal(format!("there is no system.{other}"))),
        };
        let rows = RecordBatch::try_new(schema(table), columns);
        Ok(vec![rows.map_err(|error| Error::Internal(format!("system.{table}: {error}")))?])
    }
}

/// The columns of `system.expectation_results`.
pub fn results_schema() -> SchemaRef {
    schema(EXPECTATION_RESULTS)
}

pub fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringViewArray>())
}

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone(UTC))
}
