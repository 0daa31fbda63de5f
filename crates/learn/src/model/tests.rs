//! What holds of every kind of scorer: rows in a batch, on any number of threads, score as alone.

use headwater_base::random::Random;

use super::*;
use crate::data::Values;

fn features(rows: usize) -> Vec<Feature> {
    let mut random = Random::new(21);
    let mut numbers =
        || (0..rows).map(|_| if random.chance(1, 8) { f64::NAN } else { random.unit() }).collect::<Vec<f64>>();
    vec![
        Feature::new("a", Values::Numbers(numbers())),
        Feature::new("b", Values::Numbers(numbers())),
        Feature::new("t", Values::from_texts((0..rows).map(|row| ["x", "y", "z"].get(row % 4).copied()))),
    ]
}

fn targets(rows: usize) -> [Target; 3] {
    let names = ["l", "m", "n"].map(String::from).to_vec();
    [
        Target::Number((0..rows).map(|row| (row % 11) as f64).collect()),
        Target::Binary((0..rows).map(|row| row % 3 == 0).collect()),
        Target::Classes { codes: (0..rows as u32).map(|row| row % 3).collect(), names },
    ]
}

fn models(rows: usize) -> Vec<Model> {
    let mut models = Vec::new();
    for target in targets(rows) {
        let regression = match target {
            Target::Number(_) => Method::LinearRegression(linear::Options::default()),
            Target::Binary(_) | Target::Classes { .. } => Method::LogisticRegression(linear::Options::default()),
        };
        let trees = Method::BoostedTrees(boosting::Options { trees: 9, ..Default::default() });
        let set = TrainingSet::new(features(rows), target, None).unwrap();
        models.extend([regression, trees].map(|method| Model::train(&set, None, &method).unwrap()));
    }
    models
}

#[test]
fn a_batch_scores_as_its_rows_on_any_number_of_threads() {
    let features = features(500);
    for model in models(500) {
        let (outputs, mut predictor) = (model.outputs(), model.predictor());
        let batch = model.predict(&features, 1).unwrap();
        assert_eq!(batch, model.predict(&features, 3).unwrap());
        for (row, wanted) in batch.chunks(outputs).enumerate() {
            let value = |feature: &Feature| match &feature.values {
                Values::Numbers(numbers) if numbers[row].is_nan() => Value::Missing,
                Values::Numbers(numbers) => Value::Number(numbers[row]),
                Values::Categories { .. } => {
                    ["x", "y", "z"].get(row % 4).map_or(Value::Missing, |text| Value::Text(text))
                }
            };
            let values: Vec<Value<'_>> = features.iter().map(value).collect();
            assert_eq!(predictor.predict(&values).unwrap(), wanted);
        }
        let probabilities = model.link() != Link::Identity;
        assert!(!probabilities || batch.iter().all(|one| (0.0..=1.0).contains(one)));
    }
}

#[test]
fn columns_in_another_order_score_alike_and_missing_ones_do_not() {
    let mut features = features(50);
    for model in models(50) {
        let wanted = model.predict(&features, 1).unwrap();
        features.reverse();
        assert_eq!(model.predict(&features, 1).unwrap(), wanted);
        // Whichever comes first by now is one that the model knows.
        let error = model.predict(&features[1..], 1).unwrap_err();
        assert!(matches!(error, Error::MissingColumn { .. }), "{error}");
    }
}

#[test]
fn a_method_that_does_not_fit_the_target_says_which_does() {
    let [number, binary, _] = targets(50);
    let set = |target| TrainingSet::new(features(50), target, None).unwrap();
    let error =
        Model::train(&set(binary), None, &Method::LinearRegression(Default::default())).unwrap_err().to_string();
    assert_eq!(error, "target: linear_regression predicts numbers; use logistic_regression or boosted_trees");
    let error =
        Model::train(&set(number), None, &Method::LogisticRegression(Default::default())).unwrap_err().to_string();
    assert_eq!(error, "target: logistic_regression predicts classes; use linear_regression or boosted_trees");
    let one = set(Target::Binary(vec![true; 50]));
    assert!(Model::train(&one, None, &Method::LogisticRegression(Default::default())).is_err());
}
