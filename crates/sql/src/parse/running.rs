//! Statements that act on what runs: `REPLAY DEAD LETTERS` and `CANCEL QUERY`.

use super::{Cursor, lists, names, query};
use crate::ast::{CancelQuery, ReplayDeadLetters};
use crate::{Diagnostics, Result};

pub(super) fn replay(cursor: &mut Cursor<'_>) -> Result<ReplayDeadLetters, Diagnostics> {
    cursor.expect(&["REPLAY"])?;
    cursor.expect(&["DEAD", "LETTERS"])?;
    let of = if cursor.take(&["OF"]) { Some(names::object(cursor, "the relation")?) } else { None };
    let condition = if cursor.take(&["WHERE"]) { Some(query::expression(cursor)?) } else { None };
    if !cursor.at_end() {
        let wanted =
            if condition.is_some() { "the end of the statement" } else { "OF, WHERE or the end of the statement" };
        return Err(cursor.expected(wanted).into());
    }
    Ok(ReplayDeadLetters { of, condition })
}

pub(super) fn cancel(cursor: &mut Cursor<'_>) -> Result<CancelQuery, Diagnostics> {
    cursor.expect(&["CANCEL"])?;
    cursor.expect(&["QUERY"])?;
    let hint = "system.queries has the ids of what runs";
    let (id, id_span) = lists::text(cursor, "the id of a query").map_err(|refused| refused.with_hint(hint))?;
    Ok(CancelQuery { id, id_span })
}
