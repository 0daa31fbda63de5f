//! Files of tests: `TEST name GIVEN … THEN TIME … EXPECT …`.

use sqlparser::ast::SetExpr;
use sqlparser::tokenizer::Token;

use super::{Cursor, Part, lists, names, query};
use crate::ast::{Action, Expect, Expected, Given, GivenRows, Moment, Name, ProjectTest, Query, Step};
use crate::template::Template;
use crate::{Diagnostic, Diagnostics, Result, Span};

const STEPS: &str = "a test has steps: GIVEN stream VALUES (…), THEN TIME '…', EXPECT relation VALUES (…)";

/// The tests of a file, and what is wrong with those that can't be read.
pub fn parse_project_tests(template: &Template) -> (Vec<ProjectTest>, Vec<Diagnostic>) {
    super::parse_parts(template, test)
}

fn test(template: &Template, part: Part) -> Result<Option<ProjectTest>, Diagnostics> {
    let Some((mut cursor, span)) = super::open(template, part)? else { return Ok(None) };
    let cursor = &mut cursor;
    let hint = "files named *.test.sql hold tests: TEST name GIVEN … EXPECT …";
    cursor.expect(&["TEST"]).map_err(|refused| refused.with_hint(hint))?;
    let (name, name_span) = match cursor.next() {
        Token::SingleQuotedString(_) => lists::text(cursor, "the name of the test")?,
        _ => cursor.name("the name of the test").map(|name| (name.value, name.span))?,
    };
    let mut steps = Vec::new();
    while !cursor.at_end() {
        let start = cursor.position();
        let action = action(cursor, steps.is_empty())?;
        steps.push(Step { action, span: cursor.span_from(start) });
    }
    if !steps.iter().any(|step| matches!(step.action, Action::Expect(_))) {
        let refused = cursor.error(name_span, format!("test {name} expects nothing"));
        return Err(refused.with_hint(STEPS).into());
    }
    Ok(Some(ProjectTest { name, name_span, steps, span, source: cursor.source().clone() }))
}

fn action(cursor: &mut Cursor<'_>, first: bool) -> Result<Action, Diagnostics> {
    if cursor.take(&["GIVEN"]) {
        return given(cursor).map(Action::Given);
    }
    if cursor.take(&["EXPECT"]) {
        return expect(cursor).map(Action::Expect);
    }
    if cursor.take(&["THEN"]) {
        let hint = "write THEN TIME '2026-01-01 00:02:00'";
        cursor.expect(&["TIME"]).map_err(|refused| refused.with_hint(hint))?;
        let (text, span) = lists::text(cursor, "a time").map_err(|refused| refused.with_hint(hint))?;
        return Ok(Action::Time(Moment { text, span }));
    }
    let wanted = if first { "GIVEN, THEN TIME or EXPECT" } else { "GIVEN, THEN TIME, EXPECT or the end of the test" };
    Err(cursor.expected(wanted).with_hint(STEPS).into())
}

fn given(cursor: &mut Cursor<'_>) -> Result<Given, Diagnostics> {
    let stream = names::object(cursor, "the stream")?;
    if cursor.take(&["FROM"]) {
        cursor.expect(&["FILE"])?;
        let (path, path_span) = lists::text(cursor, "the path of a file")?;
        let (format, format_span) = if cursor.take(&["FORMAT"]) {
            let (format, span) = lists::text(cursor, "a format")?;
            (Some(format), span)
        } else {
            (None, path_span)
        };
        return Ok(Given { stream, rows: GivenRows::File { path, path_span, format, format_span } });
    }
    let columns = columns(cursor)?;
    if !cursor.at(&["VALUES"]) {
        return Err(cursor.expected("VALUES or FROM FILE").into());
    }
    let values = values(cursor)?;
    Ok(Given { stream, rows: GivenRows::Values { columns, values } })
}

fn expect(cursor: &mut Cursor<'_>) -> Result<Expect, Diagnostics> {
    let of = if cursor.at(&["DEAD", "LETTERS"]) {
        cursor.expect(&["DEAD", "LETTERS"])?;
        let of = if cursor.take(&["OF"]) { Some(names::object(cursor, "the relation")?) } else { None };
        let columns = columns(cursor)?;
        if columns.is_empty() && cursor.at(&["VALUES"]) {
            let refused = cursor.expected("columns or EMPTY");
            return Err(refused
                .with_hint("name what is compared: EXPECT DEAD LETTERS (relation, reason) VALUES …")
                .into());
        }
        Expected::DeadLetters { of, columns }
    } else if cursor.next() == &Token::LParen {
        let query = query::query(cursor)?;
        Expected::Query { query, ordered: cursor.take(&["ORDERED"]) }
    } else {
        let relation = lists::relation_name(cursor)?;
        let columns = columns(cursor)?;
        let condition = if cursor.take(&["WHERE"]) { Some(query::expression(cursor)?) } else { None };
        Expected::Relation { relation, columns, condition }
    };
    if cursor.take(&["EMPTY"]) {
        return Ok(Expect { of, values: None });
    }
    if !cursor.at(&["VALUES"]) {
        return Err(cursor.expected("VALUES or EMPTY").into());
    }
    Ok(Expect { of, values: Some(values(cursor)?) })
}

fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<Name>> {
    if cursor.next() == &Token::LParen { lists::names(cursor) } else { Ok(Vec::new()) }
}

/// `VALUES (…), …` and nothing more.
fn values(cursor: &mut Cursor<'_>) -> Result<Query, Diagnostics> {
    let query = query::query(cursor)?;
    let plain = matches!(&*query.query.body, SetExpr::Values(_))
        && query.query.order_by.is_none()
        && query.query.limit_clause.is_none()
        && query.query.fetch.is_none();
    if plain {
        return Ok(query);
    }
    let refused = cursor.error(Span::new(query.span.start, query.span.end), "only VALUES stand here");
    Err(refused.with_hint("a query is expected in parentheses: EXPECT (SELECT …) VALUES …").into())
}
