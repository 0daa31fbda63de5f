//! Feature views, resolved: the stream with all values that there were, and the view with the latest ones.
//!
//! What never takes a row back is the history itself, and its latest rows are the view. What groups is the view, and the
//! values that its groups came to are the history. What runs compute they append to the history.

pub mod compare;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use async_trait::async_trait;
use futures::TryStreamExt;
use headwater_base::clock::Clock;
use headwater_format::{Encoded, Format, encoder};
use headwater_log::Log;
use headwater_query::relation::{FeatureView, Origin, Relation, Relations, Stream, UTC, resolve as relation, store};
use headwater_query::session::one;
use headwater_sql::ast::{CreateFeatureView, CreateMaterializedView, Refresh};
use headwater_sql::settings::RunSettings;
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Statement};
use headwater_stream::plan::{Builder, Storage, history_schema};

use crate::runs::refresh::{Stage, Witness};
use crate::runs::{Failure, Outcome, Run, Work};
use crate::schedule::Schedule;

/// A feature view whose values runs compute.
#[derive(Debug, Clone)]
pub struct Scheduled {
    pub view: Arc<FeatureView>,
    pub history: Arc<Stream>,
    /// The query's text.
    pub query: String,
    pub schedule: Schedule,
    pub settings: RunSettings,
    /// What runs refresh and it reads, directly or not.
    pub after: Vec<String>,
    /// The relations with rows of their own that its query reads.
    pub reads: BTreeSet<String>,
}

impl Scheduled {
    /// What its runs compute, in short.
    pub fn fingerprint(&self) -> String {
        let query = headwater_sql::canonical(&self.query).unwrap_or_else(|_| self.query.clone());
        format!("{:08x}", crc32c::crc32c(format!("{} {query}", self.history.topic).as_bytes()))
    }
}

/// What a statement declares, beside what it adds to relations and dataflow.
pub fn resolve(
    create: &CreateFeatureView,
    parsed: &Parsed,
    relations: &mut Relations,
    builder: &mut Builder,
    storage: &Storage,
) -> crate::Result<Option<Scheduled>> {
    let scheduled = match &create.rows.refresh {
        Refresh::Continuous => {
            continuous(create, parsed, relations, builder, storage)?;
            None
        }
        Refresh::Scheduled(schedule) => {
            let schedule = Schedule::resolve(schedule, &parsed.source)?;
            let columns = relation::columns_of_refreshed(relations, &create.rows, &parsed.source)?;
            let view = Arc::new(FeatureView::resolve(create, &columns, &parsed.source)?);
            let history = Arc::new(fed_by_runs(&view, &columns, storage));
            builder.add_stream(&history);
            relations.add_stream(Arc::clone(&history));
            add_latest(&view, relations, builder, storage)?;
            relations.add_feature_view(Arc::clone(&view));
            let (query, settings) = (create.rows.query_text.clone(), RunSettings::read(&create.options)?);
            let (after, reads) = (Vec::new(), BTreeSet::new());
            Some(Scheduled { view, history, query, schedule, settings, after, reads })
        }
    };
    check_columns(create, parsed, relations)?;
    Ok(scheduled)
}

fn continuous(
    create: &CreateFeatureView,
    parsed: &Parsed,
    relations: &mut Relations,
    builder: &mut Builder,
    storage: &Storage,
) -> crate::Result<()> {
    let rows = relation::view(relations, &create.rows, &parsed.source)?;
    let view = Arc::new(FeatureView::resolve(create, &rows.schema, &parsed.source)?);
    let history = builder.add_history(&rows, &view, storage)?;
    relations.add_stream(Arc::clone(&history.stream));
    if history.is_running {
        let mut key = rows.key.clone();
        let mut entity = view.entity.clone();
        key.sort_unstable();
        entity.sort_unstable();
        if key != entity {
            let message = "the query has not one row for each entity: it doesn't group by ENTITY (…)";
            let refused = Diagnostic::new(parsed.source.clone(), create.entity[0].span, message);
            return Err(Diagnostics::from(
                refused.with_hint("name the columns of GROUP BY, all of them and no others"),
            )
            .into());
        }
        let added = builder.add_view(&rows, &Storage { format: None, partitions: None, ..storage.clone() })?;
        relations.add(added);
    } else {
        add_latest(&view, relations, builder, storage)?;
    }
    relations.add_feature_view(view);
    Ok(())
}

/// The history of a feature view that runs write.
fn fed_by_runs(view: &FeatureView, columns: &SchemaRef, storage: &Storage) -> Stream {
    let name = view.history();
    Stream {
        schema: history_schema(columns, view),
        format: Format::Json,
        partitions: 1,
        partition_key: Vec::new(),
        watermark: None,
        rules: Arc::default(),
        max_future_us: None,
        idle_timeout: None,
        retention: None,
        archive_retention: None,
        topic: store(&name, storage.generation),
        origin: Origin::Declared,
        name,
    }
}

/// The view with the latest rows of a history.
fn add_latest(
    view: &FeatureView,
    relations: &mut Relations,
    builder: &mut Builder,
    storage: &Storage,
) -> crate::Result<()> {
    let name = view.name.replace('"', "\"\"");
    let text = format!("CREATE MATERIALIZED VIEW \"{name}\" AS {}", view.latest());
    let source = SourceText::new(format!("the latest rows of {}", view.history()), text);
    let mut parsed = headwater_sql::parse(&source)?;
    let Some(Statement::CreateMaterializedView(create)) = parsed.pop().map(|parsed| parsed.statement) else {
        return Err(headwater_stream::Error::internal("the view of a feature view is none").into());
    };
    let rows = relation::view(relations, &create, &source)?;
    let added = builder.add_view(&rows, &Storage { format: None, partitions: None, ..storage.clone() })?;
    relations.add(added);
    Ok(())
}

/// What could not be archived is told before anything is made.
fn check_columns(create: &CreateFeatureView, parsed: &Parsed, relations: &Relations) -> crate::Result<()> {
    let CreateMaterializedView { name, query_span, .. } = &create.rows;
    let Some(Relation::View(view)) = relations.get(&name.value) else { return Ok(()) };
    headwater_lake::check_columns(&view.schema).map_err(|refused| {
        Diagnostics::from(Diagnostic::new(parsed.source.clone(), *query_span, refused.to_string())).into()
    })
}

/// A run that computes the values of a feature view and appends them to its history, in one transaction that carries the
/// run's number.
pub struct Compute {
    pub scheduled: Scheduled,
    pub stage: Arc<dyn Stage>,
    pub log: Arc<dyn Log>,
    pub clock: Arc<dyn Clock>,
}

/// How long a run waits for queries to see what it has appended.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

#[async_trait]
impl Work for Compute {
    async fn run(&self, run: &Run) -> Result<Outcome, Failure> {
        self.compute(run).await.map_err(|error| Failure::Failed(error.to_string()))
    }

    async fn found(&self, run: &Run) -> Option<Outcome> {
        let writer = tokio::task::block_in_place(|| self.log.open_writer(&self.writer())).ok()?;
        let is_there = writer.note().is_some_and(|note| note.as_ref() == run.id.to_string().as_bytes());
        let told = "the node ended after its values were appended".to_owned();
        is_there.then(|| Outcome { messages: vec![told], ..Outcome::default() })
    }
}

impl Compute {
    fn writer(&self) -> String {
        format!("runs/{}", self.scheduled.history.topic)
    }

    async fn compute(&self, run: &Run) -> crate::Result<Outcome> {
        let session = self.stage.session();
        let witness = Witness::of(&session);
        let reading = session.with_reading(Arc::clone(&witness) as _, Arc::clone(&witness) as _).at(run.due_us);
        let query = reading.run(&one(&self.scheduled.query)?).await?;
        let batches: Vec<RecordBatch> = query.batches.try_collect().await?;
        let rows = batches.iter().map(|batch| self.told(batch, run.due_us)).collect::<crate::Result<Vec<_>>>()?;
        let (bytes, end) = tokio::task::block_in_place(|| self.append(&rows, run))?;
        let inputs = witness.inputs(&self.scheduled.reads, &session);
        self.wait(end).await;
        let rows = rows.iter().map(|rows| rows.num_rows() as u64).sum();
        Ok(Outcome { rows: Some(rows), bytes: Some(bytes), inputs, ..Outcome::default() })
    }

    /// Rows as the history has them: known when the run was due, where they don't say it.
    fn told(&self, batch: &RecordBatch, due_us: i64) -> crate::Result<RecordBatch> {
        let Scheduled { view, history, .. } = &self.scheduled;
        let failed = |error: ArrowError| headwater_query::Error::Execution(error.to_string());
        let mut columns = Vec::with_capacity(history.schema.fields().len());
        for (values, field) in batch.columns().iter().zip(view.schema.fields()) {
            columns.push(cast(values, field.data_type()).map_err(failed)?);
        }
        if view.known_at.is_none() {
            let known = TimestampMicrosecondArray::from(vec![due_us; batch.num_rows()]);
            columns.push(Arc::new(known.with_timezone(UTC)) as ArrayRef);
        }
        Ok(RecordBatch::try_new(Arc::clone(&history.schema), columns).map_err(failed)?)
    }

    /// Bytes that were appended, and the offset behind them.
    fn append(&self, rows: &[RecordBatch], run: &Run) -> crate::Result<(u64, i64)> {
        let Stream { topic, schema, format, .. } = self.scheduled.history.as_ref();
        let mut encoder = encoder(*format, Arc::clone(schema)).map_err(headwater_stream::Error::from)?;
        let mut writer = self.log.open_writer(&self.writer())?;
        let (mut bytes, mut end, now_ms) = (0, self.log.offsets(topic, 0)?.end, self.clock.now_us() / 1000);
        let mut encoded = Encoded::default();
        for batch in rows {
            encoded.clear();
            encoder.encode(batch, &mut encoded).map_err(headwater_stream::Error::from)?;
            let (mut builder, mut start) = (headwater_log::Builder::new(), 0);
            for record_end in &encoded.ends {
                builder.push(None, Some(&encoded.bytes[start..*record_end]), now_ms);
                start = *record_end;
            }
            if !encoded.ends.is_empty() {
                bytes += encoded.bytes.len() as u64;
                end = writer.append(topic, 0, builder.build())?.end;
            }
        }
        writer.commit_now(run.id.to_string().into())?;
        Ok((bytes, end))
    }

    /// Whoever comes after this run sees its rows.
    async fn wait(&self, end: i64) {
        let name = &self.scheduled.history.name;
        let until = tokio::time::Instant::now() + SEEN_WITHIN;
        while tokio::time::Instant::now() < until {
            let point = self.stage.session().sources().snapshots.read_point();
            // The offset of a transaction's end is no row's.
            if point.streams.get(name).and_then(|ends| ends.first()).is_some_and(|seen| *seen >= end) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
