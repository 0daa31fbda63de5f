//! `CREATE FEATURE VIEW`.
//!
//! As in views, clauses stand before `AS`, and `EMIT` and `WITH` may also follow the query.

use std::time::Duration;

use super::view::{self, Clauses};
use super::{Cursor, create, lists, names, query};
use crate::ast::{CreateFeatureView, CreateMaterializedView, Existing, Name, Refresh};
use crate::settings::{RunSettings, ViewSettings};
use crate::{Diagnostics, Result, Span, parse_duration};

const HINT: &str = "the query follows AS; before it stand ENTITY (…), TIMESTAMP, KNOWN AT, TTL, REFRESH and WITH";

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateFeatureView, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["FEATURE", "VIEW"])?;
    let name = names::object(cursor, "the feature view")?;
    let empty = lists::no_options(cursor, start);
    let (mut clauses, mut own) = (Clauses::default(), Own::default());
    while !cursor.take(&["AS"]) {
        if !own.read(cursor)? && !clauses.read(cursor)? {
            return Err(cursor.expected("AS").with_hint(HINT).into());
        }
    }
    let missing = |what: &str, example: &str| {
        let refused = cursor.error(name.span, format!("feature view {name} says no {what}"));
        refused.with_hint(format!("add {example}"))
    };
    let Some(entity) = own.entity.take() else {
        return Err(
            missing("ENTITY: the columns that tell apart what its features are of", "ENTITY (customer_id)").into()
        );
    };
    let Some(timestamp) = own.timestamp.take() else {
        return Err(missing("TIMESTAMP: the column that says as of when they are", "TIMESTAMP updated_at").into());
    };
    let mut after = cursor.split_off(view::tail(cursor));
    let query = query::query(cursor)?;
    let expected_end = |cursor: &Cursor<'_>| cursor.expected("EMIT, WITH or the end of the statement");
    if !cursor.at_end() {
        return Err(expected_end(cursor).into());
    }
    while !after.at_end() {
        if !clauses.read(&mut after)? {
            return Err(expected_end(&after).into());
        }
    }
    let refresh = own.refresh.unwrap_or_default();
    let options = clauses.options.unwrap_or(empty);
    match (&refresh, clauses.emit) {
        (Refresh::Scheduled(_), Some((_, span))) => {
            let refused = cursor.error(span, "a feature view that is refreshed by a schedule has no EMIT");
            return Err(refused
                .with_hint("each run tells all values; leave REFRESH away to keep them up to date")
                .into());
        }
        (Refresh::Scheduled(_), None) => RunSettings::read(&options).map(|_| ())?,
        (Refresh::Continuous, _) => ViewSettings::read(&options).map(|_| ())?,
    }
    let (ttl, ttl_span) = own.ttl.map_or((None, Span::default()), |(ttl, span)| (Some(ttl), span));
    let rows = CreateMaterializedView {
        name: name.clone(),
        existing: Existing::Refuse,
        columns: Vec::new(),
        rules: Vec::new(),
        partition_key: Vec::new(),
        partitioned_by: Vec::new(),
        options: options.clone(),
        emit: clauses.emit.map(|(emit, _)| emit),
        refresh,
        query: query.query,
        query_span: query.span,
        query_text: query.text,
    };
    Ok(CreateFeatureView { name, existing, entity, timestamp, known_at: own.known_at, ttl, ttl_span, options, rows })
}

/// The clauses that only feature views have, and `REFRESH`; each once.
#[derive(Default)]
struct Own {
    entity: Option<Vec<Name>>,
    timestamp: Option<Name>,
    known_at: Option<Name>,
    ttl: Option<(Duration, Span)>,
    refresh: Option<Refresh>,
}

impl Own {
    /// False if none of them comes next.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        let start = cursor.position();
        if cursor.take(&["ENTITY"]) {
            let names = lists::names(cursor)?;
            lists::once(cursor, start, "ENTITY", &mut self.entity, names)?;
        } else if cursor.take(&["TIMESTAMP"]) {
            let column = cursor.name("the name of a column")?;
            lists::once(cursor, start, "TIMESTAMP", &mut self.timestamp, column)?;
        } else if cursor.take(&["KNOWN", "AT"]) {
            let column = cursor.name("the name of a column")?;
            lists::once(cursor, start, "KNOWN AT", &mut self.known_at, column)?;
        } else if cursor.take(&["TTL"]) {
            let ttl = ttl(cursor)?;
            lists::once(cursor, start, "TTL", &mut self.ttl, ttl)?;
        } else if cursor.take(&["REFRESH"]) {
            let refresh = view::refresh(cursor, start)?;
            lists::once(cursor, start, "REFRESH", &mut self.refresh, refresh)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn ttl(cursor: &mut Cursor<'_>) -> Result<(Duration, Span)> {
    cursor.take(&["INTERVAL"]);
    let (text, span) = lists::text(cursor, "how long values count, like '30 days'")?;
    match parse_duration(&text) {
        Ok(Duration::ZERO) => Err(cursor.error(span, "values that count for no time are none")),
        Ok(ttl) => Ok((ttl, span)),
        Err(why) => {
            let refused = cursor.error(span, format!("this is no length of time: {why}"));
            Err(refused.with_hint("write it like TTL '30 days'"))
        }
    }
}
