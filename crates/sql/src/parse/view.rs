//! `CREATE MATERIALIZED VIEW` and `CREATE VIEW`.
//!
//! Clauses stand before `AS`; `EMIT` and `WITH` may also follow the query. sqlparser would take
//! `FROM orders EMIT CHANGES` for an alias, and `FROM orders WITH (…)` for table hints, so the
//! query's end is found first.

use std::time::Duration;

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names, query, rules, schedule};
use crate::ast::{CreateMaterializedView, CreateView, Emit, Name, Refresh, Rule};
use crate::settings::{RefreshSettings, ViewSettings};
use crate::tokens::is_word;
use crate::{Diagnostics, Options, Result, Span, parse_duration};

pub(super) fn create_materialized(cursor: &mut Cursor<'_>) -> Result<CreateMaterializedView, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["MATERIALIZED", "VIEW"])?;
    let name = names::object(cursor, "the view")?;
    let empty = lists::no_options(cursor, start);
    let (columns, rules) = if cursor.next() == &Token::LParen { body(cursor)? } else { Default::default() };
    let mut clauses = Clauses::default();
    while !cursor.take(&["AS"]) {
        if !clauses.read_before_query(cursor)? && !clauses.read(cursor)? {
            let refused = cursor.expected("AS");
            return Err(refused
                .with_hint("the query follows AS; before it stand PARTITION KEY, PARTITIONED BY, REFRESH and WITH")
                .into());
        }
    }
    let tail_start = tail(cursor);
    let mut after = cursor.split_off(tail_start);
    let query = query::query(cursor)?;
    if !cursor.at_end() {
        return Err(cursor.expected("EMIT, WITH or the end of the statement").into());
    }
    while !after.at_end() {
        if !clauses.read(&mut after)? {
            return Err(after.expected("EMIT, WITH or the end of the statement").into());
        }
    }
    clauses.check(cursor, &rules)?;
    let options = clauses.options.unwrap_or(empty);
    match &clauses.refresh {
        Some((Refresh::Scheduled(_), _)) => RefreshSettings::read(&options).map(|_| ())?,
        _ => ViewSettings::read(&options).map(|_| ())?,
    }
    Ok(CreateMaterializedView {
        name,
        existing,
        columns,
        rules,
        partition_key: clauses.partition_key.map(|(names, _)| names).unwrap_or_default(),
        partitioned_by: clauses.partitioned_by.map(|(names, _)| names).unwrap_or_default(),
        options,
        emit: clauses.emit.map(|(emit, _)| emit),
        refresh: clauses.refresh.map(|(refresh, _)| refresh).unwrap_or_default(),
        query: query.query,
        query_span: query.span,
        query_text: query.text,
    })
}

/// `CREATE VIEW name (columns) AS query`
pub(super) fn create_plain(cursor: &mut Cursor<'_>) -> Result<CreateView, Diagnostics> {
    let create::Opening { existing, .. } = create::open(cursor, &["VIEW"])?;
    let name = names::object(cursor, "the view")?;
    let columns = if cursor.next() == &Token::LParen { lists::names(cursor)? } else { Vec::new() };
    if cursor.at(&["WITH"]) {
        let refused = cursor.error(cursor.span(), "a view has no options");
        return Err(refused.with_hint("it is its query by another name: AS follows").into());
    }
    cursor.expect(&["AS"]).map_err(|refused| refused.with_hint("the query follows AS"))?;
    let tail_start = tail(cursor);
    let after = cursor.split_off(tail_start);
    let query = query::query(cursor)?;
    cursor.expect_end()?;
    if let Some(word) = after.word() {
        let refused = after.error(after.span(), format!("a view has no {word}"));
        return Err(refused.with_hint("CREATE MATERIALIZED VIEW keeps its rows up to date and emits them").into());
    }
    Ok(CreateView { name, existing, columns, query: query.query, query_span: query.span, query_text: query.text })
}

/// Names of columns and rules. A column may be called `constraint`: no name follows it then.
fn body(cursor: &mut Cursor<'_>) -> Result<(Vec<Name>, Vec<Rule>)> {
    cursor.expect_token(&Token::LParen)?;
    let (mut columns, mut rules): (Vec<Name>, Vec<Rule>) = Default::default();
    loop {
        if cursor.at(&["CONSTRAINT"]) && cursor.nth_word(1).is_some() {
            rules.push(rules::rule(cursor, &rules)?);
        } else {
            columns.push(lists::one_more(cursor, &columns)?);
        }
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    Ok((columns, rules))
}

/// Where the clauses after the query start: the first `EMIT CHANGES`, `EMIT ON WINDOW` or `WITH (` outside parentheses.
/// No query has these words there.
pub(super) fn tail(cursor: &Cursor<'_>) -> usize {
    let rest: Vec<(usize, Token)> = cursor.rest().collect();
    let mut depth = 0usize;
    for (number, (position, token)) in rest.iter().enumerate() {
        let after = |ahead: usize, word: &str| rest.get(number + ahead).is_some_and(|(_, token)| is_word(token, word));
        let opens_list = rest.get(number + 1).is_some_and(|(_, token)| token == &Token::LParen);
        let emits = after(1, "CHANGES") || after(1, "FINAL") || (after(1, "ON") && after(2, "WINDOW"));
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            token if (is_word(token, "EMIT") && emits) || (is_word(token, "WITH") && opens_list) => return *position,
            _ => {}
        }
    }
    cursor.end()
}

/// What may stand around the query, and where; each once.
#[derive(Default)]
pub(super) struct Clauses {
    partition_key: Option<(Vec<Name>, Span)>,
    partitioned_by: Option<(Vec<Name>, Span)>,
    pub options: Option<Options>,
    pub emit: Option<(Emit, Span)>,
    refresh: Option<(Refresh, Span)>,
}

impl Clauses {
    /// False if none of them comes next.
    fn read_before_query(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        let start = cursor.position();
        if cursor.take(&["PARTITION", "KEY"]) {
            let names = lists::names(cursor)?;
            let written = (names, cursor.span_from(start));
            lists::once(cursor, start, "PARTITION KEY", &mut self.partition_key, written)?;
        } else if cursor.take(&["REFRESH"]) {
            let refresh = refresh(cursor, start)?;
            let written = (refresh, cursor.span_from(start));
            lists::once(cursor, start, "REFRESH", &mut self.refresh, written)?;
        } else if cursor.take(&["PARTITIONED", "BY"]) {
            let names = lists::names(cursor)?;
            let written = (names, cursor.span_from(start));
            lists::once(cursor, start, "PARTITIONED BY", &mut self.partitioned_by, written)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Those that may also follow the query.
    pub fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        let start = cursor.position();
        if cursor.take(&["WITH"]) {
            let options = lists::options(cursor)?;
            lists::once(cursor, start, "WITH", &mut self.options, options)?;
        } else if cursor.take(&["EMIT"]) {
            let emit = if cursor.take(&["CHANGES", "EVERY"]) {
                Emit::ChangesEvery(interval(cursor)?)
            } else if cursor.take(&["CHANGES"]) {
                Emit::Changes
            } else if cursor.take(&["ON", "WINDOW", "CLOSE"]) {
                Emit::OnWindowClose
            } else {
                return Err(cursor.expected("CHANGES or ON WINDOW CLOSE"));
            };
            let written = (emit, cursor.span_from(start));
            lists::once(cursor, start, "EMIT", &mut self.emit, written)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Refuses what only the other kind of view can have.
    fn check(&self, cursor: &Cursor<'_>, rules: &[Rule]) -> Result<()> {
        let is_scheduled = matches!(self.refresh, Some((Refresh::Scheduled(_), _)));
        if let Some((_, span)) = self.partitioned_by.as_ref().filter(|_| !is_scheduled) {
            let refused = cursor.not_built(*span, "PARTITIONED BY of a view that is kept up to date all the time is");
            return Err(refused.with_hint("PARTITION KEY (…) says which partition of the log a row goes to"));
        }
        if !is_scheduled {
            return Ok(());
        }
        let refuse = |span: Span, what: &str| {
            let refused = cursor.error(span, format!("a view that is refreshed by a schedule has no {what}"));
            Err(refused.with_hint("its rows are a table in the lake; leave REFRESH away to keep it up to date"))
        };
        match (&self.partition_key, &self.emit, rules.first()) {
            (Some((_, span)), _, _) => refuse(*span, "PARTITION KEY"),
            (_, Some((_, span)), _) => refuse(*span, "EMIT"),
            (_, _, Some(rule)) => {
                let refused = cursor.not_built(rule.span, "a rule of a view that is refreshed by a schedule is");
                Err(refused.with_hint("CREATE EXPECTATIONS … BEFORE REFRESH OF looks at what a run would read"))
            }
            (None, None, None) => Ok(()),
        }
    }
}

/// `INTERVAL '10 seconds'`, or `INTERVAL '10' SECOND`.
fn interval(cursor: &mut Cursor<'_>) -> Result<Duration> {
    cursor.expect(&["INTERVAL"]).map_err(|refused| refused.with_hint("write it like INTERVAL '10 seconds'"))?;
    let start = cursor.position();
    let Token::SingleQuotedString(text) = cursor.next().clone() else {
        return Err(cursor.expected("a time in quotes, like '10 seconds'"));
    };
    cursor.advance();
    let is_bare = text.trim().chars().all(|each| each.is_ascii_digit());
    let unit = if is_bare { cursor.word() } else { None };
    if unit.is_some() {
        cursor.advance();
    }
    match parse_duration(&format!("{text} {}", unit.unwrap_or_default())) {
        Ok(Duration::ZERO) => {
            Err(cursor.error(cursor.span_from(start), "changes can't be told every moment of no length"))
        }
        Ok(every) => Ok(every),
        Err(why) => {
            let refused = cursor.error(cursor.span_from(start), format!("this is no length of time: {why}"));
            Err(refused.with_hint("write it like INTERVAL '10 seconds'"))
        }
    }
}

pub(super) fn refresh(cursor: &mut Cursor<'_>, start: usize) -> Result<Refresh> {
    if cursor.take(&["CONTINUOUS"]) {
        return Ok(Refresh::Continuous);
    }
    if let Some(schedule) = schedule::schedule(cursor)? {
        return Ok(Refresh::Scheduled(schedule));
    }
    if cursor.take(&["TARGET", "LAG"]) {
        let refused = cursor.not_built(cursor.span_from(start), "REFRESH TARGET LAG is");
        return Err(refused.with_hint("REFRESH EVERY '10 minutes' runs so often; without REFRESH a view never lags"));
    }
    Err(cursor.expected(&format!("CONTINUOUS, {}", schedule::WORDS)))
}
