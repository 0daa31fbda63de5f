//! Online against offline: what a feature view gives now, and what a join as of now finds in its history, for entities that
//! are drawn anew at each look. One query gives both, so they speak of the same moment.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_comparator};
use arrow::compute::{SortOptions, cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::DateTime;
use futures::TryStreamExt;
use headwater_query::Error;
use headwater_query::relation::features::quoted;
use headwater_query::relation::{FeatureView, HISTORY};
use headwater_query::render::json;
use headwater_query::session::Session;

/// Entities that a look is after, at least; it takes up to sixteen times as many, and all of a view that has no more.
const SAMPLE: u64 = 1000;

/// Values are of now where the last of them is no older.
const RECENT_US: i64 = 60 * 60 * 1_000_000;

/// Floating-point values that differ by less, in proportion, are the same.
const TOLERANCE: f64 = 1e-9;

/// What all looks at a feature view came to.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub view: Arc<FeatureView>,
    /// When it was looked at last.
    pub at_us: Option<i64>,
    /// Entities that the view had then.
    pub entities: u64,
    /// The greatest time of its values.
    pub newest_us: Option<i64>,
    /// Entities whose values were compared, and those of them where a feature differed.
    pub compared: u64,
    pub different: u64,
    /// By the names of features.
    pub features: BTreeMap<String, Differences>,
    /// Why the last look came to nothing.
    pub error: Option<String>,
}

/// Of one feature.
#[derive(Debug, Clone, Default)]
pub struct Differences {
    pub compared: u64,
    pub different: u64,
    /// The greatest difference of numbers.
    pub largest: Option<f64>,
    /// The last that was found.
    pub example: Option<Example>,
}

#[derive(Debug, Clone)]
pub struct Example {
    /// As a JSON object.
    pub entity: String,
    pub online: Option<String>,
    pub offline: Option<String>,
    pub found_us: i64,
}

impl Comparison {
    pub fn new(view: Arc<FeatureView>) -> Comparison {
        let features = view.features().map(|at| (view.schema.field(at).name().clone(), Differences::default()));
        let features = features.collect();
        Comparison { features, view, at_us: None, entities: 0, newest_us: None, compared: 0, different: 0, error: None }
    }

    /// Looks once; which entities are drawn is for `draw` to say.
    pub async fn look(&mut self, session: &Session, now_us: i64, draw: u64) {
        self.at_us = Some(now_us);
        self.error = self.compare(session, now_us, draw).await.err().map(|error| error.to_string());
    }

    async fn compare(&mut self, session: &Session, now_us: i64, draw: u64) -> crate::Result<()> {
        let name = quoted(&self.view.name);
        let time = self.view.column(self.view.timestamp);
        let all = rows(session, &format!("SELECT count(*), max({time}) FROM {name}")).await?;
        self.entities = u64::try_from(all.column(0).as_primitive::<Int64Type>().value(0)).unwrap_or(0);
        let newest = all.column(1).as_primitive::<TimestampMicrosecondType>();
        self.newest_us = newest.is_valid(0).then(|| newest.value(0));
        let Some(newest_us) = self.newest_us else { return Ok(()) };
        let is_of_now = (now_us - RECENT_US..=now_us).contains(&newest_us);
        let at_us = if is_of_now { now_us } else { self.known_until(session, newest_us).await? };
        let both = rows(session, &question(&self.view, &drawn(&self.view, self.entities, draw), at_us)).await?;
        self.add(&both, now_us).map_err(|error| Error::Execution(error.to_string()))?;
        Ok(())
    }

    /// Where event time is not that of the clock, as of a history that is gone through: when the last of the values was known.
    async fn known_until(&self, session: &Session, newest_us: i64) -> crate::Result<i64> {
        let history = format!("{HISTORY}.{}", quoted(&self.view.name));
        let known = quoted(self.view.known_at_name());
        let last = rows(session, &format!("SELECT max({known}) FROM {history}")).await?;
        let last = last.column(0).as_primitive::<TimestampMicrosecondType>();
        Ok(if last.is_valid(0) { last.value(0).max(newest_us) } else { newest_us })
    }

    /// Rows of [`question`].
    fn add(&mut self, both: &RecordBatch, now_us: i64) -> Result<(), ArrowError> {
        let keys = self.view.entity.len();
        let entities = both.project(&(0..keys).collect::<Vec<_>>())?;
        let mut differs = vec![false; both.num_rows()];
        for (place, at) in self.view.features().enumerate() {
            let (online, offline) = (both.column(keys + 2 * place), both.column(keys + 2 * place + 1));
            let found = different(online, offline)?;
            found.iter().for_each(|row| differs[*row] = true);
            let Some(feature) = self.features.get_mut(self.view.schema.field(at).name()) else { continue };
            feature.compared += both.num_rows() as u64;
            feature.different += found.len() as u64;
            let Some(last) = found.last() else { continue };
            let both = [feature.largest, largest(online, offline, &found)?];
            feature.largest = both.into_iter().flatten().reduce(f64::max);
            feature.example = Some(Example {
                entity: entity(&entities.slice(*last, 1), &self.view),
                online: text(online, *last)?,
                offline: text(offline, *last)?,
                found_us: now_us,
            });
        }
        self.compared += both.num_rows() as u64;
        self.different += differs.iter().filter(|differs| **differs).count() as u64;
        Ok(())
    }
}

async fn rows(session: &Session, text: &str) -> crate::Result<RecordBatch> {
    let query = session.query(text).await?;
    let schema = Arc::clone(&query.schema);
    let batches: Vec<RecordBatch> = query.batches.try_collect().await?;
    Ok(concat_batches(&schema, &batches).map_err(|error| Error::Execution(error.to_string()))?)
}

/// The condition that draws entities: a part of the values that a hash of theirs has. Conditions on keys are asked of
/// both sides of a join as of a time before it.
fn drawn(view: &FeatureView, entities: u64, draw: u64) -> Option<String> {
    let digits = (entities / SAMPLE).checked_ilog(16).filter(|digits| *digits > 0)?.min(16) as usize;
    let prefix = &format!("{draw:016x}")[..digits];
    let keys = view.entity.iter().map(|key| format!("CAST(online.{} AS VARCHAR)", view.column(*key)));
    let keys: Vec<String> = keys.collect();
    Some(format!("left(md5(concat_ws('|', {})), {digits}) = '{prefix}'", keys.join(", ")))
}

/// Entities with each feature as it is online, and as it is offline: of values that count at that time.
fn question(view: &FeatureView, drawn: &Option<String>, at_us: i64) -> String {
    let mut columns: Vec<String> =
        view.entity.iter().zip(1..).map(|(key, place)| format!("online.{} AS e{place}", view.column(*key))).collect();
    for (at, place) in view.features().zip(1..) {
        let feature = view.column(at);
        columns.push(format!("online.{feature} AS online{place}"));
        columns.push(format!("offline.{feature} AS offline{place}"));
    }
    let on = view.entity.iter().map(|key| view.column(*key)).map(|key| format!("offline.{key} = online.{key}"));
    let (on, time) = (on.collect::<Vec<_>>().join(" AND "), view.column(view.timestamp));
    let mut conditions = vec![format!("online.{time} <= {}", instant(at_us))];
    conditions.extend(view.ttl_us.map(|ttl_us| format!("online.{time} >= {}", instant(at_us.saturating_sub(ttl_us)))));
    conditions.extend(view.entity.iter().map(|key| format!("online.{} IS NOT NULL", view.column(*key))));
    conditions.extend(drawn.clone());
    format!(
        "SELECT {} FROM (SELECT *, {} AS _asked_at FROM {view}) AS online \
         LEFT JOIN {view} FOR SYSTEM_TIME AS OF online._asked_at AS offline ON {on} WHERE {}",
        columns.join(", "),
        instant(at_us),
        conditions.join(" AND "),
        view = quoted(&view.name),
    )
}

fn instant(at_us: i64) -> String {
    let at = DateTime::from_timestamp_micros(at_us).unwrap_or_default();
    format!("TIMESTAMP '{}'", at.format("%Y-%m-%d %H:%M:%S%.6f"))
}

/// The rows in which two columns are not the same. NULL is the same as NULL.
fn different(online: &ArrayRef, offline: &ArrayRef) -> Result<Vec<usize>, ArrowError> {
    if matches!(online.data_type(), DataType::Float32 | DataType::Float64) {
        let (online, offline) = (cast(online, &DataType::Float64)?, cast(offline, &DataType::Float64)?);
        let (online, offline) = (online.as_primitive::<Float64Type>(), offline.as_primitive::<Float64Type>());
        let rows = online.iter().zip(offline).enumerate().filter(|(_, (online, offline))| !same(*online, *offline));
        return Ok(rows.map(|(row, _)| row).collect());
    }
    let compared = make_comparator(online, offline, SortOptions::default())?;
    Ok((0..online.len()).filter(|row| compared(*row, *row) != Ordering::Equal).collect())
}

fn same(online: Option<f64>, offline: Option<f64>) -> bool {
    match (online, offline) {
        (Some(online), Some(offline)) => {
            online == offline
                || (online.is_nan() && offline.is_nan())
                || (online - offline).abs() <= TOLERANCE * online.abs().max(offline.abs())
        }
        (online, offline) => online.is_none() && offline.is_none(),
    }
}

/// The greatest difference of numbers in some rows.
fn largest(online: &ArrayRef, offline: &ArrayRef, rows: &[usize]) -> Result<Option<f64>, ArrowError> {
    if !online.data_type().is_numeric() {
        return Ok(None);
    }
    let (online, offline) = (cast(online, &DataType::Float64)?, cast(offline, &DataType::Float64)?);
    let (online, offline) = (online.as_primitive::<Float64Type>(), offline.as_primitive::<Float64Type>());
    let both = rows.iter().filter(|row| online.is_valid(**row) && offline.is_valid(**row));
    Ok(both.map(|row| (online.value(*row) - offline.value(*row)).abs()).max_by(f64::total_cmp))
}

fn text(values: &ArrayRef, row: usize) -> Result<Option<String>, ArrowError> {
    let shown = ArrayFormatter::try_new(values.as_ref(), &FormatOptions::default())?;
    Ok(values.is_valid(row).then(|| shown.value(row).to_string()))
}

/// As a JSON object, by the names that the view has for it.
fn entity(row: &RecordBatch, view: &FeatureView) -> String {
    let fields: Vec<_> = view.entity.iter().map(|key| view.schema.field(*key).clone().with_nullable(true)).collect();
    let mut line = Vec::new();
    let named = RecordBatch::try_new(Arc::new(Schema::new(fields)), row.columns().to_vec()).ok();
    // What an entity can be, JSON can say.
    let _ = named.map(|row| json::lines(&row, &mut line));
    String::from_utf8_lossy(line.trim_ascii_end()).into_owned()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringViewArray};
    use arrow::datatypes::Field;
    use headwater_query::relation::timestamp_type;

    use super::*;

    fn view(entity: Vec<usize>) -> FeatureView {
        let fields = vec![
            Field::new("customer", DataType::Utf8View, true),
            Field::new("country", DataType::Utf8View, true),
            Field::new("at", timestamp_type(), true),
            Field::new("orders", DataType::Int64, true),
            Field::new("spent", DataType::Float64, true),
        ];
        let schema = Arc::new(Schema::new(fields));
        FeatureView {
            name: "spending".to_owned(),
            entity,
            timestamp: 2,
            known_at: None,
            ttl_us: Some(60_000_000),
            schema,
        }
    }

    #[test]
    fn what_differs_is_told_by_feature_with_an_example() {
        let mut all = Comparison::new(Arc::new(view(vec![0, 1])));
        let text = |values: [&str; 4]| Arc::new(StringViewArray::from_iter_values(values)) as ArrayRef;
        let orders = |values: [Option<i64>; 4]| Arc::new(values.into_iter().collect::<Int64Array>()) as ArrayRef;
        let spent = |values: [Option<f64>; 4]| Arc::new(values.into_iter().collect::<Float64Array>()) as ArrayRef;
        let columns = [
            text(["ann", "bob", "cid", "dee"]),
            text(["DE", "DE", "AT", "AT"]),
            orders([Some(1), Some(2), None, Some(9)]),
            orders([Some(1), Some(5), None, None]),
            spent([Some(0.1 + 0.2), Some(1.0), Some(f64::NAN), Some(2.0)]),
            spent([Some(0.3), Some(1.001), Some(f64::NAN), Some(2.0)]),
        ];
        let names = ["e1", "e2", "online1", "offline1", "online2", "offline2"];
        let both = RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap();
        all.add(&both, 7).unwrap();
        all.add(&both.slice(0, 1), 8).unwrap();
        assert_eq!((all.compared, all.different), (5, 2));
        let orders = &all.features["orders"];
        assert_eq!((orders.compared, orders.different, orders.largest), (5, 2, Some(3.0)));
        let example = orders.example.as_ref().unwrap();
        assert_eq!(example.entity, r#"{"customer":"dee","country":"AT"}"#);
        assert_eq!((example.online.as_deref(), example.offline.as_deref(), example.found_us), (Some("9"), None, 7));
        let spent = &all.features["spent"];
        assert_eq!((spent.different, spent.largest.map(|most| (most * 1e6).round())), (1, Some(1000.0)));
    }

    #[test]
    fn large_views_are_compared_in_part() {
        let view = view(vec![0]);
        assert_eq!(drawn(&view, 15_999, 0), None);
        let tenth = drawn(&view, 16_000, 0xa7 << 56).unwrap();
        assert_eq!(tenth, r#"left(md5(concat_ws('|', CAST(online."customer" AS VARCHAR))), 1) = 'a'"#);
        assert!(drawn(&view, 1_000_000, 0xa7 << 56).unwrap().ends_with(", 2) = 'a7'"));
    }
}
