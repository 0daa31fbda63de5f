//! `DECLARE … CURSOR`, `FETCH` and `MOVE`: forward only.

use sqlparser::tokenizer::Token;

use super::{Reader, Statement};
use crate::{Diagnostic, Diagnostics};

/// How many rows of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Rows(u64),
    All,
}

pub(super) fn declare(reader: &mut Reader<'_>) -> Result<Statement, Diagnostics> {
    reader.expect("DECLARE")?;
    let name = reader.name("a cursor's name")?;
    let mut binary = false;
    loop {
        if reader.take(&["BINARY"]) {
            binary = true;
        } else if reader.at(&["SCROLL"]) {
            let refused = reader.not_built("a cursor with SCROLL is not built: rows are read once, forward");
            return Err(refused.with_hint("leave SCROLL away").into());
        } else if !(reader.take(&["INSENSITIVE"]) || reader.take(&["ASENSITIVE"]) || reader.take(&["NO", "SCROLL"])) {
            break;
        }
    }
    reader.expect("CURSOR")?;
    let hold = reader.take(&["WITH", "HOLD"]);
    if !hold {
        reader.take(&["WITHOUT", "HOLD"]);
    }
    reader.expect("FOR")?;
    Ok(Statement::Declare { name, binary, hold, query: reader.rest()? })
}

pub(super) fn fetch(reader: &mut Reader<'_>, moves: bool) -> Result<Statement, Diagnostic> {
    reader.advance();
    let count = count(reader)?;
    let _ = reader.take(&["FROM"]) || reader.take(&["IN"]);
    let name = reader.name("a cursor's name")?;
    reader.end()?;
    Ok(Statement::Fetch { name, count, moves })
}

fn count(reader: &mut Reader<'_>) -> Result<Count, Diagnostic> {
    for backward in ["BACKWARD", "PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE"] {
        if reader.at(&[backward]) {
            let refused = reader.not_built(format!("FETCH {backward} is not built: rows are read once, forward"));
            return Err(refused.with_hint("FETCH [FORWARD] [n | ALL] FROM cursor"));
        }
    }
    if reader.take(&["NEXT"]) {
        return Ok(Count::Rows(1));
    }
    reader.take(&["FORWARD"]);
    if reader.take(&["ALL"]) {
        return Ok(Count::All);
    }
    match reader.next() {
        Token::Number(digits, _) => {
            let rows = digits.parse().map_err(|_| reader.expected("a number of rows"))?;
            reader.advance();
            Ok(Count::Rows(rows))
        }
        Token::Minus => Err(reader.error("rows are read forward: the number must not be negative")),
        _ => Ok(Count::Rows(1)),
    }
}
