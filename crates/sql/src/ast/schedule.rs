//! When something that is not done all the time is done.

use std::fmt;
use std::time::Duration;

use super::Name;
use crate::Span;
use crate::options::duration_text;

/// `EVERY '1 day' OFFSET '2 hours'`, `CRON '0 2 * * *' TIME ZONE 'Europe/Zurich'` or `MANUAL`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At each multiple of `every` since the Unix epoch, so much later.
    Every {
        /// Above zero.
        every: Duration,
        /// Below `every`.
        offset: Duration,
    },
    Cron(Cron),
    /// When somebody asks.
    Manual,
}

/// As SQL has it.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        match self {
            Schedule::Every { every, offset } => {
                write!(f, "EVERY '{}'", duration_text(*every))?;
                if offset.is_zero() { Ok(()) } else { write!(f, " OFFSET '{}'", duration_text(*offset)) }
            }
            Schedule::Cron(Cron { fields, zone, .. }) => {
                write!(f, "CRON {}", quoted(fields))?;
                zone.as_ref().map_or(Ok(()), |(zone, _)| write!(f, " TIME ZONE {}", quoted(zone)))
            }
            Schedule::Manual => f.write_str("MANUAL"),
        }
    }
}

/// Minutes, hours, days of the month, months and days of the week of a calendar. What the texts mean is for who knows
/// calendars to say.
#[derive(Debug, Clone)]
pub struct Cron {
    pub fields: String,
    pub fields_span: Span,
    /// A name of the IANA database. None: UTC.
    pub zone: Option<(String, Span)>,
}

/// Equal if they say the same, wherever they stand.
impl PartialEq for Cron {
    fn eq(&self, other: &Cron) -> bool {
        let zone = |cron: &Cron| cron.zone.as_ref().map(|(zone, _)| zone.clone());
        self.fields == other.fields && zone(self) == zone(other)
    }
}

impl Eq for Cron {}

/// `REFRESH MATERIALIZED VIEW name FROM 'time' TO 'time'`, or `EXPLAIN` of that; `REFRESH FEATURE VIEW name`
#[derive(Debug, Clone)]
pub struct RefreshView {
    pub name: Name,
    pub is_feature_view: bool,
    /// The stretch of time whose partitions are made anew, the end not included. None: what a run makes anew.
    pub range: Option<(Instant, Instant)>,
    /// It is shown what would be done.
    pub explain: bool,
}

/// A point in time, or a day, as it is written.
#[derive(Debug, Clone)]
pub struct Instant {
    /// UTC if it names no offset.
    pub text: String,
    pub span: Span,
}
