//! `CREATE MATERIALIZED VIEW` and `CREATE VIEW`.
//!
//! Clauses stand before `AS`; `EMIT` and `WITH` may also follow the query. sqlparser would take
//! `FROM orders EMIT CHANGES` for an alias, and `FROM orders WITH (…)` for table hints, so the
//! query's end is found first.

use std::time::Duration;

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names, query, rules};
use crate::ast::{CreateMaterializedView, CreateView, Emit, Name, Refresh, Rule};
use crate::settings::ViewSettings;
use crate::tokens::is_word;
use crate::{Diagnostics, Options, Result, parse_duration};

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
                .with_hint("the query follows AS; before it stand PARTITION KEY, REFRESH and WITH")
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
    let options = clauses.options.unwrap_or(empty);
    ViewSettings::read(&options)?;
    Ok(CreateMaterializedView {
        name,
        existing,
        columns,
        rules,
        partition_key: clauses.partition_key.unwrap_or_default(),
        options,
        emit: clauses.emit,
        refresh: clauses.refresh.unwrap_or_default(),
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
fn tail(cursor: &Cursor<'_>) -> usize {
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

/// What may stand around the query; each once.
#[derive(Default)]
struct Clauses {
    partition_key: Option<Vec<Name>>,
    options: Option<Options>,
    emit: Option<Emit>,
    refresh: Option<Refresh>,
}

impl Clauses {
    /// False if none of them comes next.
    fn read_before_query(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        let start = cursor.position();
        if cursor.take(&["PARTITION", "KEY"]) {
            let names = lists::names(cursor)?;
            lists::once(cursor, start, "PARTITION KEY", &mut self.partition_key, names)?;
        } else if cursor.take(&["REFRESH"]) {
            let refresh = refresh(cursor, start)?;
            lists::once(cursor, start, "REFRESH", &mut self.refresh, refresh)?;
        } else if cursor.take(&["PARTITIONED", "BY"]) {
            let refused = cursor.not_built(cursor.span_from(start), "PARTITIONED BY is");
            return Err(refused.with_hint("PARTITION KEY (…) says which partition of the log a row goes to"));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Those that may also follow the query.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
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
            lists::once(cursor, start, "EMIT", &mut self.emit, emit)?;
        } else {
            return Ok(false);
        }
        Ok(true)
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

fn refresh(cursor: &mut Cursor<'_>, start: usize) -> Result<Refresh> {
    if cursor.take(&["CONTINUOUS"]) {
        return Ok(Refresh::Continuous);
    }
    let known: [&[&str]; 4] = [&["EVERY"], &["CRON"], &["TARGET", "LAG"], &["MANUAL"]];
    for words in known {
        if cursor.take(words) {
            let refused = cursor.not_built(cursor.span_from(start), &format!("REFRESH {} is", words.join(" ")));
            return Err(refused.with_hint("a view is kept up to date continuously: REFRESH CONTINUOUS, or no REFRESH"));
        }
    }
    Err(cursor.expected("CONTINUOUS"))
}
