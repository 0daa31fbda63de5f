//! Views that need no history: what they are made of is held by steps, or by views, that stay as they are.
//!
//! Two kinds. A view that is changed above a step that holds all that it gave keeps that step and what lies below, and
//! only the steps above are built anew. A view over others that show all their rows begins with those. Both get their
//! rows in one tick, before the first of the engine's own.

use std::collections::{BTreeMap, BTreeSet};

use super::recovery::is_known;
use crate::checkpoint::Manifest;
use crate::graph::{Graph, Kind, Upstream};

/// How views that a checkpoint does not know get their rows without history.
#[derive(Debug, Clone, Default)]
pub struct Seeds {
    /// The views.
    pub views: BTreeSet<String>,
    /// Steps of them that stay as the checkpoint has them.
    pub kept: BTreeSet<usize>,
    /// Steps that are built anew.
    pub built: BTreeSet<usize>,
    /// Steps that stay, and give what they hold to those that are new.
    pub givers: BTreeSet<usize>,
    /// Views that do, by the step that gives their rows.
    pub tables: BTreeMap<usize, String>,
}

impl Seeds {
    /// All views of a graph that can be made so. A view whose old rows are shown while history is replayed for it needs the
    /// views that it reads as they were: where it can't be made so, neither are those.
    pub fn of(graph: &Graph, manifest: &Manifest) -> Seeds {
        let mut without = BTreeSet::new();
        loop {
            let seeds = Seeds::but(graph, manifest, &without);
            let holds_back = |view: &&String| {
                let mut dependents = graph.dependents(view).into_iter();
                dependents.any(|each| manifest.outputs.contains_key(&each) && !seeds.views.contains(&each))
            };
            let held: Vec<String> = seeds.views.iter().filter(holds_back).cloned().collect();
            if held.is_empty() {
                return seeds;
            }
            without.extend(held);
        }
    }

    /// As far as nothing but what they are made of matters, and without some.
    fn but(graph: &Graph, manifest: &Manifest, without: &BTreeSet<String>) -> Seeds {
        let mut seeds = Seeds::default();
        // Views stand behind what they read.
        for output in &graph.outputs {
            let is_keyed = matches!(output.kind, Kind::Keyed { .. });
            let view = output.relation.as_str();
            if is_known(manifest, output) || !is_keyed || output.paused || without.contains(view) {
                continue;
            }
            let mut walk = Walk { graph, manifest, view, before: &seeds, found: Seeds::default() };
            if walk.finds(output.from) {
                let Seeds { kept, built, givers, tables, .. } = walk.found;
                seeds.views.insert(view.to_owned());
                seeds.kept.extend(kept);
                seeds.built.extend(built);
                seeds.givers.extend(givers);
                seeds.tables.extend(tables);
            }
        }
        seeds
    }

    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }
}

/// The way from a view down to what can give its rows.
struct Walk<'a> {
    graph: &'a Graph,
    manifest: &'a Manifest,
    view: &'a str,
    /// What was found for the views that it may read.
    before: &'a Seeds,
    found: Seeds,
}

impl Walk<'_> {
    fn finds(&mut self, from: Upstream) -> bool {
        if !self.reach(from) {
            return false;
        }
        let givers: Vec<usize> = self.found.givers.iter().copied().collect();
        givers.into_iter().all(|node| self.keep(node))
            && self.found.kept.iter().all(|node| !self.builds(*node) || !self.graph.nodes[*node].step.keeps_state())
    }

    /// Goes down to what holds rows. False where rows of the past are nowhere but in a stream.
    fn reach(&mut self, from: Upstream) -> bool {
        let Upstream::Node(at) = from else { return false };
        let node = &self.graph.nodes[at];
        if node.relation != self.view && self.shows(&node.relation) {
            self.found.tables.insert(at, node.relation.clone());
            return true;
        }
        if !self.is_new(&node.relation) {
            return false;
        }
        if node.step.holds_all() && self.has(at) {
            self.found.givers.insert(at);
            return true;
        }
        self.found.built.insert(at);
        node.step.is_timeless() && node.reads.iter().all(|read| self.reach(*read))
    }

    /// Keeps a step with all that lies below. False where a view there does not stay.
    fn keep(&mut self, at: usize) -> bool {
        if !self.found.kept.insert(at) {
            return true;
        }
        let node = &self.graph.nodes[at];
        let below = node.reads.iter().filter_map(|read| match read {
            Upstream::Node(below) => Some(*below),
            Upstream::Input(_) => None,
        });
        (self.is_new(&node.relation) || self.is_known(&node.relation))
            && below.collect::<Vec<_>>().into_iter().all(|below| self.keep(below))
    }

    fn builds(&self, node: usize) -> bool {
        self.found.built.contains(&node) || self.before.built.contains(&node)
    }

    /// The view itself, or another that needs no history.
    fn is_new(&self, relation: &str) -> bool {
        relation == self.view || self.before.views.contains(relation)
    }

    fn is_known(&self, relation: &str) -> bool {
        let output = self.graph.outputs.iter().find(|output| output.relation == relation);
        output.is_some_and(|output| is_known(self.manifest, output))
    }

    /// Whether a view stays as it is and shows all its rows.
    fn shows(&self, relation: &str) -> bool {
        let output = self.graph.outputs.iter().find(|output| output.relation == relation);
        let is_keyed = output.is_some_and(|output| matches!(output.kind, Kind::Keyed { .. }));
        let has_failed = self.manifest.outputs.get(relation).is_none_or(|saved| saved.failed.is_some());
        is_keyed && !has_failed && self.is_known(relation)
    }

    /// Whether the checkpoint has this very step's state.
    fn has(&self, at: usize) -> bool {
        let node = &self.graph.nodes[at];
        let saved = self.manifest.outputs.get(&node.relation);
        let saved = saved.filter(|saved| saved.failed.is_none() && !saved.paused);
        saved.and_then(|saved| saved.holders.get(&node.id)).is_some_and(|key| *key == node.key)
    }
}
