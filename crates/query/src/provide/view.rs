//! Rows that somebody above holds in memory: live views and `system.` relations.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

/// Gives all rows, when a query is about to run.
pub type Rows = dyn Fn() -> crate::Result<Vec<RecordBatch>> + Send + Sync;

/// A relation for one query, whose rows are fetched once.
pub struct LiveTable {
    schema: SchemaRef,
    rows: Box<Rows>,
    fetched: std::sync::OnceLock<Vec<RecordBatch>>,
}

impl std::fmt::Debug for LiveTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveTable")
    }
}

impl LiveTable {
    pub fn new(schema: SchemaRef, rows: Box<Rows>) -> LiveTable {
        LiveTable { schema, rows, fetched: std::sync::OnceLock::new() }
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
