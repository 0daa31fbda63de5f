//! Rows of a query in the parts that its plan has, for whoever folds each part by itself and all of them at once.
//!
//! Rows of a part are in their order, and parts of a file in that of the file. Nothing else is said of their order.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as EngineResult;
use datafusion::config::ConfigOptions;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions, execute_stream_partitioned,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use headwater_sql::{Diagnostic, Statement};
use tokio::runtime::Handle;

use super::{Session, one, physical, plan, tables};
use crate::plan::{Place, diagnose};
use crate::{Error, Result};

/// A query's rows by parts. Dropping them ends it.
pub struct Partitions {
    pub schema: SchemaRef,
    /// The epoch that it sees, and when that was completed (microseconds UTC).
    pub epoch: u64,
    pub as_of_us: i64,
    pub parts: Vec<BoxStream<'static, Result<RecordBatch>>>,
}

impl Session {
    /// Starts a `SELECT` whose parts are read at one time. Diagnostics point into a text called `query`.
    pub async fn partitions(&self, text: &str) -> Result<Partitions> {
        let parsed = one(text)?;
        let Statement::Query(query) = &parsed.statement else {
            return Err(Diagnostic::new(parsed.source.clone(), parsed.span, "this is not a query").into());
        };
        let tables = tables::QueryTables::new(&self.sources, self.foreign.clone());
        let state = self.state(tables.as_of_us());
        let place = Place::new(&parsed.source, query.span);
        let logical = plan(&state, &tables, query, None, Vec::new(), &place)?;
        let planned = physical(&state, &tables, &logical, None, &place).await?;
        let planned = spread(planned, state.config_options()).map_err(diagnose::execution)?;
        let schema = planned.schema();
        let parts = execute_stream_partitioned(planned, state.task_ctx()).map_err(diagnose::execution)?;
        let parts = parts.into_iter().map(|part| part.map_err(diagnose::execution).boxed()).collect();
        Ok(Partitions { schema, epoch: tables.reading().point().epoch, as_of_us: tables.as_of_us(), parts })
    }

    /// Where queries run; on the caller's threads where nothing is said.
    pub fn threads(&self) -> Option<&Handle> {
        self.threads.as_ref()
    }
}

/// The same plan with its files read in as many parts as there are ways. The planner does so only below what gains by
/// it; whoever folds the parts does.
fn spread(plan: Arc<dyn ExecutionPlan>, options: &ConfigOptions) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let children = plan.children();
    if children.is_empty() {
        let more = plan.repartitioned(options.execution.target_partitions, options)?;
        return Ok(more.unwrap_or(plan));
    }
    // Each of these does with a part of its input what it does with all of it.
    if !matches!(plan.name(), "ProjectionExec" | "FilterExec" | "CoalesceBatchesExec" | "CooperativeExec" | "UnionExec")
    {
        return Ok(plan);
    }
    let spread_children = children.into_iter().map(|child| spread(Arc::clone(child), options));
    let children = spread_children.collect::<EngineResult<Vec<_>>>()?;
    plan.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
}

impl Partitions {
    /// Folds each part on its own task, all at one time, and returns what they came to in the order of the parts.
    pub async fn fold<T, E, F>(
        self,
        threads: Option<&Handle>,
        start: impl Fn() -> Result<T, E>,
        fold: F,
    ) -> Result<Vec<T>, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&mut T, RecordBatch) -> Result<(), E> + Clone + Send + 'static,
    {
        let mut tasks = Vec::with_capacity(self.parts.len());
        for mut part in self.parts {
            let (mut folded, fold) = (start()?, fold.clone());
            let work = async move {
                while let Some(batch) = part.try_next().await? {
                    fold(&mut folded, batch)?;
                }
                Ok::<T, E>(folded)
            };
            tasks.push(Aborted(match threads {
                Some(threads) => threads.spawn(work),
                None => tokio::spawn(work),
            }));
        }
        let mut folded = Vec::with_capacity(tasks.len());
        for task in &mut tasks {
            folded.push((&mut task.0).await.map_err(|error| Error::Internal(error.to_string()))??);
        }
        Ok(folded)
    }
}

/// A task that ends when nobody waits for it any more.
struct Aborted<T, E>(tokio::task::JoinHandle<Result<T, E>>);

impl<T, E> Drop for Aborted<T, E> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
