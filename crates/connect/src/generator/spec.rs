//! What a generated column is told: `sequence(1, 1)`, `choice('a' 3, 'b')`, `null(0.1, integer(1, 6))` and so on.

use crate::nearest;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Spec {
    /// `sequence(start, every)`: start, start + every, …
    Sequence { start: i64, every: i64 },
    /// `integer(min, max)`, both included.
    Integer { min: i64, max: i64 },
    /// `decimal(min, max, scale)`, both included; unscaled.
    Decimal { min: i64, max: i64, scale: i8 },
    /// `choice('a', 'b' 3)`: each with its weight, 1 where absent.
    Choice(Vec<(String, u64)>),
    /// `pattern('#####?')`: a digit for each `#`, a letter for each `?`.
    Pattern(String),
    /// `time('2010-12-01 08:26:00', '60 seconds')`: never goes back, and advances by the step on average. In
    /// microseconds.
    Time { start: String, step_us: i64 },
    /// `null(chance, spec)`: NULL in so many of a million cases.
    Null { millionths: u64, of: Box<Spec> },
    /// `constant(x)`.
    Constant(String),
}

const NAMES: [&str; 8] = ["sequence", "integer", "decimal", "choice", "pattern", "time", "null", "constant"];

pub(super) fn parse(text: &str) -> Result<Spec, String> {
    let (spec, rest) = spec(text.trim())?;
    match rest.trim() {
        "" => Ok(spec),
        more => Err(format!("'{more}' follows the specification")),
    }
}

fn spec(text: &str) -> Result<(Spec, &str), String> {
    let Some((name, rest)) = text.split_once('(') else {
        return Err(format!("'{text}' is no specification, like integer(1, 6); there are {}", NAMES.join(", ")));
    };
    let name = name.trim();
    let lower = name.to_ascii_lowercase();
    if !NAMES.contains(&lower.as_str()) {
        return Err(match nearest(name, NAMES.into_iter()) {
            Some(known) => format!("there is no '{name}'; did you mean '{known}'?"),
            None => format!("there is no '{name}'; there are {}", NAMES.join(", ")),
        });
    }
    let (arguments, rest) = arguments(&lower, rest)?;
    Ok((build(&lower, arguments)?, rest))
}

struct Argument {
    text: String,
    weight: Option<u64>,
    spec: Option<Spec>,
}

/// The arguments up to the closing parenthesis, and what follows it.
fn arguments<'a>(name: &str, text: &'a str) -> Result<(Vec<Argument>, &'a str), String> {
    let mut arguments = Vec::new();
    let mut rest = text.trim_start();
    if let Some(after) = rest.strip_prefix(')') {
        return Ok((arguments, after));
    }
    loop {
        let (mut argument, after) = argument(name, arguments.len(), rest)?;
        rest = after.trim_start();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            argument.weight = Some(rest[..digits].parse().map_err(|_| format!("the weight {rest} is too large"))?);
            rest = rest[digits..].trim_start();
        }
        arguments.push(argument);
        rest = match (rest.strip_prefix(','), rest.strip_prefix(')')) {
            (Some(after), _) => after.trim_start(),
            (_, Some(after)) => return Ok((arguments, after)),
            _ => return Err(format!("{name}(…) lacks a ',' or ')' before '{rest}'")),
        };
    }
}

fn argument<'a>(name: &str, index: usize, text: &'a str) -> Result<(Argument, &'a str), String> {
    if name == "null" && index == 1 {
        let (spec, rest) = spec(text)?;
        return Ok((Argument { text: String::new(), weight: None, spec: Some(spec) }, rest));
    }
    let (text, rest) = match text.strip_prefix('\'') {
        Some(quoted) => string(quoted)?,
        None => {
            let end = text.find([',', ')', ' ']).unwrap_or(text.len());
            (text[..end].to_string(), &text[end..])
        }
    };
    Ok((Argument { text, weight: None, spec: None }, rest))
}

/// The rest of a string in quotes, in which a doubled quote is one.
fn string(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\'') {
        value.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((value, after)),
        }
    }
    Err(format!("the string '{text} does not end"))
}

fn build(name: &str, arguments: Vec<Argument>) -> Result<Spec, String> {
    if name != "choice" && arguments.iter().any(|argument| argument.weight.is_some()) {
        return Err(format!("{name}(…) lacks a ',': only choice(…) has weights"));
    }
    if name == "choice" {
        return choice(arguments);
    }
    let usage = match name {
        "sequence" => "sequence(start, every)",
        "integer" => "integer(min, max)",
        "decimal" => "decimal(min, max, scale)",
        "pattern" => "pattern('#####?')",
        "time" => "time('2010-12-01 08:26:00', '60 seconds')",
        "null" => "null(chance, specification)",
        _ => "constant(value)",
    };
    let texts: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
    match (name, texts.as_slice()) {
        ("sequence", [start, every]) => Ok(Spec::Sequence { start: integer(start)?, every: integer(every)? }),
        ("integer", [min, max]) => {
            let (min, max) = (integer(min)?, integer(max)?);
            ordered(min, max, Spec::Integer { min, max })
        }
        ("decimal", [min, max, scale]) => {
            let scale = integer(scale)?.try_into().ok().filter(|scale| (0..=18).contains(scale));
            let scale = scale.ok_or("the scale must be between 0 and 18")?;
            let (min, max) = (unscaled(min, scale)?, unscaled(max, scale)?);
            ordered(min, max, Spec::Decimal { min, max, scale })
        }
        ("pattern", [pattern]) => Ok(Spec::Pattern(pattern.to_string())),
        ("time", [start, step]) => Ok(Spec::Time { start: start.to_string(), step_us: interval(step)? }),
        ("constant", [value]) => Ok(Spec::Constant(value.to_string())),
        ("null", [chance, _]) => {
            let chance: f64 = chance.parse().map_err(|_| format!("'{chance}' is no chance, like 0.1"))?;
            if !(0.0..=1.0).contains(&chance) {
                return Err(format!("a chance is between 0 and 1, not {chance}"));
            }
            match arguments.into_iter().nth(1).and_then(|argument| argument.spec) {
                Some(Spec::Null { .. }) | None => Err("null(…) needs something else to be null".to_string()),
                Some(of) => Ok(Spec::Null { millionths: (chance * 1e6).round() as u64, of: Box::new(of) }),
            }
        }
        (_, texts) => Err(format!("has {} arguments where it should be {usage}", texts.len())),
    }
}

fn choice(arguments: Vec<Argument>) -> Result<Spec, String> {
    let weighed: Vec<_> = arguments.into_iter().map(|argument| (argument.text, argument.weight.unwrap_or(1))).collect();
    let total = weighed.iter().try_fold(0u64, |sum, (_, weight)| sum.checked_add(*weight));
    match total {
        Some(1..) => Ok(Spec::Choice(weighed)),
        Some(0) => Err("choice(…) has nothing to choose from".to_string()),
        None => Err("the weights are too large".to_string()),
    }
}

fn ordered(min: i64, max: i64, spec: Spec) -> Result<Spec, String> {
    if min <= max { Ok(spec) } else { Err("the minimum is above the maximum".to_string()) }
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("'{text}' is no integer"))
}

/// A decimal's digits without its point, at a scale.
fn unscaled(text: &str, scale: i8) -> Result<i64, String> {
    let refused = || format!("'{text}' is no decimal of at most {scale} fractional digits that fits 64 bits");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let missing = usize::from(scale.unsigned_abs()).checked_sub(fraction.len()).ok_or_else(refused)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    format!("{whole}{fraction}{}", "0".repeat(missing)).parse().map_err(|_| refused())
}

/// Microseconds of an interval such as `60 seconds` or `0.5 s`.
fn interval(text: &str) -> Result<i64, String> {
    let refused = || format!("'{text}' is no step, like '60 seconds'");
    let (number, unit) = text.trim().split_once(' ').ok_or_else(refused)?;
    let unit_us = match unit.trim().trim_end_matches('s') {
        "microsecond" | "u" => 1.0,
        "millisecond" | "m" => 1e3,
        "second" | "" | "sec" => 1e6,
        "minute" | "min" => 60e6,
        "hour" | "h" => 3600e6,
        "day" | "d" => 86_400e6,
        _ => return Err(refused()),
    };
    let number: f64 = number.parse().map_err(|_| refused())?;
    let step_us = number * unit_us;
    if (0.0..9e15).contains(&step_us) { Ok(step_us.round() as i64) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_read() {
        assert_eq!(parse("sequence(1, 2)"), Ok(Spec::Sequence { start: 1, every: 2 }));
        assert_eq!(parse(" Decimal ( -1.5 , 2,2 ) "), Ok(Spec::Decimal { min: -150, max: 200, scale: 2 }));
        let choice = vec![("a".to_string(), 3), ("it's".to_string(), 1)];
        assert_eq!(parse("choice('a' 3, 'it''s')"), Ok(Spec::Choice(choice)));
        let of = Box::new(Spec::Integer { min: 1, max: 6 });
        assert_eq!(parse("null(0.25, integer(1, 6))"), Ok(Spec::Null { millionths: 250_000, of }));
        let start = "2010-12-01".to_string();
        assert_eq!(parse("time('2010-12-01', '0.5 seconds')"), Ok(Spec::Time { start, step_us: 500_000 }));
    }

    #[test]
    fn refusals_say_what_is_meant() {
        let refused = |text: &str| parse(text).unwrap_err();
        assert_eq!(refused("intger(1, 6)"), "there is no 'intger'; did you mean 'integer'?");
        assert_eq!(refused("integer(1)"), "has 1 arguments where it should be integer(min, max)");
        assert_eq!(refused("integer(6, 1)"), "the minimum is above the maximum");
        assert_eq!(refused("integer(1, 6"), "integer(…) lacks a ',' or ')' before ''");
        assert_eq!(
            refused("decimal(0, 1.005, 2)"),
            "'1.005' is no decimal of at most 2 fractional digits that fits 64 bits"
        );
        assert_eq!(refused("choice('a"), "the string 'a does not end");
        assert_eq!(refused("choice()"), "choice(…) has nothing to choose from");
        assert_eq!(refused("time('2010-12-01', 'often')"), "'often' is no step, like '60 seconds'");
        assert_eq!(refused("null(2, integer(1, 6))"), "a chance is between 0 and 1, not 2");
        assert_eq!(refused("integer(1, 2) x"), "'x' follows the specification");
    }
}
