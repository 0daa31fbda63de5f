//! `CREATE DASHBOARD`.

use std::time::Duration;

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names};
use crate::ast::{ChartRow, CreateDashboard, Name, Placed, Range};
use crate::options::Value;
use crate::{Diagnostics, Options, Result, parse_duration};

/// A dashboard of more is not looked at, and asks its node more than it should.
const CHARTS_MAX: usize = 60;

/// Less could not be seen.
const REFRESH_MIN: Duration = Duration::from_millis(100);

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateDashboard, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["DASHBOARD"])?;
    let name = names::object(cursor, "the dashboard")?;
    let rows = rows(cursor)?;
    let mut options = if cursor.take(&["WITH"]) { lists::options(cursor)? } else { lists::no_options(cursor, start) };
    let title = options.take_text("title")?;
    let range = range(&mut options)?;
    let refresh = refresh(&mut options)?;
    options.finish()?;
    Ok(CreateDashboard { name, existing, rows, title, range, refresh })
}

fn rows(cursor: &mut Cursor<'_>) -> Result<Vec<ChartRow>> {
    let hint = "write it like CREATE DASHBOARD shop (ROW (orders, revenue), ROW (products WIDE))";
    cursor.expect_token(&Token::LParen).map_err(|refused| refused.with_hint(hint))?;
    let mut seen: Vec<Name> = Vec::new();
    let mut rows = Vec::new();
    loop {
        cursor.expect(&["ROW"]).map_err(|refused| refused.with_hint(hint))?;
        rows.push(row(cursor, &mut seen)?);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    Ok(rows)
}

fn row(cursor: &mut Cursor<'_>, seen: &mut Vec<Name>) -> Result<ChartRow> {
    cursor.expect_token(&Token::LParen)?;
    let mut charts = Vec::new();
    loop {
        let chart = names::object(cursor, "a chart")?;
        if let Some(first) = seen.iter().find(|first| **first == chart) {
            let refused = cursor.error(chart.span, format!("chart {chart} stands twice"));
            return Err(refused.with_related(cursor.source().clone(), first.span, "it stands first here"));
        }
        if seen.len() == CHARTS_MAX {
            let refused = cursor.error(chart.span, format!("more than {CHARTS_MAX} charts"));
            return Err(refused.with_hint("divide them over several dashboards"));
        }
        seen.push(chart.clone());
        charts.push(Placed { chart, is_wide: cursor.take(&["WIDE"]) });
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("WIDE, a comma or )"));
    }
    Ok(ChartRow { charts })
}

fn range(options: &mut Options) -> Result<Range> {
    let Some(entry) = options.take("range") else { return Ok(Range::All) };
    let found = match &entry.value {
        Value::Text(text) if text.eq_ignore_ascii_case("all") => Some(Range::All),
        Value::Text(text) => parse_duration(text).ok().filter(|range| !range.is_zero()).map(Range::Last),
        _ => None,
    };
    found.ok_or_else(|| {
        options.refuse(&entry, "range must be a length of time, or 'all'").with_hint("write it like '30 days'")
    })
}

fn refresh(options: &mut Options) -> Result<Duration> {
    let written = options.entries().iter().find(|entry| entry.name.value == "refresh").cloned();
    let Some(refresh) = options.take_duration("refresh")? else { return Ok(REFRESH_MIN) };
    match written {
        Some(entry) if refresh < REFRESH_MIN => {
            Err(options.refuse(&entry, "refresh must be '100 ms' or more").with_hint("less could not be seen"))
        }
        _ => Ok(refresh),
    }
}
