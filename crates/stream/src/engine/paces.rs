//! Views that tell their changes from time to time: when each is due.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::graph::{Graph, Step, Upstream};

/// All such views of a dataflow.
pub struct Paces {
    paces: Vec<Each>,
}

struct Each {
    node: usize,
    every: Duration,
    /// Steps before it that tell from time to time, too.
    behind: BTreeSet<usize>,
    due_at: Duration,
    /// Something may wait to be told.
    waits: bool,
}

impl Paces {
    pub fn new(graph: &Graph, now: Duration) -> Paces {
        let paces = graph.nodes.iter().enumerate().filter_map(|(node, each)| match &each.step {
            // A node that was down may have something to tell.
            Step::Pace(plan) => {
                let behind = before(graph, node);
                Some(Each { node, every: plan.every, behind, due_at: now + plan.every, waits: true })
            }
            _ => None,
        });
        Paces { paces: paces.collect() }
    }

    /// The steps that tell what they have in the tick that begins now.
    pub fn due(&self, now: Duration) -> BTreeSet<usize> {
        self.paces.iter().filter(|each| each.waits && now >= each.due_at).map(|each| each.node).collect()
    }

    /// All of them.
    pub fn all(&self) -> BTreeSet<usize> {
        self.paces.iter().map(|each| each.node).collect()
    }

    /// A tick has begun in which some tell what they have, and in which other news comes, too, or none.
    pub fn told(&mut self, due: &BTreeSet<usize>, comes: bool, now: Duration) {
        for each in &mut self.paces {
            if due.contains(&each.node) {
                each.waits = false;
                each.due_at = now + each.every;
            } else {
                each.waits |= comes || !each.behind.is_disjoint(due);
            }
        }
    }

    /// Makes all due that have something to tell; false where there is nothing.
    pub fn hurry(&mut self, now: Duration) -> bool {
        let waiting = self.paces.iter_mut().filter(|each| each.waits);
        waiting.map(|each| each.due_at = now).count() > 0
    }
}

/// Such steps that a step reads from, directly or not.
fn before(graph: &Graph, node: usize) -> BTreeSet<usize> {
    let (mut found, mut left) = (BTreeSet::new(), vec![node]);
    while let Some(at) = left.pop() {
        for read in &graph.nodes[at].reads {
            let Upstream::Node(read) = read else { continue };
            if matches!(graph.nodes[*read].step, Step::Pace(_)) {
                found.insert(*read);
            }
            left.push(*read);
        }
    }
    found
}
