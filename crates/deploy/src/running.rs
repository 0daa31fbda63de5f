//! What runs: the engine over what is declared, replays of history for views that are new or changed, and the way from
//! one set of definitions to the next.
//!
//! The catalog says what is wanted; the newest checkpoint says which views have their rows. A view that is wanted and
//! has none of its history is *behind*: a replay goes through its history beside the engine, and when it has come to
//! where the engine is, the engine takes it over in one checkpoint. So what runs follows from what is stored, and a
//! node that was killed goes on where it was.

mod apply;
mod prepare;
mod replay;

use std::sync::Arc;

use headwater_base::clock::Clock;
use headwater_catalog::{Applied, Catalog, Definitions};
use headwater_lake::Lake;
use headwater_log::Log;
use headwater_query::relation::Relation;
use headwater_stream::engine::{self, Engine, Options, Parts, Passed, Role, Step, behind};
use headwater_stream::sink::archive::Board;
use object_store::ObjectStore;
use tokio::runtime::Runtime;

use crate::models::Registry;
use crate::resolve::{Declared, Named};
use crate::{Result, Tables, stored};
pub use prepare::{Facts, Prepared, Told};
use replay::Replay;
pub use replay::{Progress, State};

/// What everything runs on.
#[derive(Clone)]
pub struct Ground {
    pub log: Arc<dyn Log>,
    /// Holds catalog, checkpoints and lake.
    pub store: Arc<dyn ObjectStore>,
    pub lake: Arc<Lake>,
    /// The lake's declared tables.
    pub tables: Arc<Tables>,
    /// Where archives are shown, over all engines.
    pub board: Board,
    pub clock: Arc<dyn Clock>,
    pub runtime: Arc<Runtime>,
    pub options: Options,
}

/// The engine and what it is on the way to.
pub struct Running {
    ground: Ground,
    models: Arc<Registry>,
    catalog: Catalog,
    wanted: Named,
    /// What the engine has, and what it is on the way to.
    declared: Declared,
    all: Declared,
    /// Taken only while one engine gives way to the next.
    engine: Option<Engine>,
    replay: Option<Replay>,
    /// Replays since the start, the last one included.
    replays: Vec<Progress>,
    /// What has passed since the start, from one engine to the next.
    passed: Option<Passed>,
    /// Counts the engines and what was declared around each: who reads must ask again when this changes.
    version: u64,
}

impl Running {
    /// Opens what the catalog has. Nothing is read before the first step.
    pub fn open(ground: Ground) -> Result<Running> {
        let catalog = ground.runtime.block_on(Catalog::open(Arc::clone(&ground.store)))?;
        let wanted = stored::wanted(catalog.current())?;
        let newest = ground.runtime.block_on(engine::newest(Arc::clone(&ground.store)))?;
        let outputs = newest.as_ref().map(|manifest| manifest.outputs.clone()).unwrap_or_default();
        let all = wanted.declare(catalog.current())?;
        let behind = behind(&all.graph, newest.as_ref(), ground.log.as_ref());
        let declared = stored::running(&wanted, catalog.current(), &outputs, &behind)?;
        open_tables(&ground, &declared)?;
        let models = Arc::new(ground.runtime.block_on(Registry::open(&ground.store, &ground.clock))?);
        seat(&models, &ground, &declared, &all);
        let engine = Some(open_engine(&ground, &declared)?);
        let mut running = Running {
            ground,
            models,
            catalog,
            wanted,
            declared,
            all,
            engine,
            replay: None,
            replays: Vec::new(),
            passed: None,
            version: 1,
        };
        running.sweep()?;
        running.replay_what_is_behind(behind)?;
        Ok(running)
    }

    /// What the engine has: views that are behind are as they were, or not there.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// All that is wanted, whether it runs yet or not.
    pub fn all(&self) -> &Declared {
        &self.all
    }

    /// Relations that are wanted, and of which nothing runs yet.
    pub fn wanted_only(&self) -> Vec<Relation> {
        let names = self.all.relations.names().into_iter();
        let missing = names.filter(|name| self.declared.relations.get(name).is_none());
        missing.filter_map(|name| self.all.relations.get(name)).collect()
    }

    /// All that is wanted, at the catalog's version.
    pub fn definitions(&self) -> &Definitions {
        self.catalog.current()
    }

    /// The last changes of what is declared, oldest first.
    pub fn changes(&self) -> &[Applied] {
        self.catalog.applied()
    }

    pub fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.ground.tables)
    }

    /// Where catalog, checkpoints and lake are.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.ground.store
    }

    /// The versions of models.
    pub fn models(&self) -> &Arc<Registry> {
        &self.models
    }

    /// Changes with what runs, and with what is declared.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn engine(&mut self) -> Result<&mut Engine> {
        self.engine.as_mut().ok_or_else(|| headwater_stream::Error::internal("the engine is gone").into())
    }

    pub fn is_replaying(&self) -> bool {
        self.replay.is_some()
    }

    /// Replays since the start, oldest first.
    pub fn replays(&self) -> Vec<Progress> {
        let running = self.replay.as_ref().map(Replay::progress);
        self.replays.iter().cloned().chain(running).collect()
    }

    /// Does some work: a tick of the engine, and one of a replay where there is one.
    pub fn step(&mut self) -> Result<Step> {
        let stepped = self.engine()?.step()?;
        if self.replay.is_none() {
            return Ok(stepped);
        }
        self.step_replay()?;
        Ok(Step::Worked)
    }

    /// True when there is nothing to do, and a checkpoint has all that was done.
    pub fn is_settled(&mut self) -> Result<bool> {
        Ok(self.replay.is_none() && self.engine()?.is_settled()?)
    }

    /// Takes a checkpoint of what the engine has done, if it has done something.
    pub fn settle(&mut self) -> Result<()> {
        Ok(self.engine()?.settle()?)
    }

    /// Makes all that was done last, and ends.
    pub fn close(mut self) -> Result<()> {
        if let Some(replay) = self.replay.take() {
            replay.close()?;
        }
        self.engine()?.settle()?;
        self.engine()?.flush_archives()?;
        Ok(())
    }
}

/// Makes tables that are new, and closes those that are gone. Before the engine, whose views read them.
fn open_tables(ground: &Ground, declared: &Declared) -> Result<()> {
    ground.runtime.block_on(ground.tables.open(&declared.relations, true))
}

/// Lets models score before rows come to where they are asked: an engine that opens goes on with what it has.
fn seat(models: &Registry, ground: &Ground, running: &Declared, all: &Declared) {
    models.declare(all.models.clone(), &[Arc::clone(&running.relations), Arc::clone(&all.relations)]);
    ground.runtime.block_on(models.seat());
}

fn open_engine(ground: &Ground, declared: &Declared) -> Result<Engine> {
    Ok(Engine::open(Parts {
        graph: Arc::clone(&declared.graph),
        log: Arc::clone(&ground.log),
        store: Arc::clone(&ground.store),
        lake: Some(Arc::clone(&ground.lake)),
        board: ground.board.clone(),
        tables: ground.tables.clone(),
        clock: Arc::clone(&ground.clock),
        runtime: Arc::clone(&ground.runtime),
        options: ground.options.clone(),
        role: Role::Node,
    })?)
}
