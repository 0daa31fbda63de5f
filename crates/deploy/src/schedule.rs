//! When something is due: the pure part of schedules. Times are microseconds since the Unix epoch, UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use headwater_sql::ast;
use headwater_sql::options::duration_text;
use headwater_sql::{Diagnostic, Diagnostics, SourceText};

/// When something is due.
#[derive(Debug, Clone)]
pub enum Schedule {
    Every {
        every_us: i64,
        offset_us: i64,
    },
    Calendar {
        cron: Box<Cron>,
        fields: String,
        zone: Tz,
    },
    /// Never by itself.
    Manual,
}

impl Schedule {
    /// What a statement says, with its calendar looked at.
    pub fn resolve(written: &ast::Schedule, source: &SourceText) -> Result<Schedule, Diagnostics> {
        let written = match written {
            ast::Schedule::Every { every, offset } => {
                return Ok(Schedule::Every { every_us: micros(*every), offset_us: micros(*offset) });
            }
            ast::Schedule::Manual => return Ok(Schedule::Manual),
            ast::Schedule::Cron(written) => written,
        };
        let refuse = |span, message: String| Diagnostic::new(source.clone(), span, message);
        let zone = match &written.zone {
            None => Tz::UTC,
            Some((name, span)) => Tz::from_str(name).map_err(|_| {
                let refused = refuse(*span, format!("there is no time zone '{name}'"));
                refused.with_hint("names are those of the IANA database, like 'Europe/Zurich'")
            })?,
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&written.fields).map_err(|error| {
            let refused = refuse(written.fields_span, format!("this is no schedule: {}", why(&error)));
            refused
                .with_hint("minute, hour, day of the month, month, day of the week: '0 2 * * *' is each night at two")
        })?;
        if cron.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, false).is_err() {
            let refused = refuse(written.fields_span, format!("'{}' is never due", written.fields));
            return Err(refused.with_hint("no day of the calendar is like that").into());
        }
        Ok(Schedule::Calendar { cron: Box::new(cron), fields: written.fields.clone(), zone })
    }

    /// The first time after another that it is due.
    pub fn next(&self, after_us: i64) -> Option<i64> {
        match self {
            Schedule::Every { every_us, offset_us } => {
                let passed = (after_us - offset_us).div_euclid(*every_us) + 1;
                passed.checked_mul(*every_us)?.checked_add(*offset_us)
            }
            Schedule::Calendar { cron, zone, .. } => {
                let after = DateTime::from_timestamp_micros(after_us)?.with_timezone(zone);
                Some(cron.find_next_occurrence(&after, false).ok()?.timestamp_micros())
            }
            Schedule::Manual => None,
        }
    }

    /// The last time, up to another and that included, that it was due.
    pub fn last(&self, until_us: i64) -> Option<i64> {
        match self {
            Schedule::Every { every_us, offset_us } => {
                Some((until_us - offset_us).div_euclid(*every_us) * every_us + offset_us)
            }
            Schedule::Calendar { cron, zone, .. } => {
                let until = DateTime::from_timestamp_micros(until_us)?.with_timezone(zone);
                Some(cron.find_previous_occurrence(&until, true).ok()?.timestamp_micros())
            }
            Schedule::Manual => None,
        }
    }
}

/// As SQL has it.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |us: &i64| duration_text(Duration::from_micros(us.unsigned_abs()));
        match self {
            Schedule::Every { every_us, offset_us: 0 } => write!(f, "EVERY '{}'", text(every_us)),
            Schedule::Every { every_us, offset_us } => {
                write!(f, "EVERY '{}' OFFSET '{}'", text(every_us), text(offset_us))
            }
            Schedule::Calendar { fields, zone: Tz::UTC, .. } => write!(f, "CRON '{fields}'"),
            Schedule::Calendar { fields, zone, .. } => write!(f, "CRON '{fields}' TIME ZONE '{zone}'"),
            Schedule::Manual => f.write_str("MANUAL"),
        }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Without the names of another library.
fn why(error: &CronError) -> String {
    match error {
        CronError::EmptyPattern => "it is empty".to_owned(),
        CronError::InvalidDate | CronError::InvalidTime | CronError::TimeSearchLimitExceeded => {
            "no day of the calendar is like that".to_owned()
        }
        CronError::InvalidPattern(why) | CronError::IllegalCharacters(why) | CronError::ComponentError(why) => {
            let why = why.trim_end_matches('.');
            let mut letters = why.chars();
            letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn schedule(text: &str) -> Result<Schedule, Diagnostics> {
        let source = SourceText::new("v.sql", format!("CREATE MATERIALIZED VIEW v REFRESH {text} AS SELECT 1"));
        let parsed = headwater_sql::parse(&source)?.remove(0);
        let headwater_sql::Statement::CreateMaterializedView(view) = parsed.statement else { panic!("no view") };
        let ast::Refresh::Scheduled(written) = view.refresh else { panic!("no schedule") };
        Schedule::resolve(&written, &source)
    }

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn multiples_of_a_time() {
        let nightly = schedule("EVERY '1 day' OFFSET '2 hours'").unwrap();
        assert_eq!(nightly.to_string(), "EVERY '1 day' OFFSET '2 hours'");
        assert_eq!(nightly.next(at("2026-03-01T01:59:59Z")), Some(at("2026-03-01T02:00:00Z")));
        assert_eq!(nightly.next(at("2026-03-01T02:00:00Z")), Some(at("2026-03-02T02:00:00Z")));
        assert_eq!(nightly.last(at("2026-03-01T02:00:00Z")), Some(at("2026-03-01T02:00:00Z")));
        assert_eq!(nightly.last(at("2026-03-01T01:59:59Z")), Some(at("2026-02-28T02:00:00Z")));
        assert_eq!(nightly.next(-HOUR), Some(2 * HOUR), "before the epoch, too");
        let manual = schedule("MANUAL").unwrap();
        assert_eq!((manual.next(0), manual.last(0)), (None, None));
    }

    #[test]
    fn days_of_a_calendar_with_its_clock_changes() {
        let nightly = schedule("CRON '30 2 * * *' TIME ZONE 'Europe/Zurich'").unwrap();
        assert_eq!(nightly.to_string(), "CRON '30 2 * * *' TIME ZONE 'Europe/Zurich'");
        assert_eq!(nightly.next(at("2026-01-10T12:00:00Z")), Some(at("2026-01-11T01:30:00Z")), "winter");
        assert_eq!(nightly.next(at("2026-07-10T12:00:00Z")), Some(at("2026-07-11T00:30:00Z")), "summer");
        // On the night of the 29th of March there is no half past two; on that of the 25th of October there are two.
        let nights = |from: &str, until: &str| {
            let mut found = Vec::new();
            let mut now = at(from);
            while let Some(next) = nightly.next(now).filter(|next| *next < at(until)) {
                found.push(next);
                now = next;
            }
            found.len()
        };
        assert_eq!(nights("2026-03-28T12:00:00Z", "2026-03-31T12:00:00Z"), 3);
        assert_eq!(nights("2026-10-24T12:00:00Z", "2026-10-27T12:00:00Z"), 3);
        let mondays = schedule("CRON '0 6 * * MON'").unwrap();
        assert_eq!(mondays.next(at("2026-11-24T00:00:00Z")), Some(at("2026-11-30T06:00:00Z")));
        assert_eq!(mondays.last(at("2026-11-29T23:00:00Z")), Some(at("2026-11-23T06:00:00Z")));
    }

    #[test]
    fn what_is_no_schedule() {
        let refused = |text: &str| schedule(text).unwrap_err().to_string();
        assert!(refused("CRON 'often'").contains("this is no schedule"), "{}", refused("CRON 'often'"));
        assert!(refused("CRON '61 * * * *'").contains("this is no schedule"));
        assert!(refused("CRON '0 0 31 2 *'").contains("never due"), "{}", refused("CRON '0 0 31 2 *'"));
        assert!(refused("CRON '0 0 0 * * *'").contains("this is no schedule"), "no seconds");
        assert!(refused("CRON '0 0 * * *' TIME ZONE 'Zurich'").contains("there is no time zone 'Zurich'"));
    }
}
