//! Queries by themselves, and `EXPLAIN` of one.

mod dropped;

use sqlparser::tokenizer::Token;

use super::{Cursor, names, view};
use crate::ast::{Explain, ExplainView, Expression, Query};
use crate::tokens::is_word;
use crate::{Diagnostics, Result};

/// Whether the next token opens a query.
pub(super) fn starts(cursor: &Cursor<'_>) -> bool {
    let opens = |token: &Token| ["SELECT", "WITH", "VALUES", "TABLE", "FROM"].iter().any(|word| is_word(token, word));
    let mut ahead = 0;
    while cursor.nth(ahead) == &Token::LParen {
        ahead += 1;
    }
    opens(cursor.nth(ahead))
}

pub(super) fn query(cursor: &mut Cursor<'_>) -> Result<Query, Diagnostics> {
    let start = cursor.position();
    if !starts(cursor) {
        return Err(cursor.expected("a query").with_hint("a query starts with SELECT, WITH or VALUES").into());
    }
    let query = cursor.query()?;
    let span = cursor.span_from(start);
    Diagnostics::check(dropped::refuse(&query, span, cursor.source()))?;
    Ok(Query { query, span, text: cursor.text_from(start).to_owned() })
}

/// An expression by itself; queries within it are held to the same rules.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Expression, Diagnostics> {
    let start = cursor.position();
    let expression = cursor.expression()?;
    let span = cursor.span_from(start);
    Diagnostics::check(dropped::refuse(&expression, span, cursor.source()))?;
    Ok(Expression { expression, text: cursor.text_from(start).to_owned(), span })
}

/// `EXPLAIN MATERIALIZED VIEW name`, or `EXPLAIN CREATE MATERIALIZED VIEW …`.
pub(super) fn explains_view(cursor: &Cursor<'_>) -> bool {
    let kind = ["MATERIALIZED", "VIEW"];
    cursor.at(&["EXPLAIN"])
        && (cursor.at_ahead(1, &kind) || (cursor.at_ahead(1, &["CREATE"]) && cursor.at_ahead(2, &kind)))
}

pub(super) fn explain_view(cursor: &mut Cursor<'_>) -> Result<ExplainView, Diagnostics> {
    cursor.expect(&["EXPLAIN"])?;
    if cursor.take(&["MATERIALIZED", "VIEW"]) {
        return Ok(ExplainView::Existing(names::object(cursor, "the view")?));
    }
    Ok(ExplainView::Planned(Box::new(view::create_materialized(cursor)?)))
}

pub(super) fn explain(cursor: &mut Cursor<'_>) -> Result<Explain, Diagnostics> {
    cursor.expect(&["EXPLAIN"])?;
    let analyze = cursor.take(&["ANALYZE"]);
    let verbose = cursor.take(&["VERBOSE"]);
    let built = cursor.next() == &Token::LParen || starts(cursor);
    if !built {
        let refused = cursor.expected("a query");
        let hint = "EXPLAIN [ANALYZE] [VERBOSE] is followed by a query, EXPLAIN also by MATERIALIZED VIEW and a name";
        return Err(refused.with_hint(hint).into());
    }
    Ok(Explain { analyze, verbose, query: query(cursor)? })
}
