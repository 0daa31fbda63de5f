//! `CREATE EXPECTATIONS`, `CHECK EXPECTATIONS` and `PROFILE`.

mod arguments;

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names, query, schedule};
use crate::ast::{CheckExpectations, CreateExpectations, Expectation, Expression, Name, Profile, Severity, When};
use crate::{Diagnostic, Diagnostics, Options, Result, Value, expectations};

const HINT: &str =
    "write CREATE EXPECTATIONS name ON relation (column_values_to_not_be_null(column), …) CHECK EVERY '1 hour'";

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateExpectations, Diagnostics> {
    let create::Opening { existing, .. } = create::open(cursor, &["EXPECTATIONS"])?;
    let name = names::object(cursor, "the expectations")?;
    cursor.expect(&["ON"]).map_err(|refused| refused.with_hint(HINT))?;
    let relation = names::object(cursor, "the relation")?;
    let mut tail;
    let (condition, rest) = if cursor.take(&["WHERE"]) {
        tail = cursor.split_off(list_start(cursor));
        let condition = query::expression(cursor)?;
        if !cursor.at_end() {
            return Err(cursor.expected("the list of expectations in parentheses").into());
        }
        (Some(condition), &mut tail)
    } else {
        (None, &mut *cursor)
    };
    if rest.next() != &Token::LParen {
        return Err(rest.expected("WHERE or the list of expectations in parentheses").with_hint(HINT).into());
    }
    rest.advance();
    let expectations = list(rest)?;
    let when = when(rest)?;
    rest.expect_end()?;
    Ok(CreateExpectations { name, existing, relation, condition, expectations, when })
}

/// Where the list begins after a condition: nothing that comes after the list has parentheses.
fn list_start(cursor: &Cursor<'_>) -> usize {
    let (mut depth, mut found) = (0usize, cursor.end());
    for (position, token) in cursor.rest() {
        match token {
            Token::LParen => {
                if depth == 0 {
                    found = position;
                }
                depth += 1;
            }
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

/// All that is wrong with its entries is told at once where the names alone are wrong.
fn list(cursor: &mut Cursor<'_>) -> Result<Vec<Expectation>, Diagnostics> {
    let mut expectations = Vec::new();
    loop {
        let next = expectation(cursor)?;
        lists::refuse_too_many(cursor, &expectations, next.span, "expectations")?;
        expectations.push(next);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma, WITH or )").into());
    }
    Ok(expectations)
}

fn expectation(cursor: &mut Cursor<'_>) -> Result<Expectation, Diagnostics> {
    let start = cursor.position();
    let name = cursor.name("the name of an expectation")?;
    let Some(kind) = expectations::kind(&name.value) else {
        let refused = cursor.error(name.span, format!("there is no expectation {name}"));
        let near = crate::nearest(&name.value, expectations::KINDS.iter().map(|kind| kind.name));
        return Err(match near {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused.with_hint("names are those of Great Expectations without expect_"),
        }
        .into());
    };
    let (arguments, arguments_text) = arguments::arguments(cursor, kind, name.span)?;
    let call_span = cursor.span_from(start);
    let options = if cursor.take(&["WITH"]) { Some(lists::options(cursor)?) } else { None };
    let span = cursor.span_from(start);
    let mut expectation = Expectation {
        kind,
        name_span: name.span,
        arguments,
        arguments_text,
        mostly: 1.0,
        severity: Severity::default(),
        condition: None,
        span: call_span.to(span),
    };
    if let Some(options) = options {
        read_options(options, &mut expectation)?;
    }
    Ok(expectation)
}

const SEVERITIES: [(&str, Severity); 2] = [("critical", Severity::Critical), ("warning", Severity::Warning)];

fn read_options(mut options: Options, expectation: &mut Expectation) -> Result<(), Diagnostics> {
    let written =
        |options: &Options, name: &str| options.entries().iter().find(|entry| entry.name.value == name).cloned();
    if let Some(entry) = written(&options, "mostly") {
        if !expectation.kind.of_rows {
            let message = format!("{} is not about single rows: it takes no mostly", expectation.kind.name);
            return Err(options.refuse(&entry, message).into());
        }
        let share = options.take_number("mostly")?.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&share) {
            return Err(options.refuse(&entry, "mostly is the share of rows that have to be right, 0 to 1").into());
        }
        expectation.mostly = share;
    }
    expectation.severity = options.take_choice("severity", &SEVERITIES)?.unwrap_or_default();
    if let Some(entry) = written(&options, "condition") {
        let Some(text) = options.take_text("condition")? else { return Ok(()) };
        expectation.condition = Some(condition(&text).map_err(|refused| {
            let refused_here = options.refuse(&entry, format!("condition: {}", refused.message));
            match refused.hint {
                Some(hint) => refused_here.with_hint(hint),
                None => refused_here,
            }
        })?);
        if let (Some(condition), Value::Text(_)) = (&mut expectation.condition, &entry.value) {
            condition.span = entry.value_span;
        }
    }
    options.finish()?;
    Ok(())
}

/// A condition that stands in a text of its own.
fn condition(text: &str) -> Result<Expression> {
    let source = crate::SourceText::new("condition", format!("SELECT 1 WHERE {text}"));
    let refuse = |message: &str| Diagnostic::syntax(source.clone(), crate::Span::default(), message);
    let mut parsed = super::parse(&source).map_err(|refused| match refused.0.into_iter().next() {
        Some(first) => first,
        None => refuse("it is no condition"),
    })?;
    let only = if parsed.len() == 1 { parsed.pop() } else { None };
    let Some(crate::Statement::Query(query)) = only.map(|one| one.statement) else {
        return Err(refuse("it is no condition"));
    };
    match *query.query.body {
        sqlparser::ast::SetExpr::Select(select)
            if query.query.order_by.is_none() && query.query.limit_clause.is_none() && select.having.is_none() =>
        {
            let grouped = matches!(&select.group_by, sqlparser::ast::GroupByExpr::Expressions(by, _) if by.is_empty());
            match select.selection {
                Some(expression) if grouped => {
                    Ok(Expression { expression, text: text.to_owned(), span: crate::Span::default() })
                }
                _ => Err(refuse("it is no condition")),
            }
        }
        _ => Err(refuse("it is no condition")),
    }
}

/// When it is checked: each of the ways at most once, in any order.
fn when(cursor: &mut Cursor<'_>) -> Result<When> {
    const WAYS: &str = "CHECK EVERY, CHECK CRON, BEFORE REFRESH OF, ON EACH CHECKPOINT or the end of the statement";
    let mut when = When::default();
    while !cursor.at_end() {
        let start = cursor.position();
        let check = cursor.take(&["CHECK"]);
        if check && let Some(schedule) = schedule::schedule(cursor)? {
            lists::once(cursor, start, "a schedule", &mut when.schedule, schedule)?;
        } else if cursor.take(&["BEFORE", "REFRESH", "OF"]) {
            if !when.before_refresh_of.is_empty() {
                return Err(cursor.error(cursor.span_from(start), "BEFORE REFRESH OF stands twice"));
            }
            when.before_refresh_of = views(cursor)?;
        } else if cursor.take(&["ON", "EACH", "CHECKPOINT"]) {
            if std::mem::replace(&mut when.each_checkpoint, true) {
                return Err(cursor.error(cursor.span_from(start), "ON EACH CHECKPOINT stands twice"));
            }
        } else if check {
            return Err(cursor.expected("EVERY, CRON, MANUAL, BEFORE REFRESH OF or ON EACH CHECKPOINT"));
        } else {
            return Err(cursor.expected(WAYS));
        }
    }
    Ok(when)
}

fn views(cursor: &mut Cursor<'_>) -> Result<Vec<Name>> {
    let mut views: Vec<Name> = Vec::new();
    loop {
        let name = names::object(cursor, "the view")?;
        if let Some(first) = views.iter().find(|first| **first == name) {
            let refused = cursor.error(name.span, format!("{name} stands twice"));
            return Err(refused.with_related(cursor.source().clone(), first.span, "it stands first here"));
        }
        views.push(name);
        if !cursor.take_token(&Token::Comma) {
            return Ok(views);
        }
    }
}

/// `CHECK EXPECTATIONS name`
pub(super) fn check(cursor: &mut Cursor<'_>) -> Result<CheckExpectations> {
    cursor.expect(&["CHECK"])?;
    cursor.expect(&["EXPECTATIONS"])?;
    Ok(CheckExpectations { name: names::object(cursor, "the expectations")? })
}

/// `PROFILE relation`
pub(super) fn profile(cursor: &mut Cursor<'_>) -> Result<Profile> {
    cursor.expect(&["PROFILE"])?;
    Ok(Profile { relation: lists::relation_name(cursor)? })
}
