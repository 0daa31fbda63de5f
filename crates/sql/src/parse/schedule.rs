//! Schedules, wherever a statement has one, and `REFRESH`, which does not wait for them.

use std::time::Duration;

use super::{Cursor, lists, names};
use crate::ast::{Cron, Instant, RefreshView, Schedule};
use crate::{Diagnostics, Result, Span, parse_duration};

/// The schedule that comes next; `None`, and nothing read, if none does.
pub(super) fn schedule(cursor: &mut Cursor<'_>) -> Result<Option<Schedule>> {
    let start = cursor.position();
    if cursor.take(&["EVERY"]) {
        return every(cursor, start).map(Some);
    }
    if cursor.take(&["CRON"]) {
        let what = "the five fields of a schedule in quotes, like '0 2 * * *'";
        let (fields, fields_span) = lists::text(cursor, what)?;
        let zone = match cursor.take(&["TIME", "ZONE"]) {
            true => Some(lists::text(cursor, "the name of a time zone, like 'Europe/Zurich'")?),
            false => None,
        };
        return Ok(Some(Schedule::Cron(Cron { fields, fields_span, zone })));
    }
    Ok(cursor.take(&["MANUAL"]).then_some(Schedule::Manual))
}

fn every(cursor: &mut Cursor<'_>, start: usize) -> Result<Schedule> {
    let (every, _) = duration(cursor, "a time between two runs, like '1 day'")?;
    if every < Duration::from_millis(100) {
        let refused = cursor.error(cursor.span_from(start), "a schedule goes by tenths of a second at the least");
        return Err(refused.with_hint("what is to be true all the time is continuous"));
    }
    let mut offset = Duration::ZERO;
    if cursor.take(&["OFFSET"]) {
        let span;
        (offset, span) = duration(cursor, "a time after the beginning, like '2 hours'")?;
        if offset >= every {
            let refused = cursor.error(span, "the offset is as long as the time between two runs, or longer");
            return Err(refused.with_hint("runs come EVERY so often, each so long after a multiple of that"));
        }
    }
    Ok(Schedule::Every { every, offset })
}

fn duration(cursor: &mut Cursor<'_>, what: &str) -> Result<(Duration, Span)> {
    let interval = cursor.take(&["INTERVAL"]);
    let (text, span) = lists::text(cursor, what)?;
    let bare = interval && text.trim().chars().all(|each| each.is_ascii_digit());
    let unit = if bare { cursor.word() } else { None };
    if unit.is_some() {
        cursor.advance();
    }
    match parse_duration(&format!("{text} {}", unit.unwrap_or_default())) {
        Ok(time) => Ok((time, span)),
        Err(why) => {
            let refused = cursor.error(span, format!("this is no length of time: {why}"));
            Err(refused.with_hint("write it like '1 hour' or '1 hour 30 minutes'"))
        }
    }
}

/// `[EXPLAIN] REFRESH …`
pub(super) fn refreshes(cursor: &Cursor<'_>) -> bool {
    cursor.at(&["REFRESH"]) || cursor.at(&["EXPLAIN", "REFRESH"])
}

pub(super) fn refresh(cursor: &mut Cursor<'_>) -> Result<RefreshView, Diagnostics> {
    let explain = cursor.take(&["EXPLAIN"]);
    cursor.expect(&["REFRESH"])?;
    let is_feature_view = !explain && cursor.take(&["FEATURE", "VIEW"]);
    if !is_feature_view && !cursor.take(&["MATERIALIZED", "VIEW"]) {
        let wanted = if explain { "MATERIALIZED VIEW" } else { "MATERIALIZED VIEW or FEATURE VIEW" };
        return Err(cursor.expected(wanted).into());
    }
    let name = names::object(cursor, "the view")?;
    if is_feature_view {
        if cursor.at_end() {
            return Ok(RefreshView { name, is_feature_view, range: None, explain });
        }
        let hint = "a run tells the values of all entities, as they are when it runs";
        return Err(cursor.expected("the end of the statement").with_hint(hint).into());
    }
    let range = if cursor.take(&["FROM"]) {
        let from = instant(cursor)?;
        cursor.expect(&["TO"])?;
        Some((from, instant(cursor)?))
    } else {
        None
    };
    if !cursor.at_end() {
        let wanted = if range.is_some() { "the end of the statement" } else { "FROM or the end of the statement" };
        return Err(cursor.expected(wanted).into());
    }
    Ok(RefreshView { name, is_feature_view, range, explain })
}

fn instant(cursor: &mut Cursor<'_>) -> Result<Instant> {
    let (text, span) = lists::text(cursor, "a day or a time in quotes, like '2026-01-31'")?;
    Ok(Instant { text, span })
}

/// What opens a schedule, for messages.
pub(super) const WORDS: &str = "EVERY, CRON or MANUAL";
