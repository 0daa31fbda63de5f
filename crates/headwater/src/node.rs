//! A node: one data folder, one engine, its sources and its doors.

mod doors;
mod engine;
pub mod offline;
mod system;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use headwater_base::clock::{Clock, SystemClock};
use headwater_base::files::Lock;
use headwater_catalog::{Catalog, Kind};
use headwater_deploy::{Change, Declared, Project, resolve};
use headwater_gateway::Server;
use headwater_lake::Lake;
use headwater_log::Log;
use headwater_query::session::{self, Session};
use headwater_stream::engine::{self as stream, Engine, Parts};
use headwater_stream::source::runner::{Runner, Running};
use tokio::runtime::Runtime;
use tokio::sync::watch as signal;

use crate::folder::{DataFolder, NodeFile};

/// How a node is started.
pub struct Options {
    pub folder: DataFolder,
    pub http: Option<SocketAddr>,
    pub workers: usize,
    pub until_idle: bool,
}

/// A node that has its folder and has recovered. Nothing runs yet.
pub struct Node {
    options: Options,
    runtime: Arc<Runtime>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn Log>,
    declared: Declared,
    engine: Engine,
    sources: Vec<Running>,
    server: Option<Server>,
    _lock: Box<dyn Lock>,
}

impl Node {
    /// Takes the folder, brings it to what the project declares, and recovers.
    pub fn start(project: &Project, options: Options) -> Result<Node> {
        let declared = resolve(project.statements.clone())?;
        let lock = options.folder.take()?;
        let runtime = Arc::new(
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("no runtime")?,
        );
        let clock = SystemClock::shared();
        let log: Arc<dyn Log> = Arc::new(options.folder.log(false)?);
        let store = options.folder.store()?;
        let catalog = runtime.block_on(Catalog::open(Arc::clone(&store)))?;
        let lake = Arc::new(options.folder.lake(&store));
        apply(&runtime, catalog, &declared, log.as_ref(), &lake, clock.now_us())?;
        let server = match options.http {
            Some(address) => Some(runtime.block_on(Server::bind(address))?),
            None => None,
        };
        let engine = Engine::open(Parts {
            graph: Arc::clone(&declared.graph),
            log: Arc::clone(&log),
            store,
            lake: Some(lake),
            clock: Arc::clone(&clock),
            runtime: Arc::clone(&runtime),
            options: stream::Options { workers: options.workers, ..stream::Options::default() },
        })?;
        Ok(Node { options, runtime, clock, log, declared, engine, sources: Vec::new(), server, _lock: lock })
    }

    /// Serves until a signal or, if so told, until idle.
    pub fn run(mut self) -> Result<()> {
        self.sources = self.start_sources()?;
        let (stop, stopped) = signal::channel(false);
        let http = self.server.as_ref().map(|server| server.address().to_string());
        let id = format!("{}-{:x}", std::process::id(), self.clock.now_us());
        let behind = Arc::new(doors::Doors::new(id.clone(), self.session()?, Arc::clone(&self.log)));
        let serving = self.server.take().map(|server| {
            let mut stopped = stopped.clone();
            let until = async move {
                // A closed channel means that the node is gone.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            self.runtime.spawn(server.run(behind, until))
        });
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.options.folder.announce(&NodeFile { pid: std::process::id(), id, http: http.clone(), version })?;
        let interrupted = self.on_signal();
        let watch = watch::Watch::start(&self, http.as_deref());
        let outcome = engine::run(&mut self, &interrupted);
        drop(watch);
        self.options.folder.withdraw();
        // No receiver is left when HTTP is off.
        let _ = stop.send(true);
        if let Some(mut serving) = serving {
            match self.runtime.block_on(async { tokio::time::timeout(DRAIN, &mut serving).await }) {
                Ok(ended) => ended.context("the HTTP server ended badly")??,
                // A client that reads slowly, or not at all, does not keep the folder.
                Err(_) => serving.abort(),
            }
        }
        outcome
    }

    fn start_sources(&self) -> Result<Vec<Running>> {
        let mut running = Vec::new();
        for source in self.declared.sources.iter().filter(|source| source.enabled) {
            let started = crate::sources::open(source, self.options.folder.files(), &self.clock)?;
            let stream = Arc::clone(&source.stream);
            let opened = Runner::open(&source.name, started, stream, self.log.as_ref(), Arc::clone(&self.clock));
            running.push(match opened {
                Ok(runner) => Running::start(&source.name, runner)?,
                Err(error) => Running::failed(&source.name, &error),
            });
        }
        Ok(running)
    }

    fn session(&self) -> Result<Session> {
        let published = Arc::clone(self.engine.published());
        let sources = session::Sources {
            relations: Arc::clone(&self.declared.relations),
            log: Arc::clone(&self.log),
            archives: Arc::new(self.engine.archive_board().clone()),
            snapshots: Arc::clone(&published) as Arc<_>,
            system: Arc::new(system::System::new(
                &self.declared.graph,
                published,
                Arc::clone(&self.log),
                Arc::clone(&self.clock),
            )),
        };
        let options = session::Options {
            memory_bytes: Some(QUERY_MEMORY_BYTES),
            spill_folder: Some(self.options.folder.path.join("spill")),
            ..session::Options::default()
        };
        Ok(Session::new(sources, options)?)
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

/// How long running requests have to end when the node does.
const DRAIN: Duration = Duration::from_secs(5);

/// Memory that queries share; what can spill does so past it.
const QUERY_MEMORY_BYTES: usize = 512 << 20;

/// Brings the catalog to what is declared. The steps that change rows are refused so far; see [`headwater_deploy::diff`].
fn apply(
    runtime: &Runtime,
    mut catalog: Catalog,
    declared: &Declared,
    log: &dyn Log,
    lake: &Lake,
    now_us: i64,
) -> Result<()> {
    let proposal = catalog.propose(declared.definitions.clone());
    let steps = headwater_deploy::diff::steps(&proposal.changes, has_rows(log)?)?;
    if steps.is_empty() {
        return Ok(());
    }
    for step in &steps {
        tracing::info!("{}", step.explain());
        // Nothing has rows, or the steps would have been refused: what an earlier start made is made anew.
        if step.change != Change::Added && step.kind != Kind::Source {
            if log.topics()?.iter().any(|topic| topic.name == step.name) {
                log.delete_topic(&step.name)?;
            }
            runtime.block_on(lake.remove_empty_archive(&step.name))?;
        }
    }
    runtime.block_on(catalog.commit(proposal.next, now_us))?;
    Ok(())
}

fn has_rows(log: &dyn Log) -> Result<bool> {
    for topic in log.topics()? {
        for partition in 0..topic.config.partitions {
            if log.offsets(&topic.name, partition)?.end > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
