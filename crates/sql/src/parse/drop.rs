//! `DROP`.

use sqlparser::tokenizer::Token;

use super::{Cursor, lists, names};
use crate::ast::{Drop, Kind, Name};
use crate::{Diagnostics, Result};

/// The kind whose words stand `ahead` tokens further on, and the number of those words.
pub(super) fn kind(cursor: &Cursor<'_>, ahead: usize) -> Option<(Kind, usize)> {
    if cursor.at_ahead(ahead, &["EXTERNAL", "TABLE"]) {
        return Some((Kind::Table, 2));
    }
    let kind = Kind::ALL.into_iter().find(|kind| cursor.at_ahead(ahead, kind.words()))?;
    Some((kind, kind.words().len()))
}

pub(super) fn starts(cursor: &Cursor<'_>) -> bool {
    cursor.at(&["DROP"]) && kind(cursor, 1).is_some()
}

pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Drop, Diagnostics> {
    cursor.expect(&["DROP"])?;
    let Some((kind, words)) = kind(cursor, 0) else { return Err(cursor.expected("what to drop").into()) };
    (0..words).for_each(|_| cursor.advance());
    let what = format!("the {}", kind.to_string().to_ascii_lowercase());
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let mut names: Vec<Name> = Vec::new();
    loop {
        let name = names::object(cursor, &what)?;
        lists::refuse_too_many(cursor, &names, name.span, "names")?;
        if let Some(first) = names.iter().find(|first| **first == name) {
            let refused = cursor.error(name.span, format!("{name} stands twice"));
            return Err(refused.with_related(cursor.source().clone(), first.span, "it stands first here").into());
        }
        names.push(name);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    let (mut reach, mut purge) = (None, None);
    while !cursor.at_end() {
        let start = cursor.position();
        if cursor.take(&["CASCADE"]) {
            lists::once(cursor, start, "CASCADE or RESTRICT", &mut reach, true)?;
        } else if cursor.take(&["RESTRICT"]) {
            lists::once(cursor, start, "CASCADE or RESTRICT", &mut reach, false)?;
        } else if cursor.take(&["PURGE"]) {
            if !kind.has_history() {
                let article = if kind == Kind::Alert { "an" } else { "a" };
                let message = format!("{article} {} has no history to purge", &what[4..]);
                let refused = cursor.error(cursor.span_from(start), message);
                return Err(refused.into());
            }
            lists::once(cursor, start, "PURGE", &mut purge, true)?;
        } else {
            return Err(cursor.expected("a comma, CASCADE, PURGE or the end of the statement").into());
        }
    }
    Ok(Drop { kind, names, if_exists, cascade: reach.unwrap_or(false), purge: purge.unwrap_or(false) })
}
