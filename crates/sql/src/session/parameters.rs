//! `SET`, `SHOW` and `RESET` of a connection's parameters.

use sqlparser::tokenizer::Token;

use super::{Reader, Statement, transaction};
use crate::Diagnostic;

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Default,
    /// As text; several values are joined by `, `.
    Value(String),
}

pub(super) fn set(reader: &mut Reader<'_>) -> Result<Statement, Diagnostic> {
    reader.expect("SET")?;
    if reader.take(&["SESSION", "CHARACTERISTICS", "AS", "TRANSACTION"]) || reader.take(&["TRANSACTION"]) {
        let isolation = transaction::modes(reader)?.map(|level| level.to_ascii_lowercase());
        let value = isolation.map_or(Setting::Value("read committed".to_owned()), Setting::Value);
        return Ok(Statement::Set { name: "transaction_isolation".to_owned(), value, local: false });
    }
    let local = reader.take(&["LOCAL"]);
    if !local {
        reader.take(&["SESSION"]);
    }
    for refused in ["ROLE", "AUTHORIZATION", "CONSTRAINTS"] {
        if reader.at(&[refused]) {
            let (role, session) = ("SET ROLE", "SET SESSION AUTHORIZATION");
            return Ok(Statement::Refused(match refused {
                "ROLE" => role,
                "AUTHORIZATION" => session,
                _ => "SET CONSTRAINTS",
            }));
        }
    }
    if reader.take(&["NAMES"]) {
        return Ok(Statement::Set { name: "client_encoding".to_owned(), value: values(reader)?, local });
    }
    if reader.take(&["TIME", "ZONE"]) {
        return Ok(Statement::Set { name: "timezone".to_owned(), value: values(reader)?, local });
    }
    let name = name(reader)?;
    if !(reader.take_token(&Token::Eq) || reader.take(&["TO"])) {
        return Err(reader.expected("= or TO"));
    }
    Ok(Statement::Set { name, value: values(reader)?, local })
}

/// `None` where it is not a parameter that is asked for.
pub(super) fn show(
    reader: &mut Reader<'_>,
    parameter: &impl Fn(&str) -> bool,
) -> Result<Option<Statement>, Diagnostic> {
    reader.expect("SHOW")?;
    let found = if reader.take(&["ALL"]) {
        Statement::ShowAll
    } else if reader.take(&["TIME", "ZONE"]) {
        Statement::Show("timezone".to_owned())
    } else if reader.take(&["TRANSACTION", "ISOLATION", "LEVEL"]) {
        Statement::Show("transaction_isolation".to_owned())
    } else {
        match name(reader) {
            Ok(name) if reader.at_end() && parameter(&name) => Statement::Show(name),
            _ => return Ok(None),
        }
    };
    reader.end()?;
    Ok(Some(found))
}

pub(super) fn reset(reader: &mut Reader<'_>) -> Result<Statement, Diagnostic> {
    reader.expect("RESET")?;
    let found = if reader.take(&["ALL"]) {
        Statement::ResetAll
    } else if reader.take(&["TIME", "ZONE"]) {
        Statement::Reset("timezone".to_owned())
    } else {
        Statement::Reset(name(reader)?)
    };
    reader.end()?;
    Ok(found)
}

/// A parameter's name in small letters, perhaps with periods.
fn name(reader: &mut Reader<'_>) -> Result<String, Diagnostic> {
    let mut name = reader.name("a parameter's name")?;
    while reader.take_token(&Token::Period) {
        name.push('.');
        name.push_str(&reader.name("the rest of a parameter's name")?);
    }
    Ok(name.to_ascii_lowercase())
}

fn values(reader: &mut Reader<'_>) -> Result<Setting, Diagnostic> {
    if reader.take(&["DEFAULT"]) {
        reader.end()?;
        return Ok(Setting::Default);
    }
    let mut values: Vec<String> = Vec::new();
    loop {
        let sign = if reader.take_token(&Token::Minus) { "-" } else { "" };
        let value = match reader.next() {
            Token::Word(word) if word.quote_style.is_none() => word.value.clone(),
            Token::Word(word) => super::folded(word),
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text.clone(),
            Token::Number(digits, _) => format!("{sign}{digits}"),
            _ => return Err(reader.expected("a value")),
        };
        reader.advance();
        values.push(value);
        if !reader.take_token(&Token::Comma) {
            break;
        }
    }
    reader.end()?;
    Ok(Setting::Value(values.join(", ")))
}
