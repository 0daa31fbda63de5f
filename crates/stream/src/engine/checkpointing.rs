//! Taking a checkpoint: sinks prepare, state is written, the manifest makes it true, sinks commit.

use std::collections::BTreeMap;

use super::published::{CheckpointStatus, Inner};
use super::{Engine, wanted};
use crate::Result;
use crate::checkpoint::{Manifest, OutputState, Saved};
use crate::sink::Sink;
use crate::worker::NodeStatus;

impl Engine {
    pub(super) fn checkpoint_due(&self) -> bool {
        let since = &self.since_checkpoint;
        since.changed
            && (since.uncommitted_bytes >= self.options.uncommitted_bytes_max
                || self.clock.elapsed() >= since.at + self.options.checkpoint_interval)
    }

    /// Makes all ticks so far last. No tick is running.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        let began = self.clock.elapsed();
        let number = self.checkpoints.next_number();
        let token = self.topics.prepare(number)?;
        let saved = self.state()?;
        let outputs = self.graph.outputs.iter().enumerate().map(|(index, output)| {
            let state = OutputState {
                fingerprint: output.fingerprint.clone(),
                ends: self.topics.ends(index).map(<[i64]>::to_vec).unwrap_or_default(),
                failed: self.failures.get(&output.relation).cloned(),
            };
            (output.relation.clone(), state)
        });
        let manifest = Manifest {
            number,
            taken_us: self.clock.now_us(),
            epoch: self.epoch,
            inputs: self.inputs.save().collect(),
            outputs: outputs.collect(),
            sinks: BTreeMap::from([(self.topics.name().to_owned(), token.clone())]),
            dead_letters: self.dead_letters,
            dead_letters_end: self.topics.letters_end(),
            violations: self.violations.clone(),
            state: BTreeMap::new(),
        };
        let taken_us = manifest.taken_us;
        let bytes = self.runtime.block_on(self.checkpoints.write(manifest, saved))?;
        self.topics.commit(&token)?;
        self.runtime.block_on(self.checkpoints.expire())?;
        self.archives.release_held()?;
        self.archives.until(self.committed_ends());

        let now = self.clock.elapsed();
        if now >= self.retained_at + self.options.retention_interval {
            self.retained_at = now;
            for gone in self.log.enforce_retention()? {
                tracing::debug!(topic = gone.topic, partition = gone.partition, bytes = gone.bytes, "the log forgot");
            }
        }
        self.since_checkpoint = super::SinceCheckpoint { at: now, ..Default::default() };
        let duration_us = now.saturating_sub(began).as_micros() as u64;
        let operators = self.operators()?;
        let mut inner = self.published.lock();
        inner.status.checkpoint = Some(CheckpointStatus { number, taken_us, duration_us, bytes });
        inner.status.operators = operators;
        Ok(())
    }

    /// The state of all operators and tables.
    fn state(&mut self) -> Result<Vec<Saved>> {
        let which = wanted(&self.checkpoints, &self.graph);
        let mut saved = Vec::new();
        for (node, rows) in self.executor.save(which.clone())?.into_iter().flatten() {
            saved.push(Saved { owner: self.graph.nodes[node].id.clone(), which: which[node], rows });
        }
        let mut inner = self.published.lock();
        let Inner { tables, failed, .. } = &mut *inner;
        for (view, table) in tables.iter_mut().filter(|(view, _)| !failed.contains_key(*view)) {
            let owner = table_owner(view);
            let which = self.checkpoints.wanted(&owner);
            saved.push(Saved { owner, which, rows: table.save(which)? });
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
    format!("table/{view}")
}
