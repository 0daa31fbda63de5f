//! `COMMENT ON`.

use sqlparser::tokenizer::Token;

use super::{Cursor, drop, lists, names};
use crate::ast::{Comment, Commented, Kind};
use crate::{Diagnostics, Result};

pub(super) fn comment(cursor: &mut Cursor<'_>) -> Result<Comment, Diagnostics> {
    cursor.expect(&["COMMENT", "ON"])?;
    let on = if cursor.take(&["COLUMN"]) {
        let relation = cursor.name("the name of a relation")?;
        if !cursor.take_token(&Token::Period) {
            return Err(cursor.expected(".").with_hint("a column is written relation.column").into());
        }
        Commented::Column { relation, column: cursor.name("the name of a column")? }
    } else {
        let described = |kind: Kind| !matches!(kind, Kind::Connection | Kind::Secret | Kind::User);
        let Some((kind, words)) = drop::kind(cursor, 0).filter(|(kind, _)| described(*kind)) else {
            let what = "STREAM, TABLE, VIEW, MATERIALIZED VIEW, SOURCE, SINK, CHART, DASHBOARD or COLUMN";
            return Err(cursor.expected(what).into());
        };
        (0..words).for_each(|_| cursor.advance());
        let what = format!("the {}", kind.to_string().to_ascii_lowercase());
        Commented::Object { kind, name: names::object(cursor, &what)? }
    };
    cursor.expect(&["IS"])?;
    let text = if cursor.take(&["NULL"]) { None } else { Some(lists::text(cursor, "a text or NULL")?.0) };
    Ok(Comment { on, text })
}
