//! Taking a checkpoint. Between two ticks the log's transaction is closed and state is taken; all that waits for a disk
//! is [`writing`](super::writing), while ticks go on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::published::{CheckpointStatus, Inner, Written};
use super::writing::{Job, Writing};
use super::{Engine, wanted};
use crate::Result;
use crate::checkpoint::{Manifest, OutputState, Replayed, Saved, TABLE};
use crate::graph::Node;
use crate::letter;
use crate::operator::{Save, Violations};
use crate::worker::{NodeState, NodeStatus};

/// What the views of a replay came to.
#[derive(Default)]
pub struct Joined {
    outputs: BTreeMap<String, OutputState>,
    saved: Vec<Saved>,
    dead_letters: u64,
    violations: BTreeMap<String, Violations>,
}

/// How far ticks go on beyond a checkpoint that is not written yet.
const WRITING_MAX: Duration = Duration::from_secs(10);

impl Engine {
    pub(super) fn checkpoint_due(&self) -> bool {
        let since = &self.since_checkpoint;
        // With too much that is not shown or not saved yet, ticks wait for the checkpoint before.
        let wait = if self.writing.is_some() { WRITING_MAX } else { Duration::ZERO };
        let is_time = || self.clock.elapsed() >= since.at + self.options.checkpoint_interval.max(wait);
        since.changed && (since.uncommitted_bytes >= self.options.uncommitted_bytes_max || is_time())
    }

    /// Makes all ticks so far last, and waits until they do. No tick is running.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        self.begin_checkpoint(Joined::default())?;
        self.finish_checkpoint()
    }

    /// All that a replay has, for the node's engine to take over. It reached its goal.
    pub fn give(mut self, replayed: Replayed) -> Result<Joined> {
        self.tell_all()?;
        self.settle()?;
        self.flush_archives()?;
        let mut saved = self.state(true)?;
        // What they read from others, the node has itself.
        saved.retain(|saved| self.graph.gives(&saved.relation));
        let outputs = self.outputs().map(|(name, state)| (name, OutputState { replayed: Some(replayed), ..state }));
        let outputs = outputs.collect();
        Ok(Joined { outputs, saved, dead_letters: self.dead_letters, violations: std::mem::take(&mut self.violations) })
    }

    /// Ends with a checkpoint in which the views of a replay stand as if they had always been here: the beginning of an
    /// engine that has them. Where they replace others of their names, those are forgotten.
    pub fn join(mut self, joined: Joined) -> Result<()> {
        // As the replay did: views of both may read the same ones, and must have been told the same.
        self.tell_all()?;
        self.settle()?;
        self.begin_checkpoint(joined)?;
        self.finish_checkpoint()
    }

    fn outputs(&self) -> impl Iterator<Item = (String, OutputState)> + '_ {
        let newest = self.checkpoints.newest();
        self.graph.outputs.iter().enumerate().map(move |(index, output)| {
            let before = newest.and_then(|manifest| manifest.outputs.get(&output.relation));
            let state = OutputState {
                fingerprint: output.fingerprint.clone(),
                definition: output.definition.clone(),
                generation: output.generation,
                resets: output.resets,
                paused: output.paused,
                ends: self.topics.ends(index).map(<[i64]>::to_vec).unwrap_or_default(),
                failed: self.failures.get(&output.relation).cloned(),
                holders: self.graph.holders(&output.relation),
                replayed: before.and_then(|state| state.replayed),
            };
            (output.relation.clone(), state)
        })
    }

    /// Takes a checkpoint and begins to write it, once the one before is.
    pub(super) fn begin_checkpoint(&mut self, joined: Joined) -> Result<()> {
        self.finish_checkpoint()?;
        let began = self.clock.elapsed();
        let number = self.checkpoints.next_number();
        let ends = self.read_ends();
        self.archives.close_held();
        let mut outputs: BTreeMap<String, OutputState> = self.outputs().collect();
        let mut saved = self.state(false)?;
        saved.retain(|saved| !joined.outputs.contains_key(&saved.relation));
        let given: Vec<String> = outputs.keys().chain(joined.outputs.keys()).cloned().collect();
        let mut letters_end = self.topics.letters_end();
        if !joined.outputs.is_empty() {
            outputs.extend(joined.outputs);
            saved.extend(joined.saved);
            self.dead_letters += joined.dead_letters;
            self.violations.retain(|relation, _| !joined.violations.contains_key(relation));
            self.violations.extend(joined.violations);
            letters_end = self.log.offsets(letter::TOPIC, 0)?.end;
        }
        let manifest = Manifest {
            number,
            taken_us: self.clock.now_us(),
            epoch: self.epoch,
            inputs: self.inputs.save().collect(),
            outputs,
            sinks: BTreeMap::new(),
            dead_letters: self.dead_letters,
            dead_letters_end: letters_end,
            violations: self.violations.clone(),
            state: BTreeMap::new(),
        };
        let views: BTreeSet<String> = self.graph.nodes.iter().map(|node| node.relation.clone()).chain(given).collect();
        let job = Job {
            checkpoints: self.checkpoints.clone(),
            closed: self.topics.close(number)?,
            manifest,
            sink: self.topics.name().to_owned(),
            saved,
            views,
            runtime: self.runtime.clone(),
        };
        self.writing = Some(Writing::begin(job, self.options.threads, began, ends)?);
        self.since_checkpoint = super::SinceCheckpoint { at: began, ..Default::default() };
        let operators = self.operators()?;
        let mut inner = self.published.lock();
        inner.status.operators.clone_from(&operators);
        let tables = inner.tables.iter().map(|(view, table)| (view.clone(), table.bytes())).collect();
        drop(inner);
        self.enforce_limits(&operators, &tables)
    }

    /// Waits until the checkpoint that is being written is, if there is one.
    pub(super) fn finish_checkpoint(&mut self) -> Result<()> {
        let Some(mut writing) = self.writing.take() else { return Ok(()) };
        let written = writing.finish()?;
        self.checkpoints = written.checkpoints;
        self.topics.reopen(written.closed);
        self.pin_inputs()?;
        self.archives.release_closed()?;
        self.archives.until(std::mem::take(&mut writing.ends));
        let now = self.clock.elapsed();
        if now >= self.retained_at + self.options.retention_interval {
            self.retained_at = now;
            for gone in self.log.enforce_retention()? {
                tracing::debug!(topic = gone.topic, partition = gone.partition, bytes = gone.bytes, "the log forgot");
            }
        }
        let duration_us = now.saturating_sub(writing.began).as_micros() as u64;
        let written = Written { duration_us, bytes: written.bytes };
        let newest = self.checkpoints.newest().map(CheckpointStatus::from);
        self.published.lock().status.checkpoint =
            newest.map(|newest| CheckpointStatus { written: Some(written), ..newest });
        Ok(())
    }

    /// Keeps the log from forgetting what a start at the newest checkpoint would read, however far archives are.
    pub(super) fn pin_inputs(&mut self) -> Result<()> {
        let Some(manifest) = self.checkpoints.newest().filter(|_| !self.is_replay) else { return Ok(()) };
        let mut pins = Vec::new();
        for stream in &self.graph.inputs {
            let Some(state) = manifest.inputs.get(&stream.topic) else { continue };
            for (partition, state) in (0..).zip(&state.partitions) {
                match self.log.pin(&stream.topic, partition, state.next) {
                    // What is not there any more can't be kept.
                    Err(headwater_log::Error::OffsetOutOfRange { .. }) => {}
                    pin => pins.push(pin?),
                }
            }
        }
        self.pins = pins;
        Ok(())
    }

    /// Stops the views that keep more than they may, and those that read them.
    fn enforce_limits(&mut self, operators: &[(String, NodeStatus)], tables: &BTreeMap<String, u64>) -> Result<()> {
        let limited =
            self.graph.outputs.iter().filter_map(|output| Some((output.relation.clone(), output.state_limit?)));
        for (view, limit) in limited.collect::<Vec<_>>() {
            let of_view = self.graph.nodes.iter().zip(operators).filter(|(node, _)| node.relation == view);
            let kept = of_view.map(|(_, (_, status))| status.state.state_bytes).sum::<u64>();
            let kept = kept + tables.get(&view).copied().unwrap_or(0);
            if kept > limit && !self.failures.contains_key(&view) {
                let reason = format!("its state grew to {kept} bytes, and state_limit is {limit}");
                tracing::error!(view, reason, "a view stopped");
                for name in self.graph.dependents(&view) {
                    self.failures.entry(name).or_insert_with(|| reason.clone());
                }
                self.executor.stop(&view, &reason)?;
                self.published.lock().failed.extend(self.failures.clone());
                self.since_checkpoint.changed = true;
            }
        }
        Ok(())
    }

    /// The state of all operators and tables.
    fn state(&mut self, whole: bool) -> Result<Vec<Saved>> {
        let which =
            if whole { vec![Save::All; self.graph.nodes.len()].into() } else { wanted(&self.checkpoints, &self.graph) };
        let mut saved = Vec::new();
        for NodeState { node, which, rows } in self.executor.save(which)?.into_iter().flatten() {
            let Node { id, relation, .. } = &self.graph.nodes[node];
            saved.push(Saved { owner: id.clone(), relation: relation.clone(), which, rows });
        }
        let mut inner = self.published.lock();
        let Inner { tables, failed, .. } = &mut *inner;
        for (view, table) in tables.iter_mut().filter(|(view, _)| !failed.contains_key(*view)) {
            let owner = table_owner(view);
            let which = if whole { Save::All } else { self.checkpoints.wanted(&owner) };
            for which in which.steps() {
                let rows = table.save(which)?;
                saved.push(Saved { owner: owner.clone(), relation: view.clone(), which, rows });
            }
        }
        Ok(saved)
    }

    /// What each operator did and holds, summed over workers.
    pub(super) fn operators(&mut self) -> Result<Vec<(String, NodeStatus)>> {
        let mut sums = vec![NodeStatus::default(); self.graph.nodes.len()];
        for worker in self.executor.status()? {
            for (sum, one) in sums.iter_mut().zip(worker) {
                sum.rows += one.rows;
                sum.busy += one.busy;
                sum.state.groups += one.state.groups;
                sum.state.state_bytes += one.state.state_bytes;
            }
        }
        Ok(self.graph.nodes.iter().map(|node| node.id.clone()).zip(sums).collect())
    }
}

/// Whose state a view's rows are, in manifests.
pub(super) fn table_owner(view: &str) -> String {
    format!("{TABLE}{view}")
}
