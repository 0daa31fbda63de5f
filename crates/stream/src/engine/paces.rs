//! Views that tell their changes from time to time: when each is due. Operators never ask what time it is; a tick tells
//! them. Nothing here waits, and no row passes.

use crate::graph::{Graph, Step, Upstream};
use std::collections::BTreeSet;

/// All such views of a dataflow.
pub struct Paces {
    paces: Vec<Each>,
}

struct Each {
    node: usize,
    every_us: i64,
    /// Steps before it that tell from time to time, too.
    behind: BTreeSet<usize>,
    /// The wall clock's next multiple of that, microseconds.
    due_at_us: i64,
    /// Something may wait to be told.
    waits: bool,
}

impl Paces {
    /// `since_us` is when a node of this folder last made something last: what came due meanwhile is due at once.
    pub fn new(graph: &Graph, since_us: i64) -> Paces {
        let paces = graph.nodes.iter().enumerate().filter_map(|(node, each)| match &each.step {
            // A node that was down may have something to tell.
            Step::Pace(plan) => {
                let behind = before(graph, node);
                let every_us = i64::try_from(plan.every.as_micros()).unwrap_or(i64::MAX);
                Some(Each { node, every_us, behind, due_at_us: after(since_us, every_us), waits: true })
            }
            _ => None,
        });
        Paces { paces: paces.collect() }
    }

    /// The steps that tell what they have in the tick that begins now.
    pub fn due(&self, now_us: i64) -> BTreeSet<usize> {
        // A clock that was set back makes nobody wait longer.
        let is_due = |each: &&Each| now_us >= each.due_at_us || after(now_us, each.every_us) < each.due_at_us;
        self.paces.iter().filter(|each| each.waits && is_due(each)).map(|each| each.node).collect()
    }

    /// All of them.
    pub fn all(&self) -> BTreeSet<usize> {
        self.paces.iter().map(|each| each.node).collect()
    }

    /// A tick has begun in which some tell what they have, and in which other news comes, too, or none.
    pub fn told(&mut self, due: &BTreeSet<usize>, comes: bool, now_us: i64) {
        for each in &mut self.paces {
            if due.contains(&each.node) {
                each.waits = false;
                each.due_at_us = after(now_us, each.every_us);
            } else {
                each.waits |= comes || !each.behind.is_disjoint(due);
            }
        }
    }

    /// Makes all due that have something to tell; false where there is nothing.
    pub fn hurry(&mut self, now_us: i64) -> bool {
        let waiting = self.paces.iter_mut().filter(|each| each.waits);
        waiting.map(|each| each.due_at_us = now_us).count() > 0
    }
}

/// The next multiple of a time behind a moment.
fn after(moment_us: i64, every_us: i64) -> i64 {
    let every_us = every_us.max(1);
    moment_us.div_euclid(every_us).saturating_add(1).saturating_mul(every_us)
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
