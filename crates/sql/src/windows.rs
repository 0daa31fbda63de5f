//! Spellings of window functions that sqlparser does not read, brought to the one that it does.
//!
//! `TABLE(TUMBLE(TABLE bids, DESCRIPTOR(at), …))`, as Flink writes it, becomes `TUMBLE(bids, at, …)`, and the columns
//! after `PARTITION BY` in `SESSION(bids, at, gap, PARTITION BY a, b)` become further arguments. Words are only
//! erased: what is left keeps its place.

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

const FUNCTIONS: [&str; 4] = ["TUMBLE", "HOP", "CUMULATE", "SESSION"];

/// Erases by turning tokens into white space.
pub(crate) fn respell(tokens: &mut [TokenWithSpan]) {
    let solid: Vec<usize> = (0..tokens.len()).filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let mut erased = Vec::new();
    let mut respelling = Respelling { tokens, solid: &solid, erased: &mut erased };
    for at in 0..solid.len() {
        if FUNCTIONS.iter().any(|function| respelling.is(at, function)) && respelling.token(at + 1) == &Token::LParen {
            respelling.function(at);
        }
    }
    for at in erased {
        tokens[at].token = Token::Whitespace(Whitespace::Space);
    }
}

/// Positions count solid tokens.
struct Respelling<'a> {
    tokens: &'a [TokenWithSpan],
    solid: &'a [usize],
    erased: &'a mut Vec<usize>,
}

impl Respelling<'_> {
    fn function(&mut self, name: usize) {
        let Some(close) = self.close(name + 1) else { return };
        if name >= 3 && self.token(name - 1) == &Token::LParen && self.is(name - 2, "TABLE") {
            let opens = self.token(name - 3) == &Token::Comma || self.is(name - 3, "FROM") || self.is(name - 3, "JOIN");
            if opens && self.token(close + 1) == &Token::RParen {
                self.erase(&[name - 2, name - 1, close + 1]);
            }
        }
        if self.is(name + 2, "TABLE") && matches!(self.token(name + 3), Token::Word(_)) {
            self.erase(&[name + 2]);
        }
        let mut depth = 0usize;
        for at in name + 2..close {
            match self.token(at) {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                Token::Comma if depth == 0 => self.argument(at + 1),
                _ => {}
            }
        }
    }

    fn argument(&mut self, at: usize) {
        let descriptor = self.is(at, "DESCRIPTOR")
            && self.token(at + 1) == &Token::LParen
            && matches!(self.token(at + 2), Token::Word(_))
            && self.token(at + 3) == &Token::RParen;
        if descriptor {
            self.erase(&[at, at + 1, at + 3]);
        } else if self.is(at, "PARTITION") && self.is(at + 1, "BY") {
            self.erase(&[at, at + 1]);
        }
    }

    /// The parenthesis that closes the one at `open`.
    fn close(&self, open: usize) -> Option<usize> {
        let mut depth = 0usize;
        (open..self.solid.len()).find(|at| {
            match self.token(*at) {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            depth == 0
        })
    }

    fn token(&self, at: usize) -> &Token {
        self.solid.get(at).map_or(&Token::EOF, |at| &self.tokens[*at].token)
    }

    fn is(&self, at: usize, word: &str) -> bool {
        crate::tokens::is_word(self.token(at), word)
    }

    fn erase(&mut self, positions: &[usize]) {
        self.erased.extend(positions.iter().map(|at| self.solid[*at]));
    }
}
