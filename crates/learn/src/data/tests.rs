//! What fits a model and what is refused.

use super::*;

fn set() -> TrainingSet {
    let features = vec![
        Feature::new("age", Values::Numbers(vec![1.0, f64::NAN, 3.0])),
        Feature::new("city", Values::from_texts([Some("Ulm"), None, Some("Bonn")])),
    ];
    TrainingSet::new(features, Target::Binary(vec![true, false, true]), None).unwrap()
}

#[test]
fn rows_are_encoded_alike_one_by_one_and_in_columns() {
    let encoder = Encoder::fit(&set());
    assert_eq!(encoder.features()[1].1, Kind::Categories(vec!["Bonn".into(), "Ulm".into()]));
    let matrix = encoder.encode(set().features()).unwrap();
    let mut row = [0.0; 2];
    encoder.encode_row(&[Value::Number(1.0), Value::Text("Ulm")], &mut row).unwrap();
    assert_eq!(row, [matrix.columns()[0][0], matrix.columns()[1][0]]);
    encoder.encode_row(&[Value::Missing, Value::Text("Paris")], &mut row).unwrap();
    assert!(row[0].is_nan() && row[1].is_nan(), "what is missing and what is unknown are one");
}

#[test]
fn what_does_not_fit_is_said() {
    let encoder = Encoder::fit(&set());
    let missing = encoder.places(&["city", "name"]).unwrap_err().to_string();
    assert!(missing.starts_with("column age is missing"), "{missing}");
    assert_eq!(encoder.places(&["city", "name", "age"]).unwrap(), [2, 0]);
    let mut row = [0.0; 2];
    let wrong = encoder.encode_row(&[Value::Text("old"), Value::Missing], &mut row).unwrap_err().to_string();
    assert!(wrong.starts_with("column age holds texts where the model was trained on numbers"), "{wrong}");
    let infinite = Feature::new("age", Values::Numbers(vec![f64::INFINITY]));
    assert!(encoder.encode(&[infinite]).is_err());
}

#[test]
fn broken_sets_are_refused() {
    let ages = |name: &str, numbers: Vec<f64>| Feature::new(name, Values::Numbers(numbers));
    let target = || Target::Number(vec![1.0, 2.0]);
    let broken = [
        (vec![], target(), None),
        (vec![ages("a", vec![1.0])], target(), None),
        (vec![ages("a", vec![1.0, 2.0]), ages("a", vec![1.0, 2.0])], target(), None),
        (vec![ages("a", vec![1.0, f64::INFINITY])], target(), None),
        (vec![ages("a", vec![1.0, 2.0])], Target::Number(vec![1.0, f64::NAN]), None),
        (vec![ages("a", vec![1.0, 2.0])], target(), Some(vec![1.0, -1.0])),
        (vec![ages("a", vec![1.0, 2.0])], target(), Some(vec![0.0, 0.0])),
        (vec![], Target::Number(vec![]), None),
    ];
    for (features, target, weights) in broken {
        assert!(TrainingSet::new(features.clone(), target, weights).is_err(), "{features:?}");
    }
}

#[test]
fn a_split_by_time_keeps_equal_times_together() {
    let (earlier, later) = split::by_time(&[5, 1, 3, 3, 3], 0.5).unwrap();
    assert_eq!((earlier, later), (vec![1], vec![0, 2, 3, 4]));
    assert!(split::by_time(&[1, 1], 0.5).is_err());
}

#[test]
fn folds_are_seeded_whole_and_even() {
    let target = Target::Binary((0..103).map(|row| row % 4 == 0).collect());
    let folds = split::folds(&target, 5, 9).unwrap();
    assert_eq!(folds, split::folds(&target, 5, 9).unwrap());
    assert_ne!(folds, split::folds(&target, 5, 10).unwrap());
    let mut all: Vec<usize> = folds.concat();
    all.sort_unstable();
    assert_eq!(all, (0..103).collect::<Vec<_>>());
    for fold in &folds {
        assert!((5..=6).contains(&fold.iter().filter(|row| *row % 4 == 0).count()));
        assert_eq!(split::rest(103, fold).len() + fold.len(), 103);
    }
}
