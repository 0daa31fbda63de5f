//! Trees over made rows: what they find, what bounds them, and that threads change nothing.

use super::*;
use crate::data::{Feature, MISSING, TrainingSet, Values};
use crate::trees::LEAF;
use crate::{Method, Model, metrics};

/// Two numbers, one with missing values that mean something, and a category of 40 that decides alone.
fn made(rows: usize, seed: u64) -> TrainingSet {
    let mut random = Random::new(seed);
    let (mut first, mut second, mut codes, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let (a, b, code) = (random.unit(), random.unit(), random.below(40) as u32);
        let missing = random.chance(1, 5);
        let code = if random.chance(1, 50) { MISSING } else { code };
        let score = 4.0 * (a - 0.5) + if missing { 2.0 } else { 0.0 } + if code % 3 == 0 { 1.5 } else { -1.0 };
        labels.push(random.unit() < 1.0 / (1.0 + (-score).exp()));
        first.push(a);
        second.push(if missing { f64::NAN } else { b });
        codes.push(code);
    }
    let names = (0..40).map(|name| format!("{name:02}")).collect();
    let features = vec![
        Feature::new("a", Values::Numbers(first)),
        Feature::new("b", Values::Numbers(second)),
        Feature::new("c", Values::Categories { codes, names }),
    ];
    TrainingSet::new(features, Target::Binary(labels), None).unwrap()
}

fn trees(model: &Model) -> &Ensemble {
    match model.scorer() {
        crate::model::Scorer::Trees(trees) => trees,
        other => panic!("{other:?} are no trees"),
    }
}

fn train_with(set: &TrainingSet, options: Options) -> Model {
    Model::train(set, None, &Method::BoostedTrees(options)).unwrap()
}

fn auc(model: &Model, set: &TrainingSet) -> f64 {
    let Target::Binary(labels) = set.target() else { panic!("two classes are made") };
    metrics::auc(labels, &model.predict(set.features(), 2).unwrap(), None).unwrap()
}

#[test]
fn what_was_made_is_found() {
    let (train, test) = (made(20_000, 1), made(5_000, 2));
    let model = train_with(&train, Options::default());
    let found = auc(&model, &test);
    // The probabilities that the rows were made by have 0.85.
    assert!(found > 0.83, "{found}");
    let gains = trees(&model).gain_importances();
    assert!(gains.iter().all(|gain| *gain > 0.0) && gains[2] > gains[1], "{gains:?}");
}

#[test]
fn threads_change_nothing() {
    let set = made(20_000, 3);
    let options = Options { trees: 12, row_share: 0.7, feature_share: 0.7, seed: 5, ..Options::default() };
    let one = train_with(&set, options.clone());
    for threads in [2, 3, 5] {
        let other = train_with(&set, Options { threads, ..options.clone() });
        assert_eq!(one, other, "{threads} threads");
        assert_eq!(one.predict(set.features(), 1).unwrap(), other.predict(set.features(), threads).unwrap());
    }
    assert_ne!(one, train_with(&set, Options { seed: 6, ..options }));
}

#[test]
fn leaves_and_depths_are_kept_to() {
    let set = made(3_000, 4);
    let options = Options { trees: 5, leaves: 9, depth: 4, min_rows_in_leaf: 100, ..Options::default() };
    let model = train_with(&set, options);
    let trees = trees(&model);
    for (tree, (root, _)) in trees.roots.iter().enumerate() {
        let end = trees.roots.get(tree + 1).map_or(trees.nodes.len(), |(next, _)| *next as usize);
        let leaves = (*root as usize..end).filter(|node| trees.nodes[*node].feature == LEAF);
        let covers: Vec<f64> = leaves.map(|leaf| trees.covers[leaf]).collect();
        assert!(covers.len() <= 9 && covers.iter().all(|cover| *cover >= 100.0), "{covers:?}");
        assert_eq!(covers.iter().sum::<f64>(), 3000.0);
    }
}

#[test]
fn more_classes_and_numbers() {
    let set = made(6_000, 7);
    let mut random = Random::new(8);
    let Values::Numbers(first) = &set.features()[0].values else { panic!("it is a number") };
    let codes: Vec<u32> = first.iter().map(|a| ((a * 3.0) as u32 + u32::from(random.chance(1, 20))) % 3).collect();
    let names: Vec<String> = ["low", "middle", "high"].map(String::from).to_vec();
    let target = Target::Classes { codes: codes.clone(), names };
    let classes = TrainingSet::new(set.features().to_vec(), target, None).unwrap();
    let model = train_with(&classes, Options { trees: 30, ..Options::default() });
    let predictions = model.predict(set.features(), 2).unwrap();
    assert!(metrics::accuracy_classes(&codes, &predictions, 3, None).unwrap() > 0.94);
    assert!(predictions.chunks(3).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    let numbers: Vec<f64> = first.iter().map(|a| 100.0 + (6.0 * a).sin()).collect();
    let target = Target::Number(numbers.clone());
    let numbers_set = TrainingSet::new(set.features().to_vec(), target, None).unwrap();
    let model = train_with(&numbers_set, Options::default());
    assert!(metrics::r2(&numbers, &model.predict(set.features(), 1).unwrap(), None).unwrap() > 0.99);
}

#[test]
fn training_stops_where_validation_gets_worse() {
    let (train, validation, test) = (made(1_500, 9), made(1_500, 10), made(5_000, 11));
    let options = Options { trees: 400, learning_rate: 0.3, patience: 10, ..Options::default() };
    let method = Method::BoostedTrees(options.clone());
    let stopped = Model::train(&train, Some(&validation), &method).unwrap();
    assert!((3..100).contains(&trees(&stopped).trees()), "{}", trees(&stopped).trees());
    assert!(trees(&stopped).check().is_ok());
    assert!(auc(&stopped, &test) > auc(&train_with(&train, options), &test));
}

#[test]
fn a_weight_is_as_good_as_rows() {
    let set = made(2_000, 12);
    let Values::Numbers(first) = &set.features()[0].values else { panic!("it is a number") };
    // Bins and limits count rows, not weights: with few values and no limit nothing hangs on them.
    let few = vec![Feature::new("a", Values::Numbers(first.iter().map(|a| (a * 20.0).floor()).collect()))];
    let twice: Vec<usize> = (0..2_000).chain((0..2_000).filter(|row| row % 2 == 0)).collect();
    let weights = (0..2_000).map(|row| if row % 2 == 0 { 2.0 } else { 1.0 }).collect();
    let plain = TrainingSet::new(few.clone(), set.target().clone(), None).unwrap();
    let weighted = TrainingSet::new(few, set.target().clone(), Some(weights)).unwrap();
    let options = Options { trees: 20, min_rows_in_leaf: 1, ..Options::default() };
    let one = train_with(&weighted, options.clone()).predict(plain.features(), 1).unwrap();
    let other = train_with(&plain.select(&twice).unwrap(), options).predict(plain.features(), 1).unwrap();
    assert!(one.iter().zip(&other).all(|(a, b)| (*a - *b).abs() < 1e-6));
}

#[test]
fn extreme_targets_are_learnt_or_refused() {
    let features = made(200, 14).features().to_vec();
    let train = |scale: f64| {
        let targets = (0..200).map(|row| scale * f64::from(row % 7)).collect();
        let set = TrainingSet::new(features.clone(), Target::Number(targets), None).unwrap();
        Model::train(&set, None, &Method::BoostedTrees(Options { trees: 3, ..Options::default() }))
    };
    for scale in [0.0, 1e-310, 1e-100, 1e100, 1e300] {
        let predictions = train(scale).unwrap().predict(&features, 1).unwrap();
        assert!(predictions.iter().all(|found| (0.0..=7.0 * scale).contains(found)), "{scale}");
    }
    assert!(train(2e307).is_err());
}

#[test]
fn options_out_of_range_are_refused() {
    let set = made(100, 13);
    let broken = [
        Options { trees: 0, ..Options::default() },
        Options { leaves: 1, ..Options::default() },
        Options { learning_rate: f64::NAN, ..Options::default() },
        Options { row_share: 1.5, ..Options::default() },
        Options { l2: -1.0, ..Options::default() },
    ];
    for options in broken {
        assert!(Model::train(&set, None, &Method::BoostedTrees(options.clone())).is_err(), "{options:?}");
    }
}
