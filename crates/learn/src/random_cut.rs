//! Anomaly scores by random cuts: how much a row that comes to a tree of others would displace.
//!
//! Guha, Mishra, Roy and Schrijvers, "Robust random cut forest based anomaly detection on streams", 2016. The score is
//! the collusive displacement of section 3: the greatest ratio, on the way up, of rows beside to rows inside. A row to
//! score would be inserted by chance; its expected score over all insertions is computed instead, so scoring rolls no
//! dice.

use headwater_base::random::Random;
use rayon::prelude::*;

use crate::data::{Encoder, Feature, Kind, Matrix, TrainingSet, Value};
use crate::linear::spread;
use crate::{Error, Result};

const NO_CUT: u32 = u32::MAX;

#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub trees: usize,
    /// Rows that each tree is made of.
    pub sample: usize,
    pub seed: u64,
    /// Changes the time only.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { trees: 100, sample: 256, seed: 0, threads: 1 }
    }
}

/// Rows of a tree, by the box that holds them; without a cut, they are all one point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub cut: u32,
    pub at: f64,
    pub left: u32,
    pub right: u32,
    pub rows: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    /// Each node's box: least and greatest of each dimension, node after node.
    pub boxes: Vec<f64>,
}

/// What a dimension of the trees is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Dimension {
    /// A number, standardised; a missing one counts as the mean.
    Number { feature: usize, mean: f64, deviation: f64 },
    /// One where a feature is this category.
    Category { feature: usize, code: u32 },
}

/// A forest of cuts; greater scores are rarer rows. A score is at least about 1 and at most a tree's sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    pub(crate) encoder: Encoder,
    pub(crate) dimensions: Vec<Dimension>,
    pub(crate) trees: Vec<Tree>,
}

impl Forest {
    /// Makes a forest of rows; the set's target is not looked at.
    pub fn train(set: &TrainingSet, options: &Options) -> Result<Forest> {
        if !(1..=10_000).contains(&options.trees) {
            return Err(Error::option("trees", options.trees, "it lies between 1 and 10000"));
        }
        if !(2..=65_536).contains(&options.sample) {
            return Err(Error::option("sample", options.sample, "it lies between 2 and 65536"));
        }
        let encoder = Encoder::fit(set);
        let matrix = encoder.encode(set.features())?;
        let dimensions = dimensions(&encoder, &matrix);
        if dimensions.len() > 2000 {
            let problem = format!("they have {} numbers and categories, at most 2000 are taken", dimensions.len());
            return Err(Error::rows("training rows", problem, "leave out columns with many categories"));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.max(1)).build();
        let pool = pool.map_err(|error| Error::option("threads", options.threads, error.to_string()))?;
        let mut seeds = Random::new(options.seed);
        let seeds: Vec<u64> = (0..options.trees).map(|_| seeds.next_u64()).collect();
        let grow = |seed: &u64| grow(&matrix, &dimensions, options.sample, &mut Random::new(*seed));
        let trees = pool.install(|| seeds.par_iter().map(grow).collect());
        Ok(Forest { encoder, dimensions, trees })
    }

    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The score of a row whose values are in the order of the encoder's features.
    pub fn score(&self, values: &[Value<'_>]) -> Result<f64> {
        let mut row = vec![0.0; self.encoder.width()];
        self.encoder.encode_row(values, &mut row)?;
        Ok(self.score_encoded(|feature| row[feature]))
    }

    /// Scores of many rows.
    pub fn scores(&self, features: &[Feature], threads: usize) -> Result<Vec<f64>> {
        let matrix = self.encoder.encode(features)?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
        let pool = pool.map_err(|error| Error::option("threads", threads, error.to_string()))?;
        let score = |row: usize| self.score_encoded(|feature| matrix.columns()[feature][row]);
        Ok(pool.install(|| (0..matrix.rows()).into_par_iter().map(score).collect()))
    }

    fn score_encoded(&self, value: impl Fn(usize) -> f64) -> f64 {
        let point: Vec<f64> = self.dimensions.iter().map(|dimension| dimension.of(&value)).collect();
        self.trees.iter().map(|tree| tree.score(&point)).sum::<f64>() / self.trees.len() as f64
    }

    pub(crate) fn check(&self) -> Result<()> {
        let width = self.dimensions.len();
        let known = |dimension: &Dimension| match dimension {
            Dimension::Number { feature, mean, deviation } => {
                *feature < self.encoder.width() && mean.is_finite() && deviation.is_finite() && *deviation > 0.0
            }
            Dimension::Category { feature, .. } => *feature < self.encoder.width(),
        };
        let fits = |tree: &Tree| {
            let count = tree.nodes.len();
            let node = |(at, node): (usize, &Node)| {
                let behind = |child: u32| child as usize > at && (child as usize) < count;
                let cut = (node.cut as usize) < width && node.at.is_finite();
                node.rows > 0 && (node.cut == NO_CUT || cut && behind(node.left) && behind(node.right))
            };
            count > 0
                && Some(tree.boxes.len()) == count.checked_mul(2 * width)
                && tree.boxes.iter().all(|bound| bound.is_finite())
                && tree.nodes.iter().enumerate().all(node)
        };
        if !self.trees.is_empty() && self.dimensions.iter().all(known) && self.trees.iter().all(fits) {
            return Ok(());
        }
        Err(Error::Damaged { at: 0, problem: "trees of cuts do not fit their dimensions".into() })
    }
}

impl Dimension {
    fn of(&self, value: &impl Fn(usize) -> f64) -> f64 {
        match self {
            Dimension::Number { feature, mean, deviation } => {
                let value = value(*feature);
                if value.is_nan() { 0.0 } else { (value - mean) / deviation }
            }
            Dimension::Category { feature, code } => f64::from(value(*feature) == f64::from(*code)),
        }
    }
}

fn dimensions(encoder: &Encoder, matrix: &Matrix) -> Vec<Dimension> {
    let mut dimensions = Vec::new();
    for (feature, ((_, kind), values)) in encoder.features().iter().zip(matrix.columns()).enumerate() {
        match kind {
            Kind::Number => {
                let (mean, deviation) = spread(values, None);
                dimensions.push(Dimension::Number { feature, mean, deviation });
            }
            Kind::Categories(names) => {
                let codes = 0..names.len() as u32;
                dimensions.extend(codes.map(|code| Dimension::Category { feature, code }));
            }
        }
    }
    dimensions
}

/// One tree over a sample without replacement.
fn grow(matrix: &Matrix, dimensions: &[Dimension], sample: usize, random: &mut Random) -> Tree {
    let mut rows: Vec<usize> = (0..matrix.rows()).collect();
    let taken = sample.min(rows.len());
    for place in 0..taken {
        let other = place + random.below((rows.len() - place) as u64) as usize;
        rows.swap(place, other);
    }
    let point = |row: &usize| -> Vec<f64> {
        dimensions.iter().map(|dimension| dimension.of(&|feature: usize| matrix.columns()[feature][*row])).collect()
    };
    let mut points: Vec<Vec<f64>> = rows[..taken].iter().map(point).collect();
    let mut tree = Tree::default();
    // Nodes are numbered when they are found, so children stand behind their parents.
    let mut open = vec![(tree.push(&points), 0, taken)];
    while let Some((node, begin, end)) = open.pop() {
        let Some((cut, at)) = tree.cut(node, dimensions.len(), random) else { continue };
        let own = &mut points[begin..end];
        own.sort_by(|a, b| (a[cut] > at).cmp(&(b[cut] > at)));
        let middle = begin + own.partition_point(|point| point[cut] <= at);
        let (left, right) = (tree.push(&points[begin..middle]), tree.push(&points[middle..end]));
        let parent = &mut tree.nodes[node];
        (parent.cut, parent.at, parent.left, parent.right) = (cut as u32, at, left as u32, right as u32);
        open.extend([(right, middle, end), (left, begin, middle)]);
    }
    tree
}

impl Tree {
    /// A node over points, as yet without a cut.
    fn push(&mut self, points: &[Vec<f64>]) -> usize {
        for dimension in 0..points[0].len() {
            let values = || points.iter().map(|point| point[dimension]);
            self.boxes.push(values().fold(f64::INFINITY, f64::min));
            self.boxes.push(values().fold(f64::NEG_INFINITY, f64::max));
        }
        self.nodes.push(Node { cut: NO_CUT, at: 0.0, left: 0, right: 0, rows: points.len() as u32 });
        self.nodes.len() - 1
    }

    /// A dimension by the length of the box along it, and a place along it by chance; none where all points are one.
    fn cut(&self, node: usize, width: usize, random: &mut Random) -> Option<(usize, f64)> {
        let own = &self.boxes[node * 2 * width..(node + 1) * 2 * width];
        let total: f64 = own.chunks_exact(2).map(|bounds| bounds[1] - bounds[0]).sum();
        if total <= 0.0 {
            return None;
        }
        let mut way = random.unit() * total;
        for (dimension, bounds) in own.chunks_exact(2).enumerate() {
            let length = bounds[1] - bounds[0];
            if length > 0.0 && way <= length {
                let at = bounds[0] + way;
                // The greatest stays on the right, whatever rounding does.
                return Some((dimension, if at < bounds[1] { at } else { bounds[0] }));
            }
            way -= length;
        }
        let last = own.chunks_exact(2).rposition(|bounds| bounds[1] > bounds[0])?;
        Some((last, own[2 * last]))
    }

    /// The expected collusive displacement of a point that comes to the tree.
    fn score(&self, point: &[f64]) -> f64 {
        let width = point.len();
        let (mut at, mut reached, mut score) = (0usize, 1.0, 0.0);
        // Of each node above: the rows beside the way, and those inside with the new one.
        let mut above: Vec<(f64, f64)> = Vec::with_capacity(32);
        loop {
            let (node, own) = (&self.nodes[at], &self.boxes[at * 2 * width..(at + 1) * 2 * width]);
            let (mut inside, mut outside) = (0.0, 0.0);
            for (bounds, value) in own.chunks_exact(2).zip(point) {
                inside += bounds[1] - bounds[0];
                outside += (bounds[0] - value).max(0.0) + (value - bounds[1]).max(0.0);
            }
            let rows = f64::from(node.rows);
            let displaced = |alone: f64| above.iter().map(|(beside, inside)| beside / inside).fold(alone, f64::max);
            if node.cut == NO_CUT {
                // A point that is there already stands with its twins; another is cut off from them.
                let ends = if outside > 0.0 { displaced(rows) } else { displaced(0.0).max(rows.recip()) };
                return score + reached * ends;
            }
            let share = if outside > 0.0 { outside / (inside + outside) } else { 0.0 };
            score += reached * share * displaced(rows);
            reached *= 1.0 - share;
            let left = point[node.cut as usize] <= node.at;
            let (next, beside) = if left { (node.left, node.right) } else { (node.right, node.left) };
            let next_rows = f64::from(self.nodes[next as usize].rows);
            above.push((f64::from(self.nodes[beside as usize].rows), next_rows + 1.0));
            at = next as usize;
        }
    }
}

#[cfg(test)]
mod tests;
