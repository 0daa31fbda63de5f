//! From text to statements.
//!
//! A text is cut at its semicolons and each part parsed by itself, so that one run tells every
//! statement's first error. Headwater's own statements are recognised by their first words; their
//! expressions, types and queries are parsed by sqlparser out of the same tokens.

mod alert;
mod alter;
mod chart;
mod columns;
mod comment;
mod connection;
mod create;
mod cursor;
mod dashboard;
mod drop;
mod expectations;
mod experiment;
mod feature;
mod lists;
mod model;
mod names;
mod project_test;
mod query;
mod refused;
mod rows;
mod rules;
mod running;
mod schedule;
mod show;
mod sink;
mod source;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod view;

use cursor::Cursor;
pub use project_test::parse_project_tests;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::ast::{Parsed, Statement};
use crate::template::Template;
use crate::tokens::{Place, Tokens, tokenize};
use crate::{Diagnostic, Diagnostics, Result, SourceText, Span, limits};

/// Parses a text without settings, such as a query from a client.
pub fn parse(source: &SourceText) -> Result<Vec<Parsed>, Diagnostics> {
    parse_template(&Template::verbatim(source))
}

/// As [`parse`], with the statements that are well beside the errors of those that aren't.
pub fn parse_with_recovery(source: &SourceText) -> (Vec<Parsed>, Vec<Diagnostic>) {
    parse_template_with_recovery(&Template::verbatim(source))
}

/// Parses a file of a project; all places are in the file as written.
pub fn parse_template(template: &Template) -> Result<Vec<Parsed>, Diagnostics> {
    let (parsed, wrong) = parse_template_with_recovery(template);
    Diagnostics::check(wrong)?;
    Ok(parsed)
}

/// As [`parse_template`], with the statements that are well beside the errors of those that aren't.
pub fn parse_template_with_recovery(template: &Template) -> (Vec<Parsed>, Vec<Diagnostic>) {
    parse_parts(template, parse_statement)
}

/// Parses each part that a text is cut into.
fn parse_parts<T>(
    template: &Template,
    parse: impl Fn(&Template, Part) -> Result<Option<T>, Diagnostics>,
) -> (Vec<T>, Vec<Diagnostic>) {
    let Tokens { tokens, places, broken } = tokenize(template);
    let (mut parsed, mut wrong) = (Vec::new(), Vec::new());
    let mut parts = split(tokens, places);
    if broken.is_some() {
        // What comes before the break belongs to a statement whose end is unknown.
        parts.pop();
    }
    for part in parts {
        match parse(template, part) {
            Ok(one) => parsed.extend(one),
            Err(errors) => wrong.extend(errors.0),
        }
    }
    wrong.extend(broken);
    (parsed, wrong)
}

/// A text with what does not change its meaning taken out: comments, white space, the case of what is not quoted.
/// Two texts of one statement mean the same if their canonical forms are equal. The form parses to the same statement.
pub fn canonical(text: &str) -> Result<String> {
    let template = Template::verbatim(&SourceText::new("statement", text));
    let Tokens { tokens, places, broken } = tokenize(&template);
    if let Some(broken) = broken {
        return Err(broken);
    }
    let solid = tokens.iter().zip(&places).filter(|(token, _)| !matches!(token.token, Token::Whitespace(_)));
    let mut solid = solid.map(|(token, place)| (&token.token, &text[place.filled.start..place.filled.end])).peekable();
    let mut form = String::with_capacity(text.len());
    let mut before: Option<&Token> = None;
    while let Some((token, written)) = solid.next() {
        if token == &Token::SemiColon && solid.peek().is_none() {
            break;
        }
        if before.is_some_and(|before| spaced(before, token, solid.peek().map(|(after, _)| *after))) {
            form.push(' ');
        }
        match token {
            Token::Word(word) if word.quote_style.is_none() => form.push_str(&written.to_ascii_lowercase()),
            // Signs that may stand where words stood.
            Token::LParen | Token::RParen | Token::RArrow => form.push_str(&token.to_string()),
            _ => form.push_str(written),
        }
        before = Some(token);
    }
    Ok(form)
}

/// Whether a space stands between two tokens of the canonical form. Where in doubt it does: two tokens must never
/// become one.
fn spaced(before: &Token, token: &Token, after: Option<&Token>) -> bool {
    let name = |token: &Token| matches!(token, Token::Word(_));
    match (before, token) {
        (_, Token::Comma | Token::RParen) | (Token::LParen, _) => false,
        // `a.b`, but not `1 .5`.
        (before, Token::Period) => !(name(before) && after.is_some_and(|after| name(after) || after == &Token::Mul)),
        (Token::Period, token) => !(name(token) || token == &Token::Mul),
        _ => true,
    }
}

pub(crate) type Part = (Vec<TokenWithSpan>, Vec<Place>);

/// Cuts at semicolons. The last part is what follows the last of them, even if that is nothing.
pub(crate) fn split(tokens: Vec<TokenWithSpan>, places: Vec<Place>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut part: Part = Default::default();
    for (token, place) in tokens.into_iter().zip(places) {
        if token.token == Token::SemiColon {
            parts.push(std::mem::take(&mut part));
        } else {
            part.0.push(token);
            part.1.push(place);
        }
    }
    parts.push(part);
    parts
}

pub(crate) fn parse_statement(template: &Template, part: Part) -> Result<Option<Parsed>, Diagnostics> {
    let solid = |place: &&Place| !place.white;
    let (first, last) = (part.1.iter().find(solid), part.1.iter().rfind(solid));
    let filled = first.zip(last).map(|(first, last)| first.filled.to(last.filled)).unwrap_or_default();
    let Some((mut cursor, span)) = open(template, part)? else { return Ok(None) };
    let text = template.text[filled.start..filled.end].to_owned();
    let statement = statement(&mut cursor)?;
    cursor.expect_end()?;
    Ok(Some(Parsed { statement, span, text, source: template.source.clone() }))
}

/// A part's tokens to be read, with the place of them all. Nothing but white space is no statement.
fn open(template: &Template, (tokens, places): Part) -> Result<Option<(Cursor<'_>, Span)>> {
    let Some(first) = places.iter().position(|place| !place.white) else { return Ok(None) };
    let last = places.iter().rposition(|place| !place.white).unwrap_or(first);
    if let Some((at, message)) = limits::exceeded(&tokens) {
        return Err(Diagnostic::syntax(template.source.clone(), places[at].written, message));
    }
    let span = places[first].written.to(places[last].written);
    let cursor = Cursor::new(template, tokens[first..=last].to_vec(), places[first..=last].to_vec());
    Ok(Some((cursor, span)))
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, Diagnostics> {
    if let Some(create) = create::starts(cursor) {
        return create(cursor);
    }
    if query::starts(cursor) {
        return query::query(cursor).map(Statement::Query);
    }
    if schedule::refreshes(cursor) {
        return schedule::refresh(cursor).map(Statement::RefreshView);
    }
    if query::explains_view(cursor) {
        return query::explain_view(cursor).map(Statement::ExplainView);
    }
    if let Some((kind, words)) = alter::starts(cursor) {
        return alter::alter(cursor, kind, words).map(Statement::Alter);
    }
    if drop::starts(cursor) {
        return drop::drop(cursor).map(Statement::Drop);
    }
    if show::starts(cursor) {
        return show::show(cursor).map(Statement::Show);
    }
    match (cursor.word().as_deref(), cursor.nth_word(1).as_deref()) {
        (Some("EXPLAIN"), _) => query::explain(cursor).map(Statement::Explain),
        (Some("ALTER"), Some("USER")) => connection::alter_user(cursor).map(Statement::AlterUser),
        (Some("COMMENT"), Some("ON")) => comment::comment(cursor).map(Statement::Comment),
        (Some("INSERT"), _) => rows::insert(cursor).map(Statement::Insert),
        (Some("UPDATE"), _) => rows::update(cursor).map(Statement::Update),
        (Some("DELETE"), _) => rows::delete(cursor).map(Statement::Delete),
        (Some("REPLAY"), _) => running::replay(cursor).map(Statement::ReplayDeadLetters),
        (Some("CHECK"), Some("EXPECTATIONS")) => {
            expectations::check(cursor).map(Statement::CheckExpectations).map_err(Into::into)
        }
        (Some("PROFILE"), _) => expectations::profile(cursor).map(Statement::Profile).map_err(Into::into),
        (Some("TRAIN"), Some("MODEL")) => model::train(cursor).map(Statement::TrainModel),
        (Some("PROMOTE"), Some("MODEL")) => model::promote(cursor).map(Statement::PromoteModel),
        (Some("ROLLBACK"), Some("MODEL")) => model::rollback(cursor).map(Statement::PromoteModel),
        (Some("ANALYZE"), Some("EXPERIMENT")) => {
            experiment::analyze(cursor).map(Statement::AnalyzeExperiment).map_err(Into::into)
        }
        (Some("CANCEL"), _) => running::cancel(cursor).map(Statement::CancelQuery),
        _ => Err(refused::refuse(cursor).into()),
    }
}

/// Messages of ours start with a small letter, those of sqlparser with a capital.
pub(crate) fn lower_first(message: &str) -> String {
    let message = message.trim().trim_end_matches('.');
    let mut characters = message.chars();
    match characters.next() {
        Some(first) if !characters.as_str().starts_with(|c: char| c.is_uppercase()) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => message.to_owned(),
    }
}
