//! `BEGIN`, `COMMIT`, `ROLLBACK` and savepoints, with the modes that clients add.

use sqlparser::tokenizer::Token;

use super::Reader;
use crate::Diagnostic;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// `isolation` in capitals, where it was said.
    Begin {
        isolation: Option<String>,
    },
    /// `chain`: another one begins at once.
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint(String),
    Release(String),
    RollbackTo(String),
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Transaction, Diagnostic> {
    let word = reader.word().unwrap_or_default();
    reader.advance();
    let read = match word.as_str() {
        "START" => {
            reader.expect("TRANSACTION")?;
            Transaction::Begin { isolation: modes(reader)? }
        }
        "BEGIN" => {
            noise(reader);
            Transaction::Begin { isolation: modes(reader)? }
        }
        "SAVEPOINT" => Transaction::Savepoint(reader.name("a savepoint's name")?),
        "RELEASE" => {
            reader.take(&["SAVEPOINT"]);
            Transaction::Release(reader.name("a savepoint's name")?)
        }
        "COMMIT" | "END" => {
            noise(reader);
            Transaction::Commit { chain: chain(reader)? }
        }
        _ => {
            noise(reader);
            if reader.take(&["TO"]) {
                reader.take(&["SAVEPOINT"]);
                Transaction::RollbackTo(reader.name("a savepoint's name")?)
            } else {
                Transaction::Rollback { chain: chain(reader)? }
            }
        }
    };
    reader.end()?;
    Ok(read)
}

fn noise(reader: &mut Reader<'_>) {
    let _ = reader.take(&["WORK"]) || reader.take(&["TRANSACTION"]);
}

fn chain(reader: &mut Reader<'_>) -> Result<bool, Diagnostic> {
    if !reader.take(&["AND"]) {
        return Ok(false);
    }
    let chain = !reader.take(&["NO"]);
    reader.expect("CHAIN")?;
    Ok(chain)
}

/// The isolation among a transaction's modes. The other modes promise what always holds here, or nothing.
pub(super) fn modes(reader: &mut Reader<'_>) -> Result<Option<String>, Diagnostic> {
    let mut isolation = None;
    while !reader.at_end() {
        if reader.take(&["ISOLATION", "LEVEL"]) {
            let levels: [&[&str]; 4] =
                [&["SERIALIZABLE"], &["REPEATABLE", "READ"], &["READ", "COMMITTED"], &["READ", "UNCOMMITTED"]];
            let Some(level) = levels.iter().find(|level| reader.take(level)) else {
                return Err(reader.expected("an isolation level"));
            };
            isolation = Some(level.join(" "));
        } else if !(reader.take(&["READ", "ONLY"])
            || reader.take(&["READ", "WRITE"])
            || reader.take(&["NOT", "DEFERRABLE"])
            || reader.take(&["DEFERRABLE"])
            || reader.take_token(&Token::Comma))
        {
            return Err(reader.expected("ISOLATION LEVEL, READ ONLY, READ WRITE or DEFERRABLE"));
        }
    }
    Ok(isolation)
}
