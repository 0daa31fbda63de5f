//! One tree, leaf by leaf: the leaf whose split wins most is split next (as in LightGBM: Ke et al., 2017).

use rayon::prelude::*;

use super::bins::{Binned, Group, Scale};
use super::histogram::{BINS, Histogram, Pair, Scaling, Sums, accumulate};
use super::split::{Limits, Sides, Split, best};
use crate::trees::{Ensemble, MISSING_LEFT, Node};

/// Fewer rows are summed by one thread sooner than two have met.
const PARALLEL_ROWS_MIN: usize = 4096;

/// What all trees of a training share.
pub struct Ground<'a> {
    pub binned: &'a Binned,
    pub rate: f64,
    pub leaves_max: usize,
    pub depth_max: usize,
    pub rows_min: usize,
    pub l2: f64,
}

struct Leaf {
    node: usize,
    depth: usize,
    begin: usize,
    end: usize,
    sums: Sums,
    split: Option<Split>,
    histograms: Vec<Histogram>,
}

/// Grows trees; keeps its buffers from one to the next.
pub struct Grower<'a> {
    ground: &'a Ground<'a>,
    free: Vec<Vec<Histogram>>,
    scratch: Vec<u32>,
}

/// A grown tree's leaves: node, and where its rows stand.
pub type Grown = Vec<(usize, std::ops::Range<usize>)>;

impl<'a> Grower<'a> {
    pub fn new(ground: &'a Ground<'a>) -> Grower<'a> {
        Grower { ground, free: Vec::new(), scratch: Vec::new() }
    }

    /// Adds a tree over `rows` to an ensemble and sorts them by its leaves. Features that are not asked for are left
    /// alone.
    pub fn grow(
        &mut self,
        rows: &mut [u32],
        pairs: &[Pair],
        scaling: Scaling,
        asked: &[bool],
        output: usize,
        ensemble: &mut Ensemble,
    ) -> Grown {
        let limits = Limits { l2: self.ground.l2, rows_min: self.ground.rows_min, scaling };
        self.scratch.resize(rows.len(), 0);
        let mut sums = Sums::default();
        for row in rows.iter() {
            sums.add(scaling.sums(pairs[*row as usize]));
        }
        let root = ensemble.nodes.len();
        let node = push_leaf(ensemble, self.value(sums, scaling), scaling.count(sums));
        ensemble.roots.push((root as u32, output as u32));
        let (begin, end) = (0, rows.len());
        let mut first = Leaf { node, depth: 0, begin, end, sums, split: None, histograms: self.take() };
        if self.splittable(&first) {
            let groups = self.groups(&mut first.histograms);
            let found = each(groups, rows.len(), |(features, histograms, group)| {
                accumulate(group, rows, pairs, scaling, histograms);
                self.search(features, histograms, asked, sums, &limits)
            });
            first.split = best_of(found);
        }
        let mut leaves = vec![first];
        while leaves.len() < self.ground.leaves_max {
            let Some(next) = next(&leaves) else { break };
            let parent = leaves.swap_remove(next);
            let (left, right) = self.divide(parent, rows, pairs, asked, &limits, ensemble);
            leaves.extend([left, right]);
        }
        let grown = leaves.iter().map(|leaf| (leaf.node, leaf.begin..leaf.end)).collect();
        self.free.extend(leaves.into_iter().map(|leaf| leaf.histograms).filter(|buffer| !buffer.is_empty()));
        grown
    }

    fn value(&self, sums: Sums, scaling: Scaling) -> f64 {
        let hessian = scaling.hessian(sums) + self.ground.l2;
        if hessian > 0.0 { -scaling.gradient(sums) / hessian * self.ground.rate } else { 0.0 }
    }

    fn splittable(&self, leaf: &Leaf) -> bool {
        leaf.end - leaf.begin >= 2 * self.ground.rows_min && leaf.depth < self.ground.depth_max
    }

    fn take(&mut self) -> Vec<Histogram> {
        self.free.pop().unwrap_or_else(|| vec![[Sums::default(); BINS]; self.ground.binned.columns.len()])
    }

    fn groups<'h>(&'h self, histograms: &'h mut [Histogram]) -> Vec<Part<'h>> {
        let groups = &self.ground.binned.groups;
        let width = groups.first().map_or(1, |group| group.width);
        let parts = histograms.chunks_mut(width).zip(groups).enumerate();
        parts.map(|(place, (histograms, group))| (place * width, histograms, group)).collect()
    }

    fn search(
        &self,
        first: usize,
        histograms: &[Histogram],
        asked: &[bool],
        sums: Sums,
        limits: &Limits,
    ) -> Option<Split> {
        let features = histograms.iter().enumerate().map(|(place, histogram)| (first + place, histogram));
        let splits = features.filter(|(feature, _)| asked[*feature]).map(|(feature, histogram)| {
            let scale: &Scale = &self.ground.binned.scales[feature];
            best(feature, scale, histogram, sums, limits)
        });
        best_of(splits)
    }

    /// Carries out a leaf's split. The smaller side is summed; the larger is what remains of the parent.
    fn divide(
        &mut self,
        parent: Leaf,
        rows: &mut [u32],
        pairs: &[Pair],
        asked: &[bool],
        limits: &Limits,
        ensemble: &mut Ensemble,
    ) -> (Leaf, Leaf) {
        let Leaf { node, depth, begin, end, sums, split, histograms } = parent;
        let split = split.expect("only leaves with a split are divided");
        let column = &self.ground.binned.columns[split.feature];
        let middle = begin + partition(&mut rows[begin..end], &mut self.scratch, column, &split.sides);
        let mut child = |sums: Sums, begin: usize, end: usize| Leaf {
            node: push_leaf(ensemble, self.value(sums, limits.scaling), limits.scaling.count(sums)),
            depth: depth + 1,
            begin,
            end,
            sums,
            split: None,
            histograms: Vec::new(),
        };
        let mut left = child(split.left, begin, middle);
        let mut right = child(sums.minus(split.left), middle, end);
        self.ask(ensemble, node, &split, left.node, right.node);
        let (small, large) =
            if middle - begin <= end - middle { (&mut left, &mut right) } else { (&mut right, &mut left) };
        large.histograms = histograms;
        if self.splittable(large) {
            small.histograms = self.take();
            let small_rows = &rows[small.begin..small.end];
            let small_asked = self.splittable(small);
            let (small_sums, large_sums) = (small.sums, large.sums);
            let parts = self.groups(&mut small.histograms);
            let others = self.groups(&mut large.histograms);
            let both = parts.into_iter().zip(others).collect();
            let found = each(both, small_rows.len(), |((features, small, group), (_, large, _))| {
                accumulate(group, small_rows, pairs, limits.scaling, small);
                for (large, small) in large.iter_mut().flatten().zip(small.iter().flatten()) {
                    *large = large.minus(*small);
                }
                let of_small = if small_asked { self.search(features, small, asked, small_sums, limits) } else { None };
                (of_small, self.search(features, large, asked, large_sums, limits))
            });
            let (of_small, of_large): (Vec<_>, Vec<_>) = found.into_iter().unzip();
            (small.split, large.split) = (best_of(of_small), best_of(of_large));
        }
        (left, right)
    }

    /// Turns a leaf's node into a question.
    fn ask(&self, ensemble: &mut Ensemble, node: usize, split: &Split, left: usize, right: usize) {
        let missing = if split.missing_left { MISSING_LEFT } else { 0 };
        let (value, test) = match (&self.ground.binned.scales[split.feature], split.last) {
            (Scale::Number(ends), Some(last)) => (ends[last], 0),
            (Scale::Category(codes), _) => {
                let width = codes.iter().max().map_or(0, |most| *most as usize / 64 + 1);
                let mut set = vec![0u64; width];
                for (bin, code) in codes.iter().enumerate().filter(|(bin, _)| split.sides[*bin]) {
                    debug_assert!(bin < BINS, "a byte holds a bin");
                    set[*code as usize / 64] |= 1 << (code % 64);
                }
                ensemble.sets.push(set);
                (0.0, ensemble.sets.len() as u32)
            }
            (Scale::Number(_), None) => unreachable!("a split of numbers has a last bin"),
        };
        // An end without bounds takes every number; the greatest number does so, too, and can be written.
        let value = value.min(f64::MAX);
        let question =
            Node { value, feature: split.feature as u32, left: left as u32, right: right as u32, test: test | missing };
        ensemble.nodes[node] = question;
        ensemble.gains[node] = split.gain;
    }
}

/// A group's first feature, its histograms, and its bins.
type Part<'a> = (usize, &'a mut [Histogram], &'a Group);

/// Does work part by part, on threads where there is enough of it; results are in the order of the parts.
fn each<P: Send, T: Send>(parts: Vec<P>, rows: usize, work: impl Fn(P) -> T + Send + Sync) -> Vec<T> {
    if rows >= PARALLEL_ROWS_MIN {
        parts.into_par_iter().map(work).collect()
    } else {
        parts.into_iter().map(work).collect()
    }
}

/// The greatest gain; of equal ones the first feature's.
fn best_of(splits: impl IntoIterator<Item = Option<Split>>) -> Option<Split> {
    splits.into_iter().flatten().reduce(|best, split| if split.gain > best.gain { split } else { best })
}

/// The leaf whose split wins most; of equal ones the oldest.
fn next(leaves: &[Leaf]) -> Option<usize> {
    let gains = leaves.iter().enumerate().filter_map(|(at, leaf)| leaf.split.as_ref().map(|s| (s.gain, leaf.node, at)));
    gains.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).map(|(.., at)| at)
}

fn push_leaf(ensemble: &mut Ensemble, value: f64, cover: usize) -> usize {
    ensemble.nodes.push(Node::leaf(value));
    ensemble.covers.push(cover as f64);
    ensemble.gains.push(0.0);
    ensemble.nodes.len() - 1
}

/// Rows that go left first, each side in its old order; returns how many.
fn partition(rows: &mut [u32], scratch: &mut [u32], column: &[u8], sides: &Sides) -> usize {
    let scratch = &mut scratch[..rows.len()];
    let (mut left, mut right) = (0, 0);
    for at in 0..rows.len() {
        let row = rows[at];
        let goes = usize::from(sides[column[row as usize] as usize]);
        // Both are written, one counts: no branch to guess.
        rows[left] = row;
        scratch[right] = row;
        left += goes;
        right += 1 - goes;
    }
    rows[left..].copy_from_slice(&scratch[..right]);
    left
}
