//! The options of `WITH (…)` that each statement accepts, with their types and defaults.
//!
//! Parsing reads them too, so that a text with an unknown option is refused wherever it comes from.

mod experiment;
mod model;
mod refresh;

use std::time::Duration;

use crate::ast::{
    CreateAlert, CreateExternalTable, CreateMaterializedView, CreateSink, CreateSource, CreateStream, CreateTable,
    FileFormat,
};
use crate::options::{Entry, Value};
use crate::{Diagnostic, Diagnostics, Options, Span};

pub use experiment::{Correction, ExperimentSettings, Forced, Layer, Looks};
pub use model::{Learner, ModelSettings};
pub use refresh::{CatchUp, RefreshSettings, Replace, RunSettings};

/// More partitions than anyone needs on the embedded log; a mistyped number should not create a million folders.
pub const PARTITIONS_MAX: u32 = 4096;

/// A row whose event time is further ahead of its arrival comes from a clock that is wrong, unless told otherwise: time
/// zones alone explain less.
pub const MAX_FUTURE: Duration = Duration::from_secs(24 * 60 * 60);

/// An incident that began longer ago wakes nobody, unless told otherwise: history is gone through once more at times.
pub const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a notification is tried again unless told otherwise: for about twenty minutes.
pub const RETRIES: u32 = 12;
const RETRIES_MAX: i64 = 1000;

/// What only a location in a bucket needs.
const BUCKET_OPTIONS: [&str; 3] = ["region", "endpoint", "unsigned"];

/// How a row's bytes are written in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Json,
    Csv,
}

const FORMATS: [(&str, Format); 2] = [("json", Format::Json), ("csv", Format::Csv)];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    pub format: Format,
    pub partitions: u32,
    /// How long the log keeps rows that are archived. None: not said.
    pub retention: Option<Duration>,
    /// How long the archive keeps rows. None: for ever.
    pub archive_retention: Option<Duration>,
    /// How far a row's event time may be ahead of its arrival; `None` is any time.
    pub max_future: Option<Duration>,
    /// After how long without rows a partition stops holding the watermark back.
    pub idle_timeout: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// A source that is not enabled is checked and does not run.
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewSettings {
    /// None: not said.
    pub format: Option<Format>,
    /// None: not said.
    pub partitions: Option<u32>,
    /// How long after a window's end, or behind the watermark, rows are still taken.
    pub lateness: Option<Duration>,
    /// How long, in event time, rows of streams count.
    pub state_retention: Option<Duration>,
    /// The most bytes of state that it may keep.
    pub state_limit: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSettings {
    /// A sink that is not enabled is checked and does not run.
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSettings {
    /// An alert that is not enabled is checked, and neither looks nor notifies.
    pub enabled: bool,
    /// How long something is wrong before it is told.
    pub hold: Duration,
    /// How long after the last row of an incident it is over. None: not said.
    pub resolve_after: Option<Duration>,
    /// How long after an incident that was told the next one of its group is not.
    pub cool_down: Duration,
    /// Incidents that are older are not told; `None` is any age.
    pub max_age: Option<Duration>,
    /// What is told, with `{column}` where a value goes. None: the alert's name, and the group.
    pub message: Option<(String, Span)>,
    /// How often a notification is tried again.
    pub retries: u32,
    /// Whether the end of an incident is told.
    pub send_resolved: bool,
}

/// A table of the lake has no options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSettings {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalTableSettings {
    /// Of CSV: whether the first line of a file names the columns.
    pub header: bool,
    /// Of CSV: one ASCII character between fields.
    pub delimiter: u8,
    /// Of a location in a bucket: where the bucket is.
    pub region: Option<String>,
    /// Of a location in a bucket: who answers for it.
    pub endpoint: Option<String>,
    /// Of a location in a bucket: asked without credentials.
    pub unsigned: bool,
}

impl StreamSettings {
    pub fn read(options: &Options) -> Result<StreamSettings, Diagnostics> {
        let mut options = options.clone();
        let settings = StreamSettings {
            format: options.take_choice("format", &FORMATS)?.unwrap_or(Format::Json),
            partitions: partitions(&mut options)?.unwrap_or(1),
            retention: options.take_duration("retention")?,
            archive_retention: options.take_duration("archive_retention")?,
            max_future: max_future(&mut options)?,
            idle_timeout: options.take_duration("idle_timeout")?,
        };
        options.finish()?;
        Ok(settings)
    }
}

impl SourceSettings {
    pub fn read(options: &Options) -> Result<SourceSettings, Diagnostics> {
        let mut options = options.clone();
        let settings = SourceSettings { enabled: options.take_boolean("enabled")?.unwrap_or(true) };
        options.finish()?;
        Ok(settings)
    }
}

impl ViewSettings {
    pub fn read(options: &Options) -> Result<ViewSettings, Diagnostics> {
        let mut options = options.clone();
        let settings = ViewSettings {
            format: options.take_choice("format", &FORMATS)?,
            partitions: partitions(&mut options)?,
            lateness: options.take_duration("lateness")?,
            state_retention: options.take_duration("state_retention")?,
            state_limit: options.take_size("state_limit")?,
        };
        options.finish()?;
        Ok(settings)
    }
}

impl SinkSettings {
    pub fn read(options: &Options) -> Result<SinkSettings, Diagnostics> {
        let mut options = options.clone();
        let settings = SinkSettings { enabled: options.take_boolean("enabled")?.unwrap_or(true) };
        options.finish()?;
        Ok(settings)
    }
}

impl AlertSettings {
    /// Options of the materialized view that an alert is.
    pub const OF_ROWS: [&str; 3] = ["lateness", "state_retention", "state_limit"];

    pub fn read(options: &Options) -> Result<AlertSettings, Diagnostics> {
        let mut options = options.clone();
        let message =
            options.entries().iter().find(|entry| entry.name.value == "message").map(|entry| entry.value_span);
        let settings = AlertSettings {
            enabled: options.take_boolean("enabled")?.unwrap_or(true),
            hold: options.take_duration("for")?.unwrap_or_default(),
            resolve_after: options.take_duration("resolve_after")?,
            cool_down: options.take_duration("cool_down")?.unwrap_or_default(),
            max_age: duration_or_none(&mut options, "max_age", MAX_AGE)?,
            message: options.take_text("message")?.zip(message),
            retries: retries(&mut options)?.unwrap_or(RETRIES),
            send_resolved: options.take_boolean("send_resolved")?.unwrap_or(true),
        };
        options.take_duration("lateness")?;
        options.take_duration("state_retention")?;
        options.take_size("state_limit")?;
        options.finish()?;
        Ok(settings)
    }
}

impl TableSettings {
    pub fn read(options: &Options) -> Result<TableSettings, Diagnostics> {
        options.clone().finish()?;
        Ok(TableSettings {})
    }
}

impl ExternalTableSettings {
    pub fn read(options: &Options, format: FileFormat, location: &str) -> Result<ExternalTableSettings, Diagnostics> {
        let mut options = options.clone();
        let of_buckets = |entry: &&Entry| BUCKET_OPTIONS.contains(&entry.name.value.as_str());
        if (!location.contains("://") || location.starts_with("file://"))
            && let Some(entry) = options.entries().iter().find(of_buckets)
        {
            let message = format!("option {} belongs to a location in a bucket", entry.name);
            return Err(options.refuse(entry, message).with_hint("write LOCATION 's3://bucket/path/'").into());
        }
        let mut settings = ExternalTableSettings {
            header: true,
            delimiter: b',',
            region: options.take_text("region")?,
            endpoint: options.take_text("endpoint")?,
            unsigned: options.take_boolean("unsigned")?.unwrap_or(false),
        };
        if format == FileFormat::Csv {
            settings.header = options.take_boolean("header")?.unwrap_or(true);
            let written = options.entries().iter().find(|entry| entry.name.value == "delimiter").cloned();
            if let (Some(text), Some(entry)) = (options.take_text("delimiter")?, written) {
                settings.delimiter = match text.as_bytes() {
                    [one] if one.is_ascii() && !b"\"\n\r".contains(one) => *one,
                    _ => return Err(options.refuse(&entry, "delimiter must be one ASCII character").into()),
                };
            }
        }
        options.finish()?;
        Ok(settings)
    }
}

impl CreateSink {
    pub fn settings(&self) -> Result<SinkSettings, Diagnostics> {
        SinkSettings::read(&self.options)
    }
}

impl CreateAlert {
    pub fn settings(&self) -> Result<AlertSettings, Diagnostics> {
        AlertSettings::read(&self.options)
    }
}

impl CreateTable {
    pub fn settings(&self) -> Result<TableSettings, Diagnostics> {
        TableSettings::read(&self.options)
    }
}

impl CreateExternalTable {
    pub fn settings(&self) -> Result<ExternalTableSettings, Diagnostics> {
        ExternalTableSettings::read(&self.options, self.format, &self.location)
    }
}

impl CreateStream {
    pub fn settings(&self) -> Result<StreamSettings, Diagnostics> {
        StreamSettings::read(&self.options)
    }
}

impl CreateSource {
    pub fn settings(&self) -> Result<SourceSettings, Diagnostics> {
        SourceSettings::read(&self.options)
    }
}

impl CreateMaterializedView {
    pub fn settings(&self) -> Result<ViewSettings, Diagnostics> {
        ViewSettings::read(&self.options)
    }
}

fn max_future(options: &mut Options) -> Result<Option<Duration>, Diagnostics> {
    duration_or_none(options, "max_future", MAX_FUTURE)
}

/// A duration, or the text 'none'.
fn duration_or_none(options: &mut Options, name: &str, usual: Duration) -> Result<Option<Duration>, Diagnostics> {
    let is_none = |value: &Value| matches!(value, Value::Text(text) if text.eq_ignore_ascii_case("none"));
    if options.entries().iter().any(|entry| entry.name.value == name && is_none(&entry.value)) {
        options.take_text(name)?;
        return Ok(None);
    }
    Ok(Some(options.take_duration(name)?.unwrap_or(usual)))
}

fn retries(options: &mut Options) -> Result<Option<u32>, Diagnostic> {
    let written = options.entries().iter().find(|entry| entry.name.value == "retries").cloned();
    let Some(number) = options.take_integer("retries")? else { return Ok(None) };
    let fits = u32::try_from(number).ok().filter(|_| number <= RETRIES_MAX);
    match (fits, written) {
        (None, Some(entry)) => Err(options.refuse(&entry, format!("retries must be 0 to {RETRIES_MAX}"))),
        (fits, _) => Ok(fits),
    }
}

fn partitions(options: &mut Options) -> Result<Option<u32>, Diagnostic> {
    let written = options.entries().iter().find(|entry| entry.name.value == "partitions").cloned();
    let Some(number) = options.take_integer("partitions")? else { return Ok(None) };
    let fits = u32::try_from(number).ok().filter(|number| (1..=PARTITIONS_MAX).contains(number));
    match (fits, written) {
        (None, Some(entry)) => Err(options.refuse(&entry, format!("partitions must be 1 to {PARTITIONS_MAX}"))),
        (fits, _) => Ok(fits),
    }
}
