//! A statement's tokens, read one after the other.
//!
//! The position is that of an sqlparser `Parser`, so that expressions, types and queries continue
//! where our own words end. Every error leaves here with a place in the file.

use sqlparser::ast::{DataType, Expr, Query};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::ast::Name;
use crate::template::Template;
use crate::tokens::{DIALECT, Place, is_word};
use crate::{Diagnostic, Fault, Result, SourceText, Span};

/// Each level of parentheses takes up to three; `limits` allows 64 levels. The methods of sqlparser that count this
/// grow the stack as they need.
const RECURSION_MAX: usize = 256;
/// A message must stay readable when what it quotes is a megabyte.
const MESSAGE_CHARS_MAX: usize = 240;

pub(super) struct Cursor<'a> {
    template: &'a Template,
    parser: Parser<'static>,
    places: Vec<Place>,
}

impl<'a> Cursor<'a> {
    /// The last token must not be white space.
    pub fn new(template: &'a Template, tokens: Vec<TokenWithSpan>, places: Vec<Place>) -> Cursor<'a> {
        let parser = Parser::new(&DIALECT).with_recursion_limit(RECURSION_MAX).with_tokens_with_locations(tokens);
        Cursor { template, parser, places }
    }

    pub fn source(&self) -> &SourceText {
        &self.template.source
    }

    /// The token to be read next, `Token::EOF` at the end.
    pub fn next(&self) -> &Token {
        &self.parser.peek_token_ref().token
    }

    pub fn nth(&self, ahead: usize) -> &Token {
        &self.parser.peek_nth_token_ref(ahead).token
    }

    pub fn at_end(&self) -> bool {
        self.next() == &Token::EOF
    }

    /// The next token if it is a word without quotes, in capitals.
    pub fn word(&self) -> Option<String> {
        self.nth_word(0)
    }

    pub fn nth_word(&self, ahead: usize) -> Option<String> {
        word_of(self.nth(ahead))
    }

    /// Whether these words come next.
    pub fn at(&self, words: &[&str]) -> bool {
        self.at_ahead(0, words)
    }

    /// Whether these words come after the next `skipped` tokens.
    pub fn at_ahead(&self, skipped: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| is_word(self.nth(skipped + ahead), word))
    }

    /// Reads these words if they come next.
    pub fn take(&mut self, words: &[&str]) -> bool {
        let found = self.at(words);
        if found {
            words.iter().for_each(|_| self.advance());
        }
        found
    }

    pub fn take_token(&mut self, token: &Token) -> bool {
        let found = self.next() == token;
        if found {
            self.advance();
        }
        found
    }

    pub fn expect(&mut self, words: &[&str]) -> Result<()> {
        if self.take(words) { Ok(()) } else { Err(self.expected(&words.join(" "))) }
    }

    pub fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.take_token(token) { Ok(()) } else { Err(self.expected(&token.to_string())) }
    }

    pub fn expect_end(&self) -> Result<()> {
        if self.at_end() {
            return Ok(());
        }
        Err(self.expected("the end of the statement").with_hint("statements are separated by semicolons"))
    }

    pub fn advance(&mut self) {
        self.parser.advance_token();
    }

    /// A name; `what` says of what, for the error.
    pub fn name(&mut self, what: &str) -> Result<Name> {
        let Token::Word(word) = self.next() else { return Err(self.expected(what)) };
        let value = Name::fold(&word.value, word.quote_style.is_some());
        let span = self.span();
        if value.is_empty() {
            return Err(self.error(span, format!("{what} must not be empty")));
        }
        self.advance();
        Ok(Name { value, span })
    }

    pub fn expression(&mut self) -> Result<Expr> {
        self.engine(Parser::parse_expr)
    }

    pub fn data_type(&mut self) -> Result<DataType> {
        self.engine(Parser::parse_data_type)
    }

    pub fn query(&mut self) -> Result<Box<Query>> {
        let mut query = self.engine(Parser::parse_query)?;
        crate::windows::read_versions(&mut query);
        Ok(query)
    }

    /// Cuts off the tokens from `position` on, as a cursor of their own.
    pub fn split_off(&mut self, position: usize) -> Cursor<'a> {
        let parser = std::mem::replace(&mut self.parser, Parser::new(&DIALECT));
        let read = parser.index();
        let mut tokens = parser.into_tokens();
        let tail = Cursor::new(self.template, tokens.split_off(position), self.places.split_off(position));
        while self.places.last().is_some_and(|place| place.white) {
            tokens.pop();
            self.places.pop();
        }
        *self = Cursor::new(self.template, tokens, std::mem::take(&mut self.places));
        while self.parser.index() < read && self.parser.next_token_no_skip().is_some() {}
        tail
    }

    /// The tokens not yet read, with their positions.
    pub fn rest(&self) -> impl Iterator<Item = (usize, Token)> + '_ {
        (self.parser.index()..self.places.len())
            .map(|at| (at, self.parser.peek_nth_token_no_skip(at - self.parser.index()).token))
            .filter(|(_, token)| !matches!(token, Token::Whitespace(_)))
    }

    /// The position after the last token.
    pub fn end(&self) -> usize {
        self.places.len()
    }

    /// Where the next token stands in the statement's tokens.
    pub fn position(&self) -> usize {
        self.rest().next().map_or(self.places.len(), |(at, _)| at)
    }

    /// The place of the next token; at the end, the place after the last one.
    pub fn span(&self) -> Span {
        self.place(self.position()).written
    }

    /// From the token at `position` to the one read last.
    pub fn span_from(&self, position: usize) -> Span {
        self.place(position).written.to(self.place(self.last_read(position)).written)
    }

    /// The filled text from the token at `position` to the one read last.
    pub fn text_from(&self, position: usize) -> &str {
        let span = self.place(position).filled.to(self.place(self.last_read(position)).filled);
        &self.template.text[span.start..span.end]
    }

    pub fn error(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::syntax(self.source().clone(), span, shortened(message.into()))
    }

    /// `what` is known by its name, and this version has it not.
    pub fn not_built(&self, span: Span, what: &str) -> Diagnostic {
        self.error(span, format!("{what} not built yet")).with_fault(Fault::NotBuilt)
    }

    /// Something else than the next token was needed.
    pub fn expected(&self, what: &str) -> Diagnostic {
        let found = match self.next() {
            Token::EOF => "the end of the statement".to_owned(),
            token => token.to_string(),
        };
        self.error(self.span(), format!("expected {what}, found {found}"))
    }

    fn place(&self, position: usize) -> Place {
        if let Some(place) = self.places.get(position) {
            return *place;
        }
        let Some(last) = self.places.last() else { return Place::default() };
        let after = |span: Span| Span::new(span.end, span.end);
        Place { filled: after(last.filled), written: after(last.written), white: false }
    }

    /// The token read last; with it go erased ones that follow (see `windows`).
    fn last_read(&self, first: usize) -> usize {
        let read = self.parser.index().min(self.places.len());
        let next = self.position();
        (first..next.max(read)).rev().find(|at| !self.places[*at].white).unwrap_or(first)
    }

    fn engine<T>(&mut self, parse: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>) -> Result<T> {
        parse(&mut self.parser).map_err(|error| self.translate(error))
    }

    /// sqlparser writes the place of an error at the end of its message, if it knows one.
    fn translate(&self, error: ParserError) -> Diagnostic {
        let message = match error {
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
            ParserError::RecursionLimitExceeded => "this is nested too deeply".to_owned(),
        };
        let (message, span) = match located(&message) {
            Some((text, line, column)) => {
                let byte = self.source().byte(sqlparser::tokenizer::Location::new(line, column));
                let place = self.places.iter().find(|place| place.written.start == byte);
                (text, place.map_or(Span::new(byte, byte), |place| place.written))
            }
            None if message.ends_with("found: EOF") => (message.as_str(), self.place(self.places.len()).written),
            None => (message.as_str(), self.span()),
        };
        let message = lower_expected(message);
        self.error(span, message)
    }
}

fn word_of(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}

/// Splits `… at Line: 3, Column: 7`.
fn located(message: &str) -> Option<(&str, u64, u64)> {
    let (text, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some((text, line.parse().ok()?, column.trim().parse().ok()?))
}

/// `Expected: a, found: b` as this crate says it.
fn lower_expected(message: &str) -> String {
    let message = match message.strip_prefix("Expected: ").or_else(|| message.strip_prefix("Expected ")) {
        Some(rest) => format!("expected {rest}"),
        None => super::lower_first(message),
    };
    message.replacen(", found: EOF", ", found the end of the statement", 1).replacen(", found: ", ", found ", 1)
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}
