//! Queries by themselves, and `EXPLAIN` of one.

mod dropped;

use sqlparser::tokenizer::Token;

use super::Cursor;
use crate::ast::{Explain, Query};
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

pub(super) fn explain(cursor: &mut Cursor<'_>) -> Result<Explain, Diagnostics> {
    cursor.expect(&["EXPLAIN"])?;
    let analyze = cursor.take(&["ANALYZE"]);
    let verbose = cursor.take(&["VERBOSE"]);
    let built = cursor.next() == &Token::LParen || starts(cursor);
    if !built {
        let refused = cursor.expected("a query");
        return Err(refused.with_hint("EXPLAIN [ANALYZE] [VERBOSE] is followed by a query").into());
    }
    Ok(Explain { analyze, verbose, query: query(cursor)? })
}
