//! `GET /v1/tables/{view}/{key}/…`: the row of a keyed view under one key, a value for each column of the key.
//!
//! A value is the text of its type, percent-encoded. `\N` is NULL, as in PostgreSQL's COPY; text that begins with a
//! backslash has one more.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use headwater_base::ErrorKind;
use headwater_format::Format;
use headwater_query::Relations;
use headwater_query::relation::{Relation, View};
use headwater_query::render::json;

use super::failure::Failure;
use crate::Problem;
use crate::node::Node;

const NULL: &str = "\\N";

/// What is before the name of the view.
pub const PREFIX: &str = "/v1/tables/";

pub async fn get(State(node): State<Arc<dyn Node>>, uri: Uri) -> Result<Response, Failure> {
    let refused = |message: String| Failure::invalid(StatusCode::BAD_REQUEST, message, "write /v1/tables/VIEW/KEY");
    if let Some(query) = uri.query() {
        return Err(refused(format!("there are no parameters here: '{query}'")));
    }
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let parts = path.split('/').map(decoded).collect::<Option<Vec<String>>>();
    let parts = parts.ok_or_else(|| refused(format!("'{path}' is not UTF-8 in percent-encoding")))?;
    let (name, values) = parts.split_first().ok_or_else(|| refused("there is no view here".to_owned()))?;
    let session = node.session();
    let sources = session.sources();
    let view = view(&sources.relations, name)?;
    let key = key(&view, values)?;
    let point = sources.snapshots.read_point_of(name, &key)?;
    if let Some(reason) = point.stopped.get(name) {
        return Err(Problem::new(ErrorKind::Unavailable, reason.clone()).into());
    }
    let rows = point.views.rows(name)?;
    let Some(row) = rows.iter().find(|rows| rows.num_rows() > 0) else {
        let message = format!("{name} has no row {}", described(&view, values));
        return Err(Failure::invalid(StatusCode::NOT_FOUND, message, "the key is its columns in their order"));
    };
    let mut body = Vec::new();
    json::lines(row, &mut body)?;
    let headers =
        [("x-headwater-epoch", point.epoch.to_string()), ("x-headwater-as-of-us", point.as_of_us.to_string())];
    Ok((headers, [(CONTENT_TYPE, "application/json")], body).into_response())
}

fn view(relations: &Relations, name: &str) -> Result<Arc<View>, Failure> {
    let refuse = |message: String, hint: &str| Err(Failure::invalid(StatusCode::BAD_REQUEST, message, hint));
    match relations.get(name) {
        Some(Relation::View(view)) if view.key.is_empty() => {
            refuse(format!("the rows of {name} have no key"), "query it with POST /v1/sql")
        }
        Some(Relation::View(view)) => Ok(view),
        Some(Relation::Stream(_)) => {
            refuse(format!("{name} is a stream, whose rows have no key"), "read it at /v1/streams, or query it")
        }
        Some(_) => refuse(format!("{name} is no materialized view"), "query it with POST /v1/sql"),
        None => {
            let near = headwater_sql::nearest(name, relations.views().map(|view| view.name.as_str()));
            let hint = near.map_or_else(
                || "declare it with CREATE MATERIALIZED VIEW".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            Err(Failure::invalid(StatusCode::NOT_FOUND, format!("there is no view {name}"), &hint))
        }
    }
}

/// The key columns of one row.
fn key(view: &View, values: &[String]) -> Result<RecordBatch, Failure> {
    let refuse = |message: String, hint: &str| Failure::invalid(StatusCode::BAD_REQUEST, message, hint);
    let fields: Vec<Field> = view.key.iter().map(|key| view.schema.field(*key).clone().with_nullable(true)).collect();
    if fields.len() != values.len() {
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let message = format!("the key of {} has {} values ({})", view.name, names.len(), names.join(", "));
        return Err(refuse(format!("{message}; {} came", values.len()), "give one for each, with / between them"));
    }
    // CSV has values as text, and the difference between NULL and empty text.
    let mut record = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            record.push(',');
        }
        if value != NULL {
            let text = if value.starts_with("\\\\") { &value[1..] } else { value };
            record.push('"');
            record.push_str(&text.replace('"', "\"\""));
            record.push('"');
        }
    }
    let decoder = headwater_format::decoder(Format::Csv, Arc::new(Schema::new(fields)), None);
    let mut decoder = decoder.map_err(|error| refuse(error.to_string(), "query it with POST /v1/sql"))?;
    decoder.push(record.as_bytes()).map_err(|error| {
        let column = error.column.as_deref().unwrap_or("the key");
        refuse(format!("{column}: {}", error.detail), "NULL is \\N; everything else is text of the column's type")
    })?;
    Ok(decoder.finish())
}

fn described(view: &View, values: &[String]) -> String {
    let parts = view.key.iter().zip(values).map(|(column, value)| {
        let name = view.schema.field(*column).name();
        if value == NULL { format!("where {name} is NULL") } else { format!("where {name} is '{value}'") }
    });
    parts.collect::<Vec<_>>().join(" and ")
}

/// Percent-decodes one part of a path.
fn decoded(part: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok().filter(|_| high.is_ascii_hexdigit())?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = tail;
            }
            (b'%', _) => return None,
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path_are_decoded() {
        for (part, expected) in [
            ("", Some("")),
            ("a%2Fb%20c+d", Some("a/b c+d")),
            ("%C3%A9", Some("é")),
            ("%5CN", Some("\\N")),
            ("100%", None),
            ("%zz", None),
            ("%+1", None),
            ("%FF", None),
        ] {
            assert_eq!(decoded(part).as_deref(), expected, "{part}");
        }
    }
}
