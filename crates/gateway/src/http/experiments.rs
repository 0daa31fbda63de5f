//! `/v1/experiments/{name}/assignment`: which variant a unit has, or each of several, and that it was shown.
//!
//! An assignment is computed, not looked up. Who gets one counts as exposed from then on, unless the request says that
//! nothing is shown yet; of several exposures of a unit, the first counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use headwater_base::ErrorKind;
use headwater_deploy::experiments::{Declared, Exposures};
use headwater_experiment::assignment::Assigned;
use headwater_query::relation::{Stream, UTC};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use super::door::Door;
use super::failure::Failure;
use crate::Problem;
use crate::ingest;

/// Units of one request.
const UNITS_MAX: usize = 10_000;

const HINT: &str = "write /v1/experiments/NAME/assignment?unit=UNIT";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct One {
    unit: String,
    exposure: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    exposure: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    units: Vec<Value>,
}

/// What becomes of exposures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    /// They are appended, and on the way to stable storage: a crash may lose them.
    Sent,
    /// They are on stable storage before the answer is.
    Durable,
    /// There are none.
    None,
}

/// What a unit has.
struct Shown {
    unit: String,
    variant: Option<String>,
    assigned: Assigned,
}

pub async fn get(
    State(door): State<Door>,
    name: Result<Path<String>, PathRejection>,
    parameters: Result<Query<One>, QueryRejection>,
) -> Result<Json<Value>, Failure> {
    let Query(One { unit, exposure }) =
        parameters.map_err(|rejected| Failure::invalid(StatusCode::BAD_REQUEST, rejected.body_text(), HINT))?;
    let experiment = experiment(&door, name)?;
    let wanted = Exposure::read(exposure.as_deref())?;
    if unit.is_empty() {
        return Err(Failure::invalid(StatusCode::BAD_REQUEST, "the unit is empty", HINT));
    }
    let shown = [show(&experiment, unit)];
    let exposure = expose(&door, &experiment, &shown, wanted).await?;
    let [one] = &shown;
    let mut answer = json!({"experiment": experiment.name, "exposure": exposure.word()});
    if let (Value::Object(answer), Value::Object(told)) = (&mut answer, one.told()) {
        answer.extend(told);
    }
    Ok(Json(answer))
}

pub async fn post(
    State(door): State<Door>,
    name: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let refuse = |status, message: String| Failure::invalid(status, message, "send {\"units\": [\"UNIT\", …]} as JSON");
    let Query(parameters) =
        parameters.map_err(|rejected| Failure::invalid(StatusCode::BAD_REQUEST, rejected.body_text(), HINT))?;
    if !body::is_json(&headers) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type is not application/json".to_owned()));
    }
    let experiment = experiment(&door, name)?;
    let wanted = Exposure::read(parameters.exposure.as_deref())?;
    let request = serde_json::from_slice(&body::text(body).await?);
    let Several { units } = request.map_err(|error| refuse(StatusCode::BAD_REQUEST, format!("the body: {error}")))?;
    if units.len() > UNITS_MAX {
        return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {UNITS_MAX} units")));
    }
    let shown = units.into_iter().map(|unit| match unit {
        Value::String(unit) if unit.is_empty() => Err(refuse(StatusCode::BAD_REQUEST, "a unit is empty".to_owned())),
        Value::String(unit) => Ok(show(&experiment, unit)),
        Value::Number(unit) if unit.is_i64() || unit.is_u64() => Ok(show(&experiment, unit.to_string())),
        other => Err(refuse(StatusCode::BAD_REQUEST, format!("a unit is a text or a whole number, not {other}"))),
    });
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    let exposure = expose(&door, &experiment, &shown, wanted).await?;
    let assignments: Vec<Value> = shown.iter().map(Shown::told).collect();
    Ok(Json(json!({"experiment": experiment.name, "exposure": exposure.word(), "assignments": assignments})))
}

fn experiment(door: &Door, name: Result<Path<String>, PathRejection>) -> Result<Arc<Declared>, Failure> {
    let Path(name) = name.map_err(|rejected| Failure::invalid(StatusCode::BAD_REQUEST, rejected.body_text(), HINT))?;
    let all = door.node.experiments();
    if let Some(found) = all.iter().find(|one| one.name == name) {
        return Ok(Arc::clone(found));
    }
    let near = headwater_sql::nearest(&name, all.iter().map(|one| one.name.as_str()));
    let hint =
        near.map_or_else(|| "declare it with CREATE EXPERIMENT".to_owned(), |near| format!("did you mean {near}?"));
    Err(Failure::invalid(StatusCode::NOT_FOUND, format!("there is no experiment {name}"), &hint))
}

fn show(experiment: &Declared, unit: String) -> Shown {
    let (assigned, variant) = experiment.assigning.assign(&unit);
    let variant = variant.map(str::to_owned);
    Shown { unit, variant, assigned }
}

/// Appends exposures of all that have a variant; what became of them.
async fn expose(door: &Door, experiment: &Declared, shown: &[Shown], wanted: Exposure) -> Result<Exposure, Failure> {
    let Exposures::Own(stream) = &experiment.exposures else { return Ok(Exposure::None) };
    let exposed: Vec<&Shown> = shown.iter().filter(|one| one.variant.is_some()).collect();
    if wanted == Exposure::None || exposed.is_empty() {
        return Ok(Exposure::None);
    }
    let now_us = door.clock.now_us();
    let checked = ingest::encoded(stream, &rows(stream, &exposed, now_us)?)?;
    let tickets =
        checked.start(door.node.log().as_ref(), now_us / 1000, door.sticky.fetch_add(1, Ordering::Relaxed))?;
    let (own, topic) = (door.clone(), stream.topic.clone());
    let durable = async move {
        for (partition, ticket) in tickets {
            own.lanes.durable(&topic, partition, ticket).await?;
        }
        Ok::<(), Problem>(())
    };
    if wanted == Exposure::Durable {
        durable.await?;
    } else {
        tokio::spawn(durable);
    }
    Ok(wanted)
}

fn rows(stream: &Stream, shown: &[&Shown], now_us: i64) -> Result<RecordBatch, Problem> {
    let units: StringViewArray = shown.iter().map(|one| Some(one.unit.as_str())).collect();
    let variants: StringViewArray = shown.iter().map(|one| one.variant.as_deref()).collect();
    let times = TimestampMicrosecondArray::from_value(now_us, shown.len()).with_timezone(UTC);
    let forced: BooleanArray = shown.iter().map(|one| Some(matches!(one.assigned, Assigned::Forced(_)))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(units), Arc::new(variants), Arc::new(times), Arc::new(forced)];
    RecordBatch::try_new(Arc::clone(&stream.schema), columns)
        .map_err(|error| Problem::new(ErrorKind::Internal, format!("an exposure: {error}")))
}

impl Exposure {
    fn read(written: Option<&str>) -> Result<Exposure, Failure> {
        match written {
            None | Some("true") => Ok(Exposure::Sent),
            Some("durable") => Ok(Exposure::Durable),
            Some("false") => Ok(Exposure::None),
            Some(other) => {
                let message = format!("exposure is true, durable or false, not '{other}'");
                Err(Failure::invalid(
                    StatusCode::BAD_REQUEST,
                    message,
                    "leave it out where the unit is shown its variant",
                ))
            }
        }
    }

    fn word(self) -> &'static str {
        match self {
            Exposure::Sent => "sent",
            Exposure::Durable => "durable",
            Exposure::None => "none",
        }
    }
}

impl Shown {
    fn told(&self) -> Value {
        let reason = match self.assigned {
            Assigned::Drawn(_) => "drawn",
            Assigned::Forced(_) => "forced",
            Assigned::OutOfTraffic => "out of traffic",
            Assigned::OutOfSlot => "out of slot",
        };
        let forced = matches!(self.assigned, Assigned::Forced(_));
        json!({"unit": self.unit, "variant": self.variant, "forced": forced, "reason": reason})
    }
}
