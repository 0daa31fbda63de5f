//! The dataflow graph: which steps stand behind which. Every worker builds its own operators from one graph.

pub mod key;
mod part;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::PhysicalExpr;
use headwater_query::relation::Stream;
use headwater_query::rule::{Rule, RuleSet};

use crate::Result;
use crate::operator::Operator;
use crate::operator::aggregate::{self, Aggregate};
use crate::operator::asof::{self, AsofJoin};
use crate::operator::combine::Combine;
use crate::operator::evaluate::Context;
use crate::operator::filter::Filter;
use crate::operator::join::{self, Join};
use crate::operator::known::{self, Known};
use crate::operator::late::{self, Late};
use crate::operator::over::{self, Over};
use crate::operator::pace::{self, Pace};
use crate::operator::project::Project;
use crate::operator::retain::{self, Retain};
use crate::operator::rules::Rules;
use crate::operator::session::{self, SessionAggregate};
use crate::operator::table::{self, Table};
use crate::operator::trim::{self, Trim};
use crate::operator::union::Union;
use crate::operator::unnest::{self, Unnest};
use crate::operator::values::Values;

/// All views of a node as one dataflow over its streams.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The declared streams that are read, by input number.
    pub inputs: Vec<Arc<Stream>>,
    /// Each behind all that it reads from.
    pub nodes: Vec<Node>,
    pub outputs: Vec<Output>,
    /// One more than the most exchanges on any path.
    pub stages: usize,
}

/// Where a step reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    Input(usize),
    Node(usize),
}

/// One step.
#[derive(Debug, Clone)]
pub struct Node {
    /// Stable as long as the view's plan is: names the step in checkpoints and to people.
    pub id: String,
    /// The view that it belongs to.
    pub relation: String,
    /// By port.
    pub reads: Vec<Upstream>,
    pub step: Step,
    /// How many exchanges lie before it.
    pub stage: usize,
    /// Equal for steps that are equal down to the streams: what one holds is what the other would.
    pub key: String,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Step {
    Filter(Arc<dyn PhysicalExpr>),
    Project {
        expressions: Vec<Arc<dyn PhysicalExpr>>,
        schema: SchemaRef,
    },
    Rules(Arc<RuleSet>),
    Late(late::Plan),
    /// Adds when a row was known.
    Known(known::Plan),
    Trim(trim::Plan),
    Retain(retain::Plan),
    /// Holds changes back, and tells them from time to time.
    Pace(pace::Plan),
    /// Equal rows as one; `list` has their windows.
    Combine {
        list: usize,
    },
    /// Rows that stand in the query.
    Values(RecordBatch),
    /// The rows of a table of the lake.
    Table(table::Plan),
    /// All rows of all that it reads.
    Union(SchemaRef),
    Unnest(unnest::Plan),
    /// Sends each row to the worker that owns its first `keys` columns.
    Exchange {
        keys: usize,
    },
    Aggregate(aggregate::Plan),
    Session(session::Plan),
    Join(join::Plan),
    Asof(asof::Plan),
    Over(over::Plan),
}

impl Step {
    /// The aggregate functions that it computes.
    pub fn calls(&self) -> &[aggregate::Call] {
        match self {
            Step::Aggregate(plan) => &plan.calls,
            Step::Session(plan) => &plan.calls,
            _ => &[],
        }
    }

    /// Whether what it holds is enough to give all that it ever gave and did not take back.
    pub fn holds_all(&self) -> bool {
        match self {
            Step::Table(_) | Step::Retain(_) => true,
            Step::Aggregate(plan) => plan.window.is_none() && !plan.each_row,
            Step::Over(plan) => plan.window.is_none(),
            Step::Join(plan) => plan.holds_all(),
            _ => false,
        }
    }

    /// Whether it has state in checkpoints.
    pub fn keeps_state(&self) -> bool {
        match self {
            Step::Filter(_) | Step::Project { .. } | Step::Rules(_) | Step::Late(_) | Step::Trim(_) => false,
            Step::Known(_) => false,
            Step::Combine { .. } | Step::Union(_) | Step::Unnest(_) | Step::Exchange { .. } => false,
            Step::Values(_) | Step::Table(_) | Step::Retain(_) | Step::Aggregate(_) | Step::Session(_) => true,
            Step::Join(_) | Step::Asof(_) | Step::Over(_) | Step::Pace(_) => true,
        }
    }

    /// Whether rows that come all at once give what they would have given one after the other.
    pub fn is_timeless(&self) -> bool {
        match self {
            Step::Filter(_) | Step::Project { .. } | Step::Union(_) | Step::Unnest(_) | Step::Exchange { .. } => true,
            Step::Values(_) | Step::Pace(_) => true,
            Step::Aggregate(plan) => plan.window.is_none() && !plan.each_row,
            Step::Over(plan) => plan.window.is_none(),
            Step::Join(plan) => plan.expiry == [None, None],
            _ => false,
        }
    }

    /// The inputs whose watermarks it asks for.
    pub(crate) fn timed_by(&mut self) -> Option<&mut Vec<usize>> {
        match self {
            Step::Aggregate(plan) => Some(&mut plan.inputs),
            Step::Session(plan) => Some(&mut plan.inputs),
            Step::Retain(plan) => Some(&mut plan.inputs),
            Step::Join(plan) => Some(&mut plan.inputs),
            Step::Over(plan) => Some(&mut plan.inputs),
            Step::Asof(plan) => plan.expiry.as_mut().map(|expiry| &mut expiry.inputs),
            _ => None,
        }
    }
}

/// What leaves the dataflow.
#[derive(Debug, Clone)]
pub struct Output {
    /// The view's name.
    pub relation: String,
    pub from: Upstream,
    pub kind: Kind,
    /// Equal for equal queries over equal relations: a view keeps its state as long as this stays.
    pub fingerprint: String,
    /// The statement that declares it, and which of its name's stores holds its rows: what another node needs to have
    /// the same view.
    pub definition: String,
    pub generation: u64,
    /// How often it was told to begin anew.
    pub resets: u64,
    /// The most bytes of state that the view may keep.
    pub state_limit: Option<u64>,
    /// Its rows stay as they are: its steps stand still, and whoever reads it gets nothing new.
    pub paused: bool,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// Insertions only: records of a stream of its own.
    Derived(Arc<Stream>),
    /// Rows by key, or the whole row with its multiplicity where `key` is empty.
    Keyed { schema: SchemaRef, key: Vec<usize> },
}

impl Graph {
    pub fn input_names(&self) -> Arc<[String]> {
        self.inputs.iter().map(|stream| stream.name.clone()).collect()
    }

    /// Whether an engine over this graph is one over the other, as long as the streams themselves stay: the same steps and
    /// outputs at the same places.
    pub fn is_same(&self, other: &Graph) -> bool {
        let node =
            |node: &Node| (node.id.clone(), node.key.clone(), node.relation.clone(), node.reads.clone(), node.stage);
        let output = |output: &Output| {
            let run = (output.generation, output.resets, output.state_limit, output.paused);
            (output.relation.clone(), output.from, output.fingerprint.clone(), output.definition.clone(), run)
        };
        let input = |stream: &Arc<Stream>| (stream.name.clone(), stream.topic.clone());
        self.inputs.iter().map(input).eq(other.inputs.iter().map(input))
            && self.nodes.iter().map(node).eq(other.nodes.iter().map(node))
            && self.outputs.iter().map(output).eq(other.outputs.iter().map(output))
    }

    /// The streams that views write into.
    pub fn derived(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.outputs.iter().filter_map(|output| match &output.kind {
            Kind::Derived(stream) => Some(stream),
            Kind::Keyed { .. } => None,
        })
    }

    /// The nodes that read tables, by their numbers.
    pub fn tables(&self) -> impl Iterator<Item = (usize, &table::Plan)> {
        self.nodes.iter().enumerate().filter_map(|(node, each)| match &each.step {
            Step::Table(plan) => Some((node, plan)),
            _ => None,
        })
    }

    /// Whether a step stands still.
    pub fn is_paused(&self, node: usize) -> bool {
        let relation = &self.nodes[node].relation;
        self.outputs.iter().any(|output| output.paused && output.relation == *relation)
    }

    /// Whether a view's rows leave this dataflow.
    pub fn gives(&self, view: &str) -> bool {
        self.outputs.iter().any(|output| output.relation == view)
    }

    /// What a view's steps are that hold all that they gave, by their ids.
    pub fn holders(&self, view: &str) -> BTreeMap<String, String> {
        let holders = self.nodes.iter().filter(|node| node.relation == view && node.step.holds_all());
        holders.map(|node| (node.id.clone(), node.key.clone())).collect()
    }

    /// The rules of every relation, those of streams first.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Rule)> {
        let of_streams = self.inputs.iter().map(|stream| (stream.name.as_str(), stream.rules.as_ref()));
        let of_views = self.nodes.iter().filter_map(|node| match &node.step {
            Step::Rules(rules) => Some((node.relation.as_str(), rules.as_ref())),
            _ => None,
        });
        of_streams.chain(of_views).flat_map(|(relation, set)| set.rules().iter().map(move |rule| (relation, rule)))
    }

    /// A view and all views that read it, directly or not.
    pub fn dependents(&self, relation: &str) -> Vec<String> {
        let mut names = vec![relation.to_owned()];
        let of = |upstream: &Upstream, names: &[String]| match upstream {
            Upstream::Node(read) => names.contains(&self.nodes[*read].relation),
            Upstream::Input(_) => false,
        };
        // Nodes stand behind what they read, so one pass finds all.
        for node in &self.nodes {
            if !names.contains(&node.relation) && node.reads.iter().any(|upstream| of(upstream, &names)) {
                names.push(node.relation.clone());
            }
        }
        // A view that is another one as it is has no nodes of its own.
        for output in &self.outputs {
            if !names.contains(&output.relation) && of(&output.from, &names) {
                names.push(output.relation.clone());
            }
        }
        names
    }

    /// The columns of an input that its readers use; `None` when one of them uses all.
    pub fn columns_read(&self, input: usize) -> Option<Vec<usize>> {
        let from = Upstream::Input(input);
        if self.outputs.iter().any(|output| output.from == from) {
            return None;
        }
        let mut columns = std::collections::BTreeSet::new();
        for node in self.nodes.iter().filter(|node| node.reads.contains(&from)) {
            let Step::Project { expressions, .. } = &node.step else { return None };
            for expression in expressions {
                columns.extend(collect_columns(expression).iter().map(|column| column.index()));
            }
        }
        Some(columns.into_iter().collect())
    }

    /// The operator of a node for one worker; `None` for an exchange, which the worker does itself, and for
    /// one that stands still.
    pub fn operator(&self, node: usize, worker: usize, workers: usize) -> Result<Option<Box<dyn Operator>>> {
        if self.is_paused(node) {
            return Ok(None);
        }
        let Node { relation, step, .. } = &self.nodes[node];
        let context = Context { relation: relation.clone(), inputs: self.input_names() };
        Ok(Some(match step {
            Step::Filter(condition) => Box::new(Filter::new(Arc::clone(condition), context)),
            Step::Project { expressions, schema } => {
                Box::new(Project::new(expressions.clone(), SchemaRef::clone(schema), context))
            }
            Step::Rules(rules) => Box::new(Rules::new(Arc::clone(rules), context)),
            Step::Late(plan) => Box::new(Late::new(plan.clone(), context)),
            Step::Known(plan) => Box::new(Known::new(plan.clone())),
            Step::Trim(plan) => Box::new(Trim::new(plan.clone(), context)),
            Step::Pace(plan) => Box::new(Pace::new(plan)?),
            Step::Retain(plan) => Box::new(Retain::new(plan.clone())?),
            Step::Combine { list } => Box::new(Combine::new(*list)),
            Step::Union(schema) => Box::new(Union::new(SchemaRef::clone(schema))),
            Step::Unnest(plan) => Box::new(Unnest::new(plan.clone())),
            Step::Exchange { .. } => return Ok(None),
            Step::Session(plan) => Box::new(SessionAggregate::new(plan.clone())?),
            Step::Over(plan) => Box::new(Over::new(plan.clone())?),
            Step::Asof(plan) => Box::new(AsofJoin::new(plan.clone())?),
            Step::Join(plan) => Box::new(Join::new(plan.clone())?),
            Step::Table(plan) => Box::new(Table::new(plan, worker, workers)?),
            Step::Values(rows) => Box::new(Values::new(rows.clone(), owns_all(worker, workers)?)),
            Step::Aggregate(plan) => Box::new(Aggregate::new(plan.clone(), owns_all(worker, workers)?)?),
        }))
    }
}

/// Whether a worker owns what has no key.
fn owns_all(worker: usize, workers: usize) -> Result<bool> {
    let mut owner = Vec::new();
    crate::aggregate::keys::owners(&[], 1, workers, &mut owner)?;
    Ok(owner.first() == Some(&(worker as u32)))
}
