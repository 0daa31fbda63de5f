//! `SHOW` and `DESCRIBE`: questions about what is declared.

use sqlparser::tokenizer::Token;

use super::{Cursor, lists};
use crate::Result;
use crate::ast::{Kind, Show};

/// Plurals that list objects; `None` for all relations.
const LISTS: [(&[&str], Option<Kind>); 5] = [
    (&["MATERIALIZED", "VIEWS"], Some(Kind::MaterializedView)),
    (&["VIEWS"], Some(Kind::MaterializedView)),
    (&["STREAMS"], Some(Kind::Stream)),
    (&["SOURCES"], Some(Kind::Source)),
    (&["RELATIONS"], None),
];

const KINDS: [&[&str]; 3] = [&["MATERIALIZED", "VIEW"], &["STREAM"], &["SOURCE"]];

pub(super) fn starts(cursor: &Cursor<'_>) -> bool {
    let shows = |words: &[&str]| {
        let opening: Vec<&str> = std::iter::once("SHOW").chain(words.iter().copied()).collect();
        cursor.at(&opening)
    };
    cursor.at(&["DESCRIBE"])
        || cursor.at(&["DESC"])
        || shows(&["COLUMNS"])
        || shows(&["CREATE"])
        || LISTS.iter().any(|(words, _)| shows(words))
}

/// `SHOW plural [LIKE 'pattern']`, `SHOW COLUMNS FROM name`, `DESCRIBE name`, `SHOW CREATE [kind] name`
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Show> {
    if cursor.take(&["DESCRIBE"]) || cursor.take(&["DESC"]) {
        return lists::object_name(cursor, "a relation").map(Show::Columns);
    }
    cursor.expect(&["SHOW"])?;
    if cursor.take(&["COLUMNS"]) {
        if !cursor.take(&["FROM"]) && !cursor.take(&["IN"]) {
            return Err(cursor.expected("FROM"));
        }
        return lists::object_name(cursor, "a relation").map(Show::Columns);
    }
    if cursor.take(&["CREATE"]) {
        // The kind may be said; a name says enough.
        let _ = KINDS.iter().any(|words| cursor.take(words));
        return lists::object_name(cursor, "an object").map(Show::Create);
    }
    let Some((_, kind)) = LISTS.iter().find(|(words, _)| cursor.take(words)) else {
        return Err(cursor.expected("STREAMS, SOURCES, VIEWS, RELATIONS, COLUMNS or CREATE"));
    };
    let like = if cursor.take(&["LIKE"]) {
        let Token::SingleQuotedString(pattern) = cursor.next().clone() else {
            return Err(cursor.expected("a pattern in single quotes"));
        };
        cursor.advance();
        Some(pattern)
    } else {
        None
    };
    Ok(Show::Objects { kind: *kind, like })
}
