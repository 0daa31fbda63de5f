//! What a field of a generated row holds: a small language of its own.
//!
//! `sequence(start, every)`, `integer(min, max)`, `decimal(min, max, scale)`, `choice('a' 3, 'b')`, `pattern('##?')`,
//! `time('2010-12-01 08:26:00', '60 seconds')`, `constant('x')`, `null(chance, spec)`.

use std::io::Write;

use arrow::datatypes::DataType;
use headwater_base::random::Random;

pub const HINT: &str = "the generators are sequence(start, every), integer(min, max), decimal(min, max, scale), \
     choice('a' 3, 'b'), pattern('##?'), time('2010-12-01 08:26:00', '60 seconds'), constant('x') and null(chance, spec)";

/// A parsed spec.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// `start`, one more after each `every` rows.
    Sequence { start: i64, every: u64 },
    /// Both ends can come.
    Integer { min: i64, max: i64 },
    /// Unscaled ends.
    Decimal { min: i64, max: i64, scale: u32 },
    /// Texts with the sum of weights up to and with each.
    Choice { texts: Vec<(String, u64)>, weight: u64 },
    /// `#` is a digit, `?` a letter, all else stands for itself.
    Pattern(String),
    /// Microseconds; row `i` is somewhere within the `i`th step, so times never go back.
    Time { start_us: i64, step_us: i64 },
    Constant(String),
    /// Null in this share of rows.
    Null { chance: f64, spec: Box<Spec> },
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    Null,
    Value,
}

impl Spec {
    /// The error says what is wrong.
    pub fn parse(text: &str) -> Result<Spec, String> {
        let mut parser = Parser { rest: text.trim() };
        let spec = parser.spec()?;
        if parser.rest.is_empty() { Ok(spec) } else { Err(format!("'{}' is left over", parser.rest)) }
    }

    /// Whether it can fill a column of this type.
    pub fn check(&self, data_type: &DataType, nullable: bool) -> Result<(), String> {
        match self {
            Spec::Null { spec, .. } if nullable => spec.check(data_type, nullable),
            Spec::Null { .. } => Err("the column must not be null".to_owned()),
            Spec::Sequence { .. } | Spec::Integer { .. } | Spec::Decimal { .. } => match data_type {
                DataType::Boolean | DataType::Date32 | DataType::Timestamp(..) => {
                    Err(format!("a number is no {data_type}"))
                }
                _ => Ok(()),
            },
            Spec::Time { .. } => match data_type {
                DataType::Timestamp(..) | DataType::Utf8View | DataType::Utf8 => Ok(()),
                _ => Err(format!("a time is no {data_type}")),
            },
            Spec::Choice { .. } | Spec::Pattern(_) | Spec::Constant(_) => Ok(()),
        }
    }

    /// Writes the value of row `index`.
    pub fn write(&self, index: u64, random: &mut Random, out: &mut Vec<u8>) -> Text {
        match self {
            Spec::Sequence { start, every } => number(start.wrapping_add((index / every) as i64), 0, out),
            Spec::Integer { min, max } => number(between(*min, *max, random), 0, out),
            Spec::Decimal { min, max, scale } => number(between(*min, *max, random), *scale, out),
            Spec::Choice { texts, weight } => {
                let drawn = random.below(*weight);
                let chosen = texts.partition_point(|(_, until)| *until <= drawn);
                out.extend_from_slice(texts[chosen].0.as_bytes());
            }
            Spec::Pattern(pattern) => {
                for each in pattern.chars() {
                    match each {
                        '#' => out.push(b'0' + random.below(10) as u8),
                        '?' => out.push(b'A' + random.below(26) as u8),
                        other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
                    }
                }
            }
            Spec::Time { start_us, step_us } => {
                let jitter = random.below((*step_us).max(1) as u64) as i64;
                time(start_us.saturating_add((index as i64).saturating_mul(*step_us)).saturating_add(jitter), out);
            }
            Spec::Constant(text) => out.extend_from_slice(text.as_bytes()),
            Spec::Null { chance, spec } => {
                if random.unit() < *chance {
                    return Text::Null;
                }
                return spec.write(index, random, out);
            }
        }
        Text::Value
    }
}

fn between(min: i64, max: i64, random: &mut Random) -> i64 {
    min + random.below((max - min) as u64 + 1) as i64
}

/// An unscaled number with its point.
fn number(unscaled: i64, scale: u32, out: &mut Vec<u8>) {
    let one = 10_i64.pow(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let (whole, part) = (unscaled.unsigned_abs() / one as u64, unscaled.unsigned_abs() % one as u64);
    // Writing to memory does not fail.
    let _ = match scale {
        0 => write!(out, "{sign}{whole}"),
        _ => write!(out, "{sign}{whole}.{part:0width$}", width = scale as usize),
    };
}

/// Seconds are enough for people; micros are kept out so that the text is short.
fn time(us: i64, out: &mut Vec<u8>) {
    if let Some(at) = arrow::temporal_conversions::timestamp_us_to_datetime(us - us.rem_euclid(1_000_000)) {
        let _ = write!(out, "{}", at.format("%Y-%m-%d %H:%M:%S"));
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn spec(&mut self) -> Result<Spec, String> {
        let end = self.rest.find(|each: char| !each.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let name = self.rest[..end].to_owned();
        self.rest = self.rest[end..].trim_start();
        self.expect('(')?;
        let spec = match name.as_str() {
            "sequence" => {
                let start = self.integer()?;
                self.expect(',')?;
                let every = u64::try_from(self.integer()?).ok().filter(|every| *every > 0);
                Spec::Sequence { start, every: every.ok_or("a value must last for one row at least")? }
            }
            "integer" => {
                let (min, max) = (self.integer()?, self.after_comma(Self::integer)?);
                Spec::Integer { min, max: ordered(min, max)? }
            }
            "decimal" => self.decimal()?,
            "choice" => self.choice()?,
            "pattern" => Spec::Pattern(self.text()?),
            "constant" => Spec::Constant(self.text()?),
            "time" => {
                let start = self.text()?;
                let step = self.after_comma(Self::text)?;
                let start_us = arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(&start)
                    .map_err(|_| format!("'{start}' is no time"))?
                    / 1000;
                let step = headwater_sql::parse_duration(&step)?;
                Spec::Time { start_us, step_us: i64::try_from(step.as_micros()).map_err(|_| "the step is too long")? }
            }
            "null" => {
                let chance: f64 = self.word()?.parse().map_err(|_| "the chance is no number")?;
                if !(0.0..=1.0).contains(&chance) {
                    return Err(format!("the chance must be from 0 to 1, not {chance}"));
                }
                self.expect(',')?;
                Spec::Null { chance, spec: Box::new(self.spec()?) }
            }
            other => return Err(format!("there is no generator '{other}'")),
        };
        self.expect(')')?;
        Ok(spec)
    }

    fn decimal(&mut self) -> Result<Spec, String> {
        let (min, max) = (self.word()?, self.after_comma(Self::word)?);
        let scale = self.after_comma(Self::integer)?;
        let scale = u32::try_from(scale).ok().filter(|scale| *scale <= 9).ok_or("the scale must be from 0 to 9")?;
        let (min, max) = (unscaled(&min, scale)?, unscaled(&max, scale)?);
        Ok(Spec::Decimal { min, max: ordered(min, max)?, scale })
    }

    fn choice(&mut self) -> Result<Spec, String> {
        let (mut texts, mut weight) = (Vec::new(), 0_u64);
        loop {
            let text = self.text()?;
            let share = if self.rest.starts_with([',', ')']) { 1 } else { self.integer()? };
            weight += u64::try_from(share).ok().filter(|share| *share > 0).ok_or("a weight must be above 0")?;
            texts.push((text, weight));
            if !self.rest.starts_with(',') {
                return Ok(Spec::Choice { texts, weight });
            }
            self.expect(',')?;
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest.trim_start();
                Ok(())
            }
            None if self.rest.is_empty() => Err(format!("expected '{wanted}' at the end")),
            None => Err(format!("expected '{wanted}' before '{}'", self.rest)),
        }
    }

    fn after_comma<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.expect(',')?;
        read(self)
    }

    fn word(&mut self) -> Result<String, String> {
        let end = self.rest.find([',', ')', ' ']).unwrap_or(self.rest.len());
        let word = self.rest[..end].to_owned();
        self.rest = self.rest[end..].trim_start();
        if word.is_empty() { Err("a value is missing".to_owned()) } else { Ok(word) }
    }

    fn integer(&mut self) -> Result<i64, String> {
        let word = self.word()?;
        let number: i64 = word.parse().map_err(|_| format!("'{word}' is no whole number"))?;
        // Half of the range is left for sums with row numbers.
        if number.unsigned_abs() > 1 << 62 { Err(format!("{number} is too large")) } else { Ok(number) }
    }

    /// A text in single quotes, which are doubled within.
    fn text(&mut self) -> Result<String, String> {
        let mut rest = self.rest.strip_prefix('\'').ok_or_else(|| format!("expected a text before '{}'", self.rest))?;
        let mut text = String::new();
        loop {
            let end = rest.find('\'').ok_or("a text has no closing quote")?;
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('\'') {
                Some(behind) => {
                    text.push('\'');
                    rest = behind;
                }
                None => break,
            }
        }
        self.rest = rest.trim_start();
        Ok(text)
    }
}

fn ordered(min: i64, max: i64) -> Result<i64, String> {
    if max >= min { Ok(max) } else { Err("the largest value lies below the smallest".to_owned()) }
}

/// The digits of a decimal text at a scale, exactly.
fn unscaled(text: &str, scale: u32) -> Result<i64, String> {
    let wrong = || format!("'{text}' is no decimal with {scale} digits behind the point");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if part.len() > scale as usize || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let padded = format!("{whole}{part:0<width$}", width = scale as usize);
    let number: i64 = padded.parse().map_err(|_| wrong())?;
    Ok(if negative { -number } else { number })
}
