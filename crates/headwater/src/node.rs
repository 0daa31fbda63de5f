//! A node: one data folder, one engine, its sources and its doors.

pub mod access;
mod doors;
mod engine;
mod expectations;
mod experiments;
mod explain;
mod features;
mod letters;
mod models;
pub mod offline;
mod planning;
mod rows;
mod runs;
mod statements;
mod system;
mod telemetry;
pub mod trial;
mod wanted;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use headwater_base::clock::{Clock, SystemClock};
use headwater_base::files::Lock;
use headwater_catalog::Definitions;
use headwater_connect::shop::Floors;
use headwater_deploy::alerts::book::Book;
use headwater_deploy::alerts::watch as looking;
use headwater_deploy::experiments::assign;
use headwater_deploy::runs::Pools;
use headwater_deploy::{Declared, Ground, Project, Running, Tables, inspect, resolve};
use headwater_gateway::access::Access;
use headwater_gateway::{Server, postgres};
use headwater_log::Log;
use headwater_query::provide::files::Places;
use headwater_query::running::{Limits, Queries};
use headwater_query::session::{self, Session};
use headwater_sql::Parsed;
use headwater_stream::delivery::runner::{self as delivery, Running as Sink};
use headwater_stream::engine as stream;
use headwater_stream::sink::archive::Board;
use headwater_stream::source::runner::{Runner, Running as Source};
use tokio::runtime::Runtime;
use tokio::sync::watch as signal;

use crate::alerts::Alerts;
use crate::folder::{self, DataFolder, NodeFile};
use crate::sinks;
use crate::storage::Role;
use crate::storage::client::Others;
use doors::{Current, Doors, Epochs, Outside, Request};
use system::Known;

/// How a node is started.
pub struct Options {
    pub folder: DataFolder,
    /// The project's folder, where relative paths begin.
    pub root: PathBuf,
    pub http: Option<SocketAddr>,
    pub postgres: Option<SocketAddr>,
    pub protection: access::Protection,
    pub workers: usize,
    /// None is that of the storage.
    pub checkpoint_interval: Option<Duration>,
    pub until_idle: bool,
    pub queries: Limits,
    pub pools: Pools,
}

impl Options {
    fn of_engine(&self) -> stream::Options {
        stream::Options {
            workers: self.workers,
            checkpoint_interval: self.checkpoint_interval.unwrap_or(self.folder.checkpoint_interval()),
            ..stream::Options::default()
        }
    }
}

/// A node that has its folder and has recovered.
pub struct Node {
    options: Options,
    runtime: Arc<Runtime>,
    /// Runs queries, which may compute for long.
    query_threads: Option<Runtime>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn Log>,
    running: Running,
    access: Access,
    /// The version of what runs that the doors show.
    shown: u64,
    sources: Vec<Source>,
    /// Those that sources are in together.
    shops: Arc<Floors>,
    sinks: Vec<Sink>,
    alerts: Alerts,
    book: Arc<Book>,
    doors: Arc<Doors>,
    known: Known,
    requests: Receiver<Request>,
    woken: Receiver<()>,
    wake: SyncSender<()>,
    server: Option<Server>,
    postgres: Option<postgres::Server>,
    _lock: Box<dyn Lock>,
}

/// A project's statements, with what they name outside looked at.
struct Inspected<'a> {
    project: &'a Project,
    places: Places,
    looked: Result<Vec<Parsed>, headwater_deploy::Error>,
}

impl<'a> Inspected<'a> {
    /// Tells what is wrong with the project's files before anything is touched.
    fn of(project: &'a Project, options: &Options, runtime: &Runtime) -> Result<Inspected<'a>> {
        let places = Places::new(options.root.clone(), Arc::new(Others));
        let looked = runtime.block_on(inspect(project.statements.clone(), &places, &Definitions::default()));
        if let Ok(statements) = &looked {
            resolve(statements.clone())?;
        }
        Ok(Inspected { project, places, looked })
    }

    /// Files that are gone keep no node from starting: what it ran with `before` knows what they were.
    fn statements(self, before: &Definitions, runtime: &Runtime) -> Result<Vec<Parsed>> {
        match self.looked {
            Ok(statements) => Ok(statements),
            Err(_) => Ok(runtime.block_on(inspect(self.project.statements.clone(), &self.places, before))?),
        }
    }
}

impl Node {
    /// Takes the folder, recovers, and brings what runs to what the project declares.
    pub fn start(project: &Project, options: Options) -> Result<Node> {
        let runtime = Arc::new(
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("no runtime")?,
        );
        let wanted = Inspected::of(project, &options, &runtime)?;
        let lock = options.folder.take()?;
        access::open_files();
        let access = access::open(&options)?;
        let query_threads = tokio::runtime::Builder::new_multi_thread().thread_name("query").enable_all().build()?;
        let clock = SystemClock::shared();
        let store = runtime.block_on(options.folder.store(Role::Node))?;
        let log: Arc<dyn Log> = Arc::new(options.folder.log(false)?);
        let lake = Arc::new(options.folder.lake(&store));
        let tables = Arc::new(Tables::new(Arc::clone(&lake), wanted.places.clone()));
        let mut running = Running::open(Ground {
            log: Arc::clone(&log),
            lake,
            tables: Arc::clone(&tables),
            board: Board::default(),
            store,
            clock: Arc::clone(&clock),
            runtime: Arc::clone(&runtime),
            options: options.of_engine(),
        })?;
        let statements = wanted.statements(running.definitions(), &runtime)?;
        try_outside(&resolve(statements.clone())?, |_| true, &options, &runtime, &clock)?;
        let prepared = running.plan_project(resolve::project(statements))?;
        running.apply(prepared)?;
        let (server, postgres) = runtime.block_on(access::bind(&options, &access))?;
        let id = format!("{}-{:x}", std::process::id(), clock.now_us());
        let queries = Queries::new(options.queries, Arc::clone(&clock));
        let known = Known::open(queries, options.pools.clone(), &log, &clock, query_threads.handle().clone())?;
        let known = known.with_models(Arc::clone(running.models()));
        let (sender, requests) = channel();
        let (wake, woken) = sync_channel(1);
        let book = Arc::new(Book::open(&log, Arc::clone(&clock))?);
        let alerts = system::Alerts::Running(Arc::clone(&book));
        let outside = Outside { users: Arc::clone(&access.users), alerts, ..Outside::default() };
        let current = current(&mut running, &log, &clock, &options.folder.spill(), &known, outside)?;
        let doors = Doors::new(
            doors::Ground { id, log: Arc::clone(&log), tables, clock: Arc::clone(&clock) },
            current,
            known.clone(),
            sender,
            wake.clone(),
        );
        Ok(Node {
            shown: running.version(),
            options,
            runtime,
            query_threads: Some(query_threads),
            clock,
            log,
            running,
            access,
            sources: Vec::new(),
            shops: Arc::default(),
            sinks: Vec::new(),
            alerts: Alerts::default(),
            book,
            doors: Arc::new(doors),
            known,
            requests,
            woken,
            wake,
            server,
            postgres,
            _lock: lock,
        })
    }

    /// Serves until a signal or, if so told, until idle.
    pub fn run(mut self) -> Result<()> {
        self.start_sources()?;
        self.start_sinks()?;
        self.start_alerts()?;
        self.show()?;
        let (stop, stopped) = signal::channel(false);
        let http = self.server.as_ref().map(|server| server.address().to_string());
        let postgres = self.postgres.as_ref().map(|server| server.address().to_string());
        let serving = self
            .server
            .take()
            .map(|server| self.runtime.spawn(server.run(Arc::clone(&self.doors) as Arc<_>, until(&stopped))));
        let wired = self
            .postgres
            .take()
            .map(|server| self.runtime.spawn(server.run(Arc::clone(&self.doors) as Arc<_>, until(&stopped))));
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let id = headwater_gateway::Node::id(self.doors.as_ref()).to_owned();
        self.options.folder.announce(&NodeFile {
            pid: std::process::id(),
            id,
            http: http.clone(),
            postgres: postgres.clone(),
            certificate: self.access.tls.as_ref().map(|tls| folder::hexadecimal(&tls.fingerprint)),
            version,
        })?;
        let (samples, doors) = (Arc::clone(&self.known.samples), Arc::downgrade(&self.doors));
        self.runtime.spawn(system::samples::take(samples, doors, Arc::clone(&self.clock)));
        if let Some(runs) = &self.known.runs {
            let threads = self.known.query_threads.clone().unwrap_or_else(|| self.runtime.handle().clone());
            let doors = Arc::downgrade(&self.doors);
            threads.spawn(features::compare(self.known.clone(), doors, Arc::clone(&self.clock)));
            self.runtime.spawn(Arc::clone(runs).drive(threads));
            self.runtime.spawn(expectations::follow_checkpoints(self.known.clone(), Arc::downgrade(&self.doors)));
        }
        let interrupted = self.on_signal();
        let watch = watch::Watch::start(&self, http.as_deref(), postgres.as_deref());
        let (folder, runtime) = (self.options.folder.clone(), Arc::clone(&self.runtime));
        let (queries, query_threads) = (Arc::clone(&self.known.queries), self.query_threads.take());
        let outcome = engine::run(self, &interrupted);
        drop(watch);
        folder.withdraw();
        // No receiver is left when HTTP is off.
        let _ = stop.send(true);
        if let Some(mut serving) = serving {
            match runtime.block_on(async { tokio::time::timeout(DRAIN, &mut serving).await }) {
                Ok(ended) => ended.context("the HTTP server ended badly")??,
                // A client that reads slowly, or not at all, does not keep the folder.
                Err(_) => serving.abort(),
            }
        }
        if let Some(mut wired) = wired
            && runtime.block_on(async { tokio::time::timeout(DRAIN, &mut wired).await }).is_err()
        {
            wired.abort();
        }
        queries.cancel_all();
        if let Some(threads) = query_threads {
            // A computation that can't be interrupted is left to the end of the process.
            threads.shutdown_timeout(Duration::from_secs(1));
        }
        outcome
    }

    /// Starts what is declared and enabled, and does not run yet; what does not start is shown with its reason.
    fn start_sources(&mut self) -> Result<()> {
        let mut running = std::mem::take(&mut self.sources);
        for source in self.running.declared().sources.iter().filter(|source| source.enabled) {
            if let Some(at) = running.iter().position(|running| running.name() == source.name) {
                self.sources.push(running.swap_remove(at));
                continue;
            }
            let (files, root) = (self.options.folder.files(), &self.options.root);
            let started = crate::sources::open(source, files, root, &self.clock, &self.shops)?;
            let stream = Arc::clone(&source.stream);
            let opened = Runner::open(&source.place, started, stream, self.log.as_ref(), Arc::clone(&self.clock));
            self.sources.push(match opened {
                Ok(runner) => Source::start(&source.name, runner)?,
                Err(error) => Source::failed(&source.name, &error),
            });
        }
        Ok(())
    }

    /// Brings sinks to what runs now: a view that has come to run may be given away.
    fn follow_sinks(&mut self) -> Result<()> {
        let sinks = self.running.declared().sinks.iter().filter(|sink| sink.enabled);
        let wanted: Vec<&str> = sinks.map(|sink| sink.place.as_str()).collect();
        if self.sinks.iter().map(Sink::place).eq(wanted) {
            return Ok(());
        }
        self.sinks.clear();
        self.start_sinks()
    }

    /// As [`Node::start_sources`], for sinks.
    fn start_sinks(&mut self) -> Result<()> {
        let declared = self.running.declared();
        let ground = sinks::Ground {
            files: self.options.folder.files(),
            root: &self.options.root,
            runtime: &self.runtime,
            secrets: &declared.outside.secrets,
        };
        let mut running = std::mem::take(&mut self.sinks);
        for sink in declared.sinks.iter().filter(|sink| sink.enabled) {
            if let Some(at) = running.iter().position(|running| running.place() == sink.place) {
                self.sinks.push(running.swap_remove(at));
                continue;
            }
            let opened = ground.open(sink).map_err(|error| headwater_stream::Error::invalid(format!("{error:#}")));
            let clock = Arc::clone(&self.clock);
            let stream = Arc::clone(&sink.stream);
            let runner =
                opened.and_then(|outlet| delivery::Runner::open(&sink.place, outlet, stream, &self.log, clock));
            self.sinks.push(match runner {
                Ok(runner) => Sink::start(&sink.name, &sink.place, runner)?,
                Err(error) => Sink::failed(&sink.name, &sink.place, &error),
            });
        }
        Ok(())
    }

    /// Brings alerts to what runs now.
    fn start_alerts(&mut self) -> Result<()> {
        let published = Arc::clone(self.running.engine()?.published());
        let (declared, all) = (self.running.declared(), self.running.all());
        let ground = sinks::Ground {
            files: self.options.folder.files(),
            root: &self.options.root,
            runtime: &self.runtime,
            secrets: &all.outside.secrets,
        };
        let watched = looking::Ground {
            log: Arc::clone(&self.log),
            clock: Arc::clone(&self.clock),
            published,
            graph: Arc::clone(&declared.graph),
            book: Arc::clone(&self.book),
        };
        self.alerts.follow(&declared.alerts, &all.alerts, &ground, watched)
    }

    /// Lets the doors see what runs now.
    fn show(&mut self) -> Result<()> {
        let outside = Outside {
            sources: self.sources.iter().map(|source| (source.name().to_owned(), source.reports())).collect(),
            sinks: self.sinks.iter().map(|sink| (sink.name().to_owned(), sink.reports())).collect(),
            users: Arc::clone(&self.access.users),
            alerts: system::Alerts::Running(Arc::clone(&self.book)),
        };
        let spill = self.options.folder.spill();
        let current = current(&mut self.running, &self.log, &self.clock, &spill, &self.known, outside)?;
        self.doors.show(current);
        if let Some(runs) = &self.known.runs {
            self.known.suites().clone_from(&self.running.declared().suites);
            // Who gets what does not wait for views that are still built.
            self.known.experiments().clone_from(&self.running.all().experiments);
            let ground = runs::Ground {
                tables: self.running.tables(),
                doors: &self.doors,
                book: &self.book,
                clock: &self.clock,
                known: &self.known,
                log: &self.log,
                root: &self.options.root,
            };
            runs.declare(runs::tasks(&ground, self.running.declared()));
        }
        self.tell_replays();
        self.shown = self.running.version();
        Ok(())
    }

    /// True once the process was asked to end.
    fn on_signal(&self) -> Arc<AtomicBool> {
        let flag = Arc::new(AtomicBool::new(false));
        let raise = Arc::clone(&flag);
        self.runtime.spawn(async move {
            let terminate = async {
                match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                    Ok(mut signal) => drop(signal.recv().await),
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                () = terminate => {}
            }
            raise.store(true, Ordering::Release);
            // Asked twice, it goes at once: what is acknowledged is safe, and a start recovers the rest.
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
        flag
    }
}

/// Opens every source, sink and channel of an alert once that is new, so that what is wrong with one is said before anything
/// changes.
fn try_outside(
    declared: &Declared,
    is_new: impl Fn(&str) -> bool,
    options: &Options,
    runtime: &Arc<Runtime>,
    clock: &Arc<dyn Clock>,
) -> Result<()> {
    for source in declared.sources.iter().filter(|source| is_new(&source.name)) {
        crate::sources::open(source, options.folder.files(), &options.root, clock, &Arc::default())?;
    }
    let ground = sinks::Ground {
        files: options.folder.files(),
        root: &options.root,
        runtime,
        secrets: &declared.outside.secrets,
    };
    declared.sinks.iter().filter(|sink| is_new(&sink.name)).try_for_each(|sink| ground.open(sink).map(drop))?;
    for alert in declared.alerts.iter().filter(|alert| is_new(&alert.name)) {
        for (name, channel) in &alert.channels {
            ground.channel(channel).with_context(|| format!("alert {}, {name}", alert.name))?;
        }
    }
    Ok(())
}

/// Resolves when the node stops.
fn until(stopped: &signal::Receiver<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut stopped = stopped.clone();
    async move {
        // A closed channel means that the node is gone.
        let _ = stopped.wait_for(|stop| *stop).await;
    }
}

/// How long running requests have to end when the node does.
const DRAIN: Duration = Duration::from_secs(5);

/// Memory that queries share; what can spill does so past it.
const QUERY_MEMORY_BYTES: usize = 512 << 20;

/// What runs, as the doors are to see it.
fn current(
    running: &mut Running,
    log: &Arc<dyn Log>,
    clock: &Arc<dyn Clock>,
    spill: &Path,
    known: &Known,
    outside: Outside,
) -> Result<Current> {
    let published = Arc::clone(running.engine()?.published());
    let archives = Arc::new(running.engine()?.archive_board().clone());
    let mut relations = headwater_query::Relations::clone(&running.declared().relations);
    let mut missing = Vec::new();
    for relation in running.wanted_only() {
        missing.push(relation.name().to_owned());
        relations.add(relation);
    }
    if let Some(assign) = running.all().relations.function(assign::FUNCTION) {
        relations.add_function(Arc::clone(assign));
    }
    for definition in running.definitions().iter().filter(|definition| !definition.comments.is_empty()) {
        relations.describe(&definition.name, definition.comments.clone());
    }
    let system = system::System::new(
        &running.declared().graph,
        system::Declared::new(running.definitions(), running.changes(), &relations),
        Arc::clone(&published),
        known.clone(),
        Arc::clone(log),
        Arc::clone(clock),
        outside.clone(),
    )
    .with_charts(system::Charts::new(running.definitions(), running.all()))
    .with_versions(system::Versions::new(clock.now_us(), running.tables(), &relations));
    let from = session::Sources {
        relations: Arc::new(relations),
        log: Arc::clone(log),
        archives,
        snapshots: Arc::new(Epochs { published: Arc::clone(&published), known: known.clone(), missing }),
        tables: running.tables(),
        system: Arc::new(system),
    };
    let limits = session::Options {
        memory_bytes: Some(QUERY_MEMORY_BYTES),
        spill_folder: Some(spill.to_path_buf()),
        queries: Arc::clone(&known.queries),
        threads: known.query_threads.clone(),
        ..session::Options::default()
    };
    let graph = Arc::clone(&running.declared().graph);
    let definitions = Arc::new(running.definitions().clone());
    Ok(Current { session: Session::new(from, limits)?, graph, published, definitions, outside })
}
