//! `system.models`, `system.model_versions`, `system.model_metrics` and `system.model_drift`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use headwater_deploy::models::drift::{Drift, drift as drift_of};
use headwater_deploy::models::registry::Versions;
use headwater_deploy::models::{Declared, From, Version};

use super::{Known, text, times};
use crate::node::models::frozen;

fn declared(known: &Known) -> Vec<(Declared, Versions)> {
    let Some(registry) = &known.registry else { return Vec::new() };
    let models = registry.declared();
    models.into_iter().map(|model| (model.clone(), registry.versions(&model))).collect()
}

fn numbers(values: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(values.map(|value| value.and_then(|value| i64::try_from(value).ok())).collect::<Int64Array>())
}

fn texts(values: &[Option<String>]) -> ArrayRef {
    text(values.iter().map(Option::as_deref))
}

/// A JSON object.
fn object<'a, V: serde::Serialize + 'a>(pairs: impl Iterator<Item = (&'a String, &'a V)>) -> String {
    let members = pairs.filter_map(|(name, value)| Some((name.clone(), serde_json::to_value(value).ok()?)));
    serde_json::Value::Object(members.collect()).to_string()
}

pub fn models(known: &Known) -> Vec<ArrayRef> {
    let all = declared(known);
    let suites = known.suites().clone();
    let why = |model: &Declared| known.runs.as_ref().and_then(|runs| frozen(model, &suites, runs));
    let reasons: Vec<Option<String>> = all.iter().map(|(model, _)| why(model)).collect();
    let state = |(versions, frozen): (&Versions, &Option<String>)| match (versions.champion(), frozen) {
        (_, Some(_)) => "frozen",
        (Some(_), None) => "serving",
        (None, None) => "untrained",
    };
    let methods: Vec<Option<String>> =
        all.iter().map(|(_, versions)| Some(versions.all.values().next_back()?.method.clone())).collect();
    let predicts: Vec<Option<String>> = all.iter().map(|(model, _)| predicts(model)).collect();
    let schedules: Vec<Option<String>> = all.iter().map(|(model, _)| Some(model.schedule.to_string())).collect();
    let inputs = |model: &Declared| {
        let names: Vec<&str> = model.model.inputs.iter().map(|input| input.name().as_str()).collect();
        Some(names.join(", "))
    };
    let inputs: Vec<Option<String>> = all.iter().map(|(model, _)| inputs(model)).collect();
    vec![
        text(all.iter().map(|(model, _)| Some(model.model.name.as_str()))),
        texts(&methods),
        texts(&predicts),
        text(all.iter().map(|(_, versions)| versions).zip(&reasons).map(|both| Some(state(both)))),
        numbers(all.iter().map(|(_, versions)| versions.champion().map(|version| version.number))),
        numbers(all.iter().map(|(_, versions)| versions.challenger().map(|version| version.number))),
        times(all.iter().map(|(_, versions)| versions.all.values().next_back().map(|version| version.trained_us))),
        texts(&reasons),
        texts(&schedules),
        texts(&inputs),
    ]
}

fn predicts(model: &Declared) -> Option<String> {
    use headwater_query::model::Task;
    let what = match &model.model.task {
        Task::Regression => "number",
        Task::Classification(_) => "class",
        Task::Anomaly => "anomaly",
        Task::Recommendation => "items",
    };
    let from = if matches!(model.from, From::Onnx { .. }) { " (ONNX)" } else { "" };
    Some(format!("{what}{from}"))
}

pub fn versions(known: &Known) -> Vec<ArrayRef> {
    let all = declared(known);
    let rows: Vec<(&str, &Versions, &Version)> = all
        .iter()
        .flat_map(|(model, versions)| {
            versions.all.values().map(move |version| (model.model.name.as_str(), versions, version))
        })
        .collect();
    let role = |(_, versions, version): &(&str, &Versions, &Version)| {
        let is = |other: Option<&Version>| other.is_some_and(|other| other.number == version.number);
        let was = versions.promotions.iter().any(|promotion| promotion.version == version.number);
        if is(versions.champion()) {
            "champion"
        } else if is(versions.challenger()) {
            "challenger"
        } else if was {
            "former champion"
        } else {
            "rejected"
        }
    };
    let promotion = |(_, versions, version): &(&str, &'_ Versions, &Version)| {
        versions.promotions.iter().rev().find(|promotion| promotion.version == version.number).cloned()
    };
    let promotions: Vec<_> = rows.iter().map(promotion).collect();
    let importances: Vec<Option<String>> = rows
        .iter()
        .map(|(_, _, version)| Some(object(version.importances.iter().map(|(name, value)| (name, value)))))
        .collect();
    let inputs: Vec<Option<String>> = rows.iter().map(|(_, _, version)| Some(object(version.inputs.iter()))).collect();
    vec![
        text(rows.iter().map(|(model, _, _)| Some(*model))),
        numbers(rows.iter().map(|(_, _, version)| Some(version.number))),
        text(rows.iter().map(|row| Some(role(row)))),
        times(rows.iter().map(|(_, _, version)| Some(version.trained_us))),
        Arc::new(rows.iter().map(|(_, _, version)| Some(version.took_ms)).collect::<Float64Array>()),
        numbers(rows.iter().map(|(_, _, version)| Some(version.rows))),
        numbers(rows.iter().map(|(_, _, version)| Some(version.test_rows))),
        numbers(rows.iter().map(|(_, _, version)| Some(version.bytes))),
        texts(&importances),
        texts(&inputs),
        numbers(rows.iter().map(|(_, _, version)| Some(version.run_id))),
        times(promotions.iter().map(|promotion| promotion.as_ref().map(|promotion| promotion.at_us))),
        text(promotions.iter().map(|promotion| promotion.as_ref().map(|promotion| promotion.why.as_str()))),
    ]
}

pub fn metrics(known: &Known) -> Vec<ArrayRef> {
    let all = declared(known);
    let of_model = |(model, versions): &(Declared, Versions)| -> Vec<(String, Version)> {
        versions.all.values().map(|version| (model.model.name.clone(), version.clone())).collect()
    };
    let versions: Vec<(String, Version)> = all.iter().flat_map(of_model).collect();
    let of_version = |(model, version): &(String, Version)| -> Vec<(String, Version, String, f64)> {
        let metrics: &BTreeMap<String, f64> = &version.metrics;
        metrics.iter().map(|(name, value)| (model.clone(), version.clone(), name.clone(), *value)).collect()
    };
    let rows: Vec<(String, Version, String, f64)> = versions.iter().flat_map(of_version).collect();
    vec![
        text(rows.iter().map(|(model, ..)| Some(model.as_str()))),
        numbers(rows.iter().map(|(_, version, ..)| Some(version.number))),
        text(rows.iter().map(|(_, _, name, _)| Some(name.as_str()))),
        Arc::new(rows.iter().map(|(.., value)| Some(*value)).collect::<Float64Array>()),
        times(rows.iter().map(|(_, version, ..)| Some(version.trained_us))),
    ]
}

/// Of what scores.
pub fn drift(known: &Known) -> Vec<ArrayRef> {
    let all = declared(known);
    let scoring = all.iter().filter_map(|(model, _)| {
        let scoring = known.registry.as_ref()?.scoring(&model.store)?;
        Some((model.model.name.clone(), scoring.version.number, drift_of(&scoring)))
    });
    let rows: Vec<(String, u64, Drift)> = scoring
        .flat_map(|(model, version, found)| found.into_iter().map(move |drift| (model.clone(), version, drift)))
        .collect();
    let floats = |value: fn(&Drift) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|(.., drift)| value(drift)).collect::<Float64Array>())
    };
    vec![
        text(rows.iter().map(|(model, ..)| Some(model.as_str()))),
        numbers(rows.iter().map(|(_, version, _)| Some(*version))),
        text(rows.iter().map(|(.., drift)| drift.feature.as_deref())),
        floats(|drift| drift.psi),
        floats(|drift| drift.ks.map(|(statistic, _)| statistic)),
        floats(|drift| drift.ks.map(|(_, p_value)| p_value)),
        numbers(rows.iter().map(|(.., drift)| Some(drift.training_rows as u64))),
        numbers(rows.iter().map(|(.., drift)| Some(drift.rows))),
    ]
}
