//! Going to the newest checkpoint: for a node that starts, and for a reader that opens the data folder without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_log::Log;
use headwater_query::provide::Snapshots;
use headwater_query::relation::Stream;
use object_store::ObjectStore;
use tokio::runtime::Runtime;

use super::checkpointing::table_owner;
use super::inputs::Inputs;
use super::published::Published;
use super::seeds::Seeds;
use crate::checkpoint::{Checkpoints, Manifest, views_of};
use crate::executor::Executor;
use crate::graph::{Graph, Kind, Output};
use crate::letter;
use crate::operator::Violations;
use crate::view::Table;
use crate::{Error, Result};

/// What a checkpoint gave.
#[derive(Default)]
pub(super) struct Restored {
    pub epoch: u64,
    pub dead_letters: u64,
    pub violations: BTreeMap<String, Violations>,
    pub tables: BTreeMap<String, Table>,
    pub failed: BTreeMap<String, String>,
}

/// The views of a graph that a checkpoint has no state of, although there is something to read: streams with rows, or
/// tables or views, whose rows others may have taken. History must be replayed for them before they can run beside the others.
pub fn behind(graph: &Graph, newest: Option<&Manifest>, log: &dyn Log) -> Vec<String> {
    let Some(manifest) = newest else { return Vec::new() };
    let has_rows = |stream: &Arc<Stream>| {
        let mut partitions = 0..stream.partitions;
        partitions.any(|partition| log.offsets(&stream.topic, partition).is_ok_and(|offsets| offsets.end > 0))
    };
    let seeds = Seeds::of(graph, manifest);
    let fresh = graph.outputs.iter().filter(|output| !is_known(manifest, output));
    let behind = fresh.filter(|output| !seeds.views.contains(&output.relation)).filter(|output| {
        let part = graph.part(|view| view == output.relation);
        // A view that it reads may have given rows that come from no stream.
        let reads_known =
            part.nodes.iter().any(|node| node.relation != output.relation && knows(manifest, graph, &node.relation));
        part.inputs.iter().any(has_rows) || part.tables().next().is_some() || reads_known
    });
    behind.map(|output| output.relation.clone()).collect()
}

/// The views of a graph that a checkpoint has no rows of, and needs no history to make.
pub fn seeded(graph: &Graph, newest: Option<&Manifest>) -> Vec<String> {
    newest.map_or_else(Vec::new, |manifest| Seeds::of(graph, manifest).views.into_iter().collect())
}

/// The newest checkpoint of a store.
pub async fn newest(store: Arc<dyn ObjectStore>) -> Result<Option<Manifest>> {
    Ok(Checkpoints::open(store).await?.newest().cloned())
}

/// Refuses a graph that the checkpoint's state does not fit.
pub(super) fn check(graph: &Graph, checkpoints: &Checkpoints, log: &dyn Log) -> Result<()> {
    match behind(graph, checkpoints.newest(), log).first() {
        None => Ok(()),
        Some(view) => Err(Error::internal(format!("view {view} would run without its history"))),
    }
}

/// Whether a checkpoint's state of a view is that of the view as it is defined now.
pub(super) fn is_known(manifest: &Manifest, output: &Output) -> bool {
    manifest.outputs.get(&output.relation).is_some_and(|saved| saved.fingerprint == output.fingerprint)
}

fn knows(manifest: &Manifest, graph: &Graph, view: &str) -> bool {
    graph.outputs.iter().any(|output| output.relation == view && is_known(manifest, output))
}

/// What an engine comes up from.
pub(super) struct Recovery<'a> {
    pub graph: &'a Graph,
    pub seeds: &'a Seeds,
    pub checkpoints: &'a Checkpoints,
    pub runtime: &'a Runtime,
}

impl Recovery<'_> {
    /// Loads the newest checkpoint into workers and inputs, and gives the tables; all empty where there is none.
    pub fn load(&self, executor: &mut dyn Executor, inputs: &mut Inputs, threads: bool) -> Result<Restored> {
        let tables = || self.runtime.block_on(tables(self.graph, self.checkpoints));
        let (tables, operators) = if threads {
            std::thread::scope(|scope| {
                let tables = scope.spawn(tables);
                let operators = self.load_operators(executor);
                let tables = tables.join().unwrap_or_else(|_| Err(Error::internal("the reading of tables panicked")));
                (tables, operators)
            })
        } else {
            (tables(), self.load_operators(executor))
        };
        operators?;
        let mut restored = Restored { tables: tables?, ..Restored::default() };
        let Some(manifest) = self.checkpoints.newest() else { return Ok(restored) };
        for (stream, saved) in &manifest.inputs {
            inputs.restore(stream, saved)?;
        }
        restored.epoch = manifest.epoch;
        restored.dead_letters = manifest.dead_letters;
        restored.violations.clone_from(&manifest.violations);
        restored.failed = failed(manifest, self.graph);
        Ok(restored)
    }

    fn load_operators(&self, executor: &mut dyn Executor) -> Result<()> {
        let Some(manifest) = self.checkpoints.newest() else { return Ok(()) };
        for (node, each) in self.graph.nodes.iter().enumerate() {
            // A view that is defined anew begins anew.
            let known = !self.graph.gives(&each.relation) || knows(manifest, self.graph, &each.relation);
            let known = (known || self.seeds.kept.contains(&node)) && !self.graph.is_paused(node);
            for part in manifest.parts_of(&each.id).iter().filter(|_| known) {
                for rows in self.runtime.block_on(self.checkpoints.load(&each.id, part))? {
                    executor.load(node, &rows)?;
                }
            }
        }
        Ok(())
    }
}

/// Leaves out the state of views that begin anew, but for what they keep.
pub(super) fn forget(graph: &Graph, seeds: &Seeds, checkpoints: &mut Checkpoints) {
    let Some(manifest) = checkpoints.newest() else { return };
    let fresh = graph.outputs.iter().filter(|output| !is_known(manifest, output));
    let fresh: Vec<String> = fresh.map(|output| output.relation.clone()).collect();
    let is_kept = |owner: &str| seeds.kept.iter().any(|node| graph.nodes[*node].id == owner);
    checkpoints.forget(|owner| views_of(owner).any(|view| fresh.iter().any(|each| each == view)) && !is_kept(owner));
}

fn failed(manifest: &Manifest, graph: &Graph) -> BTreeMap<String, String> {
    let outputs = manifest.outputs.iter().filter(|(view, _)| knows(manifest, graph, view));
    outputs.filter_map(|(view, state)| Some((view.clone(), state.failed.clone()?))).collect()
}

async fn tables(graph: &Graph, checkpoints: &Checkpoints) -> Result<BTreeMap<String, Table>> {
    let mut tables = BTreeMap::new();
    for output in &graph.outputs {
        let Kind::Keyed { schema, key } = &output.kind else { continue };
        let mut table = Table::new(Arc::clone(schema), key.clone())?;
        if let Some(manifest) = checkpoints.newest().filter(|manifest| is_known(manifest, output)) {
            let owner = table_owner(&output.relation);
            for part in manifest.parts_of(&owner) {
                for rows in checkpoints.load(&owner, part).await? {
                    table.load(&rows)?;
                }
            }
        }
        tables.insert(output.relation.clone(), table);
    }
    Ok(tables)
}

/// What the last checkpoint of a data folder holds, for a reader without a node.
pub struct Offline {
    pub published: Arc<Published>,
    /// When the checkpoint was taken, microseconds; `None` when there is none yet.
    pub taken_us: Option<i64>,
}

/// Opens the newest checkpoint for reading. `log` is read-only; rows past the checkpoint are not shown.
pub fn offline(graph: &Graph, log: &dyn Log, store: Arc<dyn ObjectStore>, runtime: &Runtime) -> Result<Offline> {
    let checkpoints = runtime.block_on(Checkpoints::open(store))?;
    check(graph, &checkpoints, log)?;
    if let Some(view) = seeded(graph, checkpoints.newest()).first() {
        return Err(Error::internal(format!("view {view} has no rows yet, and is read")));
    }
    let published = Arc::new(Published::default());
    let mut inner = published.lock();
    inner.tables = runtime.block_on(tables(graph, &checkpoints))?;
    for stream in graph.inputs.iter().chain(graph.derived()) {
        inner.ends.insert(stream.name.clone(), vec![0; stream.partitions as usize]);
    }
    inner.ends.insert(letter::TOPIC.to_owned(), vec![0]);
    if let Some(manifest) = checkpoints.newest() {
        inner.ends.insert(letter::TOPIC.to_owned(), vec![manifest.dead_letters_end]);
        inner.epoch = manifest.epoch;
        inner.as_of_us = manifest.taken_us;
        inner.failed = failed(manifest, graph);
        inner.status.dead_letters = manifest.dead_letters;
        inner.status.violations.clone_from(&manifest.violations);
        inner.status.checkpoint = Some(manifest.into());
        for stream in &graph.inputs {
            let Some(saved) = manifest.inputs.get(&stream.topic) else { continue };
            inner.ends.insert(stream.name.clone(), saved.partitions.iter().map(|partition| partition.next).collect());
        }
        for (view, saved) in manifest.outputs.iter().filter(|(_, saved)| !saved.ends.is_empty()) {
            inner.ends.insert(view.clone(), saved.ends.clone());
        }
    }
    drop(inner);
    let taken_us = checkpoints.newest().map(|manifest| manifest.taken_us);
    debug_assert!(published.read_point().epoch == 0 || taken_us.is_some());
    Ok(Offline { published, taken_us })
}
