//! `CREATE SOURCE`: what a source feeds and where it reads, with every option taken or refused. Opening one is for who
//! knows the outside systems.

use std::sync::Arc;

use headwater_format::Format;
use headwater_query::relation::{Relations, Stream};
use headwater_sql::ast::{CreateSource, Origin as Written};
use headwater_sql::options::Value;
use headwater_sql::settings;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Options, Parsed};

use crate::Result;

/// A declared source.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    pub stream: Arc<Stream>,
    pub enabled: bool,
    /// Names its place in the log, where it reads on. It stays as long as the stream's store does, so that a source that
    /// was taken away and comes again gives no row twice; a stream that begins anew is read into from the beginning.
    pub place: String,
    pub origin: Origin,
}

/// Where its rows come from.
#[derive(Debug, Clone)]
pub enum Origin {
    Files(Files),
    Generator(Generator),
    Shop(Shop),
}

/// `FROM FILES (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    /// A path or a pattern, relative to the project's folder.
    pub path: String,
    pub format: Format,
    pub follow: bool,
    /// Seconds of event time per second; `None`: as fast as can be.
    pub speed: Option<f64>,
}

/// `FROM GENERATOR (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// `None` goes on for ever.
    pub rows: Option<u64>,
    /// Rows a second; `None`: as fast as can be.
    pub rate: Option<f64>,
    pub seed: u64,
    /// Column and spec.
    pub fields: Vec<(String, String)>,
}

/// `FROM GENERATOR (MODEL 'shop', …)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Shop {
    /// Which of the shop's streams.
    pub stream: String,
    pub seed: u64,
    /// Visits a day, about; `None`: as many as the model has.
    pub visits: Option<f64>,
    /// When the history begins, microseconds UTC.
    pub start_us: Option<i64>,
    pub days: u32,
    pub live: bool,
}

/// Resolves a source against the streams that are declared.
pub fn resolve(create: &CreateSource, parsed: &Parsed, relations: &Relations) -> Result<Declared> {
    let refuse = |span, message: String| Diagnostic::new(parsed.source.clone(), span, message);
    let Some(into) = &create.into else {
        let message = format!("source {} does not say which stream it feeds", create.name);
        let hint = "write INTO and the name of a declared stream; discovering a schema is not built yet";
        return Err(
            Diagnostics::from(refuse(create.name.span, message).with_fault(Fault::NotBuilt).with_hint(hint)).into()
        );
    };
    let Some(stream) = relations.stream(&into.value).filter(|stream| stream.origin == declared()) else {
        let message = format!("{into} is no declared stream, so no source can feed it");
        return Err(Diagnostics::from(refuse(into.span, message).with_fault(Fault::WrongKind)).into());
    };
    let enabled = create.settings()?.enabled;
    let origin = match &create.from {
        Written::Files(options) => Origin::Files(files(options.clone())?),
        Written::Generator(options) => match model(options.clone(), &stream.name)? {
            Some(shop) => Origin::Shop(shop),
            None => Origin::Generator(generator(options.clone())?),
        },
    };
    let name = create.name.value.clone();
    let place = if stream.topic == stream.name { name.clone() } else { format!("{name}>{}", stream.topic) };
    Ok(Declared { name, place, stream: Arc::clone(stream), enabled, origin })
}

fn declared() -> headwater_query::relation::Origin {
    headwater_query::relation::Origin::Declared
}

fn files(mut options: Options) -> std::result::Result<Files, Diagnostics> {
    let path = options.take_text("path")?.ok_or_else(|| options.missing("path", "PATH 'data/*.csv'"))?;
    let format = options.take_choice("format", &[("csv", Format::Csv), ("json", Format::Json)])?;
    let format = match format.or_else(|| by_extension(&path)) {
        Some(format) => format,
        None => return Err(options.missing("format", "FORMAT 'csv'").into()),
    };
    let follow = options.take_boolean("follow")?.unwrap_or(false);
    let speed = options.take_number("speed")?.filter(|speed| *speed != 0.0);
    options.finish()?;
    Ok(Files { path, format, follow, speed })
}

/// The format that a path's end tells, before what says how the file is compressed.
pub fn by_extension(path: &str) -> Option<Format> {
    let path = [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path);
    match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "json" | "ndjson" | "jsonl" => Some(Format::Json),
        _ => None,
    }
}

fn generator(mut options: Options) -> std::result::Result<Generator, Diagnostics> {
    let not_negative = |options: &Options, name: &str, value: f64| {
        let entry = options.entries().iter().find(|entry| entry.name.value == name && value < 0.0);
        entry.map_or(Ok(()), |entry| Err(options.refuse(entry, format!("{name} must not be below zero"))))
    };
    let written = options.clone();
    let rows = options.take_integer("rows")?.unwrap_or(0);
    not_negative(&written, "rows", rows as f64)?;
    let rows = u64::try_from(rows).ok().filter(|rows| *rows > 0);
    let rate = options.take_number("rate")?.unwrap_or(0.0);
    not_negative(&written, "rate", rate)?;
    let rate = Some(rate).filter(|rate| *rate > 0.0);
    let seed = options.take_integer("seed")?.unwrap_or(0) as u64;
    let fields =
        options.take_list("fields")?.ok_or_else(|| options.missing("fields", "FIELDS (id = 'sequence(1, 1)')"))?;
    let mut specs = Vec::new();
    for entry in fields.clone().into_entries() {
        match &entry.value {
            Value::Text(spec) => specs.push((entry.name.value.clone(), spec.clone())),
            _ => return Err(fields.refuse(&entry, "a field's generator is a text, such as 'integer(1, 9)'").into()),
        }
    }
    options.finish()?;
    Ok(Generator { rows, rate, seed, fields: specs })
}

/// A model of the generator's, where the options name one. Unless they say which of its streams, it is that of the
/// stream's name.
fn model(mut options: Options, stream: &str) -> std::result::Result<Option<Shop>, Diagnostics> {
    if options.take_choice("model", &[("shop", ())])?.is_none() {
        return Ok(None);
    }
    let written = options.clone();
    let within = |name: &str, value: i64, range: std::ops::RangeInclusive<i64>| {
        let entry = written.entries().iter().find(|entry| entry.name.value == name);
        match entry.filter(|_| !range.contains(&value)) {
            Some(entry) => {
                let message = format!("{name} must be {} to {}", range.start(), range.end());
                Err(written.refuse(entry, message))
            }
            None => Ok(value),
        }
    };
    let days = within("days", options.take_integer("days")?.unwrap_or(90), 1..=3650)?;
    let visits = options.take_integer("visits")?.map(|visits| within("visits", visits, 1..=10_000_000)).transpose()?;
    let start = match options.take_text("start")? {
        None => None,
        Some(text) if text.is_empty() => None,
        Some(text) => match chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            Ok(day) => Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()),
            Err(_) => {
                let refused = written.entries().iter().find(|entry| entry.name.value == "start");
                let refused = refused.map(|entry| written.refuse(entry, format!("'{text}' is no day")));
                let refused = refused.unwrap_or_else(|| written.missing("start", "START '2026-01-01'"));
                return Err(refused.with_hint("write it like '2026-01-31'").into());
            }
        },
    };
    let shop = Shop {
        stream: options.take_text("stream")?.unwrap_or_else(|| stream.to_owned()),
        seed: options.take_integer("seed")?.unwrap_or(1) as u64,
        visits: visits.map(|visits| visits as f64),
        start_us: start,
        days: days as u32,
        live: options.take_boolean("live")?.unwrap_or(true),
    };
    options.finish()?;
    Ok(Some(shop))
}

/// The format that a statement names.
pub fn format(format: settings::Format) -> Format {
    match format {
        settings::Format::Json => Format::Json,
        settings::Format::Csv => Format::Csv,
    }
}
