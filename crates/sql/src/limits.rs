//! How deep a statement may go.
//!
//! sqlparser's trees are built, walked and dropped by recursion, part of it unguarded: a long chain
//! of operators or a nested type would overflow the stack of a thread. What could grow that deep is
//! refused before it is parsed.

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Parentheses, brackets and braces within each other; CASE within each other.
const NESTING_MAX: usize = 64;
/// `ARRAY<ARRAY<…>>` within each other.
const TYPE_NESTING_MAX: usize = 16;
/// Tokens of one expression with those that it stands in: each may be one level of the tree.
const CHAIN_MAX: usize = 6_000;
/// UNION, EXCEPT and INTERSECT of one query with those that it stands in.
const SET_OPERATIONS_MAX: usize = 500;
/// Relations after one FROM with those that it stands in: each join has the columns of all before it.
const JOINS_MAX: usize = 200;

/// What a statement has too much of, and the token that is too much.
pub(crate) fn exceeded(tokens: &[TokenWithSpan]) -> Option<(usize, String)> {
    let mut meter = Meter { levels: vec![Level::default()], total: Level::default(), types: 0, cases: 0 };
    let solid = || tokens.iter().enumerate().filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)));
    let following = solid().skip(1).map(|(_, token)| Some(&token.token)).chain([None]);
    for ((at, token), next) in solid().zip(following) {
        if let Some(what) = meter.pass(&token.token, next) {
            return Some((at, what));
        }
    }
    None
}

#[derive(Default, Clone, Copy)]
struct Level {
    chain: usize,
    set_operations: usize,
    joins: usize,
    /// The last clause is FROM, in which a comma joins.
    in_from: bool,
    /// The word before was DISTINCT: a FROM behind it is a comparison's.
    after_distinct: bool,
}

struct Meter {
    levels: Vec<Level>,
    /// The sum of `levels`.
    total: Level,
    types: usize,
    cases: usize,
}

impl Meter {
    fn pass(&mut self, token: &Token, next: Option<&Token>) -> Option<String> {
        self.level().chain += 1;
        self.total.chain += 1;
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => self.levels.push(Level::default()),
            Token::RParen | Token::RBracket | Token::RBrace => self.leave(),
            Token::Comma => {
                self.restart();
                if self.level().in_from {
                    self.join();
                }
            }
            Token::Gt => self.types = self.types.saturating_sub(1),
            Token::ShiftRight => self.types = self.types.saturating_sub(2),
            Token::Word(word) if word.quote_style.is_none() => self.word(&word.value.to_ascii_uppercase(), next),
            _ => {}
        }
        let (what, max) = if self.levels.len() > NESTING_MAX {
            ("levels of parentheses", NESTING_MAX)
        } else if self.cases > NESTING_MAX {
            ("levels of CASE", NESTING_MAX)
        } else if self.types > TYPE_NESTING_MAX {
            ("levels of types", TYPE_NESTING_MAX)
        } else if self.total.chain > CHAIN_MAX {
            ("operators, names and values in one expression", CHAIN_MAX)
        } else if self.total.set_operations > SET_OPERATIONS_MAX {
            ("UNION, EXCEPT and INTERSECT in one query", SET_OPERATIONS_MAX)
        } else if self.total.joins > JOINS_MAX {
            ("joins in one query", JOINS_MAX)
        } else {
            return None;
        };
        Some(format!("more than {max} {what}"))
    }

    fn word(&mut self, word: &str, next: Option<&Token>) {
        let is_clause = ["SELECT", "WHERE", "GROUP", "HAVING", "ORDER", "WINDOW", "QUALIFY"].contains(&word);
        let level = self.level();
        let compares = word == "FROM" && level.after_distinct;
        level.after_distinct = word == "DISTINCT";
        if is_clause || (word == "FROM" && !compares) {
            level.in_from = word == "FROM";
        }
        match word {
            "JOIN" => self.join(),
            "SELECT" | "FROM" | "WHERE" | "GROUP" | "HAVING" | "ON" | "ORDER" | "WINDOW" | "QUALIFY" | "WHEN"
            | "THEN" | "ELSE" => self.restart(),
            "CASE" => self.cases += 1,
            "END" => self.cases = self.cases.saturating_sub(1),
            "UNION" | "EXCEPT" | "INTERSECT" | "MINUS" => {
                self.level().set_operations += 1;
                self.total.set_operations += 1;
            }
            "ARRAY" | "STRUCT" | "MAP" if matches!(next, Some(Token::Lt | Token::Neq | Token::ShiftLeft)) => {
                self.types += 1;
            }
            _ => {}
        }
    }

    fn join(&mut self) {
        self.level().joins += 1;
        self.total.joins += 1;
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn leave(&mut self) {
        if let Some(left) = self.levels.pop() {
            self.total.chain -= left.chain;
            self.total.set_operations -= left.set_operations;
            self.total.joins -= left.joins;
        }
    }

    fn restart(&mut self) {
        let chain = std::mem::take(&mut self.level().chain);
        self.total.chain -= chain;
    }
}
