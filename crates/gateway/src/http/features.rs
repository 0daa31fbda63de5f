//! Features of entities, now: `POST /v1/features/{view}` by objects, and `POST /get-online-features` in the shape of Feast's
//! feature server.
//!
//! Source: Feast, "Python feature server".

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use axum::Json;
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

/// What is known of an entity.
struct Found {
    /// The row of the view; none where nothing is known.
    row: Option<RecordBatch>,
    status: &'static str,
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

    /// What is known of entities, all at one epoch.
    fn find(&self, entities: &[Entity]) -> Result<Vec<Found>, Failure> {
        let name = &self.features.name;
        let point = self.session.sources().snapshots.read_point_of(name, &self.keys(entities)?)?;
        if let Some(reason) = point.stopped.get(name) {
            return Err(Failure::invalid(
                StatusCode::SERVICE_UNAVAILABLE,
                reason.clone(),
                "system.views has what stopped",
            ));
        }
        Ok(point.views.rows(name)?.into_iter().map(|row| self.judged(row)).collect())
    }

    fn judged(&self, row: RecordBatch) -> Found {
        if row.num_rows() == 0 {
            return Found { row: None, status: "not_found" };
        }
        let is_old =
            self.features.ttl_us.zip(self.at_us(&row)).is_some_and(|(ttl_us, at_us)| at_us < self.now_us - ttl_us);
        Found { row: Some(row), status: if is_old { "outside_ttl" } else { "present" } }
    }

    fn at_us(&self, row: &RecordBatch) -> Option<i64> {
        let times = row.column(self.features.timestamp).as_primitive_opt::<TimestampMicrosecondType>()?;
        times.is_valid(0).then(|| times.value(0))
    }

    /// All columns of a row, as an object.
    fn object(row: &RecordBatch) -> Result<String, Failure> {
        let mut line = Vec::new();
        render::lines(row, &mut line)?;
        Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
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
    for (at, (entity, found)) in request.entities.iter().zip(online.find(&request.entities)?).enumerate() {
        let Found { row, status } = found;
        let values = row.as_ref().filter(|_| status == "present").map(Online::object).transpose()?;
        let (entity, values) = (text(entity), values.as_deref().unwrap_or("null"));
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

pub async fn feast(State(node): State<Arc<dyn Node>>, body: Body) -> Result<Json<Value>, Failure> {
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
    let number = request.entities.values().filter_map(|values| values.as_array().map(Vec::len)).max().unwrap_or(0);
    check_number(number)?;
    let session = node.session();
    let mut names: Vec<String> = request.entities.keys().cloned().collect();
    let present = || vec![json!("PRESENT"); number];
    let none = || vec![json!("1970-01-01T00:00:00Z"); number];
    let mut results: Vec<Value> = request
        .entities
        .values()
        .map(|values| json!({"values": values, "statuses": present(), "event_timestamps": none()}))
        .collect();
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
    Ok(Json(json!({"metadata": {"feature_names": names}, "results": results})))
}

/// What a feature view has of all entities of a request.
struct Known<'a> {
    online: Online<'a>,
    /// All columns by their names, and what is to be said of them.
    entities: Vec<(Entity, &'static str)>,
}

impl<'a> Known<'a> {
    fn of(online: Online<'a>, entities: &[Entity]) -> Result<Known<'a>, Failure> {
        let object = |found: Found| {
            let object = found.row.as_ref().map(Online::object).transpose()?;
            let object = object.and_then(|object| serde_json::from_str(&object).ok()).unwrap_or_default();
            Ok((object, found.status))
        };
        let entities = online.find(entities)?.into_iter().map(object).collect::<Result<_, Failure>>()?;
        Ok(Known { online, entities })
    }

    /// A feature of all entities.
    fn feature(&self, feature: &str) -> Result<Value, Failure> {
        let Online { features, view, .. } = &self.online;
        if view.schema.index_of(feature).is_err() {
            return Err(refuse(format!("{} has no feature {feature}", features.name)));
        }
        let time = view.schema.field(features.timestamp).name();
        let (mut values, mut statuses, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for (object, status) in &self.entities {
            let of = |name: &str| object.get(name).cloned().unwrap_or(Value::Null);
            let value = if *status == "present" { of(feature) } else { Value::Null };
            times.push(of(time));
            statuses.push(match *status {
                "present" if value.is_null() => "NULL_VALUE",
                "present" => "PRESENT",
                "outside_ttl" => "OUTSIDE_MAX_AGE",
                _ => "NOT_FOUND",
            });
            values.push(value);
        }
        Ok(json!({"values": values, "statuses": statuses, "event_timestamps": times}))
    }
}
