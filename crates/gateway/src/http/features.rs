//! Features of entities, now: `POST /v1/features/{view}` by objects, and `POST /get-online-features` in the shape of Feast's
//! feature server.
//!
//! Source: Feast, "Python feature server".

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use headwater_base::clock::SystemClock;
use headwater_format::Format;
use headwater_query::Relations;
use headwater_query::relation::{FeatureView, Relation, View};
use headwater_query::render::json as render;
use headwater_query::session::Session;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body;
use super::failure::Failure;
use crate::node::Node;

/// Entities of one request; more are a query.
const ENTITIES_MAX: usize = 10_000;

const HINT: &str = "send {\"entities\": [{\"customer_id\": 7}, …]}, each with the columns of ENTITY";

fn refuse(message: impl Into<String>) -> Failure {
    Failure::invalid(StatusCode::BAD_REQUEST, message, HINT)
}

/// A feature view, and the relation with its latest values.
struct Online<'a> {
    session: &'a Session,
    features: Arc<FeatureView>,
    view: Arc<View>,
    now_us: i64,
}

/// What is known of entities, all at one epoch.
struct Found {
    /// The rows of those of which something is known.
    rows: RecordBatch,
    /// Of each entity its row, and what is to be said of it.
    entities: Vec<(Option<usize>, Status)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Present,
    OutsideTtl,
    NotFound,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Status::Present => "present",
            Status::OutsideTtl => "outside_ttl",
            Status::NotFound => "not_found",
        }
    }

    /// As Feast says it.
    const fn of_feast(self) -> &'static str {
        match self {
            Status::Present => "PRESENT",
            Status::OutsideTtl => "OUTSIDE_MAX_AGE",
            Status::NotFound => "NOT_FOUND",
        }
    }
}

impl<'a> Online<'a> {
    fn of(session: &'a Session, name: &str) -> Result<Online<'a>, Failure> {
        let relations: &Relations = &session.sources().relations;
        let (Some(features), Some(Relation::View(view))) = (relations.feature_view(name), relations.get(name)) else {
            let near = headwater_sql::nearest(name, relations.feature_views().map(|view| view.name.as_str()));
            let hint = near.map_or_else(
                || "declare it with CREATE FEATURE VIEW".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            return Err(Failure::invalid(StatusCode::NOT_FOUND, format!("there is no feature view {name}"), &hint));
        };
        let now_us = SystemClock::shared().now_us();
        Ok(Online { session, features: Arc::clone(features), view, now_us })
    }

    /// The keys of entities, from objects with their columns.
    fn keys(&self, entities: &[Entity]) -> Result<RecordBatch, Failure> {
        let field = |key: &usize| self.view.schema.field(*key).clone().with_nullable(true);
        let fields: Vec<Field> = self.view.key.iter().map(field).collect();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let decoder = headwater_format::decoder(Format::Json, Arc::new(Schema::new(fields)), None);
        let mut decoder = decoder.map_err(|error| refuse(error.to_string()))?;
        for entity in entities {
            let text = text(entity);
            if let Some(missing) = names.iter().find(|name| !entity.contains_key(*name)) {
                return Err(refuse(format!("an entity has no {missing}: {text}")));
            }
            decoder.push(text.as_bytes()).map_err(|error| {
                let column = error.column.as_deref().unwrap_or("the entity");
                refuse(format!("{column}: {}", error.detail))
            })?;
        }
        Ok(decoder.finish())
    }

    fn find(&self, entities: &[Entity]) -> Result<Found, Failure> {
        let name = &self.features.name;
        let point = self.session.sources().snapshots.read_point_of(name, &self.keys(entities)?)?;
        if let Some(reason) = point.stopped.get(name) {
            return Err(Failure::invalid(
                StatusCode::SERVICE_UNAVAILABLE,
                reason.clone(),
                "system.views has what stopped",
            ));
        }
        let found = point.views.rows(name)?;
        let rows = concat_batches(&self.view.schema, &found)
            .map_err(|error| headwater_query::Error::Internal(error.to_string()))?;
        let times = rows.column(self.features.timestamp).as_primitive_opt::<TimestampMicrosecondType>();
        let is_old = |row: usize| {
            let at_us = times.filter(|times| times.is_valid(row)).map(|times| times.value(row));
            self.features.ttl_us.zip(at_us).is_some_and(|(ttl_us, at_us)| at_us < self.now_us - ttl_us)
        };
        let mut next = 0;
        let judged = |row: &RecordBatch| {
            let at = next;
            next += row.num_rows();
            match row.num_rows() {
                0 => (None, Status::NotFound),
                _ if is_old(at) => (Some(at), Status::OutsideTtl),
                _ => (Some(at), Status::Present),
            }
        };
        let entities = found.iter().map(judged).collect();
        Ok(Found { rows, entities })
    }
}

/// The columns that tell an entity apart, with their values.
type Entity = Map<String, Value>;

fn text(entity: &Entity) -> String {
    // An object of values can't fail to be written.
    serde_json::to_string(entity).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    entities: Vec<Entity>,
}

pub async fn post(
    State(node): State<Arc<dyn Node>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Failure> {
    let request: Request =
        serde_json::from_slice(&body::text(body).await?).map_err(|error| refuse(error.to_string()))?;
    check_number(request.entities.len())?;
    let session = node.session();
    let online = Online::of(&session, &name)?;
    let mut answer = format!("{{\"feature_view\":{},\"results\":[", Value::String(name));
    let found = online.find(&request.entities)?;
    let mut lines = Vec::new();
    render::lines(&found.rows, &mut lines)?;
    let lines = String::from_utf8_lossy(&lines);
    let lines: Vec<&str> = lines.lines().collect();
    for (at, (entity, (row, status))) in request.entities.iter().zip(&found.entities).enumerate() {
        let values = row.filter(|_| *status == Status::Present).map_or("null", |row| lines[row]);
        let (entity, status) = (text(entity), status.name());
        let comma = if at > 0 { "," } else { "" };
        answer.push_str(&format!("{comma}{{\"entity\":{entity},\"status\":\"{status}\",\"values\":{values}}}"));
    }
    answer.push_str("]}");
    Ok(([(CONTENT_TYPE, "application/json")], answer).into_response())
}

fn check_number(entities: usize) -> Result<(), Failure> {
    if entities <= ENTITIES_MAX {
        return Ok(());
    }
    let message = format!("{entities} entities are asked for, and {ENTITIES_MAX} are answered at once");
    Err(Failure::invalid(StatusCode::BAD_REQUEST, message, "query the feature view with POST /v1/sql"))
}

/// `{"features": ["view:feature", …], "entities": {"customer_id": [1, 2]}}`
#[derive(Deserialize)]
struct FeastRequest {
    #[serde(default)]
    features: Vec<String>,
    entities: Map<String, Value>,
    #[serde(default)]
    full_feature_names: bool,
}

pub async fn feast(State(node): State<Arc<dyn Node>>, body: Body) -> Result<Response, Failure> {
    let wrong = |message: String| {
        let hint =
            "send {\"features\": [\"view:feature\"], \"entities\": {\"customer_id\": [1, 2]}}, as Feast takes it";
        Failure::invalid(StatusCode::BAD_REQUEST, message, hint)
    };
    let request: FeastRequest =
        serde_json::from_slice(&body::text(body).await?).map_err(|error| wrong(error.to_string()))?;
    if request.features.is_empty() {
        return Err(wrong("no features are asked for".to_owned()));
    }
    if let Some((name, _)) = request.entities.iter().find(|(_, values)| !values.is_array()) {
        return Err(wrong(format!("the values of {name} are no list")));
    }
    let number = request.entities.values().filter_map(|values| values.as_array().map(Vec::len)).max().unwrap_or(0);
    check_number(number)?;
    let session = node.session();
    let mut names: Vec<String> = request.entities.keys().cloned().collect();
    let mut results = Vec::new();
    for values in request.entities.values() {
        let values = values.as_array().map_or_else(Vec::new, |values| values.iter().map(Value::to_string).collect());
        results.push(result(&values, &vec!["PRESENT"; number], &vec!["\"1970-01-01T00:00:00Z\""; number]));
    }
    let entity = |row: usize| {
        let value = |values: &Value| values.get(row).cloned().unwrap_or(Value::Null);
        request.entities.iter().map(|(name, values)| (name.clone(), value(values))).collect()
    };
    let entities: Vec<Entity> = (0..number).map(entity).collect();
    let mut asked: BTreeMap<&str, Known<'_>> = BTreeMap::new();
    for wanted in &request.features {
        let Some((view, feature)) = wanted.split_once(':') else {
            return Err(wrong(format!("{wanted} names no feature: write view:feature")));
        };
        let known = match asked.entry(view) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Known::of(Online::of(&session, view)?, &entities)?),
        };
        names.push(if request.full_feature_names { format!("{view}__{feature}") } else { feature.to_owned() });
        results.push(known.feature(feature)?);
    }
    let answer = format!("{{\"metadata\":{{\"feature_names\":{}}},\"results\":[{}]}}", json!(names), results.join(","));
    Ok(([(CONTENT_TYPE, "application/json")], answer).into_response())
}

/// What is said of one name: values and times are JSON already.
fn result(values: &[String], statuses: &[&str], times: &[impl Borrow<str>]) -> String {
    let (values, statuses, times) = (values.join(","), statuses.join("\",\""), times.join(","));
    let quote = if statuses.is_empty() { "" } else { "\"" };
    format!("{{\"values\":[{values}],\"statuses\":[{quote}{statuses}{quote}],\"event_timestamps\":[{times}]}}")
}

/// What a feature view has of all entities of a request.
struct Known<'a> {
    online: Online<'a>,
    found: Found,
    /// Of each entity the time of its row.
    times: Vec<String>,
}

impl<'a> Known<'a> {
    fn of(online: Online<'a>, entities: &[Entity]) -> Result<Known<'a>, Failure> {
        let found = online.find(entities)?;
        let times = render::values(found.rows.column(online.features.timestamp))?;
        let of = |row: &Option<usize>| row.map_or_else(|| NULL.to_owned(), |row| times[row].clone());
        let times = found.entities.iter().map(|(row, _)| of(row)).collect();
        Ok(Known { online, found, times })
    }

    /// A feature of all entities.
    fn feature(&self, feature: &str) -> Result<String, Failure> {
        let Online { features, view, .. } = &self.online;
        let column = view.schema.index_of(feature);
        let column = column.map_err(|_| refuse(format!("{} has no feature {feature}", features.name)))?;
        let known = render::values(self.found.rows.column(column))?;
        let value = |(row, status): &(Option<usize>, Status)| {
            let value = row.filter(|_| *status == Status::Present).map_or(NULL, |row| &known[row]);
            let is_null = *status == Status::Present && value == NULL;
            (value.to_owned(), if is_null { "NULL_VALUE" } else { status.of_feast() })
        };
        let (values, statuses): (Vec<String>, Vec<&str>) = self.found.entities.iter().map(value).unzip();
        Ok(result(&values, &statuses, &self.times))
    }
}

const NULL: &str = "null";
