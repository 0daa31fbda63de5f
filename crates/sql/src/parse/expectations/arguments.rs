//! Arguments of an expectation: by place in the order of its parameters, or by name.

use sqlparser::tokenizer::Token;

use super::super::Cursor;
use crate::ast::{Argument, Literal};
use crate::expectations::{Kind, Parameter, Shape};
use crate::{Diagnostic, Result, Span};

/// `(a, 1, name => 'x')`, and the text between the parentheses.
pub(super) fn arguments(cursor: &mut Cursor<'_>, kind: &'static Kind, name: Span) -> Result<(Vec<Argument>, String)> {
    if !cursor.take_token(&Token::LParen) {
        return Err(cursor.expected("(").with_hint(format!("write {}", kind.usage())));
    }
    let start = cursor.position();
    let mut text = String::new();
    let mut found: Vec<Argument> = Vec::new();
    let mut named = false;
    while cursor.next() != &Token::RParen {
        let argument = argument(cursor, kind, found.len(), &mut named)?;
        if found.iter().any(|first| first.parameter == argument.parameter) {
            let message = format!("{} of {} is given twice", argument.parameter.name, kind.name);
            return Err(cursor.error(argument.span, message));
        }
        found.push(argument);
        text = cursor.text_from(start).to_owned();
        if !cursor.take_token(&Token::Comma) {
            break;
        }
        if cursor.next() == &Token::RParen {
            return Err(cursor.expected("an argument"));
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    if let Some(missing) =
        kind.parameters.iter().find(|one| one.required && found.iter().all(|two| two.parameter != *one))
    {
        let refused = cursor.error(name, format!("{} lacks {}", kind.name, missing.name));
        return Err(refused.with_hint(format!("write {}", kind.usage())));
    }
    if let Some(refused) = disagreement(cursor, kind, &found, name) {
        return Err(refused);
    }
    Ok((found, text))
}

fn argument(cursor: &mut Cursor<'_>, kind: &'static Kind, place: usize, named: &mut bool) -> Result<Argument> {
    let parameter = match cursor.nth(1) {
        Token::RArrow | Token::Assignment => {
            let name = cursor.name("the name of a parameter")?;
            let lower = name.value.to_ascii_lowercase();
            let Some(parameter) = kind.parameter(&lower) else {
                let refused = cursor.error(name.span, format!("{} has no parameter {name}", kind.name));
                let near = crate::nearest(&lower, kind.parameters.iter().map(|one| one.name));
                return Err(match near {
                    Some(near) => refused.with_hint(format!("did you mean {near}?")),
                    None => refused.with_hint(format!("write {}", kind.usage())),
                });
            };
            cursor.advance();
            *named = true;
            parameter
        }
        _ if *named => {
            let refused = cursor.expected("a named argument");
            return Err(refused.with_hint("after an argument with a name, all have one: min_value => 10"));
        }
        _ => match kind.parameters.get(place) {
            Some(parameter) => parameter,
            None => {
                let refused = cursor.error(cursor.span(), format!("{} takes no more arguments", kind.name));
                return Err(refused.with_hint(format!("write {}", kind.usage())));
            }
        },
    };
    let start = cursor.position();
    let value = literal(cursor, parameter)?;
    let span = cursor.span_from(start);
    if !fits(&value, parameter) {
        let message = format!("{} of {} is {}", parameter.name, kind.name, parameter.shape.words());
        return Err(cursor.error(span, message));
    }
    if parameter.shape == Shape::Columns && twice(&value) {
        return Err(cursor.error(span, "a column stands twice"));
    }
    Ok(Argument { parameter, value, span })
}

/// A literal, a list in parentheses or brackets, or the name of a column.
fn literal(cursor: &mut Cursor<'_>, parameter: &Parameter) -> Result<Literal> {
    let wanted = || format!("{} ({})", parameter.name, parameter.shape.words());
    let sign = match cursor.next() {
        Token::Minus => "-",
        Token::Plus => "+",
        _ => "",
    };
    if !sign.is_empty() {
        cursor.advance();
    }
    let found = match cursor.next() {
        Token::Number(number, false) => Literal::Number(format!("{}{number}", sign.trim_start_matches('+'))),
        _ if !sign.is_empty() => return Err(cursor.expected("a number")),
        Token::SingleQuotedString(text) => Literal::Text(text.clone()),
        Token::LParen => return list(cursor, parameter, &Token::RParen),
        Token::LBracket => return list(cursor, parameter, &Token::RBracket),
        Token::Word(_) => match cursor.word().as_deref() {
            Some("NULL") => Literal::Null,
            Some("TRUE") => Literal::Boolean(true),
            Some("FALSE") => Literal::Boolean(false),
            Some("DATE" | "TIMESTAMP") if matches!(cursor.nth(1), Token::SingleQuotedString(_)) => {
                cursor.advance();
                return literal(cursor, parameter);
            }
            _ if takes_names(parameter.shape) => return cursor.name("the name of a column").map(Literal::Name),
            _ => return Err(cursor.expected(&wanted()).with_hint("texts stand in single quotes")),
        },
        _ => return Err(cursor.expected(&wanted())),
    };
    cursor.advance();
    Ok(found)
}

fn takes_names(shape: Shape) -> bool {
    matches!(shape, Shape::Column | Shape::Columns | Shape::Names)
}

fn list(cursor: &mut Cursor<'_>, parameter: &Parameter, end: &Token) -> Result<Literal> {
    cursor.advance();
    let mut values = Vec::new();
    while cursor.next() != end {
        values.push(literal(cursor, parameter)?);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(end) {
        return Err(cursor.expected(&format!("a comma or {end}")));
    }
    Ok(Literal::List(values))
}

fn fits(value: &Literal, parameter: &Parameter) -> bool {
    let list = |each: &dyn Fn(&Literal) -> bool, least: usize| match value {
        Literal::List(values) => values.len() >= least && values.iter().all(each),
        _ => false,
    };
    let number = |value: &Literal| matches!(value, Literal::Number(_));
    let bound = |value: &Literal| matches!(value, Literal::Null | Literal::Number(_) | Literal::Text(_));
    let text_of = |texts: &[&str]| matches!(value, Literal::Text(text) if texts.contains(&text.as_str()));
    match parameter.shape {
        Shape::Column => matches!(value, Literal::Name(_)),
        Shape::Columns => list(&|one| matches!(one, Literal::Name(_)), 1),
        Shape::Names => list(&|one| matches!(one, Literal::Name(_) | Literal::Text(_)), 1),
        Shape::Bound => bound(value),
        Shape::Number => number(value),
        Shape::Count => match value {
            Literal::Null => !parameter.required,
            Literal::Number(number) => number.parse::<u64>().is_ok(),
            _ => false,
        },
        Shape::Text => matches!(value, Literal::Text(_)),
        Shape::Texts => list(&|one| matches!(one, Literal::Text(_)), 1),
        Shape::Values => list(&|one| matches!(one, Literal::Number(_) | Literal::Text(_) | Literal::Boolean(_)), 1),
        Shape::Shares => list(
            &|one| matches!(one, Literal::Number(number) if number.parse().is_ok_and(|share: f64| (0.0..=1.0).contains(&share))),
            1,
        ),
        Shape::Ranges => list(
            &|one| matches!(one, Literal::List(pair) if pair.len() == 2 && pair.iter().all(|each| number(each) || each == &Literal::Null)),
            1,
        ),
        Shape::Flag => matches!(value, Literal::Boolean(_)),
        Shape::IgnoreRow => text_of(&["all_values_are_missing", "any_value_is_missing", "never"]),
        Shape::IgnorePair => text_of(&["both_values_are_missing", "either_value_is_missing", "neither"]),
    }
}

fn twice(value: &Literal) -> bool {
    let Literal::List(values) = value else { return false };
    values.iter().enumerate().any(|(place, one)| values[..place].contains(one))
}

/// What each argument alone does not show.
fn disagreement(cursor: &Cursor<'_>, kind: &Kind, found: &[Argument], name: Span) -> Option<Diagnostic> {
    let value = |wanted: &str| found.iter().find(|one| one.parameter.name == wanted);
    let given = |wanted: &str| value(wanted).is_some_and(|one| one.value != Literal::Null);
    if kind.parameter("min_value").is_some() && !given("min_value") && !given("max_value") {
        let refused = cursor.error(name, format!("{} needs min_value or max_value", kind.name));
        return Some(refused.with_hint(format!("write {}", kind.usage())));
    }
    if let (
        Some(Argument { value: Literal::Number(min), .. }),
        Some(Argument { value: Literal::Number(max), span, .. }),
    ) = (value("min_value"), value("max_value"))
        && let (Ok(min), Ok(max)) = (min.parse::<f64>(), max.parse::<f64>())
        && min > max
    {
        return Some(cursor.error(*span, "max_value is less than min_value"));
    }
    if let Some(Argument { value: Literal::Text(text), span, .. }) = value("match_on")
        && !["any", "all"].contains(&text.as_str())
    {
        return Some(cursor.error(*span, "match_on is 'any' or 'all'"));
    }
    if let (
        Some(Argument { value: Literal::List(quantiles), .. }),
        Some(Argument { value: Literal::List(ranges), span, .. }),
    ) = (value("quantiles"), value("value_ranges"))
        && quantiles.len() != ranges.len()
    {
        let message = format!("there are {} quantiles and {} value_ranges", quantiles.len(), ranges.len());
        return Some(cursor.error(*span, message));
    }
    None
}
