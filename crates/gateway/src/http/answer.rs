//! The forms in which a query is answered, and the choice among them.

use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, TryStreamExt, stream};
use headwater_query::render::{self, csv, json};
use headwater_query::session::QueryResult;
use headwater_query::{Error, Result};

use crate::node::Done;

/// Nobody reads longer tables, and all of one is held in memory.
const TABLE_ROWS_MAX: usize = 1_000_000;

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An array of objects.
    Json,
    /// One object a line.
    JsonLines,
    Csv,
    /// For people; all rows are held until the last has come.
    Table,
    /// An Arrow IPC stream.
    Arrow,
}

impl Form {
    const ALL: [(Form, &'static str, &'static str); 5] = [
        (Form::Json, "json", "application/json"),
        (Form::JsonLines, "ndjson", "application/x-ndjson"),
        (Form::Csv, "csv", "text/csv; charset=utf-8"),
        (Form::Table, "table", "text/plain; charset=utf-8"),
        (Form::Arrow, "arrow", "application/vnd.apache.arrow.stream"),
    ];

    /// The first media type of an `Accept` header that there is a form for; JSON where any will do.
    pub fn accepted(header: &str) -> Option<Form> {
        header.split(',').find_map(|each| {
            let media = each.split(';').next().unwrap_or(each).trim();
            match media {
                "*/*" | "application/*" => Some(Form::Json),
                _ => Self::ALL.iter().find(|(_, _, known)| known.split(';').next() == Some(media)).map(|each| each.0),
            }
        })
    }

    /// What the parameter `format` may be.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|each| each.1)
    }

    pub fn media_types() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|each| each.2)
    }

    fn media_type(self) -> &'static str {
        Self::ALL.iter().find(|each| each.0 == self).map_or("application/octet-stream", |each| each.2)
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(name: &str) -> Result<Form, String> {
        let known = Self::ALL.iter().find(|each| each.1 == name).map(|each| each.0);
        known.ok_or_else(|| format!("unknown format '{name}'; the formats are json, ndjson, csv, table and arrow"))
    }
}

/// A running query as a response. Rows are sent as they come; an error among them breaks the response off, so that
/// nobody takes a part for the whole. The first batch is waited for, so that most errors still get a status.
pub async fn respond(result: QueryResult, form: Form) -> Result<Response> {
    let QueryResult { schema, epoch, as_of_us, query, mut batches, .. } = result;
    let query = query.map(|id| [("x-headwater-query", id.to_string())]);
    let headers = [("x-headwater-epoch", epoch.to_string()), ("x-headwater-as-of-us", as_of_us.to_string())];
    let content = [(CONTENT_TYPE, form.media_type())];
    if form == Form::Table {
        let mut rows: Vec<RecordBatch> = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            rows.push(batch);
            if rows.iter().map(RecordBatch::num_rows).sum::<usize>() > TABLE_ROWS_MAX {
                return Err(Error::Execution(format!(
                    "more than {TABLE_ROWS_MAX} rows, which are held in memory for a table: ask for csv, ndjson or arrow"
                )));
            }
        }
        let text = render::render(&schema, &rows, render::Format::Table)?;
        return Ok((query, headers, content, text).into_response());
    }
    let first = batches.try_next().await?;
    let mut writer = Writer::new(form, schema)?;
    let rows = stream::iter(first.map(Ok)).chain(batches);
    let parts = rows
        .map(Some)
        .chain(stream::once(async { None }))
        .map(move |batch| writer.next(batch))
        .try_filter(|part| std::future::ready(!part.is_empty()));
    Ok((query, headers, content, Body::from_stream(parts)).into_response())
}

/// A statement that gave no rows: its tag and notices, as a row would be written.
pub fn done(done: &Done, form: Form) -> Response {
    let Done { tag, notices } = done;
    match form {
        Form::Table | Form::Csv => {
            let notices = notices.iter().map(|notice| format!("notice: {notice}\n"));
            let text: String = std::iter::once(format!("{tag}\n")).chain(notices).collect();
            ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
        }
        Form::Json | Form::JsonLines | Form::Arrow => {
            axum::Json(serde_json::json!({"done": tag, "notices": notices})).into_response()
        }
    }
}

/// Turns batches into the bytes of one form.
struct Writer {
    form: Form,
    out: Vec<u8>,
    array: Option<json::Array>,
    arrow: Option<StreamWriter<Vec<u8>>>,
}

impl Writer {
    fn new(form: Form, schema: SchemaRef) -> Result<Writer> {
        let mut writer = Writer { form, out: Vec::new(), array: None, arrow: None };
        match form {
            Form::Json => writer.array = Some(json::Array::new(&mut writer.out)),
            Form::Csv => csv::header(&schema, &mut writer.out),
            Form::Arrow => writer.arrow = Some(StreamWriter::try_new(Vec::new(), &schema).map_err(broken)?),
            Form::JsonLines | Form::Table => {}
        }
        Ok(writer)
    }

    /// The bytes of one batch, or of the end.
    fn next(&mut self, batch: Option<Result<RecordBatch>>) -> Result<Bytes> {
        match batch.transpose()? {
            Some(batch) => self.rows(&batch)?,
            None => self.end()?,
        }
        if let Some(arrow) = &mut self.arrow {
            return Ok(std::mem::take(arrow.get_mut()).into());
        }
        Ok(std::mem::take(&mut self.out).into())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        match (&mut self.array, &mut self.arrow) {
            (Some(array), _) => array.rows(batch, &mut self.out),
            (None, Some(arrow)) => arrow.write(batch).map_err(broken),
            (None, None) if self.form == Form::JsonLines => json::lines(batch, &mut self.out),
            (None, None) => csv::rows(batch, &mut self.out),
        }
    }

    fn end(&mut self) -> Result<()> {
        if let Some(array) = self.array.take() {
            array.finish(&mut self.out);
        }
        match &mut self.arrow {
            Some(arrow) => arrow.finish().map_err(broken),
            None => Ok(()),
        }
    }
}

fn broken(error: arrow::error::ArrowError) -> Error {
    Error::Internal(error.to_string())
}
