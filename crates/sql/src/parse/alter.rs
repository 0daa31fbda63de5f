//! `ALTER` of streams, tables, sources and sinks. What an action means for a definition is in `crate::alter`.

use sqlparser::tokenizer::Token;

use super::{Cursor, columns, lists};
use crate::ast::{Alter, AlterAction, Change};
use crate::{Diagnostic, Diagnostics, Result};

const ACTIONS: &str = "what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, SET (option = value)";

/// `ALTER` of a kind.
pub(super) fn alter(cursor: &mut Cursor<'_>, kind: &str) -> Result<Alter, Diagnostics> {
    cursor.expect(&["ALTER", kind])?;
    let what = kind.to_ascii_lowercase();
    if cursor.at(&["IF", "EXISTS"]) {
        return Err(cursor.not_built(cursor.span(), "IF EXISTS after ALTER is").into());
    }
    let name = lists::object_name(cursor, &format!("the {what}"))?;
    let mut actions: Vec<AlterAction> = Vec::new();
    loop {
        let start = cursor.position();
        let change = change(cursor)?;
        let span = cursor.span_from(start);
        lists::refuse_too_many(cursor, &actions, span, "actions")?;
        actions.push(AlterAction { change, span });
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.at_end() {
        return Err(cursor.expected("a comma or the end of the statement").into());
    }
    Ok(Alter { name, actions })
}

fn change(cursor: &mut Cursor<'_>) -> Result<Change> {
    if cursor.take(&["ADD"]) {
        return add(cursor);
    }
    if cursor.take(&["DROP"]) {
        if let Some(word @ ("CONSTRAINT" | "PRIMARY" | "WATERMARK")) = cursor.word().as_deref() {
            return Err(not_built(cursor, &format!("DROP {word}")));
        }
        cursor.take(&["COLUMN"]);
        if cursor.at(&["IF", "EXISTS"]) {
            return Err(not_built(cursor, "DROP COLUMN IF EXISTS"));
        }
        let column = cursor.name("the name of a column")?;
        if let Some(word @ ("CASCADE" | "RESTRICT")) = cursor.word().as_deref() {
            return Err(not_built(cursor, &format!("DROP COLUMN … {word}")));
        }
        return Ok(Change::DropColumn(column));
    }
    if cursor.take(&["ALTER"]) {
        return column_type(cursor);
    }
    if cursor.take(&["SET"]) {
        if cursor.next() != &Token::LParen {
            return Err(cursor.expected("(").with_hint("options stand in parentheses: SET (retention = '7 days')"));
        }
        return lists::options(cursor).map(Change::Options);
    }
    Err(match cursor.word().as_deref() {
        Some("RENAME") => not_built(cursor, "RENAME"),
        Some(word @ ("PAUSE" | "RESUME" | "OWNER" | "RESET" | "MODIFY")) => not_built(cursor, word),
        _ => cursor.expected("ADD, DROP, ALTER or SET").with_hint(ACTIONS),
    })
}

fn add(cursor: &mut Cursor<'_>) -> Result<Change> {
    if let Some(word @ ("CONSTRAINT" | "PRIMARY" | "WATERMARK")) = cursor.word().as_deref() {
        // A column may be called `primary`.
        if cursor.nth_word(1).is_some_and(|next| word == "CONSTRAINT" || next == "KEY" || next == "FOR") {
            return Err(not_built(cursor, &format!("ADD {word}")));
        }
    }
    cursor.take(&["COLUMN"]);
    if cursor.at(&["IF", "NOT", "EXISTS"]) {
        return Err(not_built(cursor, "ADD COLUMN IF NOT EXISTS"));
    }
    let column = columns::column(cursor, &[])?;
    if cursor.at(&["PRIMARY", "KEY"]) {
        return Err(cursor.error(cursor.span(), "a new column can't be the PRIMARY KEY: rows that are there lack it"));
    }
    columns::end(cursor)?;
    Ok(Change::AddColumn(column))
}

fn column_type(cursor: &mut Cursor<'_>) -> Result<Change> {
    cursor.take(&["COLUMN"]);
    let column = cursor.name("the name of a column")?;
    for words in [["SET", "NOT"], ["SET", "DEFAULT"], ["DROP", "NOT"], ["DROP", "DEFAULT"]] {
        if cursor.at(&words) {
            let second = if words[1] == "NOT" { "NOT NULL" } else { words[1] };
            return Err(not_built(cursor, &format!("ALTER COLUMN … {} {second}", words[0])));
        }
    }
    if !cursor.take(&["SET", "DATA", "TYPE"]) && !cursor.take(&["TYPE"]) {
        return Err(cursor.expected("TYPE").with_hint(format!("write ALTER COLUMN {column} TYPE BIGINT")));
    }
    let (data_type, data_type_span) = columns::data_type(cursor)?;
    if cursor.at(&["USING"]) {
        return Err(not_built(cursor, "USING").with_hint("a type is widened; values stay what they are"));
    }
    Ok(Change::ColumnType { column, data_type, data_type_span })
}

fn not_built(cursor: &Cursor<'_>, what: &str) -> Diagnostic {
    cursor.not_built(cursor.span(), &format!("{what} is")).with_hint(ACTIONS)
}
