//! Models over real data. The folder is given as HEADWATER_DATA; without it a line says what was not run.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use headwater_learn::boosting::Options;
use headwater_learn::data::{Encoder, Feature, Target, TrainingSet, Values, split};
use headwater_learn::{Method, Model, linear, metrics};

const FOLDS: usize = 5;
const NUMBERS: [&str; 4] = ["SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges"];

fn telco() -> Option<TrainingSet> {
    let Some(folder) = std::env::var_os("HEADWATER_DATA") else {
        println!("not run: telco_churn, for want of HEADWATER_DATA (the folder of real data)");
        return None;
    };
    let path = PathBuf::from(folder).join("telco_churn/Telco-Customer-Churn.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |place: usize| records.iter().map(move |record| record[place].trim());
    let feature = |place: usize, name: &String| {
        let values = if NUMBERS.contains(&name.as_str()) {
            Values::Numbers(column(place).map(|text| text.parse().unwrap_or(f64::NAN)).collect())
        } else {
            Values::from_texts(column(place).map(Some))
        };
        Feature::new(name, values)
    };
    let last = names.len() - 1;
    let features = (1..last).map(|place| feature(place, &names[place])).collect();
    let churned = column(last).map(|text| text == "Yes").collect();
    Some(TrainingSet::new(features, Target::Binary(churned), None).unwrap())
}

fn mean_auc(set: &TrainingSet, method: &Method) -> f64 {
    let folds = split::folds(set.target(), FOLDS, 1).unwrap();
    let fold = |fold: &Vec<usize>| {
        let train = set.select(&split::rest(set.rows(), fold)).unwrap();
        let test = set.select(fold).unwrap();
        let model = Model::train(&train, None, method).unwrap();
        let Target::Binary(labels) = test.target() else { panic!("it has two classes") };
        metrics::auc(labels, &model.predict(test.features(), 2).unwrap(), None).unwrap()
    };
    folds.iter().map(fold).sum::<f64>() / FOLDS as f64
}

#[test]
fn who_leaves_a_telephone_company_is_foreseen() {
    let Some(set) = telco() else { return };
    assert_eq!(set.rows(), 7043);
    let Target::Binary(churned) = set.target() else { panic!("it has two classes") };
    assert_eq!(churned.iter().filter(|churned| **churned).count(), 1869);
    assert_eq!(Encoder::fit(&set).width(), 19);
    let options = Options { leaves: 8, learning_rate: 0.05, trees: 150, threads: 2, ..Options::default() };
    let trees = mean_auc(&set, &Method::BoostedTrees(options));
    println!("telco_churn: boosted trees have a mean AUC of {trees:.4} over {FOLDS} folds");
    assert!(trees >= 0.84, "{trees}");
    let line = mean_auc(&set, &Method::LogisticRegression(linear::Options { threads: 2, ..Default::default() }));
    println!("telco_churn: logistic regression has a mean AUC of {line:.4}");
    assert!(line >= 0.84, "{line}");
}
