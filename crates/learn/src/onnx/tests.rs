//! Files made by hand, message by message; the clients' tests take those that scikit-learn exports.

use headwater_base::random::Random;

use super::*;
use crate::data::Value;
use crate::stored::Stored;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn message(field: u64, parts: &[Vec<u8>]) -> Vec<u8> {
    let body = parts.concat();
    [varint(field << 3 | 2), varint(body.len() as u64), body].concat()
}

fn text(field: u64, text: &str) -> Vec<u8> {
    message(field, &[text.as_bytes().to_vec()])
}

fn floats(name: &str, values: &[f32]) -> Vec<u8> {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    message(5, &[text(1, name), message(7, &[bytes])])
}

fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let each = values.iter().map(|value| number(8, *value as u64));
    message(5, &[vec![text(1, name)], each.collect()].concat())
}

fn texts(name: &str, values: &[&str]) -> Vec<u8> {
    let each = values.iter().map(|value| text(9, value));
    message(5, &[vec![text(1, name)], each.collect()].concat())
}

fn node(operator: &str, input: &str, output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let own = vec![text(1, input), text(2, output), text(4, operator)];
    message(1, &[own, attributes.to_vec()].concat())
}

fn file(width: u64, nodes: &[Vec<u8>], output: &str) -> Vec<u8> {
    let shape = message(2, &[message(1, &[]), message(1, &[number(1, width)])]);
    let input = message(11, &[text(1, "X"), message(2, &[message(1, &[number(1, FLOAT), shape])])]);
    message(7, &[nodes.to_vec(), vec![input, message(12, &[text(1, output)])]].concat())
}

fn line() -> Vec<u8> {
    let scaler = node("Scaler", "X", "scaled", &[floats("offset", &[1.0, 2.0]), floats("scale", &[0.5, 2.0])]);
    let attributes = [floats("coefficients", &[3.0, -1.0]), floats("intercepts", &[10.0])];
    file(2, &[scaler, node("LinearRegressor", "scaled", "y", &attributes)], "y")
}

/// One question: feature 1 less than 0.5; what is missing goes where it is true.
fn tree(mode: &str, yes: i64) -> Vec<u8> {
    let attributes = [
        ints("nodes_treeids", &[7, 7, 7]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[1, 0, 0]),
        ints("nodes_truenodeids", &[yes, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        ints("nodes_missing_value_tracks_true", &[1, 0, 0]),
        texts("nodes_modes", &[mode, "LEAF", "LEAF"]),
        floats("nodes_values", &[0.5, 0.0, 0.0]),
        ints("target_treeids", &[7, 7]),
        ints("target_nodeids", &[1, 2]),
        ints("target_ids", &[0, 0]),
        floats("target_weights", &[10.0, 20.0]),
        floats("base_values", &[1.0]),
    ];
    file(2, &[node("TreeEnsembleRegressor", "X", "y", &attributes)], "y")
}

fn score(file: &[u8], row: [Value<'_>; 2]) -> f64 {
    let model = Model::from_onnx(file, &["a", "b"]).unwrap();
    let mut predictor = model.predictor();
    predictor.predict(&row).unwrap()[0]
}

#[test]
fn lines_and_trees_score() {
    let row = |b: f64| [Value::Number(5.0), Value::Number(b)];
    assert_eq!(score(&line(), row(4.0)), 10.0 + 3.0 * 2.0 - 4.0);
    for (mode, below, at, above) in [
        ("BRANCH_LEQ", 11.0, 11.0, 21.0),
        ("BRANCH_LT", 11.0, 21.0, 21.0),
        ("BRANCH_GT", 21.0, 21.0, 11.0),
        ("BRANCH_GTE", 21.0, 11.0, 11.0),
    ] {
        let found = [0.25, 0.5, 0.75].map(|b| score(&tree(mode, 1), row(b)));
        assert_eq!(found, [below, at, above], "{mode}");
        assert_eq!(score(&tree(mode, 1), [Value::Number(5.0), Value::Missing]), 11.0, "{mode}");
    }
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let unknown = file(2, &[node("Gelu", "X", "y", &[])], "y");
    let error = Model::from_onnx(&unknown, &["a", "b"]).unwrap_err().to_string();
    assert!(error.starts_with("ONNX operator Gelu: "), "{error}");
    let error = Model::from_onnx(&line(), &["a"]).unwrap_err().to_string();
    assert_eq!(error, "ONNX file: it takes 2 numbers, 1 columns are named");
    for broken in
        [tree("BRANCH_EQ", 1), tree("BRANCH_LEQ", 0), tree("BRANCH_LEQ", 9), line()[..40].to_vec(), Vec::new()]
    {
        assert!(Model::from_onnx(&broken, &["a", "b"]).is_err());
    }
    let circle = [node("Identity", "y", "x", &[]), node("Identity", "x", "y", &[])];
    assert!(Model::from_onnx(&file(2, &circle, "y"), &["a", "b"]).is_err());
}

#[test]
fn broken_files_do_no_harm() {
    let seed = 5;
    let mut random = Random::new(seed);
    let mut taken = 0;
    for whole in [line(), tree("BRANCH_LEQ", 1)] {
        for _ in 0..20_000 {
            let mut broken = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(broken.len() as u64) as usize;
                broken[at] = random.next_u64() as u8;
            }
            if let Ok(model) = Model::from_onnx(&broken, &["a", "b"]) {
                let _ = model.predictor().predict(&[Value::Number(0.1), Value::Missing]);
                taken += 1;
            }
        }
    }
    assert!(taken > 1000, "seed {seed}: {taken} were taken");
}

#[test]
fn an_imported_model_is_kept_as_any() {
    let model = Model::from_onnx(&tree("BRANCH_LT", 1), &["a", "b"]).unwrap();
    let bytes = Stored::Model(model.clone()).to_bytes();
    assert_eq!(Stored::from_bytes(&bytes).unwrap(), Stored::Model(model.clone()));
    assert!(model.explain(&[Value::Missing, Value::Missing]).is_err());
    let mut broken = bytes;
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert!(Stored::from_bytes(&broken).is_err());
}
