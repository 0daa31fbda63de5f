//! The node as the doors see it: what runs now, and a way to ask for changes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_catalog::Definitions;
use headwater_deploy::Tables;
use headwater_deploy::running::{Progress, State};
use headwater_gateway::ingest::Appended;
use headwater_gateway::ingest::load::Loads;
use headwater_gateway::metrics::Family;
use headwater_gateway::node::Health;
use headwater_gateway::users::Users;
use headwater_gateway::{Done, File, Node, Outcome, Planned, Problem};
use headwater_log::Log;
use headwater_query::provide::{ReadPoint, Snapshots};
use headwater_query::relation::Table;
use headwater_query::running::{Asker, Kind, Refused};
use headwater_query::session::Session;
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Span, Statement, ast};
use headwater_stream::delivery::runner as delivery;
use headwater_stream::engine::published::Published;
use headwater_stream::graph::Graph;
use headwater_stream::source::runner::{Report, Reports};
use tokio::sync::oneshot;

use super::planning::ToPlan;
use super::system::{Alerts, Known};
use super::wanted::check_plannable;
use super::{explain, letters, rows, telemetry};

/// What only the node's own thread can do, on its way there.
pub enum Request {
    Change {
        statement: Box<Parsed>,
        answer: oneshot::Sender<Result<Done, Problem>>,
    },
    Plan {
        what: ToPlan,
        answer: oneshot::Sender<Result<Planned, Problem>>,
    },
    /// `EXPLAIN CREATE MATERIALIZED VIEW`: the graph that there would be.
    Explain {
        statement: Box<Parsed>,
        answer: oneshot::Sender<Result<Arc<Graph>, Problem>>,
    },
}

/// What stays as long as the node lives.
pub struct Ground {
    /// Names the node.
    pub id: String,
    pub log: Arc<dyn Log>,
    pub tables: Arc<Tables>,
    pub clock: Arc<dyn Clock>,
}

/// Shared by the node's thread, which changes it, and all that serve others.
pub struct Doors {
    ground: Ground,
    current: RwLock<Current>,
    known: Known,
    requests: Sender<Request>,
    loads: Arc<Loads>,
    /// Wakes the node's thread.
    wake: SyncSender<()>,
}

/// What runs now.
pub struct Current {
    pub session: Session,
    pub graph: Arc<Graph>,
    pub published: Arc<Published>,
    pub definitions: Arc<Definitions>,
    pub outside: Outside,
}

/// What stands around the engine: sources and sinks that run or ran, by name, users, and what alerts came to.
#[derive(Clone, Default)]
pub struct Outside {
    pub sources: Vec<(String, Reports)>,
    pub sinks: Vec<(String, delivery::Reports)>,
    pub users: Arc<Users>,
    pub alerts: Alerts,
}

impl Doors {
    pub fn new(
        ground: Ground,
        current: Current,
        known: Known,
        requests: Sender<Request>,
        wake: SyncSender<()>,
    ) -> Doors {
        let loads = Loads::new(Arc::clone(&ground.log), Arc::clone(&ground.clock));
        Doors { ground, current: RwLock::new(current), known, requests, loads, wake }
    }

    /// Shows what runs from now on.
    pub fn show(&self, current: Current) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    pub(super) fn definitions(&self) -> Arc<Definitions> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).definitions)
    }

    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).published)
    }

    /// Sources that run or ran, with how far they are.
    pub fn sources(&self) -> Vec<(String, Report)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.outside.sources.iter().map(|(name, reports)| (name.clone(), reports.get())).collect()
    }

    /// Sinks that run or ran, with how they are.
    pub fn sinks(&self) -> Vec<(String, delivery::Report)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.outside.sinks.iter().map(|(name, reports)| (name.clone(), reports.get())).collect()
    }

    fn ask(&self, request: Request) -> Result<(), Problem> {
        self.requests.send(request).map_err(|_| stopping())?;
        // A full channel is a wake-up that is on its way already.
        let _ = self.wake.try_send(());
        Ok(())
    }

    pub fn known(&self) -> &Known {
        &self.known
    }

    pub fn replays(&self) -> Vec<Progress> {
        self.known.replays().clone()
    }
}

impl Doors {
    /// Runs a statement that writes rows; `None` for any other.
    async fn write(&self, parsed: &Parsed) -> Option<Result<Done, Problem>> {
        let ground = self.rows();
        match &parsed.statement {
            Statement::Insert(insert) => Some(ground.insert(insert, parsed).await),
            Statement::Update(update) => Some(ground.update(update, parsed).await),
            Statement::Delete(delete) => Some(ground.delete(delete, parsed).await),
            Statement::ReplayDeadLetters(replay) => {
                let rows::Ground { session, clock, .. } = ground;
                let log = Arc::clone(&self.ground.log);
                Some(letters::Ground { session, log, clock }.replay(replay, parsed).await)
            }
            _ => None,
        }
    }

    /// Runs a statement that is no query.
    async fn other(&self, statement: Parsed) -> Result<Outcome, Problem> {
        if let Statement::ExplainView(ast::ExplainView::Existing(name)) = &statement.statement {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            return explain::explain(&current.graph, &current.published, &name.value).map(Outcome::Rows);
        }
        if let Statement::RefreshView(refresh) = &statement.statement {
            return self.refresh(refresh, &statement).await;
        }
        if let Statement::CheckExpectations(check) = &statement.statement {
            return self.check_expectations(check, &statement).await;
        }
        if let Statement::AnalyzeExperiment(analyze) = &statement.statement {
            return self.analyze_experiment(analyze, &statement).await;
        }
        if let Statement::Profile(profile) = &statement.statement {
            return self.profile(profile, &statement).await;
        }
        if let Statement::TrainModel(train) = &statement.statement {
            return self.train_model(train, &statement).await.map(Outcome::Done);
        }
        if let Statement::PromoteModel(promote) = &statement.statement {
            return self.promote_model(promote, &statement).await.map(Outcome::Done);
        }
        if let Statement::CancelQuery(cancel) = &statement.statement {
            return self.cancel(cancel, &statement).map(Outcome::Done);
        }
        if let Statement::ExplainView(ast::ExplainView::Planned(create)) = &statement.statement {
            let name = create.name.value.clone();
            let (answer, answered) = oneshot::channel();
            self.ask(Request::Explain { statement: Box::new(statement), answer })?;
            let graph = answered.await.map_err(|_| stopping())??;
            return explain::explain(&graph, &self.published(), &name).map(Outcome::Rows);
        }
        if let Some(done) = self.write(&statement).await {
            return done.map(Outcome::Done);
        }
        if let Statement::CreateTable(create) = &statement.statement
            && let Some(query) = &create.query
        {
            return self.create_table_as(create, query, &statement).await.map(Outcome::Done);
        }
        let known = self.inspected(vec![statement], &Definitions::default()).await?.pop();
        let known = known.ok_or_else(|| Problem::new(ErrorKind::Internal, "a statement was lost"))?;
        self.change(known).await.map(Outcome::Done)
    }

    /// Ends a query that runs, whoever asked it.
    fn cancel(&self, cancel: &ast::CancelQuery, parsed: &Parsed) -> Result<Done, Problem> {
        let refuse = |message: String| {
            let refused = Diagnostic::new(parsed.source.clone(), cancel.id_span, message);
            Problem::from(Diagnostics::from(
                refused.with_hint("SELECT id, text FROM system.queries WHERE state = 'running'"),
            ))
        };
        let id = &cancel.id;
        let number = id.parse::<u64>().map_err(|_| refuse(format!("'{id}' is no number of a query")))?;
        match self.known.queries.cancel(number) {
            Ok(()) => Ok(Done { tag: parsed.statement.words().to_owned(), notices: Vec::new() }),
            Err(Refused::Unknown) => Err(refuse(format!("no query {number} runs"))),
            Err(Refused::Change) => Err(refuse(format!("query {number} changes something, and is not ended half-way"))),
        }
    }

    /// Makes a change of what is declared.
    async fn change(&self, statement: Parsed) -> Result<Done, Problem> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Change { statement: Box::new(statement), answer })?;
        answered.await.map_err(|_| stopping())?
    }

    /// Says what a change would do.
    async fn plan(&self, what: ToPlan) -> Result<Planned, Problem> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Plan { what, answer })?;
        answered.await.map_err(|_| stopping())?
    }

    /// Makes a table with a query's columns and fills it with the query's rows, or leaves nothing.
    async fn create_table_as(
        &self,
        create: &ast::CreateTable,
        query: &ast::Query,
        parsed: &Parsed,
    ) -> Result<Done, Problem> {
        let one = |text: String| -> Result<Parsed, Problem> {
            let source = SourceText::new(parsed.source.name.clone(), text);
            headwater_sql::parse(&source)?.pop().ok_or_else(|| Problem::new(ErrorKind::Internal, "no statement"))
        };
        let asked = Parsed { statement: Statement::Query(query.clone()), ..parsed.clone() };
        // Dropped at once: only its columns are wanted.
        let schema = self.session().run(&asked).await?.schema;
        let columns = headwater_deploy::inspect::columns(&schema, query.span)?;
        let table = ast::CreateTable { columns, query: None, ..create.clone() };
        let mut done = self.change(one(table.to_sql())?).await?;
        let insert = ast::Insert {
            into: ast::RelationName { schema: None, name: create.name.clone() },
            columns: Vec::new(),
            query: query.clone(),
        };
        let insert = Parsed { statement: Statement::Insert(insert), ..parsed.clone() };
        match self.write(&insert).await {
            Some(Ok(inserted)) => {
                done.tag = inserted.tag.replace("INSERT 0", "SELECT");
                Ok(done)
            }
            Some(Err(failed)) => {
                let name = create.name.value.replace('"', "\"\"");
                self.change(one(format!("DROP TABLE \"{name}\""))?).await?;
                Err(failed)
            }
            None => Err(Problem::new(ErrorKind::Internal, "an INSERT was not made")),
        }
    }

    fn rows(&self) -> rows::Ground {
        rows::Ground {
            session: self.session(),
            tables: Arc::clone(&self.ground.tables),
            loads: Arc::clone(&self.loads),
            published: self.published(),
            clock: Arc::clone(&self.ground.clock),
        }
    }

    /// Statements with what they name outside looked at; `before` knows those that need not be looked at again.
    async fn inspected(&self, statements: Vec<Parsed>, before: &Definitions) -> Result<Vec<Parsed>, Problem> {
        Ok(headwater_deploy::inspect(statements, self.ground.tables.places(), before).await?)
    }
}

/// A statement's text as others may see it: without a password.
fn shown(parsed: &Parsed) -> Cow<'_, str> {
    match &parsed.statement {
        Statement::CreateUser(create) => format!("CREATE USER {} PASSWORD …", create.name).into(),
        Statement::AlterUser(alter) => format!("ALTER USER {} PASSWORD …", alter.name).into(),
        _ => parsed.text.as_str().into(),
    }
}

pub fn stopping() -> Problem {
    Problem::new(ErrorKind::Unavailable, "the node is stopping").with_hint("try again later")
}

#[async_trait]
impl Node for Doors {
    fn id(&self) -> &str {
        &self.ground.id
    }

    fn session(&self) -> Session {
        self.current.read().unwrap_or_else(PoisonError::into_inner).session.clone()
    }

    fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.ground.log)
    }

    fn health(&self) -> Health {
        let given_up = |(name, report): (String, Report)| Some(format!("source {name} stopped: {}", report.failure?.0));
        let given_up = self.sources().into_iter().filter_map(given_up).collect();
        telemetry::health(&self.published(), self.ground.clock.as_ref(), given_up)
    }

    fn metrics(&self) -> Vec<Family> {
        telemetry::metrics(&self.published(), &self.known.queries, self.ground.clock.as_ref())
    }

    async fn execute(&self, statement: Parsed, asker: Asker) -> Result<Outcome, Problem> {
        if matches!(statement.statement, Statement::Query(_) | Statement::Explain(_) | Statement::Show(_)) {
            return Ok(Outcome::Rows(self.session().asked_by(asker).run(&statement).await?));
        }
        let mut told = self.known.queries.begin(&asker, Kind::Change, &shown(&statement))?;
        let done = Box::pin(self.other(statement)).await;
        match &done {
            Ok(_) => told.finish(),
            Err(problem) => told.fail_with(problem.to_string()),
        }
        done
    }

    fn loads(&self) -> Arc<Loads> {
        Arc::clone(&self.loads)
    }

    fn experiments(&self) -> Vec<Arc<headwater_deploy::experiments::Declared>> {
        self.known.experiments().clone()
    }

    async fn seen(&self, stream: &str, appended: &Appended) {
        self.rows().seen(stream, appended).await;
    }

    async fn upsert(&self, table: &Table, rows: &[RecordBatch]) -> Result<(), Problem> {
        self.ground.tables.upsert(table, rows).await?;
        self.rows().changed(table).await;
        Ok(())
    }

    async fn plan_project(&self, files: Vec<File>) -> Result<Planned, Problem> {
        let mut statements = Vec::new();
        for File { path, text } in files {
            statements.extend(headwater_sql::parse(&SourceText::new(path, text))?);
        }
        let before = self.definitions();
        self.plan(ToPlan::Project(self.inspected(statements, &before).await?)).await
    }

    async fn plan_statements(&self, text: String) -> Result<Planned, Problem> {
        let source = SourceText::new("statement", text);
        let statements = headwater_sql::parse(&source)?;
        if statements.is_empty() {
            return Err(Diagnostics::from(Diagnostic::new(source, Span::default(), "there is no statement")).into());
        }
        statements.iter().try_for_each(check_plannable)?;
        self.plan(ToPlan::Statements(self.inspected(statements, &Definitions::default()).await?)).await
    }
}

/// The engine's epochs, with what is known of views that are still behind.
pub struct Epochs {
    pub published: Arc<Published>,
    pub known: Known,
    /// Views that have no older definition to show meanwhile.
    pub missing: Vec<String>,
}

impl Snapshots for Epochs {
    fn read_point(&self) -> Arc<ReadPoint> {
        self.told(self.published.read_point())
    }

    fn as_of_us(&self) -> i64 {
        self.published.as_of_us()
    }

    fn read_point_of(&self, view: &str, key: &RecordBatch) -> headwater_query::Result<Arc<ReadPoint>> {
        if self.missing.iter().any(|missing| missing == view) {
            // Nobody maintains it yet; the point says why.
            return Ok(self.read_point());
        }
        Ok(self.told(self.published.read_point_of(view, key)?))
    }
}

impl Epochs {
    /// The point with the reasons why some views can't be read.
    fn told(&self, point: Arc<ReadPoint>) -> Arc<ReadPoint> {
        if self.missing.is_empty() {
            return point;
        }
        let replays = self.known.replays().clone();
        let mut stopped: BTreeMap<String, String> = point.stopped.clone();
        for view in &self.missing {
            let last = replays.iter().rev().find(|each| each.views.contains(view));
            let told = match last {
                Some(Progress { failure: Some(failure), .. }) => format!("view {view} could not be built: {failure}"),
                Some(Progress { state: State::Running, rows_done, rows_total, .. }) => format!(
                    "view {view} is being built: {rows_done} of {rows_total} rows of its history are replayed; ask again \
                     later"
                ),
                _ => format!("view {view} is being built; ask again later"),
            };
            stopped.insert(view.clone(), told);
        }
        Arc::new(ReadPoint {
            epoch: point.epoch,
            as_of_us: point.as_of_us,
            streams: point.streams.clone(),
            isolation: point.isolation,
            views: Arc::clone(&point.views),
            stopped,
        })
    }
}
