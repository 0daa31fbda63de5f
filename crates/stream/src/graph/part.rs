//! A part of a graph: some views with all that they read, as a dataflow of its own.

use std::sync::Arc;

use super::{Graph, Node, Output, Upstream};

impl Graph {
    /// The dataflow of some views alone: their outputs, and of steps and streams only what those need.
    pub fn part(&self, views: impl Fn(&str) -> bool) -> Graph {
        let outputs: Vec<&Output> = self.outputs.iter().filter(|output| views(&output.relation)).collect();
        let mut nodes = vec![false; self.nodes.len()];
        let mut inputs = vec![false; self.inputs.len()];
        let mut mark = |upstream: &Upstream, nodes: &mut Vec<bool>| match upstream {
            Upstream::Input(input) => inputs[*input] = true,
            Upstream::Node(node) => nodes[*node] = true,
        };
        outputs.iter().for_each(|output| mark(&output.from, &mut nodes));
        // Nodes stand behind what they read: backwards, each is known to be needed or not when it is reached.
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if nodes[index] {
                node.reads.iter().for_each(|read| mark(read, &mut nodes));
            }
        }
        let (nodes, inputs) = (Renumbered::new(&nodes), Renumbered::new(&inputs));
        let place = |upstream: &Upstream| match upstream {
            Upstream::Input(input) => Upstream::Input(inputs.of(*input)),
            Upstream::Node(node) => Upstream::Node(nodes.of(*node)),
        };
        let kept = nodes.kept.iter().map(|index| {
            let node = &self.nodes[*index];
            let mut step = node.step.clone();
            step.timed_by().into_iter().flatten().for_each(|input| *input = inputs.of(*input));
            Node { reads: node.reads.iter().map(place).collect(), step, ..node.clone() }
        });
        Graph {
            inputs: inputs.kept.iter().map(|input| Arc::clone(&self.inputs[*input])).collect(),
            nodes: kept.collect(),
            outputs: outputs.into_iter().map(|output| Output { from: place(&output.from), ..output.clone() }).collect(),
            stages: self.stages,
        }
    }
}

/// Old numbers of what is kept, in their order, and where each is now.
struct Renumbered {
    kept: Vec<usize>,
    now: Vec<usize>,
}

impl Renumbered {
    fn new(wanted: &[bool]) -> Renumbered {
        let mut numbers = Renumbered { kept: Vec::new(), now: vec![usize::MAX; wanted.len()] };
        for index in (0..wanted.len()).filter(|index| wanted[*index]) {
            numbers.now[index] = numbers.kept.len();
            numbers.kept.push(index);
        }
        numbers
    }

    fn of(&self, index: usize) -> usize {
        self.now[index]
    }
}
