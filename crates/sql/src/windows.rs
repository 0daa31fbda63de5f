//! Spellings of window functions that sqlparser does not read, brought to the one that it does.
//!
//! `TABLE(TUMBLE(TABLE bids, DESCRIPTOR(at), …))`, as Flink writes it, becomes `TUMBLE(bids, at, …)`, and the columns
//! after `PARTITION BY` in `SESSION(bids, at, gap, PARTITION BY a, b)` become further arguments. A relation as of a time,
//! `rates FOR SYSTEM_TIME AS OF orders.at`, becomes `rates(SYSTEM_TIME => orders.at)`. Words are only erased, or become
//! signs: what is left keeps its place.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, Query, TableFactor, TableVersion, VisitMut, VisitorMut};
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

const FUNCTIONS: [&str; 4] = ["TUMBLE", "HOP", "CUMULATE", "SESSION"];

/// Erases by turning tokens into white space.
pub(crate) fn respell(tokens: &mut [TokenWithSpan]) {
    let solid: Vec<usize> = (0..tokens.len()).filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let mut erased = Vec::new();
    versions(tokens, &solid);
    let solid: Vec<usize> = solid.into_iter().filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let closing = closing(tokens, &solid);
    let mut respelling = Respelling { tokens, solid: &solid, closing, erased: &mut erased };
    for at in 0..solid.len() {
        if FUNCTIONS.iter().any(|function| respelling.is(at, function)) && respelling.token(at + 1) == &Token::LParen {
            respelling.function(at);
        }
    }
    for at in erased {
        tokens[at].token = Token::Whitespace(Whitespace::Space);
    }
}

/// `FOR SYSTEM_TIME AS OF` and a column.
fn versions(tokens: &mut [TokenWithSpan], solid: &[usize]) {
    let token = |tokens: &[TokenWithSpan], at: usize| solid.get(at).map(|index| tokens[*index].token.clone());
    for at in 0..solid.len() {
        let is = |offset: usize, word: &str| {
            solid.get(at + offset).is_some_and(|index| crate::tokens::is_word(&tokens[*index].token, word))
        };
        if !(is(0, "FOR") && is(1, "SYSTEM_TIME") && is(2, "AS") && is(3, "OF")) {
            continue;
        }
        let mut last = at + 4;
        while token(tokens, last + 1) == Some(Token::Period) {
            last += 2;
        }
        // The place behind the column, where white space must be.
        let behind = solid.get(last).map_or(tokens.len(), |index| index + 1);
        let is_column = matches!(token(tokens, last), Some(Token::Word(_)));
        if !is_column || !matches!(tokens.get(behind).map(|each| &each.token), Some(Token::Whitespace(_))) {
            continue;
        }
        tokens[solid[at]].token = Token::LParen;
        tokens[solid[at + 2]].token = Token::RArrow;
        tokens[solid[at + 3]].token = Token::Whitespace(Whitespace::Space);
        tokens[behind].token = Token::RParen;
    }
}

/// Makes of `relation(SYSTEM_TIME => time)` the relation as of that time, which it stands for.
pub(crate) fn read_versions(query: &mut Query) {
    struct Versions;
    impl VisitorMut for Versions {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { args, version, .. } = factor
                && let Some(time) = args.as_ref().and_then(|args| system_time(&args.args))
            {
                *version = Some(TableVersion::ForSystemTimeAsOf(time));
                *args = None;
            }
            ControlFlow::Continue(())
        }
    }
    // The visitor never breaks.
    let _ = query.visit(&mut Versions);
}

fn system_time(args: &[FunctionArg]) -> Option<Expr> {
    match args {
        [FunctionArg::Named { name, arg: FunctionArgExpr::Expr(time), .. }]
            if name.value.eq_ignore_ascii_case("system_time") =>
        {
            Some(time.clone())
        }
        _ => None,
    }
}

fn closing(tokens: &[TokenWithSpan], solid: &[usize]) -> Vec<Option<usize>> {
    let mut closing = vec![None; solid.len()];
    let mut open = Vec::new();
    for (at, token) in solid.iter().map(|index| &tokens[*index].token).enumerate() {
        match token {
            Token::LParen => open.push(at),
            Token::RParen => {
                if let Some(opening) = open.pop() {
                    closing[opening] = Some(at);
                }
            }
            _ => {}
        }
    }
    closing
}

/// Positions count solid tokens.
struct Respelling<'a> {
    tokens: &'a [TokenWithSpan],
    solid: &'a [usize],
    /// For each position of a parenthesis that opens, where it is closed.
    closing: Vec<Option<usize>>,
    erased: &'a mut Vec<usize>,
}

impl Respelling<'_> {
    fn function(&mut self, name: usize) {
        let Some(close) = self.closing.get(name + 1).copied().flatten() else { return };
        if name >= 3 && self.token(name - 1) == &Token::LParen && self.is(name - 2, "TABLE") {
            let opens = self.token(name - 3) == &Token::Comma || self.is(name - 3, "FROM") || self.is(name - 3, "JOIN");
            if opens && self.token(close + 1) == &Token::RParen {
                self.erase(&[name - 2, name - 1, close + 1]);
            }
        }
        if self.is(name + 2, "TABLE") && matches!(self.token(name + 3), Token::Word(_)) {
            self.erase(&[name + 2]);
        }
        let mut at = name + 2;
        while at < close {
            if self.token(at) == &Token::Comma {
                self.argument(at + 1);
            }
            // What stands in inner parentheses is not this function's.
            at = self.closing.get(at).copied().flatten().unwrap_or(at) + 1;
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
