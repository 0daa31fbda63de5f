//! Rows that somebody above holds in memory: live views and `system.` relations.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use crate::relation::View;

/// Gives all rows, when a query is about to run.
pub type Rows = dyn Fn() -> crate::Result<Vec<RecordBatch>> + Send + Sync;

/// A relation for one query, whose rows are fetched once.
pub struct LiveTable {
    schema: SchemaRef,
    rows: Box<Rows>,
    /// The view whose rows these are, where they have a key.
    keyed: Option<Arc<View>>,
    fetched: std::sync::OnceLock<Vec<RecordBatch>>,
}

impl std::fmt::Debug for LiveTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveTable")
    }
}

impl LiveTable {
    pub fn new(schema: SchemaRef, rows: Box<Rows>) -> LiveTable {
        LiveTable { schema, rows, keyed: None, fetched: std::sync::OnceLock::new() }
    }

    /// The rows of a view. Its scans show by which filters they are found: see [`crate::session::lookup`].
    pub fn of_view(view: Arc<View>, rows: Box<Rows>) -> LiveTable {
        let schema = Arc::clone(&view.schema);
        LiveTable { keyed: (!view.key.is_empty()).then_some(view), ..LiveTable::new(schema, rows) }
    }

    pub fn keyed(&self) -> Option<&Arc<View>> {
        self.keyed.as_ref()
    }

    fn fetch(&self) -> Result<&[RecordBatch]> {
        if let Some(fetched) = self.fetched.get() {
            return Ok(fetched);
        }
        let rows = (self.rows)().map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(self.fetched.get_or_init(|| rows))
    }
}

#[async_trait]
impl TableProvider for LiveTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// Filters choose what is fetched, if anything, and are applied again above.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = match self.keyed {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(vec![support; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.fetch()?.to_vec();
        Ok(MemorySourceConfig::try_new_exec(&[rows], Arc::clone(&self.schema), projection.cloned())?)
    }
}
