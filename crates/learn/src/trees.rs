//! Ensembles of trees: what boosting grows and what forests of others are turned into. They score rows of encoded
//! values.

use crate::{Error, Result};

/// `Node::feature` of a leaf.
pub(crate) const LEAF: u32 = u32::MAX;
/// In `Node::test`: a missing value goes left.
pub(crate) const MISSING_LEFT: u32 = 1 << 31;

/// So many trees are gone down side by side: while one waits for memory, others go on.
const LANES: usize = 4;

/// Explanations go down a tree by calls, so no way is longer.
const DEPTH_MAX: usize = 512;

/// A question or a leaf, small enough that a cache line holds more than two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    /// A leaf's value; of a question about a number, what goes left up to and with it.
    pub value: f64,
    pub feature: u32,
    /// Children stand behind their parent, so every way ends.
    pub left: u32,
    pub right: u32,
    /// 0 is a question about a number, n the set n − 1 of categories that go left; with [`MISSING_LEFT`].
    pub test: u32,
}

impl Node {
    pub fn leaf(value: f64) -> Node {
        Node { value, feature: LEAF, left: 0, right: 0, test: 0 }
    }
}

/// A node as others may see it; children are counted from the tree's first node.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    Leaf { value: f64, cover: f64 },
    Number { feature: usize, last_left: f64, missing_left: bool, left: usize, right: usize, cover: f64 },
    Categories { feature: usize, codes_left: Vec<u32>, missing_left: bool, left: usize, right: usize, cover: f64 },
}

/// The sum of trees over a base, for one or more outputs (classes).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ensemble {
    pub(crate) features: usize,
    /// What each output is without trees.
    pub(crate) base: Vec<f64>,
    /// Each tree's root, and the output that it adds to.
    pub(crate) roots: Vec<(u32, u32)>,
    pub(crate) nodes: Vec<Node>,
    /// Rows of training that came to each node, or what stands for them; with weights by it paths are explained.
    pub(crate) covers: Vec<f64>,
    /// What each question lowered the loss by.
    pub(crate) gains: Vec<f64>,
    /// Sets of category codes, as bits.
    pub(crate) sets: Vec<Vec<u64>>,
}

impl Ensemble {
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    pub fn features(&self) -> usize {
        self.features
    }

    pub fn trees(&self) -> usize {
        self.roots.len()
    }

    /// What each output is without trees.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The output that a tree adds to, and its nodes.
    pub fn show(&self, tree: usize) -> (usize, Vec<Shown>) {
        let (root, output) = self.roots[tree];
        let end = self.roots.get(tree + 1).map_or(self.nodes.len(), |(next, _)| *next as usize);
        let own = (root as usize..end).map(|at| {
            let (node, cover) = (self.nodes[at], self.covers[at]);
            let (feature, missing_left) = (node.feature as usize, node.test & MISSING_LEFT != 0);
            let (left, right) = (node.left.wrapping_sub(root) as usize, node.right.wrapping_sub(root) as usize);
            match (node.feature, node.test & !MISSING_LEFT) {
                (LEAF, _) => Shown::Leaf { value: node.value, cover },
                (_, 0) => Shown::Number { feature, last_left: node.value, missing_left, left, right, cover },
                (_, set) => {
                    let set = &self.sets[set as usize - 1];
                    let codes = 0..set.len() as u32 * 64;
                    let codes_left = codes.filter(|code| set[*code as usize / 64] >> (code % 64) & 1 == 1).collect();
                    Shown::Categories { feature, codes_left, missing_left, left, right, cover }
                }
            }
        });
        (output as usize, own.collect())
    }

    /// Where a value goes at a question.
    #[inline]
    pub(crate) fn goes_left(&self, node: &Node, value: f64) -> bool {
        if value.is_nan() {
            return node.test & MISSING_LEFT != 0;
        }
        match node.test & !MISSING_LEFT {
            0 => value <= node.value,
            set => {
                let (words, code) = (&self.sets[set as usize - 1], value as usize);
                words.get(code / 64).is_some_and(|word| word >> (code % 64) & 1 == 1)
            }
        }
    }

    /// The leaf that a row comes to, whose values are asked for one by one.
    #[inline]
    pub(crate) fn leaf(&self, root: u32, value: impl Fn(usize) -> f64) -> usize {
        let mut at = root as usize;
        loop {
            let node = &self.nodes[at];
            if node.feature == LEAF {
                return at;
            }
            let left = self.goes_left(node, value(node.feature as usize));
            at = if left { node.left } else { node.right } as usize;
        }
    }

    /// Adds up all trees into `raw`, which has a place for each output.
    #[inline]
    pub fn raw_into(&self, row: &[f64], raw: &mut [f64]) {
        raw.copy_from_slice(&self.base);
        let mut lanes = self.roots.chunks_exact(LANES);
        for roots in &mut lanes {
            let mut at = [0usize; LANES];
            for (at, (root, _)) in at.iter_mut().zip(roots) {
                *at = *root as usize;
            }
            let mut going = true;
            while going {
                going = false;
                for at in &mut at {
                    let node = &self.nodes[*at];
                    if node.feature != LEAF {
                        let left = self.goes_left(node, row[node.feature as usize]);
                        *at = if left { node.left } else { node.right } as usize;
                        going = true;
                    }
                }
            }
            for (at, (_, output)) in at.iter().zip(roots) {
                raw[*output as usize] += self.nodes[*at].value;
            }
        }
        for (root, output) in lanes.remainder() {
            raw[*output as usize] += self.nodes[self.leaf(*root, |feature| row[feature])].value;
        }
    }

    /// What each feature's questions lowered the loss by, all trees together.
    pub fn gain_importances(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.features];
        for (node, gain) in self.nodes.iter().zip(&self.gains) {
            if node.feature != LEAF {
                sums[node.feature as usize] += gain;
            }
        }
        sums
    }

    /// What holds of every ensemble that can score: whoever makes one of foreign bytes asks.
    pub(crate) fn check(&self) -> Result<()> {
        let bad = |problem: &str| Err(Error::Damaged { at: 0, problem: format!("trees: {problem}") });
        let count = self.nodes.len();
        if self.covers.len() != count || self.gains.len() != count || self.base.is_empty() {
            return bad("their parts have different lengths");
        }
        let mut depths: Vec<Option<usize>> = vec![None; count];
        for (root, _) in &self.roots {
            match depths.get_mut(*root as usize) {
                Some(depth) => *depth = Some(0),
                None => return bad("a root leads nowhere"),
            }
        }
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.feature != LEAF) {
            let behind = |child: u32| child as usize > at && (child as usize) < count;
            if node.feature as usize >= self.features || !behind(node.left) || !behind(node.right) {
                return bad("a question leads nowhere");
            }
            if (node.test & !MISSING_LEFT) as usize > self.sets.len() {
                return bad("a question asks for a set that is not there");
            }
            let below = depths[at].map_or(0, |depth| depth + 1);
            for child in [node.left, node.right] {
                if depths[child as usize].replace(below).is_some() || below > DEPTH_MAX {
                    return bad("ways meet, or are too long");
                }
            }
        }
        if self.roots.iter().any(|(_, output)| *output as usize >= self.base.len()) {
            return bad("a tree adds to an output that is not there");
        }
        let sums = self.nodes.iter().map(|node| node.value).chain(self.base.iter().copied());
        if sums.chain(self.covers.iter().copied()).any(|number| !number.is_finite()) {
            return bad("a number is not finite");
        }
        Ok(())
    }
}
