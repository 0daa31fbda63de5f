//! How long boosted trees take to train and to score a row; `bench/learn/lightgbm_speed.py` asks LightGBM the same.
//!
//! usage: train_speed [ROWS [FEATURES [TREES [THREADS]]]]

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement, ended by what goes wrong")]

use std::time::Instant;

use headwater_base::random::Random;
use headwater_learn::boosting::Options;
use headwater_learn::data::{Feature, Target, TrainingSet, Value, Values};
use headwater_learn::{Method, Model, metrics};

const RUNS: usize = 3;
const TEST_ROWS: usize = 50_000;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let mut next = |otherwise: usize| arguments.next().unwrap_or(otherwise);
    let (rows, features, trees, threads) = (next(200_000), next(20), next(100), next(2));
    let train = made(rows, features.max(9), 7);
    let test = made(TEST_ROWS, features.max(9), 8);
    // LightGBM has no ridge unless asked for.
    let options = Options { trees, threads, l2: 0.0, ..Options::default() };
    let mut times = Vec::new();
    let mut model = None;
    for _ in 0..RUNS {
        let begin = Instant::now();
        model = Some(Model::train(&train, None, &Method::BoostedTrees(options.clone())).unwrap());
        times.push(begin.elapsed().as_secs_f64());
    }
    let model = model.unwrap();
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    println!("train_speed: {rows} rows, {features} features, {trees} trees, {threads} threads, best of {RUNS}");
    println!("figure learn_train {best:.3} s");
    let scores = model.predict(test.features(), threads).unwrap();
    let Target::Binary(labels) = test.target() else { unreachable!("rows are made of two classes") };
    println!("figure learn_train_auc {:.6} of 1", metrics::auc(labels, &scores, None).unwrap());
    row_by_row(&model, &test);
}

fn row_by_row(model: &Model, test: &TrainingSet) {
    let columns: Vec<&Vec<f64>> = test
        .features()
        .iter()
        .map(|feature| match &feature.values {
            Values::Numbers(numbers) => numbers,
            Values::Categories { .. } => unreachable!("all are numbers"),
        })
        .collect();
    let rows: Vec<Vec<Value<'_>>> =
        (0..test.rows()).map(|row| columns.iter().map(|column| Value::Number(column[row])).collect()).collect();
    let mut predictor = model.predictor();
    let mut best = f64::INFINITY;
    let mut sum = 0.0;
    for _ in 0..RUNS {
        let begin = Instant::now();
        sum = rows.iter().map(|row| predictor.predict(row).unwrap()[0]).sum();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    println!(
        "figure learn_predict_row {:.3} us (mean prediction {:.4})",
        best / rows.len() as f64 * 1e6,
        sum / rows.len() as f64
    );
}

/// Rows with straight, bent, crossed and stepped influences; the Python script makes the same.
fn made(rows: usize, features: usize, seed: u64) -> TrainingSet {
    let mut random = Random::new(seed);
    let mut columns = vec![Vec::with_capacity(rows); features];
    for _ in 0..rows {
        for column in &mut columns {
            column.push(random.unit());
        }
    }
    let mut chance = Random::new(seed ^ 0x55);
    let mut label = |row: usize| {
        let x = |feature: usize| columns[feature][row];
        let step = if x(6) > 0.7 { 1.0 } else { -0.4 };
        let crossed = 4.0 * (x(1) - 0.5) * (x(2) - 0.5) + 2.0 * (x(4) * x(5) - 0.25) + (x(7) - 0.5) * x(8);
        let score: f64 = 3.0 * (x(0) - 0.5) + (6.0 * x(3)).sin() + step + crossed;
        chance.unit() < 1.0 / (1.0 + (-score).exp())
    };
    let labels = (0..rows).map(&mut label).collect();
    let feature = |(place, numbers): (usize, Vec<f64>)| Feature::new(format!("f{place}"), Values::Numbers(numbers));
    let features = columns.into_iter().enumerate().map(feature).collect();
    TrainingSet::new(features, Target::Binary(labels), None).unwrap()
}
