//! `CREATE SINK`.
//!
//! `INTO` ends the query of `AS query INTO FILES (…)`; sqlparser would take it for `SELECT INTO`, so it is found first.

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names, query};
use crate::ast::{CreateSink, Destination, SinkRows};
use crate::settings::SinkSettings;
use crate::tokens::is_word;
use crate::{Diagnostics, Result};

const DESTINATIONS: [&str; 3] = ["FILES", "HTTP", "CONNECTION"];

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateSink, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["SINK"])?;
    let name = names::object(cursor, "the sink")?;
    let empty = lists::no_options(cursor, start);
    let from;
    let mut after;
    let rest = if cursor.take(&["FROM"]) {
        from = SinkRows::Relation(names::object(cursor, "the relation")?);
        &mut *cursor
    } else if cursor.take(&["AS"]) {
        let into = destination_start(cursor);
        after = cursor.split_off(into);
        let query = query::query(cursor)?;
        if !cursor.at_end() {
            return Err(cursor.expected("INTO").into());
        }
        from = SinkRows::Query(Box::new(query));
        &mut after
    } else {
        let refused = cursor.expected("FROM or AS");
        return Err(refused.with_hint("say which rows leave: FROM relation, or AS SELECT …").into());
    };
    let hint = "say where the rows go: INTO FILES (PATH 'out/', FORMAT 'json') or INTO HTTP (URL 'https://…')";
    rest.expect(&["INTO"]).map_err(|refused| refused.with_hint(hint))?;
    let into = destination(rest)?;
    let options = if rest.take(&["WITH"]) { lists::options(rest)? } else { empty };
    rest.expect_end()?;
    SinkSettings::read(&options)?;
    Ok(CreateSink { name, existing, from, into, options })
}

/// The last `INTO FILES`, `INTO HTTP` or `INTO CONNECTION` outside parentheses; the end if there is none.
fn destination_start(cursor: &Cursor<'_>) -> usize {
    let rest: Vec<(usize, Token)> = cursor.rest().collect();
    let mut depth = 0usize;
    let mut found = cursor.end();
    for (number, (position, token)) in rest.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            token if depth == 0 && is_word(token, "INTO") => {
                let next = rest.get(number + 1).map(|(_, token)| token);
                if next.is_some_and(|next| DESTINATIONS.iter().any(|word| is_word(next, word))) {
                    found = *position;
                }
            }
            _ => {}
        }
    }
    found
}

fn destination(cursor: &mut Cursor<'_>) -> Result<Destination> {
    if cursor.take(&["FILES"]) {
        return lists::options(cursor).map(Destination::Files);
    }
    if cursor.take(&["HTTP"]) {
        return lists::options(cursor).map(Destination::Http);
    }
    if cursor.take(&["CONNECTION"]) {
        let connection = names::object(cursor, "the connection")?;
        let options = if cursor.next() == &Token::LParen {
            lists::options(cursor)?
        } else {
            lists::no_options(cursor, cursor.position())
        };
        return Ok(Destination::Connection { connection, options });
    }
    let refused = cursor.expected("FILES, HTTP or CONNECTION");
    Err(match cursor.word().and_then(|word| crate::nearest(&word, DESTINATIONS)) {
        Some(near) => refused.with_hint(format!("did you mean {near}?")),
        None => refused.with_hint("what works: INTO FILES (PATH 'out/', FORMAT 'json'), INTO HTTP (URL 'https://…'), INTO CONNECTION name (…)"),
    })
}
