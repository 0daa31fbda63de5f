//! A data folder without a node: queries over its last checkpoint.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use headwater_base::clock::SystemClock;
use headwater_catalog::Catalog;
use headwater_deploy::models::Registry;
use headwater_deploy::running::Facts;
use headwater_deploy::{Tables, inspect, resolve, stored};
use headwater_log::Log;
use headwater_query::provide::files::Places;
use headwater_query::session::{Options, Session, Sources};
use headwater_sql::Parsed;
use headwater_stream::engine;
use headwater_stream::sink::archive::{Board, Shown};
use tokio::runtime::Runtime;

use super::doors::Outside;
use super::system::{Alerts, Charts, Declared, Known, System};
use crate::folder::DataFolder;
use crate::storage::Role;
use crate::storage::client::Others;

/// A session over the last checkpoint, and when that was taken (microseconds).
pub fn open(folder: &DataFolder, root: &Path, runtime: &Arc<Runtime>) -> Result<(Session, Option<i64>)> {
    let store = runtime.block_on(folder.store(Role::Reader))?;
    let log: Arc<dyn Log> = Arc::new(folder.log(true)?);
    let newest = runtime.block_on(engine::newest(Arc::clone(&store)))?;
    let catalog = runtime.block_on(Catalog::open(Arc::clone(&store)))?;
    let declared = stored::at_rest(catalog.current(), newest.as_ref(), log.as_ref())?;
    let offline = engine::offline(&declared.graph, log.as_ref(), Arc::clone(&store), runtime)?;
    let lake = folder.lake(&store);
    let archives = Board::default();
    for stream in declared.relations.streams() {
        if let Some(archive) = runtime.block_on(lake.find_archive(&stream.topic))? {
            archives.show(&stream.name, Shown { snapshot: archive.snapshot(), rows: 0, trouble: None });
        }
    }
    let registry = runtime.block_on(Registry::open(&store, &SystemClock::shared()))?;
    registry.declare(declared.models.clone(), &[Arc::clone(&declared.relations)]);
    runtime.block_on(registry.seat());
    let known = Known::default().with_models(Arc::new(registry));
    known.suites().clone_from(&declared.suites);
    known.experiments().clone_from(&declared.experiments);
    let tables = Tables::new(Arc::new(lake), Places::new(root.to_path_buf(), Arc::new(Others)));
    runtime.block_on(tables.open(&declared.relations, false))?;
    let alerts = Alerts::AtRest(Arc::new(headwater_deploy::alerts::book::read(log.as_ref())?));
    let system = System::new(
        &declared.graph,
        Declared::new(catalog.current(), catalog.applied(), &declared.relations),
        Arc::clone(&offline.published),
        known,
        Arc::clone(&log),
        SystemClock::shared(),
        Outside { users: Arc::new(folder.users()?), alerts, ..Outside::default() },
    )
    .with_charts(Charts::new(catalog.current(), &declared));
    let sources = Sources {
        relations: declared.relations,
        log,
        archives: Arc::new(archives),
        snapshots: offline.published,
        tables: Arc::new(tables),
        system: Arc::new(system),
    };
    Ok((Session::new(sources, Options::default())?, offline.taken_us))
}

/// What applying a project to a folder without a node would do: one line a step.
pub fn plan(folder: &DataFolder, root: &Path, runtime: &Arc<Runtime>, statements: Vec<Parsed>) -> Result<Vec<String>> {
    let store = runtime.block_on(folder.store(Role::Reader))?;
    let log: Arc<dyn Log> = Arc::new(folder.log(true)?);
    let newest = runtime.block_on(engine::newest(Arc::clone(&store)))?;
    let catalog = runtime.block_on(Catalog::open(store))?;
    let definitions = catalog.current();
    let places = Places::new(root.to_path_buf(), Arc::new(Others));
    let statements = runtime.block_on(inspect(statements, &places, definitions))?;
    let declared = stored::at_rest(definitions, newest.as_ref(), log.as_ref())?;
    let all = stored::wanted(definitions)?.declare(definitions)?;
    let facts = Facts { definitions, declared: &declared, all: &all, newest: newest.as_ref(), log: log.as_ref() };
    let prepared = facts.prepare_project(resolve::project(statements))?;
    Ok(prepared.plan.steps.iter().map(ToString::to_string).collect())
}

/// A wall clock time as people read it, in UTC.
pub fn time(us: i64) -> String {
    arrow::temporal_conversions::timestamp_us_to_datetime(us)
        .map_or_else(|| format!("{us} µs"), |time| format!("{} UTC", time.format("%Y-%m-%d %H:%M:%S%.3f")))
}
