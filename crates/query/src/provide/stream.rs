//! A stream as a table: its archive plus the log past the archived offsets, nothing twice.
//!
//! The archive's snapshot is taken first; the offsets that it carries are where the log is read from. It is taken
//! once a query, so that a stream that is named twice is one and the same relation.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::union::UnionExec;
use headwater_log::{Isolation, Log, Offsets, Pin};
use tokio::sync::OnceCell;

use super::archive::{Bounds, scan_archive};
use super::tail::{Tail, pin};
use super::{Archived, History, ReadPoint, Reading};
use crate::Error;
use crate::relation::Stream;

/// How often a snapshot is taken anew when retention overtook it. Each try sees a later commit of the archive.
const SNAPSHOT_TRIES: usize = 10;

/// A stream for one query.
pub struct StreamTable {
    stream: Arc<Stream>,
    log: Arc<dyn Log>,
    history: Option<Arc<dyn History>>,
    reading: Arc<Reading>,
    start: OnceCell<Start>,
}

/// Where history ends and the tail begins.
struct Start {
    archived: Option<Arc<dyn Archived>>,
    tail: Pinned,
    /// By partition, exclusive.
    until: Vec<i64>,
}

impl std::fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamTable({})", self.stream.name)
    }
}

impl StreamTable {
    pub fn new(
        stream: Arc<Stream>,
        log: Arc<dyn Log>,
        history: Option<Arc<dyn History>>,
        reading: Arc<Reading>,
    ) -> StreamTable {
        StreamTable { stream, log, history, reading, start: OnceCell::new() }
    }

    async fn start(&self) -> Result<&Start> {
        let start = self.start.get_or_try_init(|| self.take());
        start.await.map_err(|error| DataFusionError::External(Box::new(error)))
    }

    async fn take(&self) -> Result<Start, Error> {
        if let Some(reason) = self.reading.point().stopped.get(&self.stream.name) {
            return Err(Error::Execution(reason.clone()));
        }
        let mut gap = None;
        for _ in 0..SNAPSHOT_TRIES {
            let archived = match &self.history {
                Some(history) => Some(history.snapshot().await?),
                None => None,
            };
            let next: Option<Vec<i64>> = archived
                .as_ref()
                .map(|archived| (0..self.stream.partitions).map(|partition| archived.next_offset(partition)).collect());
            let (log, stream, point) =
                (Arc::clone(&self.log), Arc::clone(&self.stream), Arc::clone(self.reading.point()));
            let taken = tokio::task::spawn_blocking(move || tail_of(log.as_ref(), &stream, next, &point));
            match taken.await.map_err(|error| Error::Internal(error.to_string()))? {
                Ok((tail, until)) => return Ok(Start { archived, tail, until }),
                Err(error @ Error::Gap { .. }) => gap = Some(error),
                Err(other) => return Err(other),
            }
        }
        Err(gap.unwrap_or_else(|| Error::Internal("no snapshot was tried".to_owned())))
    }
}

/// By partition: where the log is read from, and the guard that keeps it.
type Pinned = Vec<(i64, Pin)>;

/// Pins the log and finds where to stop. Without an archive, history is what the log has.
fn tail_of(
    log: &dyn Log,
    stream: &Stream,
    next: Option<Vec<i64>>,
    point: &ReadPoint,
) -> Result<(Pinned, Vec<i64>), Error> {
    let mut kept = Vec::with_capacity(stream.partitions as usize);
    for partition in 0..stream.partitions {
        kept.push(log.offsets(&stream.topic, partition)?);
    }
    let from = |partition: u32| match &next {
        Some(next) => next[partition as usize],
        None => kept[partition as usize].start,
    };
    let tail = pin(log, stream, from)?;
    let until = match point.streams.get(&stream.name) {
        Some(until) if until.len() == kept.len() => until.clone(),
        Some(until) => {
            let (known, partitions) = (until.len(), kept.len());
            return Err(Error::Internal(format!("{}: {known} offsets for {partitions} partitions", stream.name)));
        }
        None => {
            let end = |kept: &Offsets| if point.isolation == Isolation::Latest { kept.end } else { kept.stable };
            kept.iter().map(end).collect()
        }
    };
    Ok((tail, until))
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.stream.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters skip files of the archive; the tail has no use for them. So all are applied again above.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let start = self.start().await?;
        let projection = projection.cloned().unwrap_or_else(|| (0..self.stream.schema.fields().len()).collect());
        let schema: SchemaRef = Arc::new(self.stream.schema.project(&projection)?);
        let mut parts: Vec<Arc<dyn ExecutionPlan>> = Vec::with_capacity(2);
        if let Some(archived) = &start.archived {
            let bounds = Bounds::new(&start.until, |partition| archived.next_offset(partition));
            let limit = if filters.is_empty() && bounds.is_none() { limit } else { None };
            parts.push(scan_archive(state, archived.table(), &schema, filters, bounds.as_ref(), limit).await?);
        }
        let tails = self.tails(start, &projection, &schema);
        if !tails.is_empty() || parts.is_empty() {
            let tails = tails.into_iter().map(|tail| Arc::new(tail) as Arc<_>).collect();
            parts.push(Arc::new(StreamingTableExec::try_new(schema, tails, None, None, false, None)?));
        }
        UnionExec::try_new(parts)
    }
}

impl StreamTable {
    /// Partitions with something past the archive. Without any archive, one partition at least, for the plan's shape.
    fn tails(&self, start: &Start, projection: &[usize], schema: &SchemaRef) -> Vec<Tail> {
        let partitions = (0..self.stream.partitions).zip(start.tail.iter().zip(&start.until));
        let shapeless = start.archived.is_none();
        let tails =
            partitions.filter(|(partition, ((from, _), until))| from < *until || (shapeless && *partition == 0));
        let tail = |(partition, ((from, pin), until)): (u32, (&(i64, Pin), &i64))| Tail {
            log: Arc::clone(&self.log),
            stream: Arc::clone(&self.stream),
            partition,
            from: *from,
            until: *until,
            isolation: self.reading.point().isolation,
            projection: projection.to_vec(),
            schema: Arc::clone(schema),
            pin: pin.clone(),
        };
        tails.map(tail).collect()
    }
}
