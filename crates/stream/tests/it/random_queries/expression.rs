//! Random scalar expressions of a wanted type over given columns.
//!
//! None of them can fail on any row: divisors are literals, casts of text are tries, and numbers stay far from their
//! types' ends. A failed row would be a dead letter in a view and an error in batch; other tests look at those.

use headwater_base::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Decimal,
    Float,
    Text,
    Boolean,
    Time,
}

/// A column that expressions may name.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// A value that depends on the order of rows in its last digits: nothing is compared with it.
    pub is_inexact: bool,
}

pub fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u64) as usize]
}

/// Expressions over the columns of one relation.
pub struct Expressions<'a> {
    pub random: &'a mut Random,
    pub columns: &'a [Column],
}

impl Expressions<'_> {
    /// An expression of at most so many levels.
    pub fn of(&mut self, kind: Kind, depth: u32) -> String {
        if depth == 0 || self.random.chance(1, 5) {
            return self.leaf(kind);
        }
        let below = depth - 1;
        if self.random.chance(1, 5) {
            return self.conditional(kind, below);
        }
        match kind {
            Kind::Integer => self.integer(below),
            Kind::Decimal => self.decimal(below),
            Kind::Float => self.float(below),
            Kind::Text => self.text(below),
            Kind::Boolean => self.boolean(below),
            Kind::Time => self.time(below),
        }
    }

    fn leaf(&mut self, kind: Kind) -> String {
        let named: Vec<&Column> = self.columns.iter().filter(|column| column.kind == kind).collect();
        if !named.is_empty() && self.random.chance(5, 6) {
            return named[self.random.below(named.len() as u64) as usize].name.clone();
        }
        self.literal(kind)
    }

    fn literal(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Integer => self.random.below(60).to_string(),
            Kind::Decimal => format!("CAST({}.{} AS DECIMAL(12,3))", self.random.below(900), self.random.below(10)),
            Kind::Float => format!("CAST({}.5 AS DOUBLE)", self.random.below(90)),
            Kind::Text => format!("'{}'", pick(self.random, &["ant", "bee", "x", "", "dog, \"e\"", "it''s"])),
            Kind::Boolean => pick(self.random, &["TRUE", "FALSE", "CAST(NULL AS BOOLEAN)"]).to_owned(),
            Kind::Time => "TIMESTAMP '2020-09-01T12:34:56Z'".to_owned(),
        }
    }

    /// What all types have: CASE in its forms, and NULLs that come and go.
    fn conditional(&mut self, kind: Kind, depth: u32) -> String {
        let (first, second) = (self.of(kind, depth), self.of(kind, depth));
        match self.random.below(5) {
            0 => format!("CASE WHEN {} THEN {first} ELSE {second} END", self.of(Kind::Boolean, depth)),
            1 => format!("CASE WHEN {} THEN {first} END", self.of(Kind::Boolean, depth)),
            2 => {
                let (on, one, two) = (self.of(Kind::Text, depth), self.literal(Kind::Text), self.literal(Kind::Text));
                format!("CASE {on} WHEN {one} THEN {first} WHEN {two} THEN {second} END")
            }
            3 => format!("coalesce({first}, {second})"),
            _ => format!("nullif({first}, {second})"),
        }
    }

    fn integer(&mut self, depth: u32) -> String {
        let a = self.of(Kind::Integer, depth);
        let number = 2 + self.random.below(7);
        match self.random.below(13) {
            0 => format!("({a} + {})", self.of(Kind::Integer, depth)),
            1 => format!("({a} - {})", self.of(Kind::Integer, depth)),
            2 => format!("({a} * {number})"),
            3 => format!("({a} / {number})"),
            4 => format!("({a} % {number})"),
            5 => format!("abs({a})"),
            6 => format!("greatest({a}, {})", self.of(Kind::Integer, depth)),
            7 => format!("least({a}, {})", self.of(Kind::Integer, depth)),
            8 => format!("CAST(char_length({}) AS BIGINT)", self.of(Kind::Text, depth)),
            9 => format!("CAST(strpos({}, 'e') AS BIGINT)", self.of(Kind::Text, depth)),
            10 => format!("TRY_CAST({} AS BIGINT)", self.of(Kind::Text, depth)),
            11 => format!("CAST({} AS BIGINT)", self.of(Kind::Boolean, depth)),
            _ => {
                let part = pick(self.random, &["second", "minute", "hour", "day"]);
                format!("CAST(date_part('{part}', {}) AS BIGINT)", self.of(Kind::Time, depth))
            }
        }
    }

    fn decimal(&mut self, depth: u32) -> String {
        let a = self.of(Kind::Decimal, depth);
        match self.random.below(6) {
            0 => format!("({a} + {})", self.of(Kind::Decimal, depth)),
            1 => format!("({a} - {})", self.of(Kind::Decimal, depth)),
            2 => format!("abs({a})"),
            3 => format!("CAST({a} AS DECIMAL(20,{}))", self.random.below(5)),
            4 => format!("(-{a})"),
            _ => format!("CAST({} AS DECIMAL(20,3))", self.of(Kind::Integer, depth)),
        }
    }

    fn float(&mut self, depth: u32) -> String {
        let a = self.of(Kind::Float, depth);
        match self.random.below(8) {
            0 => format!("({a} + {})", self.of(Kind::Float, depth)),
            1 => format!("({a} - {})", self.of(Kind::Float, depth)),
            2 => format!("({a} * {}.25)", self.random.below(4)),
            3 => format!("{}({a})", pick(self.random, &["floor", "ceil", "round", "abs", "trunc"])),
            4 => format!("sqrt(abs({a}))"),
            5 => format!("ln(abs({a}) + 1)"),
            6 => format!("CAST({} AS DOUBLE)", self.of(Kind::Decimal, depth)),
            _ => format!("CAST({} AS DOUBLE)", self.of(Kind::Integer, depth)),
        }
    }

    fn text(&mut self, depth: u32) -> String {
        let a = self.of(Kind::Text, depth);
        match self.random.below(11) {
            0 => format!("{}({a})", pick(self.random, &["upper", "lower", "reverse", "trim", "initcap", "md5"])),
            1 => format!("({a} || {})", self.of(Kind::Text, depth)),
            2 => format!("concat({a}, '-', {})", self.of(Kind::Integer, depth)),
            3 => format!("substr({a}, {}, 2)", 1 + self.random.below(3)),
            4 => format!("replace({a}, 'e', '{}')", pick(self.random, &["", "E", "ee"])),
            5 => format!("{}({a}, {})", pick(self.random, &["left", "right", "repeat"]), self.random.below(4)),
            6 => format!("lpad({a}, 6, '.')"),
            7 => format!("split_part({a}, 'e', 1)"),
            8 => format!("CAST({} AS VARCHAR)", self.of(Kind::Integer, depth)),
            9 => format!("CAST({} AS VARCHAR)", self.of(Kind::Decimal, depth)),
            _ => format!("CAST({} AS VARCHAR)", self.of(Kind::Boolean, depth)),
        }
    }

    fn boolean(&mut self, depth: u32) -> String {
        let compared = pick(self.random, &[Kind::Integer, Kind::Decimal, Kind::Text, Kind::Time, Kind::Float]);
        let operator =
            pick(self.random, &["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]);
        let text = self.of(Kind::Text, depth);
        match self.random.below(11) {
            0..=2 => format!("({} {operator} {})", self.of(compared, depth), self.of(compared, depth)),
            3 => format!("({} AND {})", self.of(Kind::Boolean, depth), self.of(Kind::Boolean, depth)),
            4 => format!("({} OR {})", self.of(Kind::Boolean, depth), self.of(Kind::Boolean, depth)),
            5 => format!("(NOT {})", self.of(Kind::Boolean, depth)),
            6 => {
                let test = pick(self.random, &["IS NULL", "IS NOT NULL"]);
                format!("({} {test})", self.of(compared, depth))
            }
            7 => {
                let test = pick(self.random, &["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS UNKNOWN"]);
                format!("({} {test})", self.of(Kind::Boolean, depth))
            }
            8 => {
                let list = pick(self.random, &["'ant', 'bee'", "'ant', NULL", "'', 'x', 'dog, \"e\"', 'cat'"]);
                let operator = pick(self.random, &["IN", "NOT IN"]);
                format!("({text} {operator} ({list}))")
            }
            9 => {
                let operator = pick(self.random, &["LIKE", "NOT LIKE", "ILIKE"]);
                format!("({text} {operator} '{}')", pick(self.random, &["%e%", "_e%", "A%", "%", "dog, \"_\""]))
            }
            _ => {
                let low = self.random.below(30);
                format!("({} BETWEEN {low} AND {})", self.of(Kind::Integer, depth), low + self.random.below(50))
            }
        }
    }

    fn time(&mut self, depth: u32) -> String {
        let a = self.of(Kind::Time, depth);
        match self.random.below(3) {
            0 => format!("date_trunc('{}', {a})", pick(self.random, &["minute", "hour", "second"])),
            1 => format!("({a} + INTERVAL '{} seconds')", self.random.below(100)),
            _ => format!("({a} - INTERVAL '{} minutes')", self.random.below(9)),
        }
    }
}
