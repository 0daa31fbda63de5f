//! What a database client says besides statements of the platform: transactions, parameters, cursors, COPY.
//!
//! These are PostgreSQL's words, read from the same tokens as ours. What they mean is for the door that speaks that
//! protocol; statements of the platform come through unchanged.

mod copy;
mod cursor;
mod fill;
mod parameters;
mod reader;
#[cfg(test)]
mod tests;
mod transaction;

pub use copy::{Copy, CopyFormat, CopySubject, Direction, Header};
pub use cursor::Count;
pub use fill::{fill, parameters};
pub use parameters::Setting;
use reader::Reader;
pub use transaction::Transaction;

use crate::ast::{Name, Parsed};
use crate::parse::{parse_statement, split};
use crate::template::Template;
use crate::tokens::{Tokens, tokenize};
use crate::{Diagnostic, Diagnostics, SourceText, Span};

/// One statement of a client's text.
#[derive(Debug, Clone)]
pub enum Command {
    /// A statement of the platform.
    Ours(Parsed),
    Session(Statement, Span),
}

impl Command {
    pub fn span(&self) -> Span {
        match self {
            Command::Ours(parsed) => parsed.span,
            Command::Session(_, span) => *span,
        }
    }
}

/// A statement about the connection rather than the data.
#[derive(Debug, Clone)]
pub enum Statement {
    Transaction(Transaction),
    Set {
        name: String,
        value: Setting,
        local: bool,
    },
    /// `SHOW name`, of a parameter.
    Show(String),
    ShowAll,
    Reset(String),
    ResetAll,
    /// `None` is all of them.
    Deallocate(Option<String>),
    /// `DISCARD ALL`, or the word after `DISCARD`.
    Discard(String),
    Declare {
        name: String,
        binary: bool,
        hold: bool,
        query: Parsed,
    },
    Fetch {
        name: String,
        count: Count,
        moves: bool,
    },
    /// `None` is all cursors.
    Close(Option<String>),
    /// Nothing was listened to, so nothing changes.
    Unlisten,
    Copy(Copy),
    /// What PostgreSQL has and we have not, by its name.
    Refused(&'static str),
}

/// Statements of PostgreSQL that we know by name, to refuse them as what they are.
const REFUSED: &[(&[&str], &str)] = &[
    (&["LISTEN"], "LISTEN"),
    (&["NOTIFY"], "NOTIFY"),
    (&["LOCK"], "LOCK"),
    (&["PREPARE", "TRANSACTION"], "PREPARE TRANSACTION"),
    (&["COMMIT", "PREPARED"], "COMMIT PREPARED"),
    (&["ROLLBACK", "PREPARED"], "ROLLBACK PREPARED"),
    (&["PREPARE"], "PREPARE"),
    (&["EXECUTE"], "EXECUTE"),
    (&["LOAD"], "LOAD"),
    (&["DO"], "DO"),
    (&["CALL"], "CALL"),
    (&["VACUUM"], "VACUUM"),
    (&["CLUSTER"], "CLUSTER"),
    (&["REINDEX"], "REINDEX"),
    (&["CHECKPOINT"], "CHECKPOINT"),
    (&["SECURITY", "LABEL"], "SECURITY LABEL"),
];

/// The statements of a client's text, in order. `parameter` tells whether `SHOW` of a name means a parameter of the
/// connection; what it does not know is left to the platform's own `SHOW`.
pub fn parse(source: &SourceText, parameter: impl Fn(&str) -> bool) -> Result<Vec<Command>, Diagnostics> {
    let template = Template::verbatim(source);
    let Tokens { tokens, places, broken } = tokenize(&template);
    let mut parts = split(tokens, places);
    if broken.is_some() {
        parts.pop();
    }
    let (mut commands, mut wrong) = (Vec::new(), Vec::new());
    for (tokens, places) in parts {
        let session = Reader::new(&template, &tokens, &places).map(|mut reader| {
            let span = reader.all();
            statement(&mut reader, &parameter).map(|found| found.map(|found| (found, span)))
        });
        match session {
            Some(Err(error)) => wrong.extend(error.0),
            Some(Ok(Some((found, span)))) => commands.push(Command::Session(found, span)),
            Some(Ok(None)) => match parse_statement(&template, (tokens, places)) {
                Ok(parsed) => commands.extend(parsed.map(Command::Ours)),
                Err(errors) => wrong.extend(errors.0),
            },
            None => {}
        }
    }
    wrong.extend(broken);
    Diagnostics::check(wrong)?;
    Ok(commands)
}

fn statement(reader: &mut Reader<'_>, parameter: &impl Fn(&str) -> bool) -> Result<Option<Statement>, Diagnostics> {
    let word = reader.word().unwrap_or_default();
    let refused = REFUSED.iter().find(|(words, _)| reader.at(words));
    let found = match word.as_str() {
        _ if refused.is_some() => refused.map(|(_, name)| Statement::Refused(name)),
        "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE" => {
            Some(Statement::Transaction(transaction::read(reader)?))
        }
        "SET" => Some(parameters::set(reader)?),
        "SHOW" => return Ok(parameters::show(reader, parameter)?),
        "RESET" => Some(parameters::reset(reader)?),
        "DEALLOCATE" => {
            reader.advance();
            reader.take(&["PREPARE"]);
            Some(Statement::Deallocate(name_or_all(reader)?))
        }
        "DISCARD" => {
            reader.advance();
            let what = reader.word().ok_or_else(|| reader.expected("ALL, PLANS, SEQUENCES or TEMP"))?;
            if !["ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY"].contains(&what.as_str()) {
                return Err(reader.expected("ALL, PLANS, SEQUENCES or TEMP").into());
            }
            reader.advance();
            reader.end()?;
            Some(Statement::Discard(what))
        }
        "DECLARE" => Some(cursor::declare(reader)?),
        "FETCH" => Some(cursor::fetch(reader, false)?),
        "MOVE" => Some(cursor::fetch(reader, true)?),
        "CLOSE" => {
            reader.advance();
            Some(Statement::Close(name_or_all(reader)?))
        }
        "UNLISTEN" => Some(Statement::Unlisten),
        "COPY" => Some(Statement::Copy(copy::read(reader)?)),
        _ => None,
    };
    Ok(found)
}

fn name_or_all(reader: &mut Reader<'_>) -> Result<Option<String>, Diagnostic> {
    let name = if reader.take(&["ALL"]) { None } else { Some(reader.name("a name")?) };
    reader.end()?;
    Ok(name)
}

/// As the language folds names.
fn folded(word: &sqlparser::tokenizer::Word) -> String {
    Name::fold(&word.value, word.quote_style.is_some())
}
