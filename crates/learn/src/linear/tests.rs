//! Regressions whose answer is known; the clients' tests compare with scikit-learn.

use headwater_base::random::Random;

use super::*;
use crate::data::{Feature, TrainingSet, Values};
use crate::model::Scorer;
use crate::{Method, Model};

fn set(target: impl Fn(f64, usize) -> f64) -> (TrainingSet, Vec<f64>) {
    let mut random = Random::new(4);
    let x: Vec<f64> = (0..500).map(|_| 10.0 + 4.0 * random.unit()).collect();
    let places: Vec<usize> = (0..500).map(|_| random.below(3) as usize).collect();
    let targets: Vec<f64> = x.iter().zip(&places).map(|(x, place)| target(*x, *place)).collect();
    let texts = places.iter().map(|place| Some(["a", "b", "c"][*place]));
    let doubled = x.iter().map(|x| 2.0 * x).collect();
    let features = vec![
        Feature::new("x", Values::Numbers(x.clone())),
        Feature::new("doubled", Values::Numbers(doubled)),
        Feature::new("constant", Values::Numbers(vec![7.0; 500])),
        Feature::new("place", Values::from_texts(texts)),
    ];
    (TrainingSet::new(features, Target::Number(targets.clone()), None).unwrap(), targets)
}

fn linear(model: &Model) -> &Linear {
    match model.scorer() {
        Scorer::Linear(linear) => linear,
        other => panic!("{other:?} is not linear"),
    }
}

#[test]
fn a_line_is_found_also_where_columns_are_doubled() {
    let (set, targets) = set(|x, place| 3.0 - 2.0 * x + [0.0, 5.0, 9.0][place]);
    let options = Options { l2: 0.0, ..Options::default() };
    let model = Model::train(&set, None, &Method::LinearRegression(options)).unwrap();
    for (found, wanted) in model.predict(set.features(), 2).unwrap().iter().zip(&targets) {
        assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
    }
    let ridged = Model::train(&set, None, &Method::LinearRegression(Options::default())).unwrap();
    let (once, twice) = (linear(&ridged).coefficients(0)[0], linear(&ridged).coefficients(1)[0]);
    assert!((once / 2.0 - twice).abs() < 1e-9, "the ridge shares evenly between standardised twins: {once}, {twice}");
}

#[test]
fn the_gradient_of_a_logistic_regression_is_zero() {
    let (made, _) = set(|_, _| 0.0);
    let Values::Numbers(x) = &made.features()[0].values else { panic!("it is a number") };
    let mut random = Random::new(5);
    let labels: Vec<bool> = x.iter().map(|x| random.unit() < 1.0 / (1.0 + (12.0 - x).exp())).collect();
    let target = Target::Binary(labels.clone());
    let set = TrainingSet::new(made.features().to_vec(), target, None).unwrap();
    let one = Model::train(&set, None, &Method::LogisticRegression(Options::default())).unwrap();
    let predictions = one.predict(set.features(), 1).unwrap();
    let missed: f64 = predictions.iter().zip(&labels).map(|(found, label)| found - f64::from(*label)).sum();
    assert!(missed.abs() < 1e-8, "the intercept has no ridge: {missed}");
    let threads = Options { threads: 3, ..Options::default() };
    assert_eq!(one, Model::train(&set, None, &Method::LogisticRegression(threads)).unwrap());
    // Of two classes by name, the multinomial ridge is shared by two outputs: with half of it, it is the same.
    let codes = labels.iter().map(|label| u32::from(*label)).collect();
    let target = Target::Classes { codes, names: vec!["no".into(), "yes".into()] };
    let set = TrainingSet::new(made.features().to_vec(), target, None).unwrap();
    let twice = Options { l2: 2.0, ..Options::default() };
    let two = Model::train(&set, None, &Method::LogisticRegression(twice)).unwrap();
    let both = two.predict(set.features(), 1).unwrap();
    for (found, wanted) in both.chunks(2).zip(&predictions) {
        assert!((found[1] - wanted).abs() < 1e-7, "{found:?} is not {wanted}");
    }
}

#[test]
fn contributions_add_up_and_missing_values_are_the_mean() {
    let (set, _) = set(|x, place| x + [0.0, 5.0, 9.0][place]);
    let model = Model::train(&set, None, &Method::LinearRegression(Options::default())).unwrap();
    let linear = linear(&model);
    for row in [[10.5, 21.0, 7.0, 1.0], [f64::NAN, 20.0, 7.0, f64::NAN]] {
        let (mut raw, mut contributions) = ([0.0], [0.0; 4]);
        linear.raw_into(&row, &mut raw);
        let base = linear.contributions_into(&row, &mut contributions);
        assert!((base[0] + contributions.iter().sum::<f64>() - raw[0]).abs() < 1e-9);
        assert!(!row[0].is_nan() || contributions[0] == 0.0);
    }
}

#[test]
fn what_has_no_answer_is_refused() {
    let (set, _) = set(|x, _| x);
    assert!(Model::train(&set, None, &Method::LogisticRegression(Options::default())).is_err());
    let apart = (0..500).map(|row| row < 250).collect();
    let x = (0..500).map(f64::from).collect();
    let features = vec![Feature::new("x", Values::Numbers(x))];
    let set = TrainingSet::new(features, Target::Binary(apart), None).unwrap();
    let bare = Options { l2: 0.0, iterations_max: 20, ..Options::default() };
    let error = Model::train(&set, None, &Method::LogisticRegression(bare)).unwrap_err();
    assert!(matches!(error, Error::NotConverged { .. }), "{error}");
}
