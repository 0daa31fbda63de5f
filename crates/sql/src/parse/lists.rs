//! Lists in parentheses: options, and names of columns.

use sqlparser::tokenizer::Token;

use super::{Cursor, names};
use crate::ast::{Name, RelationName};
use crate::options::Entry;
use crate::{Fault, Options, Result, Span, Value};

/// `(name = 'text', name 5, name true, name (…), name = 'a' <> 'b')`: the first equals sign may be left out.
pub(super) fn options(cursor: &mut Cursor<'_>) -> Result<Options> {
    let start = cursor.position();
    cursor.expect_token(&Token::LParen)?;
    let mut entries: Vec<Entry> = Vec::new();
    while cursor.next() != &Token::RParen || !entries.is_empty() {
        let entry = entry(cursor)?;
        refuse_too_many(cursor, &entries, entry.span, "options")?;
        if let Some(first) = entries.iter().find(|first| first.name == entry.name) {
            let refused = cursor.error(entry.name.span, format!("option {} stands twice", entry.name));
            return Err(refused.with_related(cursor.source().clone(), first.name.span, "it stands first here"));
        }
        entries.push(entry);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    Ok(Options::new(cursor.source().clone(), cursor.span_from(start), entries))
}

/// What stands for a list that was not written; errors about it point to the tokens from `start` on.
pub(super) fn no_options(cursor: &Cursor<'_>, start: usize) -> Options {
    Options::new(cursor.source().clone(), cursor.span_from(start), Vec::new())
}

/// Fills what may stand once; `start` is where it starts.
pub(super) fn once<T>(cursor: &Cursor<'_>, start: usize, what: &str, slot: &mut Option<T>, value: T) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(cursor.error(cursor.span_from(start), format!("{what} stands twice")));
    }
    Ok(())
}

pub(super) fn entry(cursor: &mut Cursor<'_>) -> Result<Entry> {
    let start = cursor.position();
    let name = cursor.name("the name of an option")?;
    cursor.take_token(&Token::Eq);
    let value_start = cursor.position();
    let value = value(cursor, &name)?;
    Ok(Entry { name, value, value_span: cursor.span_from(value_start), span: cursor.span_from(start) })
}

/// A literal, or whether two literals are equal: `enabled = '${data}' <> ''` asks a setting.
fn value(cursor: &mut Cursor<'_>, name: &Name) -> Result<Value> {
    let first = literal(cursor, name)?;
    let wanted = match cursor.next() {
        Token::Eq => true,
        Token::Neq => false,
        _ => return Ok(first),
    };
    cursor.advance();
    let second = literal(cursor, name)?;
    Ok(Value::Boolean((first == second) == wanted))
}

fn literal(cursor: &mut Cursor<'_>, name: &Name) -> Result<Value> {
    let sign = match cursor.next() {
        Token::Minus => "-",
        Token::Plus => "+",
        _ => "",
    };
    let value = match cursor.nth(usize::from(!sign.is_empty())) {
        Token::Number(number, false) => Value::Number(format!("{}{number}", sign.trim_start_matches('+'))),
        _ if !sign.is_empty() => return Err(cursor.expected("a number, or a text in single quotes")),
        Token::SingleQuotedString(text) => Value::Text(text.clone()),
        Token::LParen => return options(cursor).map(|list| Value::List(Box::new(list))),
        Token::Word(_) => match cursor.word().as_deref() {
            Some("TRUE") => Value::Boolean(true),
            Some("FALSE") => Value::Boolean(false),
            Some("SECRET") => {
                cursor.advance();
                return names::object(cursor, "the secret").map(Value::Secret);
            }
            _ => {
                let refused = cursor.expected(&format!("a value for option {name}"));
                return Err(refused.with_hint("texts stand in single quotes"));
            }
        },
        _ => return Err(cursor.expected(&format!("a value for option {name}"))),
    };
    if !sign.is_empty() {
        cursor.advance();
    }
    cursor.advance();
    Ok(value)
}

/// A name with or without its schema: `orders`, `system.streams`.
pub(super) fn relation_name(cursor: &mut Cursor<'_>) -> Result<RelationName> {
    const WHAT: &str = "the name of a relation";
    let first = cursor.name(WHAT)?;
    if !cursor.take_token(&Token::Period) {
        return Ok(RelationName { schema: None, name: first });
    }
    let name = cursor.name(WHAT)?;
    if cursor.next() == &Token::Period {
        let refused = cursor.error(first.span.to(name.span), format!("{WHAT} has at most two parts"));
        return Err(refused.with_hint("write schema.relation"));
    }
    Ok(RelationName { schema: Some(first), name })
}

/// A text in single quotes; `what` says what it is, for the error.
pub(super) fn text(cursor: &mut Cursor<'_>, what: &str) -> Result<(String, Span)> {
    let Token::SingleQuotedString(text) = cursor.next() else {
        return Err(cursor.expected(what).with_hint("texts stand in single quotes"));
    };
    let (text, span) = (text.clone(), cursor.span());
    cursor.advance();
    Ok((text, span))
}

/// `(a, b)`; at least one, none twice.
pub(super) fn names(cursor: &mut Cursor<'_>) -> Result<Vec<Name>> {
    cursor.expect_token(&Token::LParen)?;
    let mut names: Vec<Name> = Vec::new();
    loop {
        names.push(one_more(cursor, &names)?);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    Ok(names)
}

/// The name of a column that is not among these yet.
pub(super) fn one_more(cursor: &mut Cursor<'_>, names: &[Name]) -> Result<Name> {
    let name = cursor.name("the name of a column")?;
    refuse_too_many(cursor, names, name.span, "columns")?;
    match names.iter().find(|first| **first == name) {
        None => Ok(name),
        Some(first) => {
            let refused = cursor.error(name.span, format!("column {name} stands twice")).with_fault(Fault::ColumnTwice);
            Err(refused.with_related(cursor.source().clone(), first.span, "it stands first here"))
        }
    }
}

/// More columns or options than any definition has: each is compared with all before it.
const ENTRIES_MAX: usize = 4096;

/// Refuses an entry that is one too many.
pub(super) fn refuse_too_many<T>(cursor: &Cursor<'_>, entries: &[T], span: Span, what: &str) -> Result<()> {
    if entries.len() < ENTRIES_MAX {
        return Ok(());
    }
    Err(cursor.error(span, format!("more than {ENTRIES_MAX} {what}")))
}
