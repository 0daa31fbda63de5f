//! A text as sqlparser's tokens, each with its bytes in the text and its place in the file.
//!
//! The tokens' own spans are rewritten to lines and columns of the file as written, so that every
//! span that sqlparser copies from them into its tree leads there too.

use crate::dialect::Headwater;
use sqlparser::tokenizer::{Location, Span as EngineSpan, Token, TokenWithSpan, Tokenizer};

use crate::template::Template;
use crate::{Diagnostic, SourceText, Span};

pub(crate) static DIALECT: Headwater = Headwater;

pub(crate) struct Tokens {
    /// With white space and comments.
    pub tokens: Vec<TokenWithSpan>,
    /// As long as `tokens`.
    pub places: Vec<Place>,
    /// What stopped the reading; everything before it is in `tokens`.
    pub broken: Option<Diagnostic>,
}

/// Where a token is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// In the filled text.
    pub filled: Span,
    /// In the file.
    pub written: Span,
    /// Whether white space or a comment stands there.
    pub white: bool,
}

pub(crate) fn tokenize(template: &Template) -> Tokens {
    let mut found = Tokens { tokens: Vec::new(), places: Vec::new(), broken: None };
    if let Some(at) = template.text.find('\0') {
        let span = template.written(Span::new(at, at + 1));
        found.broken = Some(Diagnostic::syntax(template.source.clone(), span, "a NUL byte is not allowed in SQL"));
        return found;
    }
    let filled = SourceText::new(template.source.name.clone(), template.text.clone());
    let outcome = Tokenizer::new(&DIALECT, &template.text).tokenize_with_location_into_buf(&mut found.tokens);
    let hidden = hidden_statement(&found.tokens, &filled);
    for token in &mut found.tokens {
        let span = Span::new(filled.byte(token.span.start), filled.byte(token.span.end));
        let written = template.written(span);
        token.span = EngineSpan::new(
            template.source.engine_location(written.start),
            template.source.engine_location(written.end),
        );
        found.places.push(Place { filled: span, written, white: matches!(token.token, Token::Whitespace(_)) });
    }
    if let Some(at) = hidden {
        found.tokens.truncate(at);
        found.places.truncate(at);
    }
    let start = found.places.last().map_or(0, |place| place.filled.end);
    if hidden.is_some() {
        let span = template.written(Span::new(start, start + "/*!".len()));
        let message = "a comment that is executed (/*! … */) is not SQL";
        let refused = Diagnostic::syntax(template.source.clone(), span, message);
        found.broken = Some(refused.with_hint("remove the exclamation mark to make it a comment"));
    } else if let Err(error) = outcome {
        found.broken = Some(unreadable(template, start, &error.message));
    }
    crate::windows::respell(&mut found.tokens);
    found
}

/// The first token after the start of a comment that MySQL executes. sqlparser reads its inside as code, with places
/// that count from the comment's own start; all other tokens touch the one before.
fn hidden_statement(tokens: &[TokenWithSpan], filled: &SourceText) -> Option<usize> {
    let mut end = Location::new(1, 1);
    tokens.iter().position(|token| {
        let touches = std::mem::replace(&mut end, token.span.end) == token.span.start;
        !touches || filled.text[filled.byte(token.span.start)..].starts_with("/*!")
    })
}

/// sqlparser tells where it gave up, often the end of the text; the cause is where the token starts.
fn unreadable(template: &Template, start: usize, message: &str) -> Diagnostic {
    let rest = &template.text[start..];
    let (length, message, hint) = if rest.starts_with("/*") {
        (2, "this comment does not end".to_owned(), Some("close it with */"))
    } else if rest.starts_with(['"', '`']) {
        (1, "this quoted name does not end".to_owned(), None)
    } else if rest.starts_with('\'') {
        (1, "this text does not end".to_owned(), Some("close it with a single quote; within it, write '' for one"))
    } else {
        let length = rest.chars().next().map_or(0, char::len_utf8);
        (length, super::parse::lower_first(message), None)
    };
    let span = template.written(Span::new(start, start + length));
    let mut refused = Diagnostic::syntax(template.source.clone(), span, message);
    refused.hint = hint.map(str::to_owned);
    refused
}

/// Whether a token is this word, without quotes, in any case.
pub(crate) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}
