//! One statement's tokens without white space, read from left to right.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::ast::Parsed;
use crate::parse::parse_statement;
use crate::template::Template;
use crate::tokens::{Place, is_word};
use crate::{Diagnostic, Diagnostics, Fault, Span};

pub(super) struct Reader<'a> {
    template: &'a Template,
    tokens: &'a [TokenWithSpan],
    places: &'a [Place],
    /// Indexes of what is not white space.
    solid: Vec<usize>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// `None` where there is nothing but white space.
    pub fn new(template: &'a Template, tokens: &'a [TokenWithSpan], places: &'a [Place]) -> Option<Reader<'a>> {
        let solid: Vec<usize> = (0..places.len()).filter(|at| !places[*at].white).collect();
        (!solid.is_empty()).then_some(Reader { template, tokens, places, solid, at: 0 })
    }

    /// The place of the whole statement.
    pub fn all(&self) -> Span {
        let place = |at: Option<&usize>| at.map_or(Span::default(), |at| self.places[*at].written);
        place(self.solid.first()).to(place(self.solid.last()))
    }

    pub fn next(&self) -> &'a Token {
        self.nth(0)
    }

    pub fn nth(&self, ahead: usize) -> &'a Token {
        self.solid.get(self.at + ahead).map_or(&Token::EOF, |at| &self.tokens[*at].token)
    }

    pub fn advance(&mut self) {
        self.at += 1;
    }

    pub fn at_end(&self) -> bool {
        self.at >= self.solid.len()
    }

    /// The next token if it is a word without quotes, in capitals.
    pub fn word(&self) -> Option<String> {
        match self.next() {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
            _ => None,
        }
    }

    pub fn at(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| is_word(self.nth(ahead), word))
    }

    pub fn take(&mut self, words: &[&str]) -> bool {
        let found = self.at(words);
        if found {
            self.at += words.len();
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

    pub fn expect(&mut self, word: &str) -> Result<(), Diagnostic> {
        if self.take(&[word]) { Ok(()) } else { Err(self.expected(word)) }
    }

    pub fn name(&mut self, what: &str) -> Result<String, Diagnostic> {
        let Token::Word(word) = self.next() else { return Err(self.expected(what)) };
        self.advance();
        Ok(super::folded(word))
    }

    pub fn end(&self) -> Result<(), Diagnostic> {
        if self.at_end() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    pub fn span(&self) -> Span {
        match self.solid.get(self.at) {
            Some(at) => self.places[*at].written,
            None => {
                let end = self.all().end;
                Span::new(end, end)
            }
        }
    }

    pub fn expected(&self, what: &str) -> Diagnostic {
        let found = match self.next() {
            Token::EOF => "the end of the statement".to_owned(),
            token => token.to_string(),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// At the next token.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::syntax(self.template.source.clone(), self.span(), message)
    }

    /// At the next token: it is known, and this version has it not.
    pub fn not_built(&self, message: impl Into<String>) -> Diagnostic {
        self.error(message).with_fault(Fault::NotBuilt)
    }

    /// What is left, as a statement of the platform.
    pub fn rest(&mut self) -> Result<Parsed, Diagnostics> {
        let from = self.solid.get(self.at).copied().unwrap_or(self.tokens.len());
        self.part(from, self.tokens.len())
    }

    /// What stands between the parenthesis that comes next and the one that closes it, which are read.
    pub fn in_parentheses(&mut self) -> Result<Parsed, Diagnostics> {
        let (start, mut depth, mut ahead) = (self.at + 1, 0_usize, 0);
        loop {
            match self.nth(ahead) {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::EOF => return Err(self.error("this parenthesis is not closed").into()),
                _ => {}
            }
            if depth == 0 {
                break;
            }
            ahead += 1;
        }
        let from = self.solid.get(start).copied().unwrap_or(self.tokens.len());
        let until = self.solid[self.at + ahead];
        let inside = self.part(from, until)?;
        self.at += ahead + 1;
        Ok(inside)
    }

    fn part(&self, from: usize, until: usize) -> Result<Parsed, Diagnostics> {
        let (tokens, places) = (self.tokens[from..until].to_vec(), self.places[from..until].to_vec());
        parse_statement(self.template, (tokens, places))?.ok_or_else(|| self.expected("a query").into())
    }
}
