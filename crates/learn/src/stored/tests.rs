//! What is written is read again, bit by bit; what is damaged is refused, and what gets past the checksum does no harm.

use headwater_base::ErrorKind;
use headwater_base::random::Random;

use super::*;
use crate::data::{Feature, MISSING, Target, TrainingSet, Value, Values};
use crate::{Method, boosting, factorization, linear, random_cut};

fn set(target: Target) -> TrainingSet {
    let rows = target.len();
    let mut random = Random::new(1);
    let numbers = (0..rows).map(|_| if random.chance(1, 9) { f64::NAN } else { random.unit() }).collect();
    let codes = (0..rows).map(|_| if random.chance(1, 9) { MISSING } else { random.below(6) as u32 }).collect();
    let names = ["a", "b", "c", "d", "e", "ü"].map(String::from).to_vec();
    let features =
        vec![Feature::new("n", Values::Numbers(numbers)), Feature::new("t", Values::Categories { codes, names })];
    TrainingSet::new(features, target, None).unwrap()
}

/// One of each kind.
fn models() -> Vec<Stored> {
    let mut random = Random::new(2);
    let binary = set(Target::Binary((0..200).map(|_| random.chance(1, 3)).collect()));
    let codes = (0..200).map(|_| random.below(3) as u32).collect();
    let names = ["x", "y", "z"].map(String::from).to_vec();
    let classes = set(Target::Classes { codes, names });
    let numbers = set(Target::Number((0..200).map(|_| random.unit()).collect()));
    let trees = boosting::Options { trees: 3, leaves: 5, min_rows_in_leaf: 5, ..Default::default() };
    let trees = Method::BoostedTrees(trees);
    let model = |set: &TrainingSet, method: &Method| Stored::Model(Model::train(set, None, method).unwrap());
    let forest = random_cut::Options { trees: 3, sample: 16, ..Default::default() };
    let factors = factorization::Options { factors: 3, iterations: 2, ..Default::default() };
    let recommended = Factorization::train(&["u", "u", "v"], &["i", "j", "j"], &[1.0, 2.0, 1.0], &factors).unwrap();
    vec![
        model(&binary, &trees),
        model(&classes, &trees),
        model(&classes, &Method::LogisticRegression(linear::Options::default())),
        model(&numbers, &Method::LinearRegression(linear::Options::default())),
        Stored::Factorization(recommended),
        Stored::Forest(Forest::train(&binary, &forest).unwrap()),
    ]
}

/// Uses a model in all ways.
fn use_it(stored: &Stored) {
    let rows = [[Value::Number(0.3), Value::Text("b")], [Value::Missing, Value::Text("none")]];
    for row in &rows {
        match stored {
            Stored::Model(model) => {
                let _ = model.predictor().predict(row);
                let _ = model.explain(row);
                let _ = model.gain_importances();
            }
            Stored::Factorization(model) => {
                let _ = (model.recommend("u", 5, true), model.similar("i", 5));
            }
            Stored::Forest(forest) => {
                let _ = forest.score(row);
            }
        }
    }
}

#[test]
fn what_is_written_is_read() {
    for model in models() {
        let bytes = model.to_bytes();
        let read = Stored::from_bytes(&bytes).unwrap();
        assert_eq!(read, model);
        assert_eq!(read.to_bytes(), bytes);
        use_it(&read);
    }
}

#[test]
fn damage_is_refused() {
    for model in models() {
        let bytes = model.to_bytes();
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 1 << (at % 8);
            let error = Stored::from_bytes(&broken).unwrap_err();
            let newer = matches!(error, Error::Newer { .. });
            assert!(newer || error.kind() == ErrorKind::Corrupt, "byte {at}: {error}");
        }
        for length in (0..bytes.len()).step_by(7) {
            assert!(Stored::from_bytes(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn newer_bytes_are_told_from_damaged_ones() {
    let mut bytes = models()[3].to_bytes();
    bytes[4] = 2;
    let error = Stored::from_bytes(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "the model has format 2, this program knows up to 1; use a newer program");
}

#[test]
fn bytes_with_a_right_checksum_do_no_harm() {
    let seed = 77;
    let mut random = Random::new(seed);
    let mut taken = 0;
    for model in models() {
        let bytes = model.to_bytes();
        for _ in 0..3000 {
            let mut broken = bytes.clone();
            for _ in 0..=random.below(3) {
                let at = HEAD + random.below((bytes.len() - HEAD - CHECKSUM) as u64) as usize;
                broken[at] = random.next_u64() as u8;
            }
            let end = broken.len() - CHECKSUM;
            let checksum = crc32c::crc32c(&broken[..end]);
            broken[end..].copy_from_slice(&checksum.to_le_bytes());
            if let Ok(read) = Stored::from_bytes(&broken) {
                use_it(&read);
                taken += 1;
            }
        }
    }
    assert!(taken > 100, "seed {seed}: most numbers may be any, so some bytes are taken: {taken}");
}
