//! `SHOW` of what the catalog knows, and `DESCRIBE`. `SHOW` of a parameter of a session is none of it.

use super::{Cursor, drop, lists, names};
use crate::ast::{Kind, Show};
use crate::{Diagnostics, Result};

pub(super) fn starts(cursor: &Cursor<'_>) -> bool {
    let describes = cursor.at(&["DESCRIBE"]) || cursor.at(&["DESC"]);
    let lists = cursor.at(&["SHOW"])
        && (plural(cursor, 1).is_some()
            || cursor.at_ahead(1, &["RELATIONS"])
            || cursor.at_ahead(1, &["COLUMNS"])
            || cursor.at_ahead(1, &["CREATE"]));
    describes || lists
}

pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Show, Diagnostics> {
    if cursor.take(&["DESCRIBE"]) || cursor.take(&["DESC"]) {
        return Ok(Show::Columns(lists::relation_name(cursor)?));
    }
    cursor.expect(&["SHOW"])?;
    if cursor.take(&["RELATIONS"]) {
        return Ok(Show::Objects { kind: None, like: like(cursor)? });
    }
    if cursor.take(&["COLUMNS"]) {
        if !cursor.take(&["FROM"]) && !cursor.take(&["IN"]) {
            return Err(cursor.expected("FROM").with_hint("say of what: SHOW COLUMNS FROM orders").into());
        }
        return Ok(Show::Columns(lists::relation_name(cursor)?));
    }
    if cursor.take(&["CREATE"]) {
        // An object may be called `table`: the kind is one only if a name follows.
        let kind = drop::kind(cursor, 0).filter(|(_, words)| cursor.nth(*words) != &sqlparser::tokenizer::Token::EOF);
        if let Some((_, words)) = kind {
            (0..words).for_each(|_| cursor.advance());
        }
        let what = kind.map_or_else(
            || "an object".to_owned(),
            |(kind, _)| format!("the {}", kind.to_string().to_ascii_lowercase()),
        );
        return Ok(Show::Create { kind: kind.map(|(kind, _)| kind), name: names::object(cursor, &what)? });
    }
    let Some(kind) = plural(cursor, 0) else { return Err(cursor.expected("what to show").into()) };
    kind.plural_words().iter().for_each(|_| cursor.advance());
    Ok(Show::Objects { kind: Some(kind), like: like(cursor)? })
}

fn plural(cursor: &Cursor<'_>, ahead: usize) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| cursor.at_ahead(ahead, kind.plural_words()))
}

fn like(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    if cursor.take(&["LIKE"]) {
        return lists::text(cursor, "a pattern").map(|(pattern, _)| Some(pattern));
    }
    if cursor.at_end() { Ok(None) } else { Err(cursor.expected("LIKE or the end of the statement")) }
}
