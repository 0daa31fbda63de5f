//! History gone through once more, for views that are behind, beside the engine that serves the others.
//!
//! A replay is an engine of its own, with checkpoints of its own: killed, it goes on. It is named after the views and
//! their stores, so that a node finds it again.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use headwater_stream::checkpoint::Replayed;
use headwater_stream::engine::{Engine, History, Parts, Role, Step, behind, newest};
use headwater_stream::graph::Graph;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};

use super::apply::Archive;
use super::{Ground, Running, open_engine, open_tables, seat};
use crate::{Result, stored};

/// Where replays keep their checkpoints, each in a folder of its own.
const FOLDER: &str = "replays";

/// Offsets that the engine may wait for while a replay goes the last of its way.
const NEAR: u64 = 20_000;

/// Steps without progress after which the last of the way is given up.
const STUCK_STEPS: u32 = 10_000;

/// How often both engines look at tables that others write meanwhile, before they go on with other work.
const AGREE_TRIES: usize = 10;

/// Bytes that a tick of a replay takes: the engine's own ticks lie between, and wait for it.
const TICK_BYTES: usize = 1 << 20;

/// A replay in its course.
pub(super) struct Replay {
    engine: Engine,
    folder: String,
    views: Vec<String>,
    began: Duration,
    began_us: i64,
    /// Offsets there were to go through, those that came meanwhile included.
    total: u64,
    left: u64,
}

/// How far a replay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub views: Vec<String>,
    pub state: State,
    /// Offsets of all streams that are read.
    pub rows_done: u64,
    pub rows_total: u64,
    /// Wall clock, microseconds.
    pub began_us: i64,
    pub took: Option<Duration>,
    /// Why it failed.
    pub failure: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    Done,
    /// Others are wanted now.
    GivenUp,
    /// It could not go on. The node does, without its views; the next change, or start, tries again.
    Failed,
}

impl Replay {
    pub fn progress(&self) -> Progress {
        Progress {
            views: self.views.clone(),
            state: State::Running,
            rows_done: self.total.saturating_sub(self.left),
            rows_total: self.total,
            began_us: self.began_us,
            took: None,
            failure: None,
        }
    }

    fn ended(&self, ground: &Ground, state: State) -> Progress {
        Progress { state, took: Some(ground.clock.elapsed().saturating_sub(self.began)), ..self.progress() }
    }

    /// Makes what it did last.
    pub fn close(mut self) -> Result<()> {
        Ok(self.engine.settle()?)
    }
}

/// The dataflow of some views.
fn part(graph: &Graph, views: &[String]) -> Graph {
    graph.part(|view| views.iter().any(|name| name == view))
}

/// Where the replay of some views keeps its checkpoints: known by the views and what they are.
fn folder_of(graph: &Graph, views: &[String]) -> String {
    let part = part(graph, views);
    let stores = part.outputs.iter().map(|output| format!("{}-{}", output.relation, output.fingerprint));
    format!("{FOLDER}/{:08x}", crc32c::crc32c(stores.collect::<Vec<_>>().join("\n").as_bytes()))
}

fn took_us(progress: &Progress) -> u64 {
    progress.took.map_or(0, |took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
}

impl Running {
    /// Starts a replay for views that are behind, or goes on with the one that there was.
    pub(super) fn replay_what_is_behind(&mut self, behind: Vec<String>) -> Result<()> {
        if let Some(running) = &self.replay {
            if running.folder == folder_of(&self.all.graph, &behind) {
                return Ok(());
            }
            self.give_up()?;
        }
        if behind.is_empty() {
            return self.forget_replays(None);
        }
        let mut graph = part(&self.all.graph, &behind);
        // A view that is paused is brought to where it can be: what it has is of another query, or there is nothing.
        graph.outputs.iter_mut().for_each(|output| output.paused = false);
        let graph = Arc::new(graph);
        let folder = folder_of(&self.all.graph, &behind);
        let name = folder.rsplit('/').next().unwrap_or_default().to_owned();
        self.forget_replays(Some(&name))?;
        let ground = self.ground.clone();
        let store: Arc<dyn ObjectStore> =
            Arc::new(PrefixStore::new(Arc::clone(&ground.store), Path::from(folder.as_str())));
        if ground.runtime.block_on(newest(Arc::clone(&store)))?.is_none() {
            // Another replay may have been here, and have given up.
            let topics = ground.log.topics().map_err(headwater_stream::Error::from)?;
            for stream in graph.derived().filter(|stream| topics.iter().any(|topic| topic.name == stream.topic)) {
                self.remove_store(&stream.topic, Archive::Goes)?;
            }
        }
        let until = self.engine()?.positions();
        let mut options = ground.options.clone();
        options.tick_bytes = options.tick_bytes.min(TICK_BYTES);
        let began_us = ground.clock.now_us();
        let opened = Engine::open(Parts {
            graph,
            log: Arc::clone(&ground.log),
            store,
            lake: Some(Arc::clone(&ground.lake)),
            board: ground.board.clone(),
            tables: ground.tables.clone(),
            clock: Arc::clone(&ground.clock),
            runtime: Arc::clone(&ground.runtime),
            options,
            role: Role::Replay(History { name: format!("replay/{name}"), until }),
        });
        let engine = match opened {
            Ok(engine) => engine,
            Err(error) => {
                let progress = Progress {
                    views: behind,
                    state: State::Failed,
                    rows_done: 0,
                    rows_total: 0,
                    began_us,
                    took: Some(Duration::ZERO),
                    failure: None,
                };
                self.failed(progress, &error);
                return Ok(());
            }
        };
        let left = engine.distance();
        tracing::info!(views = behind.join(", "), rows = left, "replaying history");
        self.replay =
            Some(Replay { engine, folder, views: behind, began: ground.clock.elapsed(), began_us, total: left, left });
        Ok(())
    }

    /// One tick of the replay; when it is near, the engine waits for it and takes it over. What goes wrong in the replay
    /// is the replay's.
    pub(super) fn step_replay(&mut self) -> Result<()> {
        let Some(mut replay) = self.replay.take() else { return Ok(()) };
        let stepped = match replay.engine.step() {
            Ok(stepped) => stepped,
            Err(error) => return self.fail(replay, &error),
        };
        replay.left = replay.engine.distance();
        if !matches!(stepped, Step::Idle(_)) && replay.left > 0 {
            self.replay = Some(replay);
            return Ok(());
        }
        let before = replay.left;
        replay.engine.set_goal(self.engine()?.positions());
        replay.left = replay.engine.distance();
        replay.total += replay.left.saturating_sub(before);
        if replay.left > NEAR {
            self.replay = Some(replay);
            return Ok(());
        }
        self.take_over(replay)
    }

    fn take_over(&mut self, mut replay: Replay) -> Result<()> {
        self.engine()?.settle()?;
        let before = replay.engine.distance();
        replay.engine.set_goal(self.engine()?.positions());
        replay.total += replay.engine.distance().saturating_sub(before);
        let (mut left, mut stuck) = (u64::MAX, 0);
        while replay.engine.distance() > 0 {
            if let Err(error) = replay.engine.step() {
                return self.fail(replay, &error);
            }
            stuck = if replay.engine.distance() < left { 0 } else { stuck + 1 };
            left = replay.engine.distance();
            if stuck > STUCK_STEPS {
                // The engine waits meanwhile: better a view that is missing than a node that stands still.
                return self.fail(replay, &headwater_stream::Error::internal("the replay does not reach its goal"));
            }
        }
        replay.left = 0;
        match self.agree_on_tables(&mut replay) {
            Ok(true) => {}
            Ok(false) => {
                self.replay = Some(replay);
                return Ok(());
            }
            Err(error) => return self.fail(replay, &error),
        }
        let done = replay.ended(&self.ground, State::Done);
        let joined = match replay.engine.give(Replayed { rows: done.rows_total, took_us: took_us(&done) }) {
            Ok(joined) => joined,
            Err(error) => {
                self.failed(done, &error);
                return Ok(());
            }
        };
        if let Some(engine) = self.engine.take() {
            self.passed = Some(engine.passed());
            engine.join(joined)?;
        }
        tracing::info!(views = done.views.join(", "), rows = done.rows_total, "the replay has caught up");
        self.replays.push(done);
        self.reopen()?;
        self.forget_replays(None)
    }

    /// Gives both engines the latest versions of all tables. Views of both may read the same ones: each row of them must
    /// be in both, or in neither. False where others write faster than they are read.
    fn agree_on_tables(&mut self, replay: &mut Replay) -> std::result::Result<bool, headwater_stream::Error> {
        let Some(engine) = &mut self.engine else { return Ok(true) };
        for _ in 0..AGREE_TRIES {
            let node = engine.take_tables()?;
            let tables = replay.engine.take_tables()?;
            if tables.iter().all(|(name, version)| node.get(name).is_none_or(|node| node == version)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens the engine again over what is wanted, as far as it is not behind.
    pub(super) fn reopen(&mut self) -> Result<()> {
        let passed = self.engine.take().map(|engine| engine.passed());
        let newest = self.ground.runtime.block_on(newest(Arc::clone(&self.ground.store)))?;
        let outputs = newest.as_ref().map(|manifest| manifest.outputs.clone()).unwrap_or_default();
        self.all = self.wanted.declare(self.catalog.current())?;
        let behind = behind(&self.all.graph, newest.as_ref(), self.ground.log.as_ref());
        self.declared = stored::running(&self.wanted, self.catalog.current(), &outputs, &behind)?;
        open_tables(&self.ground, &self.declared)?;
        seat(&self.models, &self.ground, &self.declared, &self.all);
        let mut engine = open_engine(&self.ground, &self.declared)?;
        engine.count_from(passed.or_else(|| self.passed.take()).unwrap_or_default());
        self.engine = Some(engine);
        self.version += 1;
        self.sweep()?;
        self.replay_what_is_behind(behind)
    }

    fn fail(&mut self, replay: Replay, error: &headwater_stream::Error) -> Result<()> {
        let progress = replay.ended(&self.ground, State::Failed);
        self.failed(progress, error);
        Ok(())
    }

    /// Notes a replay that could not go on. What its checkpoints have stays for the next.
    fn failed(&mut self, progress: Progress, error: &headwater_stream::Error) {
        // What a store's error is about stands in what caused it.
        let mut failure = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            let told = error.to_string();
            if !failure.contains(&told) {
                failure.push_str(&format!(": {told}"));
            }
            cause = error.source();
        }
        tracing::error!(views = progress.views.join(", "), failure, "a replay failed");
        self.replays.push(Progress { state: State::Failed, failure: Some(failure), ..progress });
    }

    /// Ends the replay that runs: its views are not wanted like that any more.
    fn give_up(&mut self) -> Result<()> {
        let Some(replay) = self.replay.take() else { return Ok(()) };
        self.replays.push(replay.ended(&self.ground, State::GivenUp));
        let Replay { engine, folder, .. } = replay;
        drop(engine);
        self.remove(&folder)
    }

    /// Removes what replays have left, but for one.
    fn forget_replays(&self, but: Option<&str>) -> Result<()> {
        let place = Path::from(FOLDER);
        let listed = self.ground.store.list_with_delimiter(Some(&place));
        let folders = self.ground.runtime.block_on(listed).map_err(headwater_stream::Error::from)?.common_prefixes;
        for folder in folders.iter().filter(|folder| folder.filename() != but) {
            self.remove(folder.as_ref())?;
        }
        Ok(())
    }

    fn remove(&self, folder: &str) -> Result<()> {
        let store = &self.ground.store;
        let removed = self.ground.runtime.block_on(async {
            let mut files: Vec<Path> =
                store.list(Some(&Path::from(folder))).map_ok(|file| file.location).try_collect().await?;
            // State first, then manifests from the newest on: what an interrupted removal leaves is no older one.
            files.sort_by_key(|file| std::cmp::Reverse(file.filename().unwrap_or_default().to_owned()));
            for file in files {
                store.delete(&file).await?;
            }
            Ok::<_, object_store::Error>(())
        });
        Ok(removed.map_err(headwater_stream::Error::from)?)
    }
}
