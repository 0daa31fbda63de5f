//! `CONSTRAINT name EXPECT (condition) ON VIOLATION action`, on streams and views alike.

use sqlparser::tokenizer::Token;

use super::Cursor;
use crate::Result;
use crate::ast::{Rule, Violation};

pub(super) fn rule(cursor: &mut Cursor<'_>, rules: &[Rule]) -> Result<Rule> {
    let start = cursor.position();
    cursor.expect(&["CONSTRAINT"])?;
    let name = cursor.name("the name of the rule")?;
    if let Some(first) = rules.iter().find(|rule| rule.name == name) {
        let refused = cursor.error(name.span, format!("rule {name} stands twice"));
        return Err(refused.with_related(cursor.source().clone(), first.name.span, "it stands first here"));
    }
    if !cursor.take(&["EXPECT"]) {
        return Err(cursor
            .expected("EXPECT")
            .with_hint("write CONSTRAINT name EXPECT (condition) ON VIOLATION QUARANTINE"));
    }
    cursor.expect_token(&Token::LParen)?;
    let condition_start = cursor.position();
    let condition = cursor.expression()?;
    let condition_span = cursor.span_from(condition_start);
    let condition_text = cursor.text_from(condition_start).to_owned();
    cursor.expect_token(&Token::RParen)?;
    let on_violation = violation(cursor)?;
    Ok(Rule { name, condition, condition_text, condition_span, on_violation, span: cursor.span_from(start) })
}

fn violation(cursor: &mut Cursor<'_>) -> Result<Violation> {
    const HINT: &str = "say what becomes of a row that breaks the rule: ON VIOLATION QUARANTINE, WARN, DROP or FAIL";
    cursor.expect(&["ON", "VIOLATION"]).map_err(|refused| refused.with_hint(HINT))?;
    for action in [Violation::Quarantine, Violation::Warn, Violation::Drop, Violation::Fail] {
        if cursor.take(&[&action.to_string()]) {
            return Ok(action);
        }
    }
    Err(cursor.expected("QUARANTINE, WARN, DROP or FAIL"))
}
