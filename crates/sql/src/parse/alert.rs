//! `CREATE ALERT`.
//!
//! As in views, clauses stand before `AS`, and `EMIT` and `WITH` may also follow the query.

use sqlparser::tokenizer::Token;

use super::view::{self, Clauses};
use super::{Cursor, create, lists, names, query, schedule};
use crate::ast::{CreateAlert, CreateMaterializedView, Existing, Name, Notify, Refresh, Schedule};
use crate::options::Entry;
use crate::settings::AlertSettings;
use crate::{Diagnostic, Diagnostics, Options, Result, Span};

const CHANNELS: [&str; 3] = ["WEBHOOK", "EMAIL", "LOG"];
const HOW: &str =
    "what works: NOTIFY WEBHOOK (URL 'https://…'), NOTIFY EMAIL (TO 'address', CONNECTION name), NOTIFY LOG";

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateAlert, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["ALERT"])?;
    let name = names::object(cursor, "the alert")?;
    let empty = lists::no_options(cursor, start);
    let (schedule, schedule_span) = read_schedule(cursor)?;
    let (mut clauses, mut own) = (Clauses::default(), Own::default());
    while !cursor.take(&["AS"]) {
        if !own.read(cursor)? && !clauses.read(cursor)? {
            let refused = cursor.expected("AS");
            let hint = "the query follows AS; before it stand NOTIFY, GROUP BY, TIMESTAMP and WITH";
            return Err(refused.with_hint(hint).into());
        }
    }
    let Some(notify) = own.notify else {
        return Err(cursor.error(name.span, format!("alert {name} tells nobody")).with_hint(HOW).into());
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
    let options = clauses.options.unwrap_or(empty);
    AlertSettings::read(&options)?;
    if schedule.is_some() {
        let is_kept = of_rows(&options).entries().first().map(|entry| (entry.span, entry.name.value.clone()));
        let timed = own.timestamp.as_ref().map(|name| (name.span, "TIMESTAMP".to_owned()));
        let emit = clauses.emit.map(|(_, span)| (span, "EMIT".to_owned()));
        if let Some((span, what)) = timed.or(emit).or(is_kept) {
            let refused = cursor.error(span, format!("{what} belongs to an alert that looks all the time"));
            let hint = "one that looks by a schedule sees what is there at that moment";
            return Err(refused
                .with_related(cursor.source().clone(), schedule_span, "its schedule")
                .with_hint(hint)
                .into());
        }
    }
    let rows = CreateMaterializedView {
        name: name.clone(),
        existing: Existing::Refuse,
        columns: Vec::new(),
        rules: Vec::new(),
        partition_key: Vec::new(),
        partitioned_by: Vec::new(),
        options: of_rows(&options),
        emit: clauses.emit.map(|(emit, _)| emit),
        refresh: Refresh::default(),
        query: query.query,
        query_span: query.span,
        query_text: query.text,
    };
    let (group_by, timestamp) = (own.group_by.unwrap_or_default(), own.timestamp);
    Ok(CreateAlert { name, existing, schedule, notify, group_by, timestamp, options, rows })
}

/// `EVERY '…'` or `CRON '…'`, and where it stands.
fn read_schedule(cursor: &mut Cursor<'_>) -> Result<(Option<Schedule>, Span)> {
    let start = cursor.position();
    let schedule = schedule::schedule(cursor)?;
    if schedule == Some(Schedule::Manual) {
        let refused = cursor.error(cursor.span_from(start), "an alert that never looks tells nobody");
        return Err(refused.with_hint("write EVERY '1 minute', or nothing: then it looks all the time"));
    }
    let span = if schedule.is_some() { cursor.span_from(start) } else { Span::default() };
    Ok((schedule, span))
}

/// The clauses that only alerts have; each once.
#[derive(Default)]
struct Own {
    notify: Option<Vec<Notify>>,
    group_by: Option<Vec<Name>>,
    timestamp: Option<Name>,
}

impl Own {
    /// False if none of them comes next.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        let start = cursor.position();
        if cursor.take(&["NOTIFY"]) {
            let channels = channels(cursor)?;
            lists::once(cursor, start, "NOTIFY", &mut self.notify, channels)?;
        } else if cursor.take(&["GROUP", "BY"]) {
            let names = lists::names(cursor)?;
            lists::once(cursor, start, "GROUP BY", &mut self.group_by, names)?;
        } else if cursor.take(&["TIMESTAMP"]) {
            let column = cursor.name("the name of a column")?;
            lists::once(cursor, start, "TIMESTAMP", &mut self.timestamp, column)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn channels(cursor: &mut Cursor<'_>) -> Result<Vec<Notify>> {
    let mut channels = Vec::new();
    loop {
        let start = cursor.position();
        let channel = if cursor.take(&["WEBHOOK"]) {
            Notify::Webhook(lists::options(cursor).map_err(|refused| refused.with_hint(HOW))?)
        } else if cursor.take(&["EMAIL"]) {
            email(cursor)?
        } else if cursor.take(&["LOG"]) {
            Notify::Log
        } else {
            let refused = cursor.expected("WEBHOOK, EMAIL or LOG");
            return Err(match cursor.word().and_then(|word| crate::nearest(&word, CHANNELS)) {
                Some(near) => refused.with_hint(format!("did you mean {near}?")),
                None => refused.with_hint(HOW),
            });
        };
        lists::refuse_too_many(cursor, &channels, cursor.span_from(start), "ways to notify")?;
        channels.push(channel);
        if !cursor.take_token(&Token::Comma) {
            return Ok(channels);
        }
    }
}

/// `(TO 'address', CONNECTION name)`: options, and the name of a connection, which is no text.
fn email(cursor: &mut Cursor<'_>) -> Result<Notify> {
    let start = cursor.position();
    let fail = |refused: Diagnostic| refused.with_hint("write EMAIL (TO 'address', CONNECTION name)");
    cursor.expect_token(&Token::LParen).map_err(fail)?;
    let (mut entries, mut connection): (Vec<Entry>, Option<Name>) = (Vec::new(), None);
    loop {
        let entry_start = cursor.position();
        if cursor.take(&["CONNECTION"]) {
            let name = names::object(cursor, "the connection")?;
            lists::once(cursor, entry_start, "CONNECTION", &mut connection, name)?;
        } else {
            let entry = lists::entry(cursor)?;
            if let Some(first) = entries.iter().find(|first| first.name == entry.name) {
                let refused = cursor.error(entry.name.span, format!("option {} stands twice", entry.name));
                return Err(refused.with_related(cursor.source().clone(), first.name.span, "it stands first here"));
            }
            lists::refuse_too_many(cursor, &entries, entry.span, "options")?;
            entries.push(entry);
        }
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    let span = cursor.span_from(start);
    let Some(connection) = connection else {
        return Err(fail(cursor.error(span, "an e-mail needs the connection of a server that takes it")));
    };
    Ok(Notify::Email { connection, options: Options::new(cursor.source().clone(), span, entries) })
}

/// Those of the options that are the rows' own.
fn of_rows(options: &Options) -> Options {
    let is_of_rows = |entry: &&Entry| AlertSettings::OF_ROWS.contains(&entry.name.value.as_str());
    let entries = options.entries().iter().filter(is_of_rows).cloned().collect();
    Options::new(options.source.clone(), options.span, entries)
}
