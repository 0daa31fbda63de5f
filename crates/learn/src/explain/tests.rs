//! Contributions beside Shapley's own formula over all sets of features, and importances that know what matters.

use headwater_base::random::Random;

use super::*;
use crate::boosting::Options;
use crate::data::{Feature, Target, Values};
use crate::trees::{Ensemble, LEAF};
use crate::{Method, linear, metrics};

const FEATURES: usize = 5;

fn made(classes: bool) -> TrainingSet {
    let mut random = Random::new(11);
    let rows = 800;
    let mut numbers = vec![Vec::new(); FEATURES - 1];
    let mut texts = Vec::new();
    for _ in 0..rows {
        for column in &mut numbers {
            column.push(if random.chance(1, 10) { f64::NAN } else { random.unit() });
        }
        texts.push(["a", "b", "c", "d", "e", "f", "g"][random.below(7) as usize]);
    }
    let known = |column: usize, row: usize| if numbers[column][row].is_nan() { 0.9 } else { numbers[column][row] };
    let score =
        |row: usize| known(0, row) + 2.0 * known(1, row) * known(2, row) + f64::from(u8::from(texts[row] < "c"));
    let target = if classes {
        let codes = (0..rows).map(|row| (score(row) as u32).min(2)).collect();
        Target::Classes { codes, names: ["x", "y", "z"].map(String::from).to_vec() }
    } else {
        Target::Number((0..rows).map(score).collect())
    };
    let mut features: Vec<Feature> = numbers
        .iter()
        .enumerate()
        .map(|(place, numbers)| Feature::new(format!("n{place}"), Values::Numbers(numbers.clone())))
        .collect();
    features.push(Feature::new("t", Values::from_texts(texts.iter().map(|text| Some(*text)))));
    TrainingSet::new(features, target, None).unwrap()
}

/// The mean over rows when only the features of a set are known.
fn expected(trees: &Ensemble, node: usize, row: &[f64], known: usize) -> f64 {
    let question = &trees.nodes[node];
    if question.feature == LEAF {
        return question.value;
    }
    let (left, right) = (question.left as usize, question.right as usize);
    if known >> question.feature & 1 == 1 {
        let next = if trees.goes_left(question, row[question.feature as usize]) { left } else { right };
        return expected(trees, next, row, known);
    }
    let sum: f64 = [left, right].iter().map(|child| trees.covers[*child] * expected(trees, *child, row, known)).sum();
    sum / trees.covers[node]
}

fn by_formula(trees: &Ensemble, row: &[f64], output: usize) -> Vec<f64> {
    let factorial = |number: usize| (1..=number).map(|one| one as f64).product::<f64>();
    let score = |known: usize| {
        let own = trees.roots.iter().filter(|(_, of)| *of as usize == output);
        own.map(|(root, _)| expected(trees, *root as usize, row, known)).sum::<f64>()
    };
    let worth: Vec<f64> = (0..1 << FEATURES).map(score).collect();
    let contribution = |feature: usize| {
        let sets = (0..1usize << FEATURES).filter(|set| set >> feature & 1 == 0);
        let sum = sets.map(|set| {
            let size = set.count_ones() as usize;
            let weight = factorial(size) * factorial(FEATURES - size - 1) / factorial(FEATURES);
            weight * (worth[set | 1 << feature] - worth[set])
        });
        sum.sum::<f64>()
    };
    (0..FEATURES).map(contribution).collect()
}

fn value(feature: &Feature, row: usize) -> Value<'_> {
    match &feature.values {
        Values::Numbers(numbers) if numbers[row].is_nan() => Value::Missing,
        Values::Numbers(numbers) => Value::Number(numbers[row]),
        Values::Categories { codes, names } => Value::Text(&names[codes[row] as usize]),
    }
}

#[test]
fn contributions_are_shapley_values_and_add_up() {
    for classes in [false, true] {
        let set = made(classes);
        let options = Options { trees: 8, leaves: 12, ..Options::default() };
        let model = Model::train(&set, None, &Method::BoostedTrees(options)).unwrap();
        let Scorer::Trees(trees) = model.scorer() else { panic!("trees were trained") };
        let outputs = trees.outputs();
        let mut predictor = model.predictor();
        for row in 0..20 {
            let values: Vec<Value<'_>> = set.features().iter().map(|feature| value(feature, row)).collect();
            let explanation = model.explain(&values).unwrap();
            let raw = predictor.raw(&values).unwrap();
            let mut encoded = vec![0.0; FEATURES];
            model.encoder().encode_row(&values, &mut encoded).unwrap();
            for (output, raw) in raw.iter().enumerate() {
                let own: Vec<f64> =
                    (0..FEATURES).map(|feature| explanation.contributions[feature * outputs + output]).collect();
                assert!((explanation.base[output] + own.iter().sum::<f64>() - raw).abs() < 1e-10);
                for (found, wanted) in own.iter().zip(by_formula(trees, &encoded, output)) {
                    assert!((found - wanted).abs() < 1e-10, "{found} is not {wanted}");
                }
            }
        }
    }
}

#[test]
fn importances_know_what_matters() {
    let set = made(false);
    let Target::Number(targets) = set.target() else { panic!("they are numbers") };
    let judge = |predictions: &[f64]| metrics::r2(targets, predictions, None);
    let model = Model::train(&set, None, &Method::BoostedTrees(Options::default())).unwrap();
    let gains = model.gain_importances().unwrap();
    assert!((gains.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let falls = model.permutation_importances(&set, judge, 3, 1, 2).unwrap();
    assert_eq!(falls, model.permutation_importances(&set, judge, 3, 1, 1).unwrap());
    for importances in [gains, falls] {
        let least = importances.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(importances[3], least, "the fourth number decides nothing: {importances:?}");
    }
    let line = Model::train(&set, None, &Method::LinearRegression(linear::Options::default())).unwrap();
    assert!(line.gain_importances().is_err());
    assert!(line.permutation_importances(&set, judge, 0, 1, 1).is_err());
}
