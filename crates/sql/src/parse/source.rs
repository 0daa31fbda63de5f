//! `CREATE SOURCE`.

use super::{Cursor, create, lists, names};
use crate::ast::{CreateSource, Origin};
use crate::settings::SourceSettings;
use crate::{Diagnostics, Result};

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateSource, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["SOURCE"])?;
    let name = names::object(cursor, "the source")?;
    let empty = lists::no_options(cursor, start);
    let into = if cursor.take(&["INTO"]) { Some(names::object(cursor, "the stream")?) } else { None };
    cursor.expect(&["FROM"])?;
    let from = origin(cursor)?;
    let options = if cursor.take(&["WITH"]) { lists::options(cursor)? } else { empty };
    SourceSettings::read(&options)?;
    Ok(CreateSource { name, existing, into, from, options })
}

fn origin(cursor: &mut Cursor<'_>) -> Result<Origin> {
    const KNOWN: [&str; 2] = ["FILES", "GENERATOR"];
    if cursor.take(&["FILES"]) {
        return lists::options(cursor).map(Origin::Files);
    }
    if cursor.take(&["GENERATOR"]) {
        return lists::options(cursor).map(Origin::Generator);
    }
    let span = cursor.span();
    let refused = match cursor.word().as_deref() {
        Some(word @ ("CONNECTION" | "WEBHOOK" | "KAFKA" | "POSTGRES" | "KINESIS" | "HTTP")) => {
            cursor.not_built(span, &format!("a source FROM {word} is"))
        }
        _ => cursor.expected("FILES or GENERATOR"),
    };
    let near = cursor.word().and_then(|word| crate::nearest(&word, KNOWN));
    Err(match near {
        Some(near) => refused.with_hint(format!("did you mean {near}?")),
        None => refused.with_hint("what works: FROM FILES (PATH 'data/*.csv'), FROM GENERATOR (…)"),
    })
}
