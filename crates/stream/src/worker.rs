//! A worker: one copy of every operator, fed tick by tick.
//!
//! A tick runs in stages. In each, every worker runs the operators that lie behind equally many exchanges; between
//! two stages, workers hand each other the rows that the other owns. Within a worker everything is in a fixed order:
//! batches of partitions as they were read, batches of other workers by their number. So a tick's result does not
//! depend on which thread was faster.

pub mod input;
pub mod past;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use headwater_base::clock::Clock;
use headwater_log::Log;
use tokio::runtime::Runtime;

use crate::aggregate::keys::owners;
use crate::batch::Batch;
use crate::engine::seeds::Seeds;
use crate::engine::tables::Rows;
use crate::graph::{Graph, Kind, Output as GraphOutput, Step, Upstream};
use crate::letter::Letter;
use crate::operator::{self, Operator, Output, Save, Violations};
use crate::sink::archive::Board;
use crate::{Error, Result};
use input::{InputReader, Read, Taken};
use past::Past;

/// What a worker is told to do in a tick.
#[derive(Debug, Clone, Default)]
pub struct Tick {
    /// The partitions that this worker reads, and from where.
    pub reads: Vec<Read>,
    /// Versions of tables, whole: each worker takes the rows that it owns.
    pub tables: Arc<Rows>,
    /// The watermark of each input as of the last tick, microseconds.
    pub watermarks_us: Arc<[i64]>,
    /// Steps that tell what they held back.
    pub due: Arc<BTreeSet<usize>>,
    /// Nothing comes, but some views get their first rows.
    pub seed: Option<Seed>,
}

/// First rows of views.
#[derive(Debug, Clone)]
pub struct Seed {
    pub seeds: Arc<Seeds>,
    /// Rows of other views, by the step that gives them.
    pub rows: Vec<(usize, RecordBatch)>,
}

/// What came of a tick at one worker.
#[derive(Debug, Default)]
pub struct Done {
    pub taken: Vec<Taken>,
    /// By output of the graph.
    pub outputs: Vec<Vec<Batch>>,
    pub letters: Vec<Letter>,
    /// By relation.
    pub violations: BTreeMap<String, Violations>,
    /// Views that can't go on, with the reason: nothing of this tick, nor of any later one, is given for them.
    pub failures: BTreeMap<String, String>,
}

/// Rows for another worker: exchange node and batch.
pub type Parcel = Vec<(usize, Batch)>;

pub struct Worker {
    index: usize,
    workers: usize,
    graph: Arc<Graph>,
    operators: Vec<Option<Box<dyn Operator>>>,
    inputs: Vec<InputReader>,
    /// Readers of each input and of each node.
    consumers: Consumers,
    /// Batches that wait for a node, with their port.
    inbox: Vec<Vec<(usize, Batch)>>,
    /// Views that stopped, with the reason.
    failed: BTreeMap<String, String>,
    /// By node: whether it stands still.
    paused: Vec<bool>,
    rows_in: Vec<u64>,
    busy: Vec<std::time::Duration>,
    clock: Arc<dyn Clock>,
    done: Done,
    /// In a tick that gives some views their first rows, which they are.
    seeds: Option<Arc<Seeds>>,
}

#[derive(Debug, Default)]
struct Consumers {
    of_input: Vec<Vec<Consumer>>,
    of_node: Vec<Vec<Consumer>>,
}

#[derive(Debug, Clone, Copy)]
enum Consumer {
    Node { node: usize, port: usize },
    Output(usize),
}

/// State of a node at one worker, for a checkpoint.
pub struct NodeState {
    pub node: usize,
    pub which: Save,
    pub rows: RecordBatch,
}

/// What one operator of one worker did and holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct NodeStatus {
    pub rows: u64,
    pub busy: std::time::Duration,
    pub state: operator::Status,
}

impl Worker {
    pub fn new(
        index: usize,
        workers: usize,
        graph: Arc<Graph>,
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
    ) -> Result<Worker> {
        let operators =
            (0..graph.nodes.len()).map(|node| graph.operator(node, index, workers)).collect::<Result<_>>()?;
        let inputs = graph
            .inputs
            .iter()
            .enumerate()
            .map(|(input, stream)| InputReader::new(input, Arc::clone(stream), Arc::clone(&log)))
            .collect::<Result<_>>()?;
        let nodes = graph.nodes.len();
        Ok(Worker {
            index,
            workers,
            operators,
            inputs,
            consumers: Consumers::new(&graph),
            inbox: vec![Vec::new(); nodes],
            failed: BTreeMap::new(),
            paused: (0..nodes).map(|node| graph.is_paused(node)).collect(),
            rows_in: vec![0; nodes],
            busy: vec![std::time::Duration::ZERO; nodes],
            clock,
            done: Done::default(),
            seeds: None,
            graph,
        })
    }

    /// Reads from archives what they hold of the streams.
    pub fn with_past(mut self, archives: &Board, runtime: &Arc<Runtime>) -> Worker {
        for (reader, stream) in self.inputs.iter_mut().zip(&self.graph.inputs) {
            if let Some(past) = Past::new(Arc::clone(runtime), archives, stream) {
                reader.set_past(past);
            }
        }
        self
    }

    /// Decodes only the columns that some step of the graph reads.
    pub fn with_needed_columns(mut self) -> Result<Worker> {
        let graph = Arc::clone(&self.graph);
        let readers = std::mem::take(&mut self.inputs).into_iter().enumerate();
        self.inputs = readers
            .map(|(input, reader)| match graph.columns_read(input) {
                Some(columns) => reader.with_columns(columns),
                None => Ok(reader),
            })
            .collect::<Result<_>>()?;
        Ok(self)
    }

    /// Starts a tick: reads, decodes, and runs the first stage. Returns a parcel for each worker, its own too.
    pub fn start(&mut self, tick: &Tick) -> Result<Vec<Parcel>> {
        self.done = Done { outputs: vec![Vec::new(); self.graph.outputs.len()], ..Done::default() };
        for read in &tick.reads {
            let (batches, taken, letters) = self.inputs[read.input].take(read)?;
            self.done.letters.extend(letters);
            self.count(&self.graph.inputs[read.input].name.clone(), &taken.violations);
            if let Some(batch) = batches {
                self.hand(Upstream::Input(read.input), batch);
            }
            self.done.taken.push(taken);
        }
        if let Some(Seed { seeds, rows }) = &tick.seed {
            self.seeds = Some(Arc::clone(seeds));
            rows.iter().for_each(|(node, rows)| self.hand(Upstream::Node(*node), Batch::insertions(rows.clone())));
        }
        for (node, rows) in tick.tables.iter() {
            self.inbox[*node].extend(rows.iter().map(|rows| (0, Batch::insertions(rows.clone()))));
        }
        self.stage(0, tick)
    }

    /// Runs a later stage on what the workers sent, in the order of their numbers.
    pub fn resume(&mut self, stage: usize, parcels: Vec<Parcel>, tick: &Tick) -> Result<Vec<Parcel>> {
        for (node, batch) in parcels.into_iter().flatten() {
            self.hand(Upstream::Node(node), batch);
        }
        self.stage(stage, tick)
    }

    /// Ends the tick that all stages ran of.
    pub fn finish(&mut self) -> Done {
        let mut done = std::mem::take(&mut self.done);
        done.failures = self.failed.clone();
        self.seeds = None;
        done
    }

    fn stage(&mut self, stage: usize, tick: &Tick) -> Result<Vec<Parcel>> {
        let mut parcels: Vec<Parcel> = vec![Vec::new(); self.workers];
        for node in 0..self.graph.nodes.len() {
            if self.graph.nodes[node].stage != stage {
                continue;
            }
            let batches = std::mem::take(&mut self.inbox[node]);
            if self.paused[node] || self.failed.contains_key(&self.graph.nodes[node].relation) {
                continue;
            }
            let gives = self.seeds.as_ref().is_some_and(|seeds| seeds.givers.contains(&node));
            if self.seeds.as_ref().is_some_and(|seeds| !gives && !seeds.built.contains(&node)) {
                continue;
            }
            let began = self.clock.elapsed();
            self.rows_in[node] += batches.iter().map(|(_, batch)| batch.len() as u64).sum::<u64>();
            match self.graph.nodes[node].step {
                Step::Exchange { keys } => {
                    for (_, batch) in batches {
                        self.exchange(node, keys, batch, &mut parcels)?;
                    }
                }
                _ => match if gives { self.content(node) } else { self.run(node, batches, tick) } {
                    Ok(output) => {
                        self.done.letters.extend(output.letters);
                        self.count(&self.graph.nodes[node].relation.clone(), &output.violations);
                        output.batches.into_iter().for_each(|batch| self.hand(Upstream::Node(node), batch));
                    }
                    Err(error) => self.fail(node, &error),
                },
            }
            self.busy[node] += self.clock.elapsed().saturating_sub(began);
        }
        Ok(parcels)
    }

    fn count(&mut self, relation: &str, violations: &Violations) {
        if !violations.is_empty() {
            add(&mut self.done.violations, relation, violations);
        }
    }

    fn run(&mut self, node: usize, batches: Vec<(usize, Batch)>, tick: &Tick) -> Result<Output> {
        let operator = self.operators[node].as_mut().ok_or_else(|| Error::internal("an exchange was run"))?;
        let mut output = Output::default();
        for (port, batch) in batches {
            operator.push(port, batch, &mut output)?;
        }
        if tick.due.contains(&node) {
            operator.come_due();
        }
        operator.finish(&tick.watermarks_us, &mut output)?;
        Ok(output)
    }

    /// All that a step holds, for those behind it that are new.
    fn content(&mut self, node: usize) -> Result<Output> {
        let operator = self.operators[node].as_mut().ok_or_else(|| Error::internal("an exchange holds nothing"))?;
        let mut output = Output::default();
        operator.content(&mut output)?;
        Ok(output)
    }

    /// Stops a view and all that read it; the others go on.
    fn fail(&mut self, node: usize, error: &Error) {
        let reason = match error.hint() {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        };
        self.stop(&self.graph.nodes[node].relation.clone(), &reason);
    }

    /// Stops a view, as another worker or an earlier life of the node found that it must.
    pub fn stop(&mut self, relation: &str, reason: &str) {
        for name in self.graph.dependents(relation) {
            // What it keeps is of no use any more.
            for node in (0..self.operators.len()).filter(|node| self.graph.nodes[*node].relation == name) {
                self.operators[node] = self.graph.operator(node, self.index, self.workers).ok().flatten();
            }
            self.failed.entry(name).or_insert_with(|| reason.to_owned());
        }
    }

    fn exchange(&self, node: usize, keys: usize, batch: Batch, parcels: &mut [Parcel]) -> Result<()> {
        if self.workers == 1 {
            parcels[0].push((node, batch));
            return Ok(());
        }
        let mut owner = Vec::new();
        owners(&batch.rows.columns()[..keys], batch.len(), self.workers, &mut owner)?;
        let mut indices: Vec<Vec<u32>> = vec![Vec::with_capacity(batch.len() / self.workers + 16); self.workers];
        owner.iter().enumerate().for_each(|(row, worker)| indices[*worker as usize].push(row as u32));
        // Behind an exchange nobody asks any more where a row came from.
        let bare = Batch { origin: None, ..batch };
        for (worker, rows) in indices.into_iter().enumerate() {
            if rows.len() == bare.len() {
                parcels[worker].push((node, bare.clone()));
            } else if !rows.is_empty() {
                parcels[worker].push((node, bare.take(&UInt32Array::from(rows))?));
            }
        }
        Ok(())
    }

    fn hand(&mut self, from: Upstream, batch: Batch) {
        let consumers = match from {
            Upstream::Input(input) => &self.consumers.of_input[input],
            Upstream::Node(node) => &self.consumers.of_node[node],
        };
        let (graph, seeds) = (&self.graph, self.seeds.as_ref());
        for consumer in consumers.iter().filter(|consumer| seeds.is_none_or(|seeds| consumer.is_of(seeds, graph))) {
            match consumer {
                Consumer::Node { node, port } => self.inbox[*node].push((*port, batch.clone())),
                Consumer::Output(output) => self.done.outputs[*output].push(batch.clone()),
            }
        }
    }

    /// State of every operator that keeps some. `which` is by node.
    pub fn save(&mut self, which: &[Save]) -> Result<Vec<NodeState>> {
        let mut saved = Vec::new();
        for (node, operator) in self.operators.iter_mut().enumerate() {
            let Some(operator) = operator else { continue };
            if self.failed.contains_key(&self.graph.nodes[node].relation) {
                continue;
            }
            for which in which[node].steps() {
                saved.extend(operator.save(which)?.map(|rows| NodeState { node, which, rows }));
            }
        }
        Ok(saved)
    }

    /// Takes back state of a node, as far as its keys are this worker's.
    pub fn load(&mut self, node: usize, rows: &RecordBatch) -> Result<()> {
        let operator = self.operators[node].as_mut();
        let Some((operator, keys)) = operator.and_then(|each| each.key_columns().map(|keys| (each, keys))) else {
            return Err(Error::corrupt(format!("there is state for {}, which keeps none", self.graph.nodes[node].id)));
        };
        let mut owner = Vec::new();
        owners(&rows.columns()[..keys], rows.num_rows(), self.workers, &mut owner)?;
        let mine: UInt32Array =
            (0..owner.len() as u32).filter(|row| owner[*row as usize] as usize == self.index).collect();
        operator.load(&arrow::compute::take_record_batch(rows, &mine)?)
    }

    /// By node.
    pub fn status(&self) -> Vec<NodeStatus> {
        let state = |node: usize| self.operators[node].as_ref().map(|each| each.status()).unwrap_or_default();
        (0..self.operators.len())
            .map(|node| NodeStatus { rows: self.rows_in[node], busy: self.busy[node], state: state(node) })
            .collect()
    }
}

impl Consumer {
    /// Whether it is new among the views that get their first rows.
    fn is_of(self, seeds: &Seeds, graph: &Graph) -> bool {
        match self {
            Consumer::Node { node, .. } => seeds.built.contains(&node),
            Consumer::Output(output) => seeds.views.contains(&graph.outputs[output].relation),
        }
    }
}

impl Consumers {
    fn new(graph: &Graph) -> Consumers {
        let mut consumers =
            Consumers { of_input: vec![Vec::new(); graph.inputs.len()], of_node: vec![Vec::new(); graph.nodes.len()] };
        for (node, each) in graph.nodes.iter().enumerate() {
            for (port, upstream) in each.reads.iter().enumerate() {
                consumers.of(*upstream).push(Consumer::Node { node, port });
            }
        }
        for (index, GraphOutput { from, .. }) in graph.outputs.iter().enumerate() {
            consumers.of(*from).push(Consumer::Output(index));
        }
        consumers
    }

    fn of(&mut self, upstream: Upstream) -> &mut Vec<Consumer> {
        match upstream {
            Upstream::Input(input) => &mut self.of_input[input],
            Upstream::Node(node) => &mut self.of_node[node],
        }
    }
}

/// Adds what was counted of one relation's rules.
pub fn add(all: &mut BTreeMap<String, Violations>, relation: &str, violations: &Violations) {
    let counts = all.entry(relation.to_owned()).or_default();
    for (rule, rows) in violations {
        *counts.entry(rule.clone()).or_default() += rows;
    }
}

/// Whether an output's rows go to a topic.
pub fn is_derived(output: &GraphOutput) -> bool {
    matches!(output.kind, Kind::Derived(_))
}
