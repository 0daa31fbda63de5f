//! Planted anomalies come first; twins and threads change nothing.

use super::*;
use crate::data::{Target, Values};
use crate::metrics;

/// Two clouds of points in three dimensions and a category, with some rows that are far from both.
fn made() -> (TrainingSet, Vec<bool>) {
    let mut random = Random::new(6);
    let mut columns = vec![Vec::new(); 3];
    let (mut texts, mut odd) = (Vec::new(), Vec::new());
    for row in 0..2000 {
        let is_odd = row % 100 == 50;
        let middle = if random.chance(1, 2) { 10.0 } else { 40.0 };
        for column in &mut columns {
            let noise = random.unit() + random.unit() + random.unit() - 1.5;
            column.push(if is_odd { 25.0 + 60.0 * (random.unit() - 0.5) } else { middle + 3.0 * noise });
        }
        texts.push(if is_odd && random.chance(1, 2) { "rare" } else { "usual" });
        odd.push(is_odd);
    }
    let mut features: Vec<Feature> = columns
        .into_iter()
        .enumerate()
        .map(|(place, numbers)| Feature::new(format!("n{place}"), Values::Numbers(numbers)))
        .collect();
    features.push(Feature::new("t", Values::from_texts(texts.into_iter().map(Some))));
    (TrainingSet::new(features, Target::Binary(odd.clone()), None).unwrap(), odd)
}

#[test]
fn what_is_odd_scores_high() {
    let (set, odd) = made();
    let forest = Forest::train(&set, &Options { seed: 2, ..Options::default() }).unwrap();
    let scores = forest.scores(set.features(), 2).unwrap();
    let auc = metrics::auc(&odd, &scores, None).unwrap();
    assert!(auc > 0.97, "{auc}");
    assert!(scores.iter().all(|score| score.is_finite() && *score > 0.0));
    let far = [Value::Number(900.0), Value::Number(-900.0), Value::Missing, Value::Text("never seen")];
    assert!(forest.score(&far).unwrap() > 200.0, "almost the whole sample is displaced");
}

#[test]
fn threads_change_nothing_and_seeds_do() {
    let (set, _) = made();
    let options = Options { trees: 10, seed: 2, ..Options::default() };
    let one = Forest::train(&set, &options).unwrap();
    assert_eq!(one, Forest::train(&set, &Options { threads: 3, ..options.clone() }).unwrap());
    assert_eq!(one.scores(set.features(), 1).unwrap(), one.scores(set.features(), 3).unwrap());
    assert_ne!(one, Forest::train(&set, &Options { seed: 3, ..options }).unwrap());
    assert!(one.check().is_ok());
}

#[test]
fn rows_that_are_all_one_have_a_score() {
    let features = vec![Feature::new("n", Values::Numbers(vec![1.0; 50]))];
    let set = TrainingSet::new(features, Target::Binary(vec![true; 50]), None).unwrap();
    let forest = Forest::train(&set, &Options::default()).unwrap();
    let (same, other) = (forest.score(&[Value::Number(1.0)]).unwrap(), forest.score(&[Value::Number(2.0)]).unwrap());
    assert!(same < 1.0 && other == 50.0, "{same}, {other}");
}
