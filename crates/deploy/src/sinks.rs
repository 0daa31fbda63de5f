//! `CREATE SINK`, `CREATE CONNECTION` and `CREATE SECRET`: which rows leave and for where, with every option taken or
//! refused. Opening a place, and reading a secret, is for who knows the outside systems.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_format::Format;
use headwater_query::relation::{Relation, Relations, Stream};
use headwater_sql::ast::{CreateConnection, CreateSink, Destination, SecretOrigin, SinkRows};
use headwater_sql::options::{TextOrSecret, Value};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Options, Parsed};

use crate::Result;
use crate::alerts::Mail;

/// A declared sink.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    pub stream: Arc<Stream>,
    pub enabled: bool,
    /// Names its place in the log: another store of the stream begins anew.
    pub place: String,
    pub into: Into,
}

/// Where rows go.
#[derive(Debug, Clone)]
pub enum Into {
    Files(Files),
    Http(Http),
}

/// `INTO FILES (…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// A folder, relative to the project's.
    pub path: String,
    pub format: Format,
    /// How long rows wait for company in a file; `None`: not said.
    pub interval: Option<Duration>,
    pub rows: Option<usize>,
}

/// `INTO HTTP (…)`, or into a connection to a server.
#[derive(Debug, Clone)]
pub struct Http {
    pub url: String,
    pub method: Method,
    pub body: Body,
    pub headers: Vec<(String, TextOrSecret)>,
    pub interval: Option<Duration>,
    pub rows: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Post,
    Put,
}

/// How rows stand in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// One JSON object a line.
    NdJson,
    Array,
}

/// A server, with what every request to it carries.
#[derive(Debug, Clone)]
pub struct Connection {
    pub url: String,
    pub headers: Vec<(String, TextOrSecret)>,
}

/// What sinks can name, by name.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    pub connections: BTreeMap<String, Connection>,
    /// Servers that take e-mails.
    pub mail: BTreeMap<String, Mail>,
    pub secrets: BTreeMap<String, SecretOrigin>,
}

/// Resolves a sink against what is declared before it.
pub fn resolve(create: &CreateSink, parsed: &Parsed, relations: &Relations, outside: &Outside) -> Result<Declared> {
    let refuse =
        |span, message: String| Diagnostic::new(parsed.source.clone(), span, message).with_fault(Fault::NotBuilt);
    let hint = "write the rows as a materialized view that never takes one back, and give that to the sink";
    let from = match &create.from {
        SinkRows::Relation(name) => name,
        SinkRows::Query(query) => {
            let refused = refuse(query.span, "a sink of a query is not built yet".to_owned()).with_hint(hint);
            return Err(Diagnostics::from(refused).into());
        }
    };
    let stream = match relations.get(&from.value) {
        Some(Relation::Stream(stream)) => stream,
        _ => {
            let message = format!("{from} is no stream, and sinks of other relations are not built yet");
            return Err(Diagnostics::from(refuse(from.span, message).with_hint(hint)).into());
        }
    };
    let into = match &create.into {
        Destination::Files(options) => Into::Files(files(options.clone())?),
        Destination::Http(options) => Into::Http(http(options.clone(), None)?),
        Destination::Connection { connection, .. } if outside.mail.contains_key(&connection.value) => {
            let refused = refuse(connection.span, format!("{connection} leads to e-mail, where no rows go"));
            return Err(Diagnostics::from(refused.with_hint("alerts send e-mails: CREATE ALERT")).into());
        }
        Destination::Connection { connection, options } => {
            Into::Http(http(options.clone(), outside.connections.get(&connection.value))?)
        }
    };
    let name = create.name.value.clone();
    let place = if stream.topic == stream.name { name.clone() } else { format!("{name}>{}", stream.topic) };
    Ok(Declared { name, place, stream, enabled: create.settings()?.enabled, into })
}

/// Resolves a connection.
pub fn connection(create: &CreateConnection, parsed: &Parsed) -> Result<Connection> {
    if create.kind.value != "http" {
        let message = format!("a connection TO {} is not built yet", create.kind.value.to_ascii_uppercase());
        let refused = Diagnostic::new(parsed.source.clone(), create.kind.span, message).with_fault(Fault::NotBuilt);
        return Err(Diagnostics::from(
            refused.with_hint("what works: TO HTTP (URL 'https://…', HEADERS (…)), TO SMTP (HOST '…', FROM '…')"),
        )
        .into());
    }
    Ok(server(create.options.clone())?)
}

fn server(mut options: Options) -> std::result::Result<Connection, Diagnostics> {
    let url = options.take_text("url")?.ok_or_else(|| options.missing("url", "URL 'https://…'"))?;
    let headers = headers(&mut options)?;
    options.finish()?;
    Ok(Connection { url, headers })
}

fn files(mut options: Options) -> std::result::Result<Files, Diagnostics> {
    let path = options.take_text("path")?.ok_or_else(|| options.missing("path", "PATH 'out/orders'"))?;
    let format = options.take_choice("format", &[("csv", Format::Csv), ("json", Format::Json)])?;
    let (interval, rows) = (options.take_duration("interval")?, rows(&mut options)?);
    options.finish()?;
    Ok(Files { path, format: format.unwrap_or(Format::Json), interval, rows })
}

fn http(mut options: Options, connection: Option<&Connection>) -> std::result::Result<Http, Diagnostics> {
    let url = match connection {
        Some(connection) => {
            let path = options.take_text("path")?.unwrap_or_default();
            format!("{}{path}", connection.url)
        }
        None => options.take_text("url")?.ok_or_else(|| options.missing("url", "URL 'https://…'"))?,
    };
    let method = options.take_choice("method", &[("post", Method::Post), ("put", Method::Put)])?;
    let body = options.take_choice("format", &[("ndjson", Body::NdJson), ("json", Body::Array)])?;
    let mut headers = headers(&mut options)?;
    headers.extend(connection.iter().flat_map(|connection| connection.headers.iter().cloned()));
    let (interval, rows) = (options.take_duration("interval")?, rows(&mut options)?);
    options.finish()?;
    let (method, body) = (method.unwrap_or(Method::Post), body.unwrap_or(Body::NdJson));
    Ok(Http { url, method, body, headers, interval, rows })
}

fn rows(options: &mut Options) -> std::result::Result<Option<usize>, Diagnostic> {
    let written = options.clone();
    let Some(number) = options.take_integer("rows")? else { return Ok(None) };
    match usize::try_from(number).ok().filter(|rows| *rows > 0) {
        Some(rows) => Ok(Some(rows)),
        None => {
            let entry = written.entries().iter().find(|entry| entry.name.value == "rows");
            Err(entry.map_or_else(
                || written.missing("rows", "ROWS 1000"),
                |entry| written.refuse(entry, "rows must be 1 at least"),
            ))
        }
    }
}

/// As [`http`] has them: `HEADERS (authorization = SECRET token, …)`; `_` in a name stands for `-`.
pub(crate) fn headers(options: &mut Options) -> std::result::Result<Vec<(String, TextOrSecret)>, Diagnostics> {
    let Some(list) = options.take_list("headers")? else { return Ok(Vec::new()) };
    let mut headers = Vec::new();
    for entry in list.clone().into_entries() {
        let value = match &entry.value {
            Value::Text(text) => TextOrSecret::Text(text.clone()),
            Value::Secret(name) => TextOrSecret::Secret(name.clone()),
            _ => return Err(list.refuse(&entry, "a header's value is a text or SECRET name").into()),
        };
        headers.push((entry.name.value.replace('_', "-"), value));
    }
    Ok(headers)
}
