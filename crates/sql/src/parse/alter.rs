//! `ALTER` of what has columns, options or a query. What an action means for a definition is in `crate::alter`.

use sqlparser::tokenizer::Token;

use super::{Cursor, columns, drop, lists, names, query, rules};
use crate::ast::{Alter, AlterAction, Change, Kind, Run};
use crate::{Diagnostic, Diagnostics, Result};

/// The kind that is altered, and the number of its words, if such a statement comes next.
pub(super) fn starts(cursor: &Cursor<'_>) -> Option<(Kind, usize)> {
    let found = if cursor.at(&["ALTER"]) { drop::kind(cursor, 1) } else { None };
    found.filter(|(kind, _)| {
        let replaced = matches!(kind, Kind::Chart | Kind::Dashboard | Kind::Expectations);
        let learned = matches!(kind, Kind::FeatureView | Kind::Model | Kind::Experiment);
        !replaced && !learned && !matches!(kind, Kind::Connection | Kind::Secret | Kind::User)
    })
}

/// `ALTER` of a kind.
pub(super) fn alter(cursor: &mut Cursor<'_>, kind: Kind, words: usize) -> Result<Alter, Diagnostics> {
    (0..=words).for_each(|_| cursor.advance());
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let name = names::object(cursor, &format!("the {}", kind.to_string().to_ascii_lowercase()))?;
    let mut actions: Vec<AlterAction> = Vec::new();
    loop {
        let start = cursor.position();
        let change = match kind {
            Kind::View | Kind::MaterializedView if cursor.take(&["AS"]) => Change::Query(query::query(cursor)?),
            Kind::MaterializedView if cursor.take(&["PAUSE"]) => Change::Run(Run::Pause),
            Kind::MaterializedView if cursor.take(&["RESUME"]) => Change::Run(Run::Resume),
            Kind::MaterializedView if cursor.take(&["RESET"]) => Change::Run(Run::Reset),
            _ => change(cursor, kind)?,
        };
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
    if let Some(run) = actions.iter().find(|action| matches!(action.change, Change::Run(_)))
        && actions.len() > 1
    {
        return Err(cursor.error(run.span, "PAUSE, RESUME and RESET stand alone").into());
    }
    Ok(Alter { kind, name, if_exists, actions })
}

fn change(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Change> {
    let start = cursor.position();
    if cursor.take(&["SET"]) {
        if kind == Kind::Table && cursor.take(&["LOCATION"]) {
            return lists::text(cursor, "a path or an address").map(|(place, _)| Change::Location(place));
        }
        if kind == Kind::View {
            return Err(cursor.error(cursor.span_from(start), "a view has no options").with_hint(actions(kind)));
        }
        if cursor.next() != &Token::LParen {
            return Err(cursor.expected("(").with_hint("options stand in parentheses: SET (retention = '7 days')"));
        }
        return lists::options(cursor).map(Change::Options);
    }
    if matches!(kind, Kind::Stream | Kind::Table) {
        if cursor.take(&["ADD"]) {
            return add(cursor, kind);
        }
        if cursor.take(&["DROP"]) {
            return drop(cursor, kind);
        }
        if cursor.take(&["ALTER"]) {
            return column(cursor, kind);
        }
    }
    Err(match cursor.word().as_deref() {
        Some(word @ ("RENAME" | "PAUSE" | "RESUME" | "OWNER" | "RESET" | "MODIFY")) => not_built(cursor, kind, word),
        Some("ADD" | "DROP" | "ALTER") => {
            let refused = cursor.error(cursor.span(), format!("a {} has no columns of its own", kind_name(kind)));
            refused.with_hint(actions(kind))
        }
        _ => {
            let refused = cursor.error(cursor.span_from(start).to(cursor.span()), "there is no such change");
            refused.with_hint(actions(kind))
        }
    })
}

/// What follows ALTER and a name.
fn actions(kind: Kind) -> &'static str {
    match kind {
        Kind::Stream => {
            "what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, \
             ADD CONSTRAINT, DROP CONSTRAINT, SET (option = value)"
        }
        Kind::Table => {
            "what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, \
             of external tables SET (option = value), SET LOCATION"
        }
        Kind::View => "what works: AS query",
        Kind::MaterializedView => "what works: AS query, SET (option = value), PAUSE, RESUME, RESET",
        _ => "what works: SET (enabled = false), SET (enabled = true)",
    }
}

fn kind_name(kind: Kind) -> String {
    kind.to_string().to_ascii_lowercase()
}

fn add(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Change> {
    // A column may be called `primary`, or `constraint`.
    let opens = |next: Option<&str>, word: &str| match word {
        "PRIMARY" => next == Some("KEY"),
        "WATERMARK" => next == Some("FOR"),
        _ => next.is_some(),
    };
    if let Some(word @ ("CONSTRAINT" | "PRIMARY" | "WATERMARK")) = cursor.word().as_deref()
        && opens(cursor.nth_word(1).as_deref(), word)
    {
        if word == "CONSTRAINT" && kind == Kind::Stream {
            return rules::rule(cursor, &[]).map(|rule| Change::AddRule(Box::new(rule)));
        }
        return Err(not_built(cursor, kind, &format!("ADD {word}")));
    }
    cursor.take(&["COLUMN"]);
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let column = columns::column(cursor, &[])?;
    if cursor.at(&["PRIMARY", "KEY"]) {
        return Err(cursor.error(cursor.span(), "a new column can't be the PRIMARY KEY: rows that are there lack it"));
    }
    columns::end(cursor)?;
    Ok(Change::AddColumn { column, if_not_exists })
}

fn drop(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Change> {
    if let Some(word @ ("CONSTRAINT" | "PRIMARY" | "WATERMARK")) = cursor.word().as_deref()
        && cursor.nth_word(1).is_some()
    {
        if word == "CONSTRAINT" && kind == Kind::Stream {
            cursor.advance();
            return cursor.name("the name of a rule").map(Change::DropRule);
        }
        return Err(not_built(cursor, kind, &format!("DROP {word}")));
    }
    cursor.take(&["COLUMN"]);
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let column = cursor.name("the name of a column")?;
    if let Some(word @ ("CASCADE" | "RESTRICT")) = cursor.word().as_deref() {
        return Err(not_built(cursor, kind, &format!("DROP COLUMN … {word}")));
    }
    Ok(Change::DropColumn { column, if_exists })
}

fn column(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Change> {
    cursor.take(&["COLUMN"]);
    let column = cursor.name("the name of a column")?;
    if cursor.take(&["DROP", "NOT", "NULL"]) {
        return Ok(Change::DropNotNull(column));
    }
    for words in [["SET", "NOT"], ["SET", "DEFAULT"], ["DROP", "DEFAULT"]] {
        if cursor.at(&words) {
            let second = if words[1] == "NOT" { "NOT NULL" } else { words[1] };
            return Err(not_built(cursor, kind, &format!("ALTER COLUMN … {} {second}", words[0])));
        }
    }
    if !cursor.take(&["SET", "DATA", "TYPE"]) && !cursor.take(&["TYPE"]) {
        return Err(cursor.expected("TYPE").with_hint(format!("write ALTER COLUMN {column} TYPE BIGINT")));
    }
    let (data_type, data_type_span) = columns::data_type(cursor)?;
    if cursor.at(&["USING"]) {
        return Err(not_built(cursor, kind, "USING").with_hint("a type is widened; values stay what they are"));
    }
    Ok(Change::ColumnType { column, data_type, data_type_span })
}

fn not_built(cursor: &Cursor<'_>, kind: Kind, what: &str) -> Diagnostic {
    cursor.not_built(cursor.span(), &format!("{what} is")).with_hint(actions(kind))
}
