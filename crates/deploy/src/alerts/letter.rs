//! What a receiver is sent of one incident. The JSON is Alertmanager's webhook format, version 4
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>), so that its receivers take it, with the
//! incident's first rows beside.

use std::collections::BTreeMap;

use arrow::datatypes::TimeUnit;
use headwater_format::write_timestamp;
use serde_json::{Map, Value, json};

use super::book::Notice;
use super::incident::Kind;
use super::message::plain;

/// The time that Alertmanager writes where there is none.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A notification, as every channel needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The same for every try.
    pub key: String,
    pub alert: String,
    /// A JSON object.
    pub labels: String,
    /// Wall clock.
    pub created_us: i64,
    pub is_firing: bool,
    pub message: String,
    /// One line.
    pub subject: String,
    pub text: String,
    pub json: Value,
}

impl Letter {
    pub fn of(alert: &str, notice: &Notice) -> Letter {
        let incident = &notice.incident;
        let is_firing = notice.kind == Kind::Firing;
        let status = if is_firing { "firing" } else { "resolved" };
        let labels: BTreeMap<String, Value> = serde_json::from_str(&incident.labels).unwrap_or_default();
        let began = time(incident.began_us);
        let ended = if is_firing { None } else { Some(time(incident.last_us)) };
        let subject: String = format!("[{}] {}", status.to_uppercase(), incident.message);
        let mut text = format!("{}\n\nalert: {alert}\nstatus: {status}\n", incident.message);
        for (name, value) in &labels {
            text.push_str(&format!("{name}: {}\n", plain(value)));
        }
        text.push_str(&format!("began: {began}\n"));
        ended.iter().for_each(|ended| text.push_str(&format!("last row: {ended}\n")));
        text.push_str(&format!("rows: {}\n", incident.rows));
        if !incident.sample.is_empty() {
            text.push_str("\nThe first rows:\n");
            incident.sample.iter().for_each(|row| text.push_str(&format!("{row}\n")));
        }
        Letter {
            key: format!("headwater-{alert}-{}-{}", notice.number, notice.created_us),
            alert: alert.to_owned(),
            labels: incident.labels.clone(),
            created_us: notice.created_us,
            is_firing,
            message: incident.message.clone(),
            subject: subject.replace(['\r', '\n'], " "),
            text,
            json: webhook(alert, notice, status, &labels, &began, ended.as_deref()),
        }
    }
}

fn webhook(
    alert: &str,
    notice: &Notice,
    status: &str,
    labels: &BTreeMap<String, Value>,
    began: &str,
    ended: Option<&str>,
) -> Value {
    let incident = &notice.incident;
    // Labels of Alertmanager are texts; one that is empty is one that is not there.
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group: Map<String, Value> =
        labels.iter().map(|(name, value)| (name.clone(), Value::String(text(value)))).collect();
    let mut all = group.clone();
    all.insert("alertname".to_owned(), Value::String(alert.to_owned()));
    let annotations = json!({"summary": incident.message});
    json!({
        "version": "4",
        "groupKey": format!("{alert}:{}", incident.labels),
        "truncatedAlerts": 0,
        "status": status,
        "receiver": notice.channel,
        "groupLabels": group,
        "commonLabels": all,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [{
            "status": status,
            "labels": all,
            "annotations": annotations,
            "startsAt": began,
            "endsAt": ended.unwrap_or(NO_TIME),
            "generatorURL": "",
            "fingerprint": fingerprint(alert, &incident.labels),
            "rows": incident.sample,
            "rowCount": incident.rows,
        }],
    })
}

/// The same for all incidents of a group.
fn fingerprint(alert: &str, labels: &str) -> String {
    let one = crc32c::crc32c(format!("{alert}\n{labels}").as_bytes());
    let other = crc32c::crc32c(format!("{labels}\n{alert}\n").as_bytes());
    format!("{one:08x}{other:08x}")
}

fn time(time_us: i64) -> String {
    let mut out = Vec::new();
    write_timestamp(time_us, TimeUnit::Microsecond, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
