//! Runs the workers: in turn on the caller's thread, or each on a thread of its own. Both give the same ticks.

pub mod threads;

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::Result;
use crate::operator::Save;
use crate::worker::{Done, NodeState, NodeStatus, Parcel, Tick, Worker};

/// All workers of a dataflow. Calls go to all of them and return when all are done; `ticks` and results are by worker.
pub trait Executor: Send {
    fn workers(&self) -> usize;

    /// Starts a tick without waiting for it. One tick at a time.
    fn start(&mut self, ticks: Vec<Tick>) -> Result<()>;

    /// Waits for the tick that was started.
    fn wait(&mut self) -> Result<Vec<Done>>;

    /// State by worker. `which` is by node.
    fn save(&mut self, which: Arc<[Save]>) -> Result<Vec<Vec<NodeState>>>;

    /// Gives saved rows of a node to the workers that own their keys.
    fn load(&mut self, node: usize, rows: &RecordBatch) -> Result<()>;

    /// Stops a view everywhere.
    fn stop(&mut self, relation: &str, reason: &str) -> Result<()>;

    /// By worker, then by node.
    fn status(&mut self) -> Result<Vec<Vec<NodeStatus>>>;
}

/// All workers in turn on the caller's thread: what tests that must repeat use, and what one worker needs.
pub struct Inline {
    workers: Vec<Worker>,
    stages: usize,
    done: Option<Vec<Done>>,
}

impl Inline {
    pub fn new(workers: Vec<Worker>, stages: usize) -> Inline {
        Inline { workers, stages, done: None }
    }
}

impl Executor for Inline {
    fn workers(&self) -> usize {
        self.workers.len()
    }

    fn start(&mut self, ticks: Vec<Tick>) -> Result<()> {
        let mut sent: Vec<Vec<Parcel>> =
            self.workers.iter_mut().zip(&ticks).map(|(worker, tick)| worker.start(tick)).collect::<Result<_>>()?;
        for stage in 1..self.stages {
            let mut next = Vec::with_capacity(self.workers.len());
            for (index, (worker, tick)) in self.workers.iter_mut().zip(&ticks).enumerate() {
                let mine = sent.iter_mut().map(|from| std::mem::take(&mut from[index])).collect();
                next.push(worker.resume(stage, mine, tick)?);
            }
            sent = next;
        }
        self.done = Some(self.workers.iter_mut().map(Worker::finish).collect());
        Ok(())
    }

    fn wait(&mut self) -> Result<Vec<Done>> {
        Ok(self.done.take().unwrap_or_default())
    }

    fn save(&mut self, which: Arc<[Save]>) -> Result<Vec<Vec<NodeState>>> {
        self.workers.iter_mut().map(|worker| worker.save(&which)).collect()
    }

    fn load(&mut self, node: usize, rows: &RecordBatch) -> Result<()> {
        self.workers.iter_mut().try_for_each(|worker| worker.load(node, rows))
    }

    fn stop(&mut self, relation: &str, reason: &str) -> Result<()> {
        self.workers.iter_mut().for_each(|worker| worker.stop(relation, reason));
        Ok(())
    }

    fn status(&mut self) -> Result<Vec<Vec<NodeStatus>>> {
        Ok(self.workers.iter().map(Worker::status).collect())
    }
}
