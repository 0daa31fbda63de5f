//! Queries: from the text of one read statement to rows.
//!
//! A query sees one completed epoch across all relations. It ends when its rows are dropped.

pub mod condition;
pub mod interrupt;
pub mod lookup;
pub mod partitions;
pub mod prepared;
#[cfg(test)]
mod real_tests;
mod recursion;
mod show;
pub mod state;
mod tables;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, SchemaRef, TimestampMicrosecondType};
use arrow::temporal_conversions::as_datetime;
use datafusion::common::DataFusionError;
use datafusion::datasource::TableProvider;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::execution::context::SessionConfig;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use headwater_log::Log;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, SourceText, Statement, ast};
use sqlparser::ast::visit_relations;
use tokio::runtime::Handle;

use crate::plan::refuse::ignored_clauses;
use crate::plan::scope::Scope;
use crate::plan::{Place, diagnose};
use crate::provide::{Archives, Snapshots, StoredTables, SystemTables};
use crate::relation::{Relations, SYSTEM};
use crate::running::{self, Asker, Kind, Queries, task};
use crate::{Error, Result};
use interrupt::{Stop, interruptible};
use recursion::guarded;

/// Consumers that an error about memory names.
const NAMED: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");
/// What queries read from.
#[derive(Clone)]
pub struct Sources {
    pub relations: Arc<Relations>,
    pub log: Arc<dyn Log>,
    pub archives: Arc<dyn Archives>,
    pub snapshots: Arc<dyn Snapshots>,
    pub tables: Arc<dyn StoredTables>,
    pub system: Arc<dyn SystemTables>,
}

/// How queries run.
#[derive(Clone)]
pub struct Options {
    /// Memory that all queries of a session share; what can spill spills past it. `None` is no limit.
    pub memory_bytes: Option<usize>,
    /// Where spilled rows go; the system's temporary folder where nothing is said.
    pub spill_folder: Option<PathBuf>,
    /// How many ways each query is split.
    pub target_partitions: usize,
    /// Rows of a batch within a query.
    pub batch_rows: usize,
    /// Where queries are told of that somebody asks.
    pub queries: Arc<Queries>,
    /// Where those run; on the caller's threads where nothing is said.
    pub threads: Option<Handle>,
}

impl Default for Options {
    fn default() -> Options {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            memory_bytes: None,
            spill_folder: None,
            target_partitions: cores,
            batch_rows: 8192,
            queries: Arc::default(),
            threads: None,
        }
    }
}

/// Runs read statements. Clones share memory limit and caches.
#[derive(Clone)]
pub struct Session {
    sources: Sources,
    runtime: Arc<RuntimeEnv>,
    /// What every query's state is a copy of: making one anew takes longer than a small query.
    state: Arc<SessionState>,
    foreign: Option<Arc<dyn Foreign>>,
    queries: Arc<Queries>,
    threads: Option<Handle>,
    /// Nobody where a query is the node's own: it is not told of, and has no limits of that kind.
    asker: Option<Asker>,
    /// The time that `now()` says, microseconds UTC; `None`: that of asking.
    time_us: Option<i64>,
}

/// Relations and functions that a door adds for its own clients. Names of the language come before them.
pub trait Foreign: Send + Sync + 'static {
    fn table(&self, schema: Option<&str>, name: &str) -> Option<Arc<dyn TableProvider>>;

    fn functions(&self) -> Vec<Arc<ScalarUDF>>;
}

/// A running query. Dropping it, or its batches, cancels it.
pub struct QueryResult {
    pub schema: SchemaRef,
    /// The epoch that it sees, and when that was completed (microseconds UTC).
    pub epoch: u64,
    pub as_of_us: i64,
    /// Its number, if it is told of.
    pub query: Option<u64>,
    /// What runs it; of the node's own queries alone.
    pub plan: Option<Arc<dyn ExecutionPlan>>,
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}

impl QueryResult {
    /// How long its operators have computed so far, over all threads, as far as they measure it.
    pub fn computed(plan: &Arc<dyn ExecutionPlan>) -> Duration {
        let own = plan.metrics().and_then(|metrics| metrics.elapsed_compute()).unwrap_or_default();
        let below = plan.children().into_iter().map(QueryResult::computed);
        below.fold(Duration::from_nanos(own as u64), |sum, each| sum + each)
    }

    /// All rows.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.batches.try_collect().await
    }
}

impl Session {
    pub fn new(sources: Sources, options: Options) -> Result<Session> {
        // Files come and go between queries.
        let mut runtime = RuntimeEnvBuilder::new().with_object_list_cache_limit(0);
        if let Some(bytes) = options.memory_bytes {
            runtime = runtime.with_memory_pool(Arc::new(TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED)));
        }
        if let Some(folder) = &options.spill_folder {
            runtime = runtime.with_temp_file_path(folder);
        }
        let runtime = runtime.build_arc().map_err(|error| Error::Internal(error.to_string()))?;
        let state = Arc::new(state::state(config(&options), Arc::clone(&runtime), ExecutionProps::new()));
        Ok(Session {
            sources,
            runtime,
            state,
            foreign: None,
            queries: options.queries,
            threads: options.threads,
            asker: None,
            time_us: None,
        })
    }

    /// The same session with what a door adds.
    pub fn with_foreign(&self, foreign: Arc<dyn Foreign>) -> Session {
        let mut session = self.clone();
        session.foreign = Some(foreign);
        session
    }

    /// The same session for queries of somebody.
    pub fn asked_by(&self, asker: Asker) -> Session {
        let mut session = self.clone();
        session.asker = Some(asker);
        session
    }

    /// All queries that are told of.
    pub fn queries(&self) -> &Arc<Queries> {
        &self.queries
    }

    /// What can be read.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The same session over other definitions.
    pub fn with_relations(&self, relations: Arc<Relations>) -> Session {
        let mut session = self.clone();
        session.sources.relations = relations;
        session
    }

    /// What runs queries: object stores that tables need are registered here.
    pub fn runtime(&self) -> &Arc<RuntimeEnv> {
        &self.runtime
    }

    /// Starts one statement. Diagnostics point into a text called `query`.
    pub async fn query(&self, text: &str) -> Result<QueryResult> {
        self.run(&one(text)?).await
    }

    /// Starts a parsed statement.
    pub async fn run(&self, parsed: &Parsed) -> Result<QueryResult> {
        match self.let_in(parsed)? {
            None => Box::pin(self.start_statement(parsed, None)).await,
            Some(query) => {
                let (session, parsed, stop) = (self.clone(), parsed.clone(), Arc::clone(query.stop()));
                let work = async move { session.start_statement(&parsed, Some(&stop)).await };
                task::run(query, self.threads.as_ref(), work.boxed()).await
            }
        }
    }

    /// A query of somebody's, who is told of it; nothing where it is the node's own.
    fn let_in(&self, parsed: &Parsed) -> Result<Option<running::Query>> {
        let kind = if reads_only_itself(&parsed.statement) { Kind::Look } else { Kind::Query };
        self.asker.as_ref().map(|asker| self.queries.begin(asker, kind, &parsed.text)).transpose()
    }

    async fn start_statement(&self, parsed: &Parsed, stop: Option<&Stop>) -> Result<QueryResult> {
        if let Statement::Show(show) = &parsed.statement {
            self.known(show, parsed)?;
            let Some(query) = show::query(show, self.sources.system.as_ref()) else {
                let refused = Diagnostic::new(parsed.source.clone(), parsed.span, "this SHOW is not built yet")
                    .with_fault(Fault::NotBuilt);
                let hint =
                    "SHOW STREAMS, SOURCES, MATERIALIZED VIEWS and RELATIONS work, and SELECT on system. relations";
                return Err(refused.with_hint(hint).into());
            };
            return Box::pin(self.start_statement(&one(&query)?, stop)).await;
        }
        let (query, explain) = match &parsed.statement {
            Statement::Query(query) => (query, None),
            Statement::Explain(explain) => (&explain.query, Some(explain)),
            other => {
                let message = format!("{} is not a query", other.words());
                let refused = Diagnostic::new(parsed.source.clone(), parsed.span, message);
                return Err(refused.with_hint("put it into the project's files and apply them").into());
            }
        };
        let tables = tables::QueryTables::new(&self.sources, self.foreign.clone());
        let state = self.state(tables.as_of_us());
        let place = Place::new(&parsed.source, query.span);
        let plan = plan(&state, &tables, query, explain, Vec::new(), &place)?;
        start(&state, &tables, &plan, stop, &place).await
    }

    /// Refuses a question about a relation that is not there.
    fn known(&self, show: &ast::Show, parsed: &Parsed) -> Result<()> {
        let ast::Show::Columns(ast::RelationName { schema: None, name }) = show else { return Ok(()) };
        if self.sources.relations.get(&name.value).is_some() {
            return Ok(());
        }
        let refused = Diagnostic::new(parsed.source.clone(), name.span, format!("there is no relation {name}"))
            .with_fault(Fault::NoRelation);
        let near = headwater_sql::nearest(&name.value, self.sources.relations.names());
        Err(match near {
            Some(near) => refused.with_hint(format!("did you mean {near}?")).into(),
            None => refused.into(),
        })
    }

    /// The same session with the time standing still: `now()` is one and the same in all that is asked of it.
    pub fn at_one_time(&self) -> Session {
        let mut session = self.clone();
        session.time_us = Some(self.time_us.unwrap_or_else(|| self.sources.snapshots.as_of_us()));
        session
    }

    /// The same session at another time: `now()` says it.
    pub fn at(&self, time_us: i64) -> Session {
        let mut session = self.clone();
        session.time_us = Some(time_us);
        session
    }

    /// The same session with others who say where it reads.
    pub fn with_reading(&self, snapshots: Arc<dyn Snapshots>, tables: Arc<dyn StoredTables>) -> Session {
        let mut session = self.clone();
        session.sources.snapshots = snapshots;
        session.sources.tables = tables;
        session
    }

    fn state(&self, as_of_us: i64) -> SessionState {
        let mut state = (*self.state).clone();
        let as_of_us = self.time_us.unwrap_or(as_of_us);
        let start = as_datetime::<TimestampMicrosecondType>(as_of_us).map(|at| at.and_utc());
        state.execution_props_mut().query_execution_start_time = start;
        for function in self.foreign.iter().flat_map(|foreign| foreign.functions()) {
            // It only fails where functions cannot be added at all.
            drop(state.register_udf(function));
        }
        state
    }
}

/// Starts a plan. Its read point is taken when it is known what the plan reads.
async fn start(
    state: &SessionState,
    tables: &tables::QueryTables,
    plan: &LogicalPlan,
    stop: Option<&Stop>,
    place: &Place<'_>,
) -> Result<QueryResult> {
    let planned = physical(state, tables, plan, stop, place).await?;
    let stream = execute_stream(Arc::clone(&planned), state.task_ctx()).map_err(diagnose::execution)?;
    let (schema, epoch, as_of_us) = (stream.schema(), tables.reading().point().epoch, tables.as_of_us());
    let batches = stream.map_err(diagnose::execution).boxed();
    Ok(QueryResult { schema, epoch, as_of_us, query: None, plan: Some(planned), batches })
}

/// What runs for a plan.
async fn physical(
    state: &SessionState,
    tables: &tables::QueryTables,
    plan: &LogicalPlan,
    stop: Option<&Stop>,
    place: &Place<'_>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let optimized = state.optimize(plan).map_err(|error| planning_or_running(error, place))?;
    if let Some((view, key)) = lookup::of(&optimized) {
        tables.reading().settle(&view, &key)?;
    }
    let planned = state.query_planner().create_physical_plan(&optimized, state).await;
    let planned = planned.map_err(|error| planning_or_running(error, place))?;
    let mut planned = guarded(planned).map_err(diagnose::execution)?;
    if let Some(stop) = stop {
        planned = interruptible(planned, stop).map_err(diagnose::execution)?;
    }
    Ok(planned)
}

/// Whether a statement reads relations under `system.`, and no others.
fn reads_only_itself(statement: &Statement) -> bool {
    let Statement::Query(query) = statement else { return false };
    let mut found = false;
    let others = visit_relations(&*query.query, |name| {
        let schema = name.0.first().and_then(|part| part.as_ident()).filter(|_| name.0.len() > 1);
        found = true;
        match schema.is_some_and(|schema| schema.value.eq_ignore_ascii_case(SYSTEM)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    });
    found && others.is_continue()
}

fn config(options: &Options) -> SessionConfig {
    let ways = options.target_partitions.max(1);
    let mut config = state::config().with_target_partitions(ways).with_batch_size(options.batch_rows.max(1));
    if let Some(bytes) = options.memory_bytes {
        // Each way of a sort keeps this much back for merging what it spills; it must leave room to sort in.
        let default = config.options().execution.sort_spill_reservation_bytes;
        config = config.with_sort_spill_reservation_bytes(default.min(bytes / (ways + 1)));
    }
    config
}

/// The one statement of a text.
pub fn one(text: &str) -> Result<Parsed, Diagnostics> {
    let source = SourceText::new("query", text);
    let mut statements = headwater_sql::parse(&source)?.into_iter();
    match (statements.next(), statements.next()) {
        (Some(statement), None) => Ok(statement),
        (None, _) => Err(Diagnostic::new(source, headwater_sql::Span::default(), "there is no statement").into()),
        (_, Some(second)) => {
            Err(Diagnostic::new(source, second.span, "one statement at a time, please: this is a second one").into())
        }
    }
}

fn plan(
    state: &SessionState,
    tables: &tables::QueryTables,
    query: &ast::Query,
    explain: Option<&ast::Explain>,
    parameters: Vec<Option<FieldRef>>,
    place: &Place<'_>,
) -> Result<LogicalPlan> {
    Diagnostics::check(ignored_clauses(&query.query, place))?;
    let planned = Scope::new(state, tables)
        .query_with((*query.query).clone(), parameters)
        .and_then(|plan| match explain {
            Some(explain) => LogicalPlanBuilder::from(plan).explain(explain.verbose, explain.analyze)?.build(),
            None => Ok(plan),
        })
        .and_then(|plan| match explain {
            // Coercion errors are the text's; EXPLAIN shows them as part of its answer.
            Some(_) => Ok(plan),
            None => state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}),
        });
    planned.map_err(|error| diagnose::planning(&error, place))
}

/// Between planning and running stand the optimizer, whose errors are the text's, and the snapshots, whose are not.
fn planning_or_running(error: DataFusionError, place: &Place<'_>) -> Error {
    match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) | DataFusionError::NotImplemented(_) => {
            diagnose::planning(&error, place)
        }
        _ => diagnose::execution(error),
    }
}
