//! What the crate computes over CSV files, as JSON, for `tests/clients/learn.py` to hold against others' libraries.
//!
//! usage: compare COMMAND FILE…; columns whose names begin with `text_` are texts, an empty field is missing, and the
//! last column of training rows is `number`, `binary` (0, 1) or `class`.

#![allow(clippy::unwrap_used, reason = "ended by what goes wrong, and its caller with it")]

use headwater_learn::data::{Feature, Target, TrainingSet, Value, Values};
use headwater_learn::drift::kolmogorov_smirnov;
use headwater_learn::model::Scorer;
use headwater_learn::stored::Stored;
use headwater_learn::trees::Shown;
use headwater_learn::{Method, Model, boosting, linear, metrics};
use serde_json::{Value as Json, json};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        ["binary", file] => of_binary(&read(file)),
        ["regression", file] => of_numbers(&read(file)),
        ["drift", file] => of_drift(&read(file)),
        ["linear", train, test, l2] => {
            let options = linear::Options { l2: l2.parse().unwrap(), threads: 2, ..Default::default() };
            let set = training(train);
            let method = match set.target() {
                Target::Number(_) => Method::LinearRegression(options),
                Target::Binary(_) | Target::Classes { .. } => Method::LogisticRegression(options),
            };
            scored(&Model::train(&set, None, &method).unwrap(), test)
        }
        [command @ ("trees" | "trees_scores"), train, test, trees, leaves] => {
            let (trees, leaves) = (trees.parse().unwrap(), leaves.parse().unwrap());
            let options = boosting::Options { trees, leaves, l2: 0.0, threads: 2, ..Default::default() };
            let model = Model::train(&training(train), None, &Method::BoostedTrees(options)).unwrap();
            let mut answer = scored(&model, test);
            if command == "trees" {
                answer["trees"] = trees_of(&model);
            }
            answer
        }
        ["onnx", file, test] => {
            let features: Vec<Feature> = read(test).iter().map(feature).collect();
            let names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
            match Model::from_onnx(&std::fs::read(file).unwrap(), &names) {
                Ok(model) => {
                    let kept = Stored::Model(model.clone()).to_bytes();
                    assert_eq!(Stored::from_bytes(&kept).unwrap(), Stored::Model(model.clone()));
                    let predictions = model.predict(&features, 2).unwrap();
                    let rows: Vec<&[f64]> = predictions.chunks(model.outputs()).collect();
                    json!({"predictions": rows, "classes": model.classes()})
                }
                Err(error) => json!({"error": error.to_string()}),
            }
        }
        _ => panic!("unknown command {arguments:?}"),
    };
    println!("{answer}");
}

/// Columns by name, fields as they are.
fn read(file: &str) -> Vec<(String, Vec<String>)> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let mut columns: Vec<(String, Vec<String>)> =
        reader.headers().unwrap().iter().map(|name| (name.to_string(), Vec::new())).collect();
    for record in reader.records() {
        for (column, field) in columns.iter_mut().zip(record.unwrap().iter()) {
            column.1.push(field.to_string());
        }
    }
    columns
}

fn numbers(column: &[String]) -> Vec<f64> {
    column.iter().map(|field| if field.is_empty() { f64::NAN } else { field.parse().unwrap() }).collect()
}

fn feature(column: &(String, Vec<String>)) -> Feature {
    let (name, fields) = column;
    if name.starts_with("text_") {
        let known = fields.iter().map(|field| (!field.is_empty()).then_some(field.as_str()));
        return Feature::new(name, Values::from_texts(known));
    }
    Feature::new(name, Values::Numbers(numbers(fields)))
}

fn training(file: &str) -> TrainingSet {
    let mut columns = read(file);
    let (kind, fields) = columns.pop().unwrap();
    let target = match kind.as_str() {
        "number" => Target::Number(numbers(&fields)),
        "binary" => Target::Binary(fields.iter().map(|field| field == "1").collect()),
        _ => {
            let mut names = fields.clone();
            names.sort();
            names.dedup();
            let code = |field: &String| names.binary_search(field).unwrap() as u32;
            Target::Classes { codes: fields.iter().map(code).collect(), names: names.clone() }
        }
    };
    TrainingSet::new(columns.iter().map(feature).collect(), target, None).unwrap()
}

/// Predictions by row, and what made the raw scores of the first rows.
fn scored(model: &Model, file: &str) -> Json {
    let columns = read(file);
    let features: Vec<Feature> = columns.iter().map(feature).collect();
    let predictions = model.predict(&features, 2).unwrap();
    let mut predictor = model.predictor();
    let mut explained = Vec::new();
    for row in 0..20 {
        let value = |feature: &Feature| match &feature.values {
            Values::Numbers(numbers) if numbers[row].is_nan() => Value::Missing,
            Values::Numbers(numbers) => Value::Number(numbers[row]),
            Values::Categories { .. } => {
                let (_, fields) = columns.iter().find(|(name, _)| *name == feature.name).unwrap();
                if fields[row].is_empty() { Value::Missing } else { Value::Text(&fields[row]) }
            }
        };
        let values: Vec<Value<'_>> = features.iter().map(value).collect();
        let explanation = model.explain(&values).unwrap();
        assert_eq!(predictor.predict(&values).unwrap(), &predictions[row * model.outputs()..][..model.outputs()]);
        explained.push(json!({"base": explanation.base, "contributions": explanation.contributions}));
    }
    let rows: Vec<&[f64]> = predictions.chunks(model.outputs()).collect();
    json!({"predictions": rows, "explained": explained})
}

/// Trees as shap reads them.
fn trees_of(model: &Model) -> Json {
    let Scorer::Trees(trees) = model.scorer() else { panic!("trees were trained") };
    let shown = (0..trees.trees()).map(|tree| {
        let (output, nodes) = trees.show(tree);
        let rows = nodes.iter().map(|node| match node {
            Shown::Leaf { value, cover } => (-1, -1, -1, -1, 0.0, *value, *cover),
            Shown::Number { feature, last_left, missing_left, left, right, cover } => {
                let missing = if *missing_left { left } else { right };
                (*left as i64, *right as i64, *missing as i64, *feature as i64, *last_left, 0.0, *cover)
            }
            Shown::Categories { .. } => panic!("shap knows no questions about categories"),
        });
        let rows: Vec<_> = rows.collect();
        json!({
            "output": output,
            "left": rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            "right": rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            "missing": rows.iter().map(|row| row.2).collect::<Vec<_>>(),
            "feature": rows.iter().map(|row| row.3).collect::<Vec<_>>(),
            "threshold": rows.iter().map(|row| row.4).collect::<Vec<_>>(),
            "value": rows.iter().map(|row| row.5).collect::<Vec<_>>(),
            "cover": rows.iter().map(|row| row.6).collect::<Vec<_>>(),
        })
    });
    json!({"base": trees.base(), "trees": shown.collect::<Vec<_>>()})
}

fn of_binary(columns: &[(String, Vec<String>)]) -> Json {
    let labels: Vec<bool> = columns[0].1.iter().map(|field| field == "1").collect();
    let (scores, weights) = (numbers(&columns[1].1), numbers(&columns[2].1));
    let figures = |weights: Option<&[f64]>| {
        let decision = metrics::at_threshold(&labels, &scores, 0.5, weights).unwrap();
        json!({
            "auc": metrics::auc(&labels, &scores, weights).unwrap(),
            "pr_auc": metrics::pr_auc(&labels, &scores, weights).unwrap(),
            "logloss": metrics::logloss(&labels, &scores, weights).unwrap(),
            "brier": metrics::brier(&labels, &scores, weights).unwrap(),
            "accuracy": decision.accuracy,
            "precision": decision.precision,
            "recall": decision.recall,
            "f1": decision.f1,
            "recall_at_fpr": metrics::recall_at_false_positive_rate(&labels, &scores, 0.1, weights).unwrap(),
        })
    };
    json!({"plain": figures(None), "weighted": figures(Some(&weights))})
}

fn of_numbers(columns: &[(String, Vec<String>)]) -> Json {
    let (targets, predictions) = (numbers(&columns[0].1), numbers(&columns[1].1));
    let weights = numbers(&columns[2].1);
    let figures = |weights: Option<&[f64]>| {
        json!({
            "rmse": metrics::rmse(&targets, &predictions, weights).unwrap(),
            "mae": metrics::mae(&targets, &predictions, weights).unwrap(),
            "r2": metrics::r2(&targets, &predictions, weights).unwrap(),
        })
    };
    // The same two columns as gains and as the scores that order them.
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by(|a, b| predictions[*b].total_cmp(&predictions[*a]));
    let gains: Vec<f64> = order.iter().map(|row| targets[*row]).collect();
    let ndcg = metrics::ranking::ndcg(&gains, &targets, 10);
    json!({"plain": figures(None), "weighted": figures(Some(&weights)), "ndcg": ndcg})
}

fn of_drift(columns: &[(String, Vec<String>)]) -> Json {
    let test = kolmogorov_smirnov(&numbers(&columns[0].1), &numbers(&columns[1].1)).unwrap();
    json!({"statistic": test.statistic, "p": test.p_value})
}
