//! Going to the newest checkpoint: for a node that starts, and for a reader that opens the data folder without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_log::Log;
use headwater_query::provide::Snapshots;
use object_store::ObjectStore;
use tokio::runtime::Runtime;

use super::checkpointing::table_owner;
use super::inputs::Inputs;
use super::published::{CheckpointStatus, Published};
use crate::checkpoint::{Checkpoints, Manifest};
use crate::executor::Executor;
use crate::graph::{Graph, Kind};
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

/// Refuses a graph that the checkpoint's state does not fit.
pub(super) fn check(graph: &Graph, checkpoints: &Checkpoints, log: &dyn Log) -> Result<()> {
    let has_history = graph.inputs.iter().any(|stream| {
        (0..stream.partitions)
            .any(|partition| log.offsets(&stream.topic, partition).is_ok_and(|offsets| offsets.end > 0))
    });
    let Some(manifest) = checkpoints.newest() else { return Ok(()) };
    for output in &graph.outputs {
        let hint = "replaying history is not built yet: keep the view as it was, or start with a new data folder";
        match manifest.outputs.get(&output.relation) {
            Some(saved) if saved.fingerprint == output.fingerprint => {}
            Some(_) => {
                return Err(
                    Error::invalid(format!("view {} was changed, and has state", output.relation)).with_hint(hint)
                );
            }
            None if has_history => {
                return Err(Error::invalid(format!("view {} is new, and its streams have rows", output.relation))
                    .with_hint(hint));
            }
            None => {}
        }
    }
    Ok(())
}

/// Loads the newest checkpoint into workers and inputs, and gives the tables; all empty where there is none.
pub(super) async fn load(
    graph: &Graph,
    checkpoints: &Checkpoints,
    executor: &mut dyn Executor,
    inputs: &mut Inputs,
) -> Result<Restored> {
    let mut restored = Restored { tables: tables(graph, checkpoints).await?, ..Restored::default() };
    let Some(manifest) = checkpoints.newest() else { return Ok(restored) };
    for (stream, saved) in &manifest.inputs {
        inputs.restore(stream, saved)?;
    }
    for (node, each) in graph.nodes.iter().enumerate() {
        for part in manifest.parts_of(&each.id) {
            executor.load(node, &checkpoints.load(&each.id, part).await?)?;
        }
    }
    restored.epoch = manifest.epoch;
    restored.dead_letters = manifest.dead_letters;
    restored.violations.clone_from(&manifest.violations);
    restored.failed = failed(manifest);
    Ok(restored)
}

fn failed(manifest: &Manifest) -> BTreeMap<String, String> {
    let outputs = manifest.outputs.iter();
    outputs.filter_map(|(view, state)| Some((view.clone(), state.failed.clone()?))).collect()
}

async fn tables(graph: &Graph, checkpoints: &Checkpoints) -> Result<BTreeMap<String, Table>> {
    let mut tables = BTreeMap::new();
    for output in &graph.outputs {
        let Kind::Keyed { schema, key } = &output.kind else { continue };
        let mut table = Table::new(Arc::clone(schema), key.clone())?;
        if let Some(manifest) = checkpoints.newest() {
            let owner = table_owner(&output.relation);
            for part in manifest.parts_of(&owner) {
                table.load(&checkpoints.load(&owner, part).await?)?;
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
    let published = Arc::new(Published::default());
    let mut inner = published.lock();
    inner.tables = runtime.block_on(tables(graph, &checkpoints))?;
    let derived = graph.outputs.iter().filter_map(|output| match &output.kind {
        Kind::Derived(stream) => Some(stream),
        Kind::Keyed { .. } => None,
    });
    for stream in graph.inputs.iter().chain(derived) {
        inner.ends.insert(stream.name.clone(), vec![0; stream.partitions as usize]);
    }
    inner.ends.insert(letter::TOPIC.to_owned(), vec![0]);
    if let Some(manifest) = checkpoints.newest() {
        inner.ends.insert(letter::TOPIC.to_owned(), vec![manifest.dead_letters_end]);
        inner.epoch = manifest.epoch;
        inner.as_of_us = manifest.taken_us;
        inner.failed = failed(manifest);
        inner.status.dead_letters = manifest.dead_letters;
        inner.status.violations.clone_from(&manifest.violations);
        inner.status.checkpoint =
            Some(CheckpointStatus { number: manifest.number, taken_us: manifest.taken_us, duration_us: 0, bytes: 0 });
        for (stream, saved) in &manifest.inputs {
            inner.ends.insert(stream.clone(), saved.partitions.iter().map(|partition| partition.next).collect());
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
