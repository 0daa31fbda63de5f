//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor`: lists of nodes by the numbers of tree and node, as our trees.

use std::collections::BTreeMap;

use super::protobuf::Node as Operator;
use super::refused;
use crate::Result;
use crate::trees::{Ensemble, LEAF, MISSING_LEFT, Node};

/// Trees that add up to `outputs` scores. A leaf with weights for several outputs makes a tree for each of them.
pub fn read(operator: &Operator, outputs: usize, prefix: &str, features: usize) -> Result<Ensemble> {
    let name = &operator.operator;
    let ids = operator.ints("nodes_treeids");
    let own = |list: &str| {
        let ints = operator.ints(list);
        if ints.len() == ids.len() { Ok(ints) } else { Err(refused(name, format!("{list} has another length"))) }
    };
    let (numbers, asked) = (own("nodes_nodeids")?, own("nodes_featureids")?);
    let (yes, no) = (own("nodes_truenodeids")?, own("nodes_falsenodeids")?);
    let (modes, values) = (operator.texts("nodes_modes"), operator.floats("nodes_values"));
    let tracks = operator.ints("nodes_missing_value_tracks_true");
    if modes.len() != ids.len() || values.len() != ids.len() || !(tracks.is_empty() || tracks.len() == ids.len()) {
        return Err(refused(name, "its lists of nodes have different lengths"));
    }
    let places = ids.iter().zip(numbers).enumerate().map(|(place, (tree, node))| ((*tree, *node), place));
    let source = Source {
        name,
        ids,
        numbers,
        asked,
        yes,
        no,
        modes,
        values,
        tracks,
        places: places.collect(),
        weights: weights(operator, prefix, outputs)?,
        features,
    };
    let base = match operator.floats("base_values") {
        [] => vec![0.0; outputs],
        // Of two classes with one score, one value.
        values if values.len() == outputs || values.len() == 1 => {
            (0..outputs).map(|at| values[at % values.len()]).collect()
        }
        _ => return Err(refused(name, "base_values does not fit its outputs")),
    };
    let mut ensemble = Ensemble { features, base, ..Ensemble::default() };
    let mut roots: BTreeMap<i64, usize> = BTreeMap::new();
    for (place, tree) in ids.iter().enumerate() {
        roots.entry(*tree).or_insert(place);
    }
    let scale = match operator.text("aggregate_function", "SUM") {
        "SUM" => 1.0,
        "AVERAGE" => 1.0 / roots.len().max(1) as f64,
        other => return Err(refused(name, format!("aggregate_function {other} is not known"))),
    };
    for (tree, root) in &roots {
        for output in source.outputs_of(*tree) {
            let at = source.add(*root, output, scale, &mut ensemble)?;
            ensemble.roots.push((at as u32, output as u32));
        }
    }
    ensemble.check().map_err(|error| refused(name, error.to_string()))?;
    Ok(ensemble)
}

/// By tree and node, what a leaf adds to each output.
type Weights = BTreeMap<(i64, i64), Vec<(usize, f64)>>;

fn weights(operator: &Operator, prefix: &str, outputs: usize) -> Result<Weights> {
    let list = |what: &str| operator.ints(&format!("{prefix}_{what}"));
    let (trees, nodes, ids) = (list("treeids"), list("nodeids"), list("ids"));
    let values = operator.floats(&format!("{prefix}_weights"));
    if trees.len() != nodes.len() || trees.len() != ids.len() || trees.len() != values.len() {
        return Err(refused(&operator.operator, "its lists of leaves have different lengths"));
    }
    let mut weights = Weights::new();
    for (((tree, node), id), value) in trees.iter().zip(nodes).zip(ids).zip(values) {
        let output = usize::try_from(*id).ok().filter(|output| *output < outputs);
        let output = output.ok_or_else(|| refused(&operator.operator, format!("there is no output {id}")))?;
        weights.entry((*tree, *node)).or_default().push((output, *value));
    }
    Ok(weights)
}

struct Source<'a> {
    name: &'a str,
    ids: &'a [i64],
    numbers: &'a [i64],
    asked: &'a [i64],
    yes: &'a [i64],
    no: &'a [i64],
    modes: &'a [String],
    values: &'a [f64],
    tracks: &'a [i64],
    places: BTreeMap<(i64, i64), usize>,
    weights: Weights,
    features: usize,
}

impl Source<'_> {
    /// Outputs that a tree's leaves add to.
    fn outputs_of(&self, tree: i64) -> Vec<usize> {
        let leaves = self.weights.range((tree, i64::MIN)..=(tree, i64::MAX));
        let mut outputs: Vec<usize> =
            leaves.flat_map(|(_, weights)| weights.iter().map(|(output, _)| *output)).collect();
        outputs.sort_unstable();
        outputs.dedup();
        outputs
    }

    fn leaf(&self, place: usize, output: usize, scale: f64) -> f64 {
        let weights = self.weights.get(&(self.ids[place], self.numbers[place])).map_or(&[][..], Vec::as_slice);
        weights.iter().filter(|(of, _)| *of == output).map(|(_, weight)| weight * scale).sum()
    }

    /// Adds a tree, children behind their parents; returns its first node.
    fn add(&self, root: usize, output: usize, scale: f64, ensemble: &mut Ensemble) -> Result<usize> {
        let tree = self.ids[root];
        let nodes_max = self.places.range((tree, i64::MIN)..=(tree, i64::MAX)).count();
        let first = ensemble.nodes.len();
        push(ensemble);
        let mut open = vec![(root, first)];
        while let Some((place, at)) = open.pop() {
            // Ways that meet again would never end.
            if ensemble.nodes.len() - first > nodes_max {
                return Err(refused(self.name, "its nodes are no tree"));
            }
            let mode = self.modes[place].as_str();
            if mode == "LEAF" {
                ensemble.nodes[at] = Node::leaf(self.leaf(place, output, scale));
                continue;
            }
            let threshold = self.values[place];
            // "Less than" is "at most the number before"; "greater" asks the same and swaps the sides.
            let (value, swapped) = match mode {
                "BRANCH_LEQ" => (threshold, false),
                "BRANCH_LT" => (threshold.next_down(), false),
                "BRANCH_GT" => (threshold, true),
                "BRANCH_GTE" => (threshold.next_down(), true),
                other => return Err(refused(self.name, format!("questions of kind {other} are not known"))),
            };
            let child = |number: i64| {
                let place = self.places.get(&(self.ids[place], number)).copied();
                place.ok_or_else(|| refused(self.name, "a question leads nowhere"))
            };
            let (yes, no) = (child(self.yes[place])?, child(self.no[place])?);
            let feature = usize::try_from(self.asked[place]).ok().filter(|feature| *feature < self.features);
            let feature = feature.ok_or_else(|| refused(self.name, "it asks for a feature that is not there"))?;
            let missing_left = (self.tracks.get(place) == Some(&1)) != swapped;
            let (left, right) = (push(ensemble), push(ensemble));
            ensemble.nodes[at] = Node {
                value: value.clamp(f64::MIN, f64::MAX),
                feature: feature as u32,
                left: left as u32,
                right: right as u32,
                test: if missing_left { MISSING_LEFT } else { 0 },
            };
            let sides = if swapped { [(no, left), (yes, right)] } else { [(yes, left), (no, right)] };
            open.extend(sides);
        }
        Ok(first)
    }
}

/// A node to be filled. What exporters write as rows of a node is not to be relied on, so it has none.
fn push(ensemble: &mut Ensemble) -> usize {
    debug_assert!((ensemble.nodes.len() as u64) < u64::from(LEAF), "nodes are numbered by 32 bits");
    ensemble.nodes.push(Node::leaf(0.0));
    ensemble.covers.push(0.0);
    ensemble.gains.push(0.0);
    ensemble.nodes.len() - 1
}
