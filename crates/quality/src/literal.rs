//! Literals of a suite as values of the columns that they are compared with.

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::Literal;

use std::sync::Arc;

use crate::column::{Class, Column, Values};

/// A range of values, both ends in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    Int { least: i64, most: i64 },
    Float { least: f64, most: f64 },
    Decimal { least: i128, most: i128 },
    Text { least: Option<End>, most: Option<End> },
}

/// An end of a range of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    pub text: String,
    /// Whether the text itself is outside.
    pub strict: bool,
}

/// A set of values.
#[derive(Debug, Clone)]
pub struct Set {
    /// In the column's type, each value once.
    pub plain: ArrayRef,
    /// In that of its class.
    pub compared: ArrayRef,
}

/// `min_value`, `max_value`, `strict_min` and `strict_max`; NULL is no bound.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    pub min: Option<&'a Literal>,
    pub max: Option<&'a Literal>,
    pub strict_min: bool,
    pub strict_max: bool,
}

impl Bounds<'_> {
    /// The range over values of a column.
    ///
    /// # Errors
    /// In words, what a bound of such a column is.
    pub fn range(&self, column: &Column) -> Result<Range, String> {
        let least = self.min.filter(|one| **one != Literal::Null);
        let most = self.max.filter(|one| **one != Literal::Null);
        match column.class {
            Class::Int => {
                let end = |literal: Option<&Literal>, strict, up| match literal {
                    None => Ok(if up { i64::MIN } else { i64::MAX }),
                    Some(literal) => int_end(literal, column, strict, up),
                };
                Ok(Range::Int { least: end(least, self.strict_min, true)?, most: end(most, self.strict_max, false)? })
            }
            Class::Float => self.floats(column).map(|(least, most)| Range::Float { least, most }),
            Class::Decimal(scale) => {
                let end = |literal: Option<&Literal>, strict, up| match literal {
                    None => Ok(if up { i128::MIN } else { i128::MAX }),
                    Some(literal) => decimal_end(number(literal, column)?, scale, strict, up),
                };
                let (least, most) = (end(least, self.strict_min, true)?, end(most, self.strict_max, false)?);
                Ok(Range::Decimal { least, most })
            }
            Class::Text => {
                let end = |literal: Option<&Literal>, strict| match literal {
                    None => Ok(None),
                    Some(Literal::Text(text)) => Ok(Some(End { text: text.clone(), strict })),
                    Some(_) => Err(wanted(column, "a text")),
                };
                Ok(Range::Text { least: end(least, self.strict_min)?, most: end(most, self.strict_max)? })
            }
            Class::Boolean | Class::Other => {
                Err(format!("{} is of type {}, whose values have no order", column.name, sql_name(&column.data_type)))
            }
        }
    }

    /// Bounds of a number that is made from a column, such as its mean.
    pub fn floats(&self, column: &Column) -> Result<(f64, f64), String> {
        let end = |literal: Option<&Literal>, none: f64| match literal.filter(|one| **one != Literal::Null) {
            None => Ok(none),
            Some(literal) => number(literal, column).map(|text| text.parse::<f64>().unwrap_or(f64::NAN)),
        };
        let (least, most) = (end(self.min, f64::NEG_INFINITY)?, end(self.max, f64::INFINITY)?);
        Ok((
            if self.strict_min { least.next_up() } else { least },
            if self.strict_max { most.next_down() } else { most },
        ))
    }

    /// Bounds of a count.
    pub fn counts(&self) -> (u64, u64) {
        let count = |literal: Option<&Literal>| match literal {
            Some(Literal::Number(number)) => number.parse::<u64>().ok(),
            _ => None,
        };
        let (least, most) = (count(self.min), count(self.max));
        (
            least.map_or(0, |least| least.saturating_add(u64::from(self.strict_min))),
            // Nothing is less than nothing: a range that ends before it begins.
            match (most, self.strict_max) {
                (None, _) => u64::MAX,
                (Some(0), true) => return (1, 0),
                (Some(most), strict) => most - u64::from(strict),
            },
        )
    }
}

fn wanted(column: &Column, what: &str) -> String {
    format!("{} is of type {}: it is compared with {what}", column.name, sql_name(&column.data_type))
}

fn number<'a>(literal: &'a Literal, column: &Column) -> Result<&'a str, String> {
    match literal {
        Literal::Number(number) => Ok(number),
        _ => Err(wanted(column, "a number")),
    }
}

/// `up`: the least value that is in the range; else the greatest.
fn int_end(literal: &Literal, column: &Column, strict: bool, up: bool) -> Result<i64, String> {
    let step = |value: i64| match (strict, up) {
        (false, _) => value,
        (true, true) => value.saturating_add(1),
        (true, false) => value.saturating_sub(1),
    };
    if !column.is_number() {
        return value(literal, column).map(step);
    }
    let text = number(literal, column)?;
    if let Ok(value) = text.parse::<i64>() {
        return Ok(step(value));
    }
    let float = text.parse::<f64>().map_err(|_| wanted(column, "a number"))?;
    if float.fract() == 0.0 {
        return Ok(step(float as i64));
    }
    Ok(if up { float.ceil() } else { float.floor() } as i64)
}

/// A day or a time as a number.
fn value(literal: &Literal, column: &Column) -> Result<i64, String> {
    let what = if column.data_type == DataType::Date32 {
        "a day, like '2026-01-31'"
    } else {
        "a time, like '2026-01-31 12:00:00'"
    };
    let Literal::Text(text) = literal else { return Err(wanted(column, what)) };
    let array = typed(&[text.as_str()], column).ok_or_else(|| wanted(column, what))?;
    let compared = Values::of(&array).map_err(|error| error.to_string())?.compared;
    Ok(compared.as_primitive::<Int64Type>().value(0))
}

/// Digits beyond the scale move the end to the next value within.
fn decimal_end(text: &str, scale: i8, strict: bool, up: bool) -> Result<i128, String> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().map_err(|_| format!("{text} is no number"))?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let refuse = || format!("{text} has more digits than a decimal");
    let unscaled: i128 = format!("{whole}{fraction}").parse().map_err(|_| refuse())?;
    let shift = i32::from(scale) - fraction.len() as i32 + exponent;
    let power = 10i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        let value = power.and_then(|power| unscaled.checked_mul(power)).ok_or_else(refuse)?;
        return Ok(match (strict, up) {
            (false, _) => value,
            (true, true) => value.saturating_add(1),
            (true, false) => value.saturating_sub(1),
        });
    }
    let Some(power) = power else { return Ok(0) };
    let (floor, exact) = (unscaled.div_euclid(power), unscaled.rem_euclid(power) == 0);
    Ok(match (up, exact, strict) {
        (true, true, false) | (false, true, false) | (false, false, _) => floor,
        (true, false, _) | (true, true, true) => floor + 1,
        (false, true, true) => floor - 1,
    })
}

/// Texts as values of a column's type; none where one of them is no such value.
fn typed(texts: &[&str], column: &Column) -> Option<ArrayRef> {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&texts, &column.data_type, &options).ok()
}

/// The values of a list as a set of a column's values. Numbers that no value of the column can be are left out: a whole
/// number is never 1.5.
pub fn set(literals: &[Literal], column: &Column) -> Result<Set, String> {
    let mut texts: Vec<String> = Vec::with_capacity(literals.len());
    for literal in literals {
        let text = match (literal, column.class) {
            (Literal::Text(text), Class::Text) => text.clone(),
            (Literal::Text(text), Class::Int) if !column.is_number() => {
                value(literal, column)?;
                text.clone()
            }
            (Literal::Boolean(value), Class::Boolean) => value.to_string(),
            (Literal::Number(number), Class::Float) => number.clone(),
            (Literal::Number(number), Class::Int) if column.is_number() => match whole(number) {
                Some(number) => number,
                None => continue,
            },
            (Literal::Number(number), Class::Decimal(scale)) => {
                let (least, most) =
                    (decimal_end(number, scale, false, true)?, decimal_end(number, scale, false, false)?);
                if least != most {
                    continue;
                }
                number.clone()
            }
            (_, Class::Text) => return Err(wanted(column, "texts")),
            (_, Class::Boolean) => return Err(wanted(column, "true and false")),
            (_, Class::Other) => return Err(wanted(column, "nothing")),
            (_, Class::Int) if !column.is_number() => return Err(wanted(column, "days or times in quotes")),
            _ => return Err(wanted(column, "numbers")),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let plain = typed(&texts, column).ok_or_else(|| wanted(column, "values of that type"))?;
    let Values { plain, compared } = Values::of(&plain).map_err(|error| error.to_string())?;
    Ok(Set { plain, compared })
}

fn whole(number: &str) -> Option<String> {
    if number.parse::<i64>().is_ok() {
        return Some(number.to_owned());
    }
    let float = number.parse::<f64>().ok().filter(|float| float.fract() == 0.0 && float.abs() < 9.0e15)?;
    Some(format!("{}", float as i64))
}

impl Range {
    /// Whether one value, compared as the column's, is in it; `None` is not.
    pub fn holds(&self, value: &ArrayRef) -> bool {
        if value.is_null(0) {
            return false;
        }
        match self {
            Range::Int { least, most } => (*least..=*most).contains(&value.as_primitive::<Int64Type>().value(0)),
            Range::Float { least, most } => (*least..=*most).contains(&value.as_primitive::<Float64Type>().value(0)),
            Range::Decimal { least, most } => {
                (*least..=*most).contains(&value.as_primitive::<Decimal128Type>().value(0))
            }
            Range::Text { least, most } => within(value.as_string_view().value(0), least.as_ref(), most.as_ref()),
        }
    }
}

pub fn within(text: &str, least: Option<&End>, most: Option<&End>) -> bool {
    let above = least.is_none_or(|end| if end.strict { text > end.text.as_str() } else { text >= end.text.as_str() });
    above && most.is_none_or(|end| if end.strict { text < end.text.as_str() } else { text <= end.text.as_str() })
}

/// A number in units of a scale; none where it has more digits than that.
pub fn total(number: &str, scale: i8) -> Option<i128> {
    let least = decimal_end(number, scale, false, true).ok()?;
    let most = decimal_end(number, scale, false, false).ok()?;
    (least == most).then_some(least)
}
