//! The archived part of a stream: as part of the stream's own relation, and by itself as `archive.<stream>`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, col, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use tokio::sync::OnceCell;

use super::{Archived, History, OFFSET, PARTITION, TIMESTAMP};
use crate::Error;
use crate::relation::{Stream, timestamp_type};

/// Offsets at which reading stops although the archive goes on.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Partition and the first offset that is not read.
    until: Vec<(u32, i64)>,
}

impl Bounds {
    /// `None` where the archive ends before all of them.
    pub fn new(until: &[i64], archived: impl Fn(u32) -> i64) -> Option<Bounds> {
        let partitions = (0u32..).zip(until.iter().copied());
        let until: Vec<_> = partitions.filter(|(partition, until)| archived(*partition) > *until).collect();
        (!until.is_empty()).then_some(Bounds { until })
    }

    fn predicate(&self) -> Expr {
        let past = |(partition, until): &(u32, i64)| {
            let partition = i32::try_from(*partition).unwrap_or(i32::MAX);
            col(PARTITION).eq(lit(partition)).and(col(OFFSET).gt_eq(lit(*until)))
        };
        let past = self.until.iter().map(past).reduce(Expr::or);
        past.map_or_else(|| lit(true), |past| !past)
    }
}

/// Scans an archive for some of its columns, in the types of `schema`.
pub async fn scan_archive(
    state: &dyn Session,
    table: Arc<dyn TableProvider>,
    schema: &SchemaRef,
    filters: &[Expr],
    bounds: Option<&Bounds>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let stored = table.schema();
    let mut columns: Vec<usize> = Vec::with_capacity(schema.fields().len() + 2);
    let hidden: &[&str] = if bounds.is_some() { &[PARTITION, OFFSET] } else { &[] };
    for name in schema.fields().iter().map(|field| field.name().as_str()).chain(hidden.iter().copied()) {
        let index = stored.index_of(name)?;
        if !columns.contains(&index) {
            columns.push(index);
        }
    }
    let mut plan = table.scan(state, Some(&columns), filters, limit).await?;
    if let Some(bounds) = bounds {
        let scanned = DFSchema::try_from(plan.schema())?;
        plan = Arc::new(FilterExec::try_new(state.create_physical_expr(bounds.predicate(), &scanned)?, plan)?);
    }
    conform(plan, schema)
}

/// Casts and reorders where the stored columns are not exactly those wanted.
fn conform(plan: Arc<dyn ExecutionPlan>, schema: &SchemaRef) -> Result<Arc<dyn ExecutionPlan>> {
    let found = plan.schema();
    let same = |(one, two): (&Arc<Field>, &Arc<Field>)| one.name() == two.name() && one.data_type() == two.data_type();
    if found.fields().len() == schema.fields().len() && found.fields().iter().zip(schema.fields()).all(same) {
        return Ok(plan);
    }
    let column = |field: &Arc<Field>| -> Result<(Arc<dyn PhysicalExpr>, String)> {
        let index = found.index_of(field.name())?;
        let mut column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
        if found.field(index).data_type() != field.data_type() {
            column = Arc::new(CastExpr::new(column, field.data_type().clone(), None));
        }
        Ok((column, field.name().clone()))
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
}

/// `archive.<stream>`: what is archived and nothing else, with the hidden columns.
pub struct ArchiveTable {
    schema: SchemaRef,
    history: Option<Arc<dyn History>>,
    snapshot: OnceCell<Arc<dyn Archived>>,
}

impl std::fmt::Debug for ArchiveTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArchiveTable")
    }
}

impl ArchiveTable {
    pub fn new(stream: &Stream, history: Option<Arc<dyn History>>) -> ArchiveTable {
        let hidden = [
            Arc::new(Field::new(PARTITION, DataType::Int32, false)),
            Arc::new(Field::new(OFFSET, DataType::Int64, false)),
            Arc::new(Field::new(TIMESTAMP, timestamp_type(), false)),
        ];
        let fields: Vec<_> = stream.schema.fields().iter().cloned().chain(hidden).collect();
        ArchiveTable { schema: Arc::new(Schema::new(fields)), history, snapshot: OnceCell::new() }
    }
}

#[async_trait]
impl TableProvider for ArchiveTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

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
        let schema: SchemaRef = match projection {
            Some(projection) => Arc::new(self.schema.project(projection)?),
            None => Arc::clone(&self.schema),
        };
        let Some(history) = &self.history else { return Ok(Arc::new(EmptyExec::new(schema))) };
        let snapshot = self.snapshot.get_or_try_init(|| history.snapshot());
        let snapshot = snapshot.await.map_err(|error: Error| DataFusionError::External(Box::new(error)))?;
        let limit = if filters.is_empty() { limit } else { None };
        scan_archive(state, snapshot.table(), &schema, filters, None, limit).await
    }
}
