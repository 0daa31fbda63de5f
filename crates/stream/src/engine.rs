//! The engine: it decides on ticks, publishes what they gave, and makes it last.
//!
//! One step is one tick. While workers compute a tick, the engine appends, publishes and archives what the one before
//! gave. A checkpoint is taken between two ticks, so it is aligned by construction: every operator has seen the same
//! rows; it is written while ticks go on.
//! Nothing here runs by itself; whoever owns the engine calls [`Engine::step`], a test on one thread included.

pub mod archives;
mod checkpointing;
pub mod inputs;
mod paces;
pub mod published;
mod recovery;
pub mod seeds;
pub mod tables;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_lake::Lake;
use headwater_log::{Log, Pin, TopicConfig};
use headwater_query::provide::StoredTables;
use object_store::ObjectStore;
use tokio::runtime::Runtime;

use crate::checkpoint::{Checkpoints, InputState, Manifest, SHARE_BYTES};
use crate::executor::threads::Threads;
use crate::executor::{Executor, Inline};
use crate::graph::{Graph, Kind};
use crate::letter;
use crate::operator::{Save, Violations};
use crate::sink::archive::{Board, Policy};
use crate::sink::topics::Topics;
use crate::view;
use crate::worker::{self, Done, Seed, Tick, Worker, input};
use crate::{Error, Result};
use archives::Archives;
pub use checkpointing::Joined;
use inputs::{Goal, Inputs};
use paces::Paces;
use published::{CheckpointStatus, Published};
pub use recovery::{Offline, behind, newest, offline, seeded};
use seeds::Seeds;
use tables::{News, Tables, Versions};
use writing::Writing;

/// The writer's name in the log: there is one engine of a node on a log, and a newer one fences it.
const WRITER: &str = "engine";

/// How soon an idle engine looks again whether a checkpoint is written.
const WHILE_WRITING: Duration = Duration::from_millis(2);

/// Where partitions that woke up are recorded, one JSON object a record.
pub const WATERMARKS_TOPIC: &str = "system.watermarks";

/// What an engine works on.
pub struct Parts {
    pub graph: Arc<Graph>,
    pub log: Arc<dyn Log>,
    /// Holds the checkpoints.
    pub store: Arc<dyn ObjectStore>,
    /// Holds the archives; without one, streams are not archived.
    pub lake: Option<Arc<Lake>>,
    /// Finds the tables that views read.
    pub tables: Arc<dyn StoredTables>,
    /// Where archivers show their tables.
    pub board: Board,
    pub clock: Arc<dyn Clock>,
    /// Runs what is asynchronous below: object store and lake.
    pub runtime: Arc<Runtime>,
    pub options: Options,
    pub role: Role,
}

/// What an engine is there for.
pub enum Role {
    /// It is the node's own: it reads all there is, and says what is a dead letter.
    Node,
    /// It goes through history beside the node's own, for views that are new or changed.
    Replay(History),
}

/// What a replay needs to know of the node.
pub struct History {
    /// Names the replay in the log.
    pub name: String,
    /// How far the node is, by topic.
    pub until: BTreeMap<String, InputState>,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub workers: usize,
    /// Workers and archivers on threads of their own. Without, all runs in the caller's steps, and repeats.
    pub threads: bool,
    /// Bytes of records that one tick takes.
    pub tick_bytes: usize,
    pub checkpoint_interval: Duration,
    /// How much of a large state that is written anew a checkpoint takes.
    pub checkpoint_share_bytes: u64,
    /// Bytes of derived rows after which a checkpoint does not wait for its interval.
    pub uncommitted_bytes_max: usize,
    pub archive: Policy,
    /// How often the log may forget what is archived and old enough.
    pub retention_interval: Duration,
    /// Decode only the columns that views read. For streams without an archive.
    pub needed_columns_only: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            workers: 1,
            threads: true,
            tick_bytes: 2 << 20,
            checkpoint_interval: Duration::from_secs(1),
            checkpoint_share_bytes: SHARE_BYTES,
            uncommitted_bytes_max: 16 << 20,
            archive: Policy::default(),
            retention_interval: Duration::from_secs(60),
            needed_columns_only: false,
        }
    }
}

/// What has passed since the node started.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// Rows by stream and derived stream.
    rows: BTreeMap<String, u64>,
    /// For how long ticks left rows to the next, by declared stream.
    pressed: BTreeMap<String, Duration>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There may be more at once.
    Worked,
    /// Nothing to do before this time has gone by, unless the log changes.
    Idle(Duration),
}

pub struct Engine {
    graph: Arc<Graph>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    runtime: Arc<Runtime>,
    options: Options,
    is_replay: bool,
    executor: Box<dyn Executor>,
    topics: Topics,
    archives: Archives,
    checkpoints: Checkpoints,
    writing: Option<Writing>,
    /// What the newest checkpoint has still to read.
    pins: Vec<Pin>,
    inputs: Inputs,
    tables: Tables,
    paces: Paces,
    /// Versions of tables that the running tick has, and that the last one ended with.
    telling: Versions,
    told: Versions,
    published: Arc<Published>,
    epoch: u64,
    dead_letters: u64,
    /// By relation, since the data folder began.
    violations: BTreeMap<String, Violations>,
    failures: BTreeMap<String, String>,
    /// A tick runs at the workers.
    running: bool,
    /// The watermarks that the last tick was told, and the last one that has ended.
    told_us: Arc<[i64]>,
    ended_us: Arc<[i64]>,
    since_checkpoint: SinceCheckpoint,
    /// When retention was last enforced.
    retained_at: Duration,
}

#[derive(Default)]
struct SinceCheckpoint {
    at: Duration,
    /// Something happened that a checkpoint would keep.
    changed: bool,
    uncommitted_bytes: usize,
}

impl Engine {
    /// Builds the workers and goes to the newest checkpoint. Topics of the graph's streams are created where they are
    /// missing.
    pub fn open(parts: Parts) -> Result<Engine> {
        let Parts { graph, log, store, lake, tables, board, clock, runtime, options, role } = parts;
        let history = match role {
            Role::Node => None,
            Role::Replay(history) => Some(history),
        };
        create_topics(&graph, log.as_ref(), lake.is_some())?;
        let checkpoints = runtime.block_on(Checkpoints::open(store))?;
        let mut checkpoints = checkpoints.with_share_bytes(options.checkpoint_share_bytes);
        let topics = open_topics(&graph, &log, &clock, &checkpoints, history.as_ref())?;
        let mut inputs = Inputs::new(&graph.inputs, log.as_ref(), clock.elapsed())?;
        let is_replay = history.is_some();
        if let Some(History { until, .. }) = &history {
            inputs = inputs.with_goal(Goal::new(log.as_ref(), until.clone())?);
        }
        let past = history.as_ref().map(|_| (&board, &runtime));
        let mut executor = executor(&graph, &log, &clock, &options, past)?;
        let published = Arc::new(Published::live(Arc::clone(&clock)));
        let seeds = checkpoints.newest().map(|manifest| Seeds::of(&graph, manifest)).unwrap_or_default();
        let from = recovery::Recovery { graph: &graph, seeds: &seeds, checkpoints: &checkpoints, runtime: &runtime };
        let restored = from.load(executor.as_mut(), &mut inputs, options.threads)?;
        recovery::forget(&graph, &seeds, &mut checkpoints);
        let archives = match lake {
            Some(lake) => {
                let declared = graph.inputs.iter().filter(|_| !is_replay);
                let streams = declared.chain(graph.derived());
                Archives::open(streams, board, &lake, &log, &clock, &runtime, &options)?
            }
            None => Archives::none(board),
        };
        let (at, tables) = (clock.elapsed(), Tables::new(&graph, tables, &runtime));
        let since_us = checkpoints.newest().map_or_else(|| clock.now_us(), |manifest| manifest.taken_us);
        let paces = Paces::new(&graph, since_us);
        let mut engine = Engine {
            told_us: inputs.watermarks_us(),
            ended_us: inputs.watermarks_us(),
            graph,
            log,
            clock,
            runtime,
            options,
            is_replay,
            executor,
            topics,
            archives,
            checkpoints,
            writing: None,
            pins: Vec::new(),
            inputs,
            tables,
            paces,
            telling: Versions::new(),
            told: Versions::new(),
            published,
            epoch: restored.epoch,
            dead_letters: restored.dead_letters,
            violations: restored.violations,
            failures: restored.failed,
            running: false,
            since_checkpoint: SinceCheckpoint { at, ..SinceCheckpoint::default() },
            retained_at: at,
        };
        for (relation, reason) in engine.failures.clone() {
            engine.executor.stop(&relation, &reason)?;
        }
        engine.pin_inputs()?;
        engine.first_epoch(restored.tables, seeds)?;
        Ok(engine)
    }

    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Where archivers show their tables.
    pub fn archive_board(&self) -> &Board {
        self.archives.board()
    }

    /// Publishes what was recovered, with the empty results of views that have seen nothing.
    fn first_epoch(&mut self, restored: BTreeMap<String, view::Table>, seeds: Seeds) -> Result<()> {
        let mut inner = self.published.lock();
        inner.tables = restored;
        inner.status.violations.clone_from(&self.violations);
        inner.status.checkpoint = self.checkpoints.newest().map(CheckpointStatus::from);
        drop(inner);
        self.archives.until(self.committed_ends());
        self.seed(seeds)?;
        let tables = match self.checkpoints.newest() {
            Some(_) if !self.is_replay => self.tables.latest_if_readable(self.clock.elapsed()),
            _ => self.tables.latest()?,
        };
        self.start_tick(Vec::new(), tables, BTreeSet::new())?;
        let done = self.finish_tick()?;
        // Windows may have closed by a watermark that the checkpoint holds and no tick was told yet.
        self.absorb(done)?;
        let operators = self.operators()?;
        self.published.lock().status.operators = operators;
        Ok(())
    }

    /// Gives views their first rows that need no history for them.
    fn seed(&mut self, seeds: Seeds) -> Result<()> {
        if seeds.is_empty() {
            return Ok(());
        }
        tracing::info!(views = seeds.views.iter().cloned().collect::<Vec<_>>().join(", "), "made from what is held");
        let mut rows = vec![Vec::new(); self.executor.workers()];
        let mut turn = (0..rows.len()).cycle();
        for (node, view) in &seeds.tables {
            let table = self.published.lock().tables.get(view).map(view::Table::snapshot);
            let table = table.ok_or_else(|| Error::internal(format!("view {view} has no rows to begin with")))?;
            for (part, worker) in table.rows()?.into_iter().zip(&mut turn) {
                rows[worker].push((*node, part));
            }
        }
        let (seeds, due) = (Arc::new(seeds), Arc::new(self.paces.all()));
        let ticks = rows.into_iter().map(|rows| Tick {
            watermarks_us: Arc::clone(&self.told_us),
            due: Arc::clone(&due),
            seed: Some(Seed { seeds: Arc::clone(&seeds), rows }),
            ..Tick::default()
        });
        self.executor.start(ticks.collect())?;
        let done = self.finish_tick()?;
        self.absorb(done)?;
        // Also where there are no rows: the next checkpoint knows these views.
        self.since_checkpoint.changed = true;
        Ok(())
    }

    /// Does one tick, if there is work, and a checkpoint, if it is time.
    pub fn step(&mut self) -> Result<Step> {
        let was_writing = self.writing.is_some();
        let checkpoint_due = self.checkpoint_due();
        if !self.running && !checkpoint_due && !self.start()? {
            if self.finish_checkpoint_if_ready()? {
                return Ok(Step::Worked);
            }
            let wait = if was_writing { WHILE_WRITING } else { Duration::from_millis(100) };
            return Ok(Step::Idle(wait.min(self.options.checkpoint_interval)));
        }
        if self.running {
            let done = self.finish_tick()?;
            if !self.checkpoint_due() {
                self.start()?;
            }
            self.absorb(done)?;
        }
        if was_writing {
            self.finish_checkpoint_if_ready()?;
        }
        if !self.running && self.checkpoint_due() {
            self.begin_checkpoint(Joined::default())?;
        }
        Ok(Step::Worked)
    }

    fn finish_checkpoint_if_ready(&mut self) -> Result<bool> {
        let is_ready = self.writing.as_ref().is_some_and(Writing::is_ready);
        if is_ready {
            self.finish_checkpoint()?;
        }
        Ok(is_ready)
    }

    /// True when every record that may be read is in the views, and a checkpoint has them. Who asks wants all to be told
    /// by then: views that tell their changes from time to time do it now.
    pub fn is_settled(&mut self) -> Result<bool> {
        if self.running || self.since_checkpoint.changed || self.writing.is_some() {
            return Ok(false);
        }
        let status = self.inputs.status(self.log.as_ref())?;
        let is_read = self.tables.is_settled()?
            && status.iter().all(|partition| partition.stopped.is_some() || partition.next >= partition.stable);
        Ok(is_read && !self.paces.hurry(self.clock.now_us()))
    }

    /// Says that no stream has an event before this time any more, microseconds: for tests, which decide what time it is.
    pub fn advance_watermarks(&mut self, time_us: i64) {
        self.inputs.advance_watermarks(time_us);
        self.inputs.tell_time(self.clock.elapsed());
        self.since_checkpoint.changed = true;
    }

    /// Takes the latest versions of all tables, and tells which they are.
    pub fn take_tables(&mut self) -> Result<Versions> {
        self.end_tick()?;
        let news = self.tables.latest()?;
        if !news.rows.is_empty() {
            self.start_tick(Vec::new(), news, BTreeSet::new())?;
            let done = self.finish_tick()?;
            self.absorb(done)?;
        }
        Ok(self.told.clone())
    }

    /// How far each stream is read, by topic.
    pub fn positions(&self) -> BTreeMap<String, InputState> {
        self.inputs.save().collect()
    }

    /// What has passed since the start.
    pub fn passed(&self) -> Passed {
        let status = &self.published.lock().status;
        Passed { rows: status.rows.clone(), pressed: status.pressed.clone() }
    }

    /// Goes on counting where another engine of this node has ended.
    pub fn count_from(&mut self, Passed { rows, pressed }: Passed) {
        self.inputs.count_from(&rows);
        self.inputs.press_from(&pressed);
        let status = &mut self.published.lock().status;
        let gone =
            |name: &String| !self.graph.gives(name) && !self.graph.inputs.iter().any(|stream| stream.name == *name);
        status.rows.extend(rows.into_iter().filter(|(name, _)| !gone(name)));
    }

    /// The newest checkpoint.
    pub fn newest(&self) -> Option<&Manifest> {
        self.checkpoints.newest()
    }

    /// Tells a replay how far the node is by now.
    pub fn set_goal(&mut self, until: BTreeMap<String, InputState>) {
        self.inputs.set_goal(until);
    }

    /// Offsets that a replay has still to read.
    pub fn distance(&self) -> u64 {
        self.inputs.distance()
    }

    /// Commits all that is committed in the log to the archives.
    pub fn flush_archives(&mut self) -> Result<()> {
        let ends = self.committed_ends();
        self.archives.flush(ends)
    }

    /// Takes a checkpoint of all that has been done, if something has.
    pub fn settle(&mut self) -> Result<()> {
        self.end_tick()?;
        if self.since_checkpoint.changed { self.checkpoint() } else { self.finish_checkpoint() }
    }

    /// Ends the tick that runs, if one does.
    fn end_tick(&mut self) -> Result<()> {
        if self.running {
            let done = self.finish_tick()?;
            self.absorb(done)?;
        }
        Ok(())
    }

    /// Tells all that is held back, and all steps what time it is; then there is nothing that one engine knows and another
    /// at the same place of the streams does not.
    fn tell_all(&mut self) -> Result<()> {
        self.end_tick()?;
        self.start_tick(Vec::new(), News::default(), self.paces.all())?;
        let done = self.finish_tick()?;
        self.absorb(done)
    }

    /// Starts a tick on whatever there is to do. False when there is nothing.
    fn start(&mut self) -> Result<bool> {
        let now = self.clock.elapsed();
        let (reads, raised) = self.inputs.plan(self.log.as_ref(), self.options.tick_bytes, now)?;
        for raised in &raised {
            let record = serde_json::to_vec(raised).map_err(|error| Error::internal(error.to_string()))?;
            self.topics.write_record(WATERMARKS_TOPIC, &record)?;
        }
        self.inputs.tell_time(now);
        let tables = self.tables.news(now);
        let due = self.paces.due(self.clock.now_us());
        let is_idle = reads.is_empty() && tables.rows.is_empty() && due.is_empty();
        if is_idle && self.inputs.watermarks_us() == self.told_us {
            return Ok(false);
        }
        self.start_tick(reads, tables, due)?;
        Ok(true)
    }

    fn start_tick(&mut self, reads: Vec<input::Read>, tables: News, due: BTreeSet<usize>) -> Result<()> {
        self.telling = tables.versions;
        let watermarks_us = self.inputs.watermarks_us();
        let comes = !reads.is_empty() || !tables.rows.is_empty() || watermarks_us != self.told_us;
        self.paces.told(&due, comes, self.clock.now_us());
        self.told_us = watermarks_us;
        let workers = self.executor.workers();
        let watermarks_us = Arc::clone(&self.told_us);
        let tick =
            Tick { tables: Arc::new(tables.rows), watermarks_us, due: Arc::new(due), seed: None, reads: Vec::new() };
        let mut ticks = vec![tick; workers];
        for read in reads {
            ticks[(read.input + read.partition as usize) % workers].reads.push(read);
        }
        self.executor.start(ticks)?;
        self.running = true;
        Ok(())
    }

    /// Waits for the running tick and notes how far it read.
    fn finish_tick(&mut self) -> Result<Vec<Done>> {
        self.running = false;
        let done = self.executor.wait()?;
        self.ended_us = Arc::clone(&self.told_us);
        self.told.append(&mut self.telling);
        let now = self.clock.elapsed();
        self.inputs.note_pressure(done.iter().flat_map(|each| &each.taken), now);
        for each in &done {
            each.taken.iter().for_each(|taken| self.inputs.advance(taken, now));
            for (relation, reason) in &each.failures {
                if !self.failures.contains_key(relation) {
                    tracing::error!(view = relation, reason, "a view stopped");
                    self.failures.insert(relation.clone(), reason.clone());
                    self.executor.stop(relation, reason)?;
                }
            }
        }
        self.inputs.tell_time(now);
        Ok(done)
    }

    /// Appends, publishes and archives what a tick gave.
    fn absorb(&mut self, mut done: Vec<Done>) -> Result<()> {
        self.epoch += 1;
        let mut letters: Vec<_> = done.iter_mut().flat_map(|each| std::mem::take(&mut each.letters)).collect();
        if self.is_replay {
            // What became of the rows of others is known already.
            letters.retain(|letter| self.graph.gives(&letter.relation));
            done.iter_mut().for_each(|each| each.violations.retain(|relation, _| self.graph.gives(relation)));
        }
        self.topics.write_letters(&letters)?;
        self.dead_letters += letters.len() as u64;
        for (relation, violations) in done.iter().flat_map(|each| &each.violations) {
            worker::add(&mut self.violations, relation, violations);
        }
        let mut changes = BTreeMap::new();
        let mut derived = BTreeMap::new();
        for (index, output) in self.graph.outputs.iter().enumerate() {
            if self.failures.contains_key(&output.relation) {
                continue;
            }
            let rows: Vec<_> = done.iter_mut().flat_map(|each| std::mem::take(&mut each.outputs[index])).collect();
            match output.kind {
                _ if rows.is_empty() => {}
                Kind::Derived(_) => {
                    self.topics.write(index, &rows)?;
                    derived.insert(output.relation.clone(), rows.iter().map(|batch| batch.len() as u64).sum::<u64>());
                }
                Kind::Keyed { .. } => {
                    changes.insert(output.relation.clone(), rows);
                }
            }
        }
        let gave = !letters.is_empty() || !changes.is_empty() || !derived.is_empty();
        self.since_checkpoint.changed |= gave || done.iter().any(|each| !each.taken.is_empty());
        self.publish(&changes, derived, &done)?;
        for each in self.topics.take_written() {
            self.since_checkpoint.uncommitted_bytes += each.bytes;
            self.archives.hold(&self.graph, each);
        }
        for taken in done.into_iter().flat_map(|each| each.taken) {
            self.archives.offer(&self.graph, taken)?;
        }
        Ok(())
    }

    /// Shows an epoch: changes of keyed tables, and how many rows each derived stream got.
    fn publish(
        &mut self,
        changes: &BTreeMap<String, Vec<crate::Batch>>,
        derived: BTreeMap<String, u64>,
        done: &[Done],
    ) -> Result<()> {
        let mut inner = self.published.lock();
        let mut broken = Vec::new();
        for (view, changes) in changes {
            if let Err(error) = inner.apply(view, changes) {
                broken.push((view.clone(), error.to_string()));
            }
        }
        inner.epoch = self.epoch;
        if !changes.is_empty() || !derived.is_empty() || done.iter().any(|each| !each.taken.is_empty()) {
            inner.changed_epoch = self.epoch;
        }
        inner.as_of_us = self.clock.now_us();
        inner.is_timely = self.ended_us == self.inputs.watermarks_us();
        inner.ends.extend(self.inputs.ends());
        inner.versions.clone_from(&self.told);
        let told = self.graph.inputs.iter().zip(self.ended_us.iter());
        let told = told.filter(|(stream, _)| stream.watermark.is_some());
        inner.watermarks_us = told.map(|(stream, time_us)| (stream.name.clone(), *time_us)).collect();
        inner.ends.insert(letter::TOPIC.to_owned(), vec![self.topics.letters_end()]);
        for (index, output) in self.graph.outputs.iter().enumerate() {
            if let Some(ends) = self.topics.ends(index) {
                inner.ends.insert(output.relation.clone(), ends.to_vec());
            }
        }
        for (view, rows) in derived {
            *inner.status.rows.entry(view).or_default() += rows;
        }
        if done.iter().any(|each| !each.violations.is_empty()) {
            inner.status.violations.clone_from(&self.violations);
        }
        inner.status.rows.extend(self.inputs.rows().map(|(stream, rows)| (stream.to_owned(), rows)));
        inner.status.pressed = self.inputs.pressed().map(|(stream, time)| (stream.to_owned(), time)).collect();
        inner.status.dead_letters = self.dead_letters;
        inner.status.partitions = self.inputs.status(self.log.as_ref())?;
        inner.failed.extend(self.failures.clone());
        drop(inner);
        for (view, reason) in broken {
            self.executor.stop(&view, &reason)?;
            self.failures.insert(view, reason);
        }
        Ok(())
    }

    /// Up to where each stream is read, and each derived one written.
    fn read_ends(&self) -> BTreeMap<String, Arc<[i64]>> {
        let mut ends: BTreeMap<String, Arc<[i64]>> =
            self.inputs.ends().map(|(stream, ends)| (stream, ends.into())).collect();
        for (index, output) in self.graph.outputs.iter().enumerate() {
            if let Some(written) = self.topics.ends(index) {
                ends.insert(output.relation.clone(), written.into());
            }
        }
        ends
    }

    /// Up to where each stream is committed and read: what archives may hold.
    fn committed_ends(&self) -> BTreeMap<String, Arc<[i64]>> {
        let mut ends = self.read_ends();
        for output in &self.graph.outputs {
            if let Kind::Derived(stream) = &output.kind {
                let stable = (0..stream.partitions)
                    .map(|partition| self.log.offsets(&stream.topic, partition).map_or(0, |offsets| offsets.stable));
                ends.insert(stream.name.clone(), stable.collect());
            }
        }
        ends
    }
}

fn create_topics(graph: &Graph, log: &dyn Log, archived: bool) -> Result<()> {
    for stream in graph.inputs.iter().chain(graph.derived()) {
        let config = TopicConfig { partitions: stream.partitions, retention: stream.retention, archived };
        log.create_topic(&stream.topic, &config)?;
    }
    for topic in [letter::TOPIC, WATERMARKS_TOPIC] {
        log.create_topic(topic, &TopicConfig { partitions: 1, retention: None, archived: false })?;
    }
    Ok(())
}

/// The topics of derived streams, as of the newest checkpoint.
fn open_topics(
    graph: &Graph,
    log: &Arc<dyn Log>,
    clock: &Arc<dyn Clock>,
    checkpoints: &Checkpoints,
    history: Option<&History>,
) -> Result<Topics> {
    let name = history.map_or(WRITER, |history| &history.name);
    let mut topics = Topics::open(name, graph, log.as_ref(), Arc::clone(clock))?;
    if history.is_none() {
        recovery::check(graph, checkpoints, log.as_ref())?;
    }
    let token = checkpoints.newest().and_then(|manifest| manifest.sinks.get(topics.name()));
    match token {
        // Another replay of the same views may have ended long ago.
        None if history.is_some() => topics.begin()?,
        token => topics.recover(token)?,
    }
    Ok(topics)
}

fn executor(
    graph: &Arc<Graph>,
    log: &Arc<dyn Log>,
    clock: &Arc<dyn Clock>,
    options: &Options,
    past: Option<(&Board, &Arc<Runtime>)>,
) -> Result<Box<dyn Executor>> {
    let workers = options.workers.max(1);
    let build = |index| {
        let worker = Worker::new(index, workers, Arc::clone(graph), Arc::clone(log), Arc::clone(clock))?;
        match past {
            Some((archives, runtime)) => Ok(worker.with_past(archives, runtime)),
            None if options.needed_columns_only => worker.with_needed_columns(),
            None => Ok(worker),
        }
    };
    let all: Vec<Worker> = (0..workers).map(build).collect::<Result<_>>()?;
    Ok(if options.threads {
        Box::new(Threads::new(all, graph.stages)?)
    } else {
        Box::new(Inline::new(all, graph.stages))
    })
}

/// What the next checkpoint takes of each step.
fn wanted(checkpoints: &Checkpoints, graph: &Graph) -> Arc<[Save]> {
    graph.nodes.iter().map(|node| checkpoints.wanted(&node.id)).collect()
}
