//! `system.feature_views` and `system.feature_differences`: what is known of entities, and whether what is served is what is
//! learnt from.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use headwater_base::clock::Clock;
use headwater_deploy::features::compare::{Comparison, Differences};
use headwater_deploy::runs::Kind;
use headwater_query::relation::FeatureView;
use headwater_sql::duration_text;

use super::{Known, text, times};

/// One row a feature view.
pub fn views(known: &Known, declared: &[Arc<FeatureView>], clock: &dyn Clock) -> Vec<ArrayRef> {
    let comparisons = known.comparisons().clone();
    let looked: Vec<Option<&Comparison>> =
        declared.iter().map(|view| comparisons.get(&view.name).filter(|looked| looked.at_us.is_some())).collect();
    let schedules = known.runs.as_ref().map(|runs| runs.schedules()).unwrap_or_default();
    let schedule = |view: &Arc<FeatureView>| {
        let next = schedules.iter().find(|next| next.kind == Kind::Features && next.object == view.name)?;
        Some(next.schedule.as_str())
    };
    let entity = |view: &Arc<FeatureView>| {
        let names = view.entity.iter().map(|column| view.schema.field(*column).name().as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let entities: Vec<String> = declared.iter().map(entity).collect();
    let ttl = |view: &Arc<FeatureView>| {
        let ttl_us = u64::try_from(view.ttl_us?).ok()?;
        Some(duration_text(std::time::Duration::from_micros(ttl_us)))
    };
    let ttls: Vec<Option<String>> = declared.iter().map(ttl).collect();
    let counts = |of: fn(&Comparison) -> u64| -> ArrayRef {
        Arc::new(looked.iter().map(|looked| Some(of((*looked)?) as i64)).collect::<Int64Array>())
    };
    let newest = || looked.iter().map(|looked| looked.and_then(|looked| looked.newest_us));
    let lag = |newest_us: i64| (clock.now_us() - newest_us) as f64 / 1e6;
    vec![
        text(declared.iter().map(|view| Some(view.name.as_str()))),
        text(entities.iter().map(|entity| Some(entity.as_str()))),
        text(declared.iter().map(|view| Some(if schedule(view).is_some() { "scheduled" } else { "continuous" }))),
        text(declared.iter().map(schedule)),
        text(ttls.iter().map(Option::as_deref)),
        counts(|looked| looked.entities),
        times(newest()),
        Arc::new(newest().map(|newest_us| newest_us.map(lag)).collect::<Float64Array>()),
        times(looked.iter().map(|looked| looked.and_then(|looked| looked.at_us))),
        counts(|looked| looked.compared),
        counts(|looked| looked.different),
        text(looked.iter().map(|looked| looked.and_then(|looked| looked.error.as_deref()))),
    ]
}

/// One row a feature that was compared.
pub fn differences(known: &Known) -> Vec<ArrayRef> {
    let comparisons = known.comparisons().clone();
    let of_view = |looked: &'_ Comparison| -> Vec<(String, String, Differences)> {
        let name = &looked.view.name;
        looked.features.iter().map(|(feature, found)| (name.clone(), feature.clone(), found.clone())).collect()
    };
    let all: Vec<(String, String, Differences)> = comparisons.values().flat_map(of_view).collect();
    let counts = |of: fn(&Differences) -> u64| -> ArrayRef {
        Arc::new(all.iter().map(|(.., found)| of(found) as i64).collect::<Int64Array>())
    };
    let examples = || all.iter().map(|(.., found)| found.example.as_ref());
    vec![
        text(all.iter().map(|(view, ..)| Some(view.as_str()))),
        text(all.iter().map(|(_, feature, _)| Some(feature.as_str()))),
        counts(|found| found.compared),
        counts(|found| found.different),
        Arc::new(all.iter().map(|(.., found)| found.largest).collect::<Float64Array>()),
        text(examples().map(|example| example.map(|example| example.entity.as_str()))),
        text(examples().map(|example| example.and_then(|example| example.online.as_deref()))),
        text(examples().map(|example| example.and_then(|example| example.offline.as_deref()))),
        times(examples().map(|example| example.map(|example| example.found_us))),
    ]
}
