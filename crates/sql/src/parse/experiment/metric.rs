//! `METRICS (name KIND (…) FROM relation …, …)`

use std::time::Duration;

use sqlparser::ast::{BinaryOperator, Expr};
use sqlparser::tokenizer::Token;

use super::twice;
use crate::ast::{Expression, Margin, Metric, MetricOf, Name};
use crate::parse::{Cursor, lists, names, query};
use crate::{Diagnostics, Result, Span, parse_duration};

const KINDS: &str = "PROPORTION, MEAN or RATIO";

const EXAMPLE: &str = "write it like revenue MEAN (amount) FROM orders TIMESTAMP ordered_at";

/// More are no metrics, but a search for one.
const METRICS_MAX: usize = 200;

pub(super) fn metrics(cursor: &mut Cursor<'_>) -> Result<Vec<Metric>, Diagnostics> {
    cursor.expect_token(&Token::LParen).map_err(|refused| refused.with_hint(EXAMPLE))?;
    let mut metrics: Vec<Metric> = Vec::new();
    loop {
        let metric = metric(cursor)?;
        if let Some(first) = metrics.iter().find(|first| first.name == metric.name) {
            return Err(twice(cursor, "metric", &metric.name, &first.name).into());
        }
        if metrics.len() == METRICS_MAX {
            return Err(cursor.error(metric.span, format!("more than {METRICS_MAX} metrics")).into());
        }
        metrics.push(metric);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        let wanted = "UNIT, TIMESTAMP, WHERE, CUPED, CAPPED AT, GUARDRAIL, DETECT, LOWER IS BETTER, a comma or )";
        return Err(cursor.expected(wanted).into());
    }
    Ok(metrics)
}

fn metric(cursor: &mut Cursor<'_>) -> Result<Metric, Diagnostics> {
    let start = cursor.position();
    let name = cursor.name("the name of a metric").map_err(|refused| refused.with_hint(EXAMPLE))?;
    let of = of(cursor)?;
    cursor.expect(&["FROM"]).map_err(|refused| refused.with_hint("say whose rows: FROM relation"))?;
    let from = names::object(cursor, "the relation")?;
    let mut clauses = Clauses::default();
    while clauses.read(cursor)? {}
    let Clauses { unit, timestamp, condition, cuped, cap, guardrail, detect, lower } = clauses;
    if let (Some((_, span)), None) = (cuped, &timestamp) {
        let refused = cursor.error(span, format!("metric {name} says no TIMESTAMP by which rows are from before"));
        return Err(refused.with_hint("add TIMESTAMP and the column that says when a row happened").into());
    }
    if let (Some((_, span)), MetricOf::Proportion(_)) = (cap, &of) {
        return Err(cursor.error(span, "a proportion has no values that could be capped").into());
    }
    let (guardrail, lower_is_better) = (guardrail.map(|(margin, _)| margin), lower.unwrap_or(false));
    let span = cursor.span_from(start);
    Ok(Metric { name, of, from, unit, timestamp, condition, cuped, cap, guardrail, detect, lower_is_better, span })
}

fn of(cursor: &mut Cursor<'_>) -> Result<MetricOf, Diagnostics> {
    let Some(word) = cursor.word().filter(|word| ["PROPORTION", "MEAN", "RATIO"].contains(&word.as_str())) else {
        let refused = cursor.expected(KINDS);
        let near = cursor.word().and_then(|word| crate::nearest(&word, ["PROPORTION", "MEAN", "RATIO"]));
        return Err(match near {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused.with_hint(EXAMPLE),
        }
        .into());
    };
    cursor.advance();
    let hint = match word.as_str() {
        "PROPORTION" => {
            "write a condition in parentheses: PROPORTION (amount > 0); it is true of units with such a row"
        }
        "MEAN" => "write an expression in parentheses: MEAN (amount); rows of a unit are summed",
        _ => "write two expressions in parentheses, over each other: RATIO (amount / 1)",
    };
    cursor.expect_token(&Token::LParen).map_err(|refused| refused.with_hint(hint))?;
    let expression = query::expression(cursor)?;
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected(")").with_hint(hint).into());
    }
    Ok(match word.as_str() {
        "PROPORTION" => MetricOf::Proportion(expression),
        "MEAN" => MetricOf::Mean(expression),
        _ => {
            let span = expression.span;
            let part = |expression: Expr| Expression { text: expression.to_string(), expression, span };
            match expression.expression {
                Expr::BinaryOp { left, op: BinaryOperator::Divide, right } => {
                    let [numerator, denominator] = [part(*left), part(*right)].map(Box::new);
                    MetricOf::Ratio { numerator, denominator }
                }
                _ => {
                    let refused = cursor.error(span, "a ratio is one expression over another");
                    return Err(refused.with_hint(hint).into());
                }
            }
        }
    })
}

/// Each once, in any order.
#[derive(Default)]
struct Clauses {
    unit: Option<Name>,
    timestamp: Option<Name>,
    condition: Option<Expression>,
    cuped: Option<(Duration, Span)>,
    cap: Option<(f64, Span)>,
    guardrail: Option<(Margin, Span)>,
    detect: Option<Margin>,
    lower: Option<bool>,
}

impl Clauses {
    /// False if none of them comes next.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Diagnostics> {
        let start = cursor.position();
        if cursor.take(&["UNIT"]) {
            let column = cursor.name("the name of a column")?;
            lists::once(cursor, start, "UNIT", &mut self.unit, column)?;
        } else if cursor.take(&["TIMESTAMP"]) {
            let column = cursor.name("the name of a column")?;
            lists::once(cursor, start, "TIMESTAMP", &mut self.timestamp, column)?;
        } else if cursor.take(&["WHERE"]) {
            let condition = query::expression(cursor)?;
            lists::once(cursor, start, "WHERE", &mut self.condition, condition)?;
        } else if cursor.take(&["CUPED"]) {
            let before = before(cursor, start)?;
            lists::once(cursor, start, "CUPED", &mut self.cuped, before)?;
        } else if cursor.take(&["CAPPED", "AT"]) {
            let share = cap(cursor, start)?;
            lists::once(cursor, start, "CAPPED AT", &mut self.cap, share)?;
        } else if cursor.take(&["GUARDRAIL"]) {
            let margin = margin(cursor)?.unwrap_or(Margin::Absolute(0.0));
            let span = cursor.span_from(start);
            lists::once(cursor, start, "GUARDRAIL", &mut self.guardrail, (margin, span))?;
        } else if cursor.take(&["DETECT"]) {
            let Some(margin) = margin(cursor)? else {
                let refused = cursor.expected("the size of an effect");
                return Err(refused.with_hint("write DETECT 0.01, or DETECT 5% of the control").into());
            };
            lists::once(cursor, start, "DETECT", &mut self.detect, margin)?;
        } else if cursor.take(&["LOWER", "IS", "BETTER"]) {
            lists::once(cursor, start, "what is better", &mut self.lower, true)?;
        } else if cursor.take(&["HIGHER", "IS", "BETTER"]) {
            lists::once(cursor, start, "what is better", &mut self.lower, false)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn before(cursor: &mut Cursor<'_>, start: usize) -> Result<(Duration, Span)> {
    cursor.take(&["INTERVAL"]);
    let (text, span) = lists::text(cursor, "how long before, like '30 days'")?;
    match parse_duration(&text) {
        Ok(Duration::ZERO) => Err(cursor.error(span, "nothing happens in no time")),
        Ok(before) => Ok((before, cursor.span_from(start))),
        Err(why) => {
            let refused = cursor.error(span, format!("this is no length of time: {why}"));
            Err(refused.with_hint("write it like CUPED '30 days'"))
        }
    }
}

fn cap(cursor: &mut Cursor<'_>, start: usize) -> Result<(f64, Span)> {
    let share = number(cursor).filter(|share| *share > 0.0 && *share < 1.0);
    let Some(share) = share else {
        let refused = cursor.expected("a share between 0 and 1");
        return Err(refused.with_hint("write CAPPED AT 0.99: greater values count as that of the 99th unit of 100"));
    };
    cursor.advance();
    Ok((share, cursor.span_from(start)))
}

/// A number, or a number and a percent sign.
fn margin(cursor: &mut Cursor<'_>) -> Result<Option<Margin>> {
    let Some(size) = number(cursor) else { return Ok(None) };
    cursor.advance();
    Ok(Some(if cursor.take_token(&Token::Mod) { Margin::Percent(size) } else { Margin::Absolute(size) }))
}

fn number(cursor: &Cursor<'_>) -> Option<f64> {
    let Token::Number(number, false) = cursor.next() else { return None };
    number.parse().ok().filter(|number: &f64| number.is_finite())
}
