//! Gradient boosted trees over histograms, grown leaf by leaf, with missing values and categories.
//!
//! After Friedman, "Greedy function approximation", 2001; Chen and Guestrin, "XGBoost", 2016; Ke et al., "LightGBM",
//! 2017. Sums are of integers (see `histogram`), so the number of threads changes nothing.

mod bins;
mod grow;
mod histogram;
mod loss;
mod split;

use headwater_base::random::Random;
use rayon::prelude::*;

use crate::data::{Kind, Matrix, Target};
use crate::trees::Ensemble;
use crate::{Error, Result};

use bins::Binned;
use grow::{Ground, Grower};
use histogram::{Pair, ROWS_MAX, Scaling};

pub(crate) use loss::{Loss, labels};

#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Rounds; of several classes each grows one tree a class.
    pub trees: usize,
    pub learning_rate: f64,
    /// Leaves a tree at most.
    pub leaves: usize,
    /// Questions on a way at most.
    pub depth: usize,
    pub min_rows_in_leaf: usize,
    pub l2: f64,
    /// The share of rows that each round looks at.
    pub row_share: f64,
    /// The share of features that each tree looks at.
    pub feature_share: f64,
    /// Rounds without a better loss on the validation rows after which training stops; used where there are such rows.
    pub patience: usize,
    pub seed: u64,
    /// Changes the time only.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            trees: 100,
            learning_rate: 0.1,
            leaves: 31,
            depth: 64,
            min_rows_in_leaf: 20,
            l2: 1.0,
            row_share: 1.0,
            feature_share: 1.0,
            patience: 20,
            seed: 0,
            threads: 1,
        }
    }
}

impl Options {
    fn check(&self) -> Result<()> {
        let share = |option, share: f64| {
            let fits = share > 0.0 && share <= 1.0;
            if fits { Ok(()) } else { Err(Error::option(option, share, "it is more than 0 and at most 1")) }
        };
        let count = |option, number: usize, least: usize, most: usize| {
            let fits = (least..=most).contains(&number);
            let problem = || format!("it lies between {least} and {most}");
            if fits { Ok(()) } else { Err(Error::option(option, number, problem())) }
        };
        share("learning_rate", self.learning_rate)?;
        share("row_share", self.row_share)?;
        share("feature_share", self.feature_share)?;
        count("trees", self.trees, 1, 100_000)?;
        count("leaves", self.leaves, 2, 65_536)?;
        count("depth", self.depth, 1, 64)?;
        count("min_rows_in_leaf", self.min_rows_in_leaf, 1, ROWS_MAX)?;
        count("patience", self.patience, 1, 100_000)?;
        count("threads", self.threads, 1, 1024)?;
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            return Err(Error::option("l2", self.l2, "it is 0 or more"));
        }
        Ok(())
    }
}

/// Encoded rows with their targets.
pub(crate) struct Part<'a> {
    pub matrix: &'a Matrix,
    pub target: &'a Target,
    pub weights: Option<&'a [f64]>,
}

/// Trains trees on encoded rows. With validation rows, the trees after the best round are left out.
pub(crate) fn train(
    part: &Part<'_>,
    kinds: &[&Kind],
    validation: Option<&Part<'_>>,
    options: &Options,
) -> Result<Ensemble> {
    options.check()?;
    if part.matrix.rows() > ROWS_MAX {
        let problem = format!("there are {}, at most {ROWS_MAX} are taken", part.matrix.rows());
        return Err(Error::rows("training rows", problem, "take a sample"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|error| Error::option("threads", options.threads, error.to_string()))?;
    let ensemble = pool.install(|| Training::new(part, options).run(part, kinds, validation));
    if ensemble.check().is_err() {
        let hint = "scale it, or the weights, to smaller numbers";
        return Err(Error::rows("target", "sums of it leave the range of numbers", hint));
    }
    Ok(ensemble)
}

struct Training<'a> {
    loss: Loss,
    options: &'a Options,
    labels: Vec<f64>,
    /// Raw scores, the outputs of a row side by side.
    scores: Vec<f64>,
    ensemble: Ensemble,
    random: Random,
}

impl<'a> Training<'a> {
    fn new(part: &Part<'_>, options: &'a Options) -> Training<'a> {
        let loss = Loss::of(part.target);
        let labels = labels(part.target);
        let base = loss.base(&labels, part.weights);
        let scores = base.repeat(labels.len());
        let ensemble = Ensemble { features: part.matrix.columns().len(), base, ..Ensemble::default() };
        Training { loss, options, labels, scores, ensemble, random: Random::new(options.seed) }
    }

    fn run(mut self, part: &Part<'_>, kinds: &[&Kind], validation: Option<&Part<'_>>) -> Ensemble {
        let options = self.options;
        let binned = Binned::new(part.matrix, kinds, options.threads);
        let ground = Ground {
            binned: &binned,
            rate: options.learning_rate,
            leaves_max: options.leaves,
            depth_max: options.depth,
            rows_min: options.min_rows_in_leaf,
            l2: options.l2,
        };
        let mut grower = Grower::new(&ground);
        let mut judge = validation.map(|part| Judge::new(part, self.loss, &self.ensemble));
        let mut rows: Vec<u32> = Vec::new();
        let mut pairs = vec![Pair::default(); self.labels.len()];
        for _ in 0..options.trees {
            let bag = self.sample();
            let before = self.ensemble.roots.len();
            // All outputs' derivatives are taken at the scores before the round.
            let scores = if self.loss.outputs() > 1 { self.scores.clone() } else { Vec::new() };
            for output in 0..self.loss.outputs() {
                let at = if scores.is_empty() { &self.scores } else { &scores };
                let scaling = self.derive(at, part.weights, output, bag.len(), &mut pairs);
                rows.clear();
                rows.extend_from_slice(&bag);
                let asked = self.ask();
                let grown = grower.grow(&mut rows, &pairs, scaling, &asked, output, &mut self.ensemble);
                self.add(part.matrix, output, &grown, &rows);
            }
            if let Some(judge) = &mut judge
                && judge.stops(&self.ensemble, before, options.patience)
            {
                break;
            }
        }
        if let Some(judge) = judge {
            cut(&mut self.ensemble, judge.best_trees);
        }
        self.ensemble
    }

    /// The rows of a round, in order.
    fn sample(&mut self) -> Vec<u32> {
        let all = self.labels.len() as u32;
        if self.options.row_share >= 1.0 {
            return (0..all).collect();
        }
        let share = self.options.row_share;
        let bag: Vec<u32> = (0..all).filter(|_| self.random.unit() < share).collect();
        if bag.is_empty() { (0..all).collect() } else { bag }
    }

    /// The features of a tree.
    fn ask(&mut self) -> Vec<bool> {
        let features = self.ensemble.features;
        let wanted = (features as f64 * self.options.feature_share).ceil() as usize;
        let mut order: Vec<usize> = (0..features).collect();
        if wanted < features {
            crate::data::split::shuffle(&mut order, &mut self.random);
        }
        let mut asked = vec![false; features];
        for feature in &order[..wanted.min(features)] {
            asked[*feature] = true;
        }
        asked
    }

    fn derive(
        &self,
        scores: &[f64],
        weights: Option<&[f64]>,
        output: usize,
        bag: usize,
        pairs: &mut [Pair],
    ) -> Scaling {
        let outputs = self.loss.outputs();
        let derive = |row: usize| {
            let scores = &scores[row * outputs..(row + 1) * outputs];
            let (gradient, hessian) = self.loss.derive(self.labels[row], scores, output);
            let weight = weights.map_or(1.0, |weights| weights[row]);
            (gradient * weight, hessian * weight)
        };
        let derivatives: Vec<(f64, f64)> = (0..self.labels.len()).into_par_iter().map(derive).collect();
        let most = derivatives
            .par_iter()
            .map(|(gradient, hessian)| (gradient.abs(), *hessian))
            .reduce(|| (0.0, 0.0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let scaling = Scaling::new(bag, most.0, most.1);
        pairs.par_iter_mut().zip(&derivatives).for_each(|(pair, (gradient, hessian))| {
            *pair = scaling.pair(*gradient, *hessian);
        });
        scaling
    }

    /// Adds the newest tree to the scores of all rows.
    fn add(&mut self, matrix: &Matrix, output: usize, grown: &grow::Grown, rows: &[u32]) {
        let outputs = self.loss.outputs();
        if rows.len() == self.labels.len() {
            for (node, range) in grown {
                let value = self.ensemble.nodes[*node].value;
                for row in &rows[range.clone()] {
                    self.scores[*row as usize * outputs + output] += value;
                }
            }
        } else {
            add_tree(&self.ensemble, self.ensemble.roots.len() - 1, matrix, &mut self.scores);
        }
    }
}

/// Adds one tree to the scores of rows.
fn add_tree(ensemble: &Ensemble, tree: usize, matrix: &Matrix, scores: &mut [f64]) {
    let (root, output) = ensemble.roots[tree];
    scores.par_chunks_mut(ensemble.outputs()).enumerate().for_each(|(row, scores)| {
        let leaf = ensemble.leaf(root, |feature| matrix.columns()[feature][row]);
        scores[output as usize] += ensemble.nodes[leaf].value;
    });
}

/// Looks at the loss on rows that trees do not learn from.
struct Judge<'a> {
    part: &'a Part<'a>,
    loss: Loss,
    labels: Vec<f64>,
    scores: Vec<f64>,
    best: f64,
    best_trees: usize,
    rounds_since: usize,
}

impl<'a> Judge<'a> {
    fn new(part: &'a Part<'a>, loss: Loss, ensemble: &Ensemble) -> Judge<'a> {
        let labels = labels(part.target);
        let scores = ensemble.base.repeat(labels.len());
        let best = loss.mean(&labels, &scores, part.weights);
        Judge { part, loss, labels, scores, best, best_trees: 0, rounds_since: 0 }
    }

    /// Adds a round's trees and says whether it is enough.
    fn stops(&mut self, ensemble: &Ensemble, before: usize, patience: usize) -> bool {
        for tree in before..ensemble.roots.len() {
            add_tree(ensemble, tree, self.part.matrix, &mut self.scores);
        }
        let loss = self.loss.mean(&self.labels, &self.scores, self.part.weights);
        if loss < self.best {
            (self.best, self.best_trees, self.rounds_since) = (loss, ensemble.roots.len(), 0);
        } else {
            self.rounds_since += 1;
        }
        self.rounds_since >= patience
    }
}

/// Keeps the first trees.
fn cut(ensemble: &mut Ensemble, trees: usize) {
    let nodes = ensemble.roots.get(trees).map_or(ensemble.nodes.len(), |(root, _)| *root as usize);
    ensemble.roots.truncate(trees);
    ensemble.nodes.truncate(nodes);
    ensemble.covers.truncate(nodes);
    ensemble.gains.truncate(nodes);
    let sets = ensemble.nodes.iter().map(|node| (node.test & !crate::trees::MISSING_LEFT) as usize).max().unwrap_or(0);
    ensemble.sets.truncate(sets);
}

#[cfg(test)]
mod tests;
