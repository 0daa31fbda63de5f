//! Shapley values of trees in time polynomial in their depth: Lundberg, Erion and Lee, "Consistent individualized
//! feature attribution for tree ensembles", 2018, algorithm 2.

use crate::trees::{Ensemble, LEAF};
use crate::{Error, Result};

/// A feature that was asked for on the way: the share of rows that come on when it is not known and when it is, and the
/// weight of the sets of features of each size.
#[derive(Clone, Copy)]
struct Step {
    feature: usize,
    unknown: f64,
    known: f64,
    weight: f64,
}

/// `Step::feature` of the way's beginning.
const NONE: usize = usize::MAX;

/// Adds each feature's contributions, outputs side by side; returns what the score is when nothing is known.
pub fn contributions_into(trees: &Ensemble, row: &[f64], contributions: &mut [f64]) -> Result<Vec<f64>> {
    if trees.covers.iter().any(|cover| *cover <= 0.0) {
        let hint = "train the model here, or ask for permutation importances";
        return Err(Error::rows("explanation", "the model does not tell how many rows came to its leaves", hint));
    }
    let mut base = trees.base.clone();
    for (root, output) in &trees.roots {
        base[*output as usize] += mean(trees, *root as usize);
        let mut one = One { trees, row, output: *output as usize, contributions };
        one.follow(*root as usize, &[], 1.0, 1.0, NONE);
    }
    Ok(base)
}

/// The mean value of a tree's leaves over its rows.
fn mean(trees: &Ensemble, node: usize) -> f64 {
    let question = &trees.nodes[node];
    if question.feature == LEAF {
        return question.value;
    }
    let side = |child: u32| mean(trees, child as usize) * trees.covers[child as usize];
    (side(question.left) + side(question.right)) / trees.covers[node]
}

struct One<'a> {
    trees: &'a Ensemble,
    row: &'a [f64],
    output: usize,
    contributions: &'a mut [f64],
}

impl One<'_> {
    fn follow(&mut self, node: usize, before: &[Step], unknown: f64, known: f64, feature: usize) {
        let mut steps = Vec::with_capacity(before.len() + 2);
        steps.extend_from_slice(before);
        extend(&mut steps, unknown, known, feature);
        let question = self.trees.nodes[node];
        if question.feature == LEAF {
            let outputs = self.trees.outputs();
            for (place, step) in steps.iter().enumerate().skip(1) {
                let weight = sum_without(&steps, place);
                let share = weight * (step.known - step.unknown) * question.value;
                self.contributions[step.feature * outputs + self.output] += share;
            }
            return;
        }
        let feature = question.feature as usize;
        let left = self.trees.goes_left(&question, self.row[feature]);
        let (taken, other) = if left { (question.left, question.right) } else { (question.right, question.left) };
        // A feature that was asked for before is one step, so that it counts once.
        let (mut unknown, mut known) = (1.0, 1.0);
        if let Some(place) = steps.iter().position(|step| step.feature == feature) {
            (unknown, known) = (steps[place].unknown, steps[place].known);
            remove(&mut steps, place);
        }
        let share = |child: u32| self.trees.covers[child as usize] / self.trees.covers[node];
        let (taken_share, other_share) = (share(taken), share(other));
        self.follow(taken as usize, &steps, unknown * taken_share, known, feature);
        self.follow(other as usize, &steps, unknown * other_share, 0.0, feature);
    }
}

fn extend(steps: &mut Vec<Step>, unknown: f64, known: f64, feature: usize) {
    let depth = steps.len();
    steps.push(Step { feature, unknown, known, weight: if depth == 0 { 1.0 } else { 0.0 } });
    for place in (0..depth).rev() {
        let weight = steps[place].weight;
        steps[place + 1].weight += known * weight * (place + 1) as f64 / (depth + 1) as f64;
        steps[place].weight = unknown * weight * (depth - place) as f64 / (depth + 1) as f64;
    }
}

/// The opposite of `extend`, for any step.
fn remove(steps: &mut Vec<Step>, removed: usize) {
    let depth = steps.len() - 1;
    let Step { unknown, known, .. } = steps[removed];
    let mut next = steps[depth].weight;
    for place in (0..depth).rev() {
        if known != 0.0 {
            let weight = steps[place].weight;
            steps[place].weight = next * (depth + 1) as f64 / ((place + 1) as f64 * known);
            next = weight - steps[place].weight * unknown * (depth - place) as f64 / (depth + 1) as f64;
        } else {
            steps[place].weight = steps[place].weight * (depth + 1) as f64 / (unknown * (depth - place) as f64);
        }
    }
    for place in removed..depth {
        let Step { feature, unknown, known, .. } = steps[place + 1];
        steps[place] = Step { feature, unknown, known, weight: steps[place].weight };
    }
    steps.pop();
}

/// The sum of all weights that `remove` would leave.
fn sum_without(steps: &[Step], removed: usize) -> f64 {
    let depth = steps.len() - 1;
    let Step { unknown, known, .. } = steps[removed];
    let (mut next, mut sum) = (steps[depth].weight, 0.0);
    for place in (0..depth).rev() {
        if known != 0.0 {
            let weight = next * (depth + 1) as f64 / ((place + 1) as f64 * known);
            sum += weight;
            next = steps[place].weight - weight * unknown * (depth - place) as f64 / (depth + 1) as f64;
        } else {
            sum += steps[place].weight * (depth + 1) as f64 / (unknown * (depth - place) as f64);
        }
    }
    sum
}
