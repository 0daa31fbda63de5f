//! `INSERT`, `UPDATE` and `DELETE`.

use sqlparser::tokenizer::Token;

use super::{Cursor, lists, query};
use crate::ast::{Assignment, Delete, Insert, Update};
use crate::{Diagnostic, Diagnostics, Result};

pub(super) fn insert(cursor: &mut Cursor<'_>) -> Result<Insert, Diagnostics> {
    cursor.expect(&["INSERT"])?;
    if cursor.at(&["OVERWRITE"]) || cursor.at(&["OR"]) || cursor.at(&["IGNORE"]) {
        let word = cursor.word().unwrap_or_default();
        return Err(not_built(cursor, &format!("INSERT {word}")).into());
    }
    cursor.expect(&["INTO"])?;
    cursor.take(&["TABLE"]);
    let into = lists::relation_name(cursor)?;
    // `INSERT INTO t (SELECT 1)` is a query in parentheses.
    let lists_columns = cursor.next() == &Token::LParen && !query::starts(cursor);
    let columns = if lists_columns { lists::names(cursor)? } else { Vec::new() };
    if cursor.at(&["DEFAULT", "VALUES"]) || cursor.at(&["OVERRIDING"]) {
        let word = cursor.word().unwrap_or_default();
        return Err(not_built(cursor, &format!("INSERT … {word}")).into());
    }
    if !query::starts(cursor) {
        return Err(cursor.expected("VALUES or a query").into());
    }
    let query = query::query(cursor)?;
    refuse_tail(cursor)?;
    Ok(Insert { into, columns, query })
}

pub(super) fn update(cursor: &mut Cursor<'_>) -> Result<Update, Diagnostics> {
    cursor.expect(&["UPDATE"])?;
    let table = lists::relation_name(cursor)?;
    refuse_alias(cursor, "SET")?;
    cursor.expect(&["SET"])?;
    let mut assignments: Vec<Assignment> = Vec::new();
    loop {
        if cursor.next() == &Token::LParen {
            return Err(not_built(cursor, "SET of several columns at once").into());
        }
        let column = cursor.name("the name of a column")?;
        lists::refuse_too_many(cursor, &assignments, column.span, "columns")?;
        if let Some(first) = assignments.iter().find(|first| first.column == column) {
            let refused = cursor.error(column.span, format!("column {column} is set twice"));
            let place = first.column.span;
            return Err(refused.with_related(cursor.source().clone(), place, "it is set first here").into());
        }
        cursor.expect_token(&Token::Eq)?;
        assignments.push(Assignment { column, value: query::expression(cursor)? });
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if cursor.at(&["FROM"]) {
        let refused = not_built(cursor, "UPDATE … FROM");
        return Err(refused.with_hint("ask for the value in a subquery: SET a = (SELECT …)").into());
    }
    let condition = if cursor.take(&["WHERE"]) { Some(query::expression(cursor)?) } else { None };
    refuse_tail(cursor)?;
    Ok(Update { table, assignments, condition })
}

pub(super) fn delete(cursor: &mut Cursor<'_>) -> Result<Delete, Diagnostics> {
    cursor.expect(&["DELETE"])?;
    cursor.expect(&["FROM"])?;
    let table = lists::relation_name(cursor)?;
    refuse_alias(cursor, "WHERE")?;
    if cursor.at(&["USING"]) {
        let refused = not_built(cursor, "DELETE … USING");
        return Err(refused.with_hint("name the rows by their own columns").into());
    }
    let condition = if cursor.take(&["WHERE"]) { Some(query::expression(cursor)?) } else { None };
    refuse_tail(cursor)?;
    Ok(Delete { table, condition })
}

/// `next` is the clause that follows the table.
fn refuse_alias(cursor: &Cursor<'_>, next: &str) -> Result<()> {
    let other = ["USING", "RETURNING", "ORDER", "LIMIT", next];
    let alias = match cursor.next() {
        Token::Comma => return Err(not_built(cursor, "a statement on several tables")),
        Token::Word(_) => !cursor.word().is_some_and(|word| other.contains(&word.as_str())),
        _ => false,
    };
    if alias { Err(not_built(cursor, "another name for the table here")) } else { Ok(()) }
}

fn refuse_tail(cursor: &Cursor<'_>) -> Result<()> {
    if cursor.at(&["RETURNING"]) {
        return Err(not_built(cursor, "RETURNING"));
    }
    if cursor.at(&["ON", "CONFLICT"]) || cursor.at(&["ON", "DUPLICATE"]) {
        return Err(not_built(cursor, "ON CONFLICT"));
    }
    if cursor.at(&["ORDER"]) || cursor.at(&["LIMIT"]) {
        let word = cursor.word().unwrap_or_default();
        return Err(not_built(cursor, &format!("{word} here")));
    }
    Ok(())
}

fn not_built(cursor: &Cursor<'_>, what: &str) -> Diagnostic {
    cursor.not_built(cursor.span(), &format!("{what} is"))
}
