//! `DROP`.

use sqlparser::tokenizer::Token;

use super::{Cursor, lists};
use crate::Result;
use crate::ast::{Drop, Kind};

/// What can be dropped, longer names first.
const KINDS: [(&[&str], Kind); 3] =
    [(&["MATERIALIZED", "VIEW"], Kind::MaterializedView), (&["STREAM"], Kind::Stream), (&["SOURCE"], Kind::Source)];

pub(super) fn starts(cursor: &Cursor<'_>) -> bool {
    KINDS.iter().any(|(words, _)| {
        let opening: Vec<&str> = std::iter::once("DROP").chain(words.iter().copied()).collect();
        cursor.at(&opening)
    })
}

/// `DROP kind [IF EXISTS] name, … [CASCADE | RESTRICT] [PURGE]`
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Drop> {
    cursor.expect(&["DROP"])?;
    let Some((_, kind)) = KINDS.iter().find(|(words, _)| cursor.take(words)) else {
        return Err(cursor.expected("STREAM, SOURCE or MATERIALIZED VIEW"));
    };
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let mut names = Vec::new();
    loop {
        let name = lists::object_name(cursor, "what is dropped")?;
        lists::refuse_too_many(cursor, &names, name.span, "names")?;
        names.push(name);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    let cascade = cursor.take(&["CASCADE"]);
    if !cascade {
        cursor.take(&["RESTRICT"]);
    }
    let purge = cursor.take(&["PURGE"]);
    if !cursor.at_end() {
        return Err(cursor.expected("a comma, CASCADE, RESTRICT, PURGE or the end of the statement"));
    }
    Ok(Drop { kind: *kind, if_exists, names, cascade, purge })
}
