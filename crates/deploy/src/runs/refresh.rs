//! A refresh: the rows of a query take the place of those of the last run, in one commit of the lake that carries the run's
//! number. So a run is there whole or not at all, and a node that comes after one that was killed finds out which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::datasource::TableProvider;
use futures::StreamExt;
use headwater_lake::Gone;
use headwater_query::provide::{ReadPoint, Snapshots, StoredTables};
use headwater_query::relation::{Relation, Table};
use headwater_query::session::{QueryResult, Session, one};
use headwater_sql::settings::Replace;

use super::{Failure, Inputs, Outcome, Run, Work};
use crate::refreshes::Refreshes;
use crate::{Result, Tables};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// How long files of older runs stay for those who still read them.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// Tells what runs at the moment.
pub trait Stage: Send + Sync + 'static {
    /// For queries of the node's own.
    fn session(&self) -> Session;
}

/// Refreshes one view.
pub struct Refresh {
    pub refreshes: Refreshes,
    pub tables: Arc<Tables>,
    pub stage: Arc<dyn Stage>,
}

/// What a query reads, as of when it began.
pub(crate) struct Witness {
    snapshots: Arc<dyn Snapshots>,
    tables: Arc<dyn StoredTables>,
    point: Mutex<Option<Arc<ReadPoint>>>,
    versions: Mutex<BTreeMap<String, i64>>,
}

#[async_trait]
impl Work for Refresh {
    async fn run(&self, run: &Run) -> Result<Outcome, Failure> {
        self.refresh(run).await.map_err(|error| Failure::Failed(error.to_string()))
    }

    async fn found(&self, run: &Run) -> Option<Outcome> {
        let number = i64::try_from(run.id).ok()?;
        let version = self.tables.replaced(&self.refreshes.table, number).await.ok()??;
        let told = "the node ended after its rows were committed".to_owned();
        Some(Outcome { output_version: Some(version), messages: vec![told], ..Outcome::default() })
    }
}

impl Refresh {
    async fn refresh(&self, run: &Run) -> Result<Outcome> {
        let Refreshes { table, settings, .. } = &self.refreshes;
        let range_us = match (run.range_us, settings.replace) {
            (Some(range_us), _) => Some(range_us),
            (None, Replace::All) => None,
            (None, Replace::Partitions) => {
                let lookback_us = i64::try_from(settings.lookback.as_micros()).unwrap_or(i64::MAX);
                Some((run.due_us.saturating_sub(lookback_us), run.due_us))
            }
        };
        let range_us = range_us.map(|(from_us, until_us)| (midnight(from_us), midnight(until_us + DAY_US - 1)));
        let session = self.stage.session();
        let witness = Witness::of(&session);
        let reading = session.with_reading(Arc::clone(&witness) as _, Arc::clone(&witness) as _).at(run.due_us);
        let query = reading.run(&one(&self.text(range_us))?).await?;
        let plan = query.plan.clone();
        let rows = query.batches.map(|batch| fit(&batch?, table));
        let gone = range_us.map_or(Gone::All, |(from_us, until_us)| Gone::Between { from_us, until_us });
        let number = i64::try_from(run.id).unwrap_or(i64::MAX);
        let replaced = self.tables.replace(table, &gone, rows, number, KEPT_FOR).await?;
        Ok(Outcome {
            rows: Some(replaced.rows),
            bytes: Some(replaced.bytes),
            cpu_ms: plan.as_ref().map(|plan| QueryResult::computed(plan).as_secs_f64() * 1e3),
            inputs: witness.inputs(&self.refreshes.reads, &session),
            output_version: Some(replaced.version),
            messages: range_us.map(told).into_iter().collect(),
        })
    }

    /// The view's query, for the partitions of a stretch of time where there is one.
    fn text(&self, range_us: Option<(i64, i64)>) -> String {
        let Refreshes { table, query, .. } = &self.refreshes;
        let Some((from_us, until_us)) = range_us else { return query.clone() };
        let column = table.partitioned_by.first().map(|at| table.schema.field(*at));
        let Some(column) = column else { return query.clone() };
        let literal = |us: i64| match column.data_type() {
            DataType::Date32 => format!("DATE '{}'", text(us, "%Y-%m-%d")),
            _ => format!("TIMESTAMP '{}'", text(us, "%Y-%m-%d %H:%M:%S%.6f")),
        };
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let names = table.schema.fields().iter().map(|field| quoted(field.name())).collect::<Vec<_>>().join(", ");
        let name = quoted(column.name());
        format!(
            "SELECT * FROM (\n{query}\n) AS refreshed ({names}) WHERE {name} >= {} AND {name} < {}",
            literal(from_us),
            literal(until_us)
        )
    }
}

/// The versions of relations as of now: what a run made that read the same is up to date.
pub fn inputs_now(reads: &BTreeSet<String>, session: &Session) -> Inputs {
    let witness = Witness::of(session);
    witness.read_point();
    for name in reads {
        if let Some(Relation::Table(table)) = session.sources().relations.get(name) {
            // What can't be read is told by the run.
            let _ = witness.table(&table);
        }
    }
    witness.inputs(reads, session)
}

impl Witness {
    pub(crate) fn of(session: &Session) -> Arc<Witness> {
        let sources = session.sources();
        Arc::new(Witness {
            snapshots: Arc::clone(&sources.snapshots),
            tables: Arc::clone(&sources.tables),
            point: Mutex::default(),
            versions: Mutex::default(),
        })
    }

    /// Versions of what was read among `reads`.
    pub(crate) fn inputs(&self, reads: &BTreeSet<String>, session: &Session) -> Inputs {
        let point = self.point.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let version = |name: &String| {
            let told = match session.sources().relations.get(name)? {
                Relation::Stream(_) => {
                    let ends = point.as_ref()?.streams.get(name)?;
                    let ends: Vec<String> = ends.iter().map(ToString::to_string).collect();
                    format!("offsets {}", ends.join(", "))
                }
                Relation::Table(_) => format!("version {}", versions.get(name)?),
                Relation::View(_) => format!("epoch {}", point.as_ref()?.epoch),
                Relation::PlainView(_) => return None,
            };
            Some((name.clone(), told))
        };
        reads.iter().filter_map(version).collect()
    }
}

impl Snapshots for Witness {
    fn read_point(&self) -> Arc<ReadPoint> {
        let mut point = self.point.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(point.get_or_insert_with(|| self.snapshots.read_point()))
    }
}

impl StoredTables for Witness {
    fn table(&self, table: &Table) -> headwater_query::Result<Arc<dyn TableProvider>> {
        loop {
            let before = self.tables.version(table).ok();
            let found = self.tables.table(table)?;
            if self.tables.version(table).ok() == before {
                let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
                versions.extend(before.map(|version| (table.name.clone(), version)));
                return Ok(found);
            }
        }
    }

    fn version(&self, table: &Table) -> headwater_query::Result<i64> {
        self.tables.version(table)
    }
}

/// Rows of the query as rows of the table: in its order, of its types.
fn fit(batch: &RecordBatch, table: &Table) -> Result<RecordBatch> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let failed = |error: arrow::error::ArrowError| headwater_query::Error::Execution(error.to_string());
    let columns = batch.columns().iter().zip(table.schema.fields());
    let columns = columns.map(|(values, field)| cast_with_options(values, field.data_type(), &strict).map_err(failed));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(&table.schema), columns).map_err(failed)?)
}

fn told((from_us, until_us): (i64, i64)) -> String {
    format!("the partitions from {} to {}", text(from_us, "%Y-%m-%d"), text(until_us, "%Y-%m-%d"))
}

fn midnight(us: i64) -> i64 {
    us.div_euclid(DAY_US) * DAY_US
}

fn text(us: i64, form: &str) -> String {
    DateTime::from_timestamp_micros(us).unwrap_or_default().format(form).to_string()
}
