//! `CREATE CONNECTION`, `CREATE SECRET`, `CREATE USER` and `ALTER USER`.

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names};
use crate::ast::{AlterUser, CreateConnection, CreateSecret, CreateUser, Name, SecretOrigin};
use crate::options::TextOrSecret;
use crate::{Diagnostics, Result, Span};

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateConnection, Diagnostics> {
    let create::Opening { existing, .. } = create::open(cursor, &["CONNECTION"])?;
    let name = names::object(cursor, "the connection")?;
    let hint = "say to what: TO POSTGRES (HOST 'localhost', …)";
    cursor.expect(&["TO"]).map_err(|refused| refused.with_hint(hint))?;
    let kind = cursor.name("the kind of system").map_err(|refused| refused.with_hint(hint))?;
    let options = if cursor.next() == &Token::LParen {
        lists::options(cursor)?
    } else {
        return Err(cursor.expected("(").with_hint("the options stand in parentheses").into());
    };
    Ok(CreateConnection { name, existing, kind, options })
}

pub(super) fn create_secret(cursor: &mut Cursor<'_>) -> Result<CreateSecret, Diagnostics> {
    const HINT: &str = "write FROM ENV 'VARIABLE', or FROM FILE 'path'";
    let create::Opening { existing, .. } = create::open(cursor, &["SECRET"])?;
    let name = names::object(cursor, "the secret")?;
    cursor.take(&["FROM"]);
    if matches!(cursor.next(), Token::SingleQuotedString(_)) || cursor.at(&["AS"]) || cursor.next() == &Token::Eq {
        let refused = cursor.error(cursor.span(), "a secret does not stand in its statement");
        return Err(refused
            .with_detail("statements are kept in the catalog, where whoever reads it would find the secret")
            .with_hint(HINT)
            .into());
    }
    let (from, from_span) = if cursor.take(&["ENV"]) {
        let (variable, span) = lists::text(cursor, "the name of a variable")?;
        if variable.is_empty() || variable.contains(['=', '\0']) {
            let refused = cursor.error(span, format!("'{variable}' can't be the name of a variable"));
            return Err(refused.with_hint(HINT).into());
        }
        (SecretOrigin::Env(variable), span)
    } else if cursor.take(&["FILE"]) {
        let (path, span) = lists::text(cursor, "the path of a file")?;
        if path.is_empty() {
            return Err(cursor.error(span, "the path must not be empty").with_hint(HINT).into());
        }
        (SecretOrigin::File(path), span)
    } else {
        return Err(cursor.expected("FROM ENV or FROM FILE").with_hint(HINT).into());
    };
    Ok(CreateSecret { name, existing, from, from_span })
}

pub(super) fn create_user(cursor: &mut Cursor<'_>) -> Result<CreateUser, Diagnostics> {
    let create::Opening { existing, .. } = create::open(cursor, &["USER"])?;
    let name = names::user(cursor)?;
    // PostgreSQL's own spelling has WITH.
    cursor.take(&["WITH"]);
    let (password, password_span) = password(cursor)?;
    Ok(CreateUser { name, existing, password, password_span })
}

pub(super) fn alter_user(cursor: &mut Cursor<'_>) -> Result<AlterUser, Diagnostics> {
    cursor.expect(&["ALTER", "USER"])?;
    let name: Name = names::user(cursor)?;
    cursor.take(&["WITH"]);
    let (password, password_span) = password(cursor)?;
    Ok(AlterUser { name, password, password_span })
}

fn password(cursor: &mut Cursor<'_>) -> Result<(TextOrSecret, Span)> {
    const HINT: &str = "write PASSWORD 'text', or PASSWORD SECRET name";
    cursor.expect(&["PASSWORD"]).map_err(|refused| refused.with_hint(HINT))?;
    let start = cursor.position();
    let password = if cursor.take(&["SECRET"]) {
        TextOrSecret::Secret(names::object(cursor, "the secret")?)
    } else {
        let (text, span) = lists::text(cursor, "a password").map_err(|refused| refused.with_hint(HINT))?;
        if text.is_empty() {
            return Err(cursor.error(span, "a password must not be empty"));
        }
        TextOrSecret::Text(text)
    };
    Ok((password, cursor.span_from(start)))
}
