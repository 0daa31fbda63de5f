//! Statements about the connection: parameters, `DEALLOCATE`, `DISCARD`, and what is refused by its name.

use headwater_sql::session::{self, Command, Setting};
use headwater_sql::{Parsed, Statement};

use super::catalog;
use super::connection::{Connection, End};
use super::failure::{Failure, NO_STATEMENT};
use super::rows::{Running, text_rows, text_schema};
use super::transaction::Block;
use crate::node::Outcome;
use arrow::datatypes::SchemaRef;

/// What a statement gives.
#[expect(clippy::large_enum_variant, reason = "one answer a statement, and it is not moved about")]
pub enum Answer {
    /// Rows, and the word that their tag begins with.
    Rows(Running, &'static str),
    /// A tag.
    Done(String),
    Fetch {
        name: String,
        count: session::Count,
        moves: bool,
    },
    Copy(session::Copy),
}

const ALL_COLUMNS: [&str; 3] = ["name", "setting", "description"];

impl Connection {
    /// Runs a statement up to its rows.
    pub async fn start(&mut self, command: &Command) -> Result<Answer, End> {
        match command {
            Command::Ours(parsed) => self.ours(parsed).await,
            Command::Session(session::Statement::Transaction(transaction), _) => {
                self.transaction(transaction.clone()).map(|tag| Answer::Done(tag.to_owned()))
            }
            Command::Session(statement, _) => {
                self.may_run()?;
                self.about_session(statement).await
            }
        }
    }

    async fn ours(&mut self, parsed: &Parsed) -> Result<Answer, End> {
        self.may_run()?;
        let words = parsed.statement.words();
        if let Statement::Query(_) | Statement::Explain(_) = &parsed.statement {
            let session = self.session(&parsed.text);
            let parsed = catalog::rewritten(parsed);
            let result = self.watched(session.run(&parsed)).await?.map_err(Failure::from)?;
            return Ok(Answer::Rows(result.into(), words));
        }
        let changes = !only_reads(words);
        if changes {
            self.may_change(words)?;
        }
        let (node, asker) = (self.node.clone(), self.asker());
        let executed = match self.watched(node.execute(parsed.clone(), asker)).await {
            Err(End::Failed(failure)) if changes => {
                let detail = format!("{words} was under way, and may still take effect");
                return Err(failure.detail(detail).into());
            }
            other => other?,
        };
        match executed.map_err(Failure::from)? {
            Outcome::Rows(result) => Ok(Answer::Rows(result.into(), words)),
            Outcome::Done(done) => {
                for notice in &done.notices {
                    if self.settings.wants(false) {
                        Failure::new("00000", notice.as_str()).notice(&mut self.wire, "NOTICE");
                    }
                }
                Ok(Answer::Done(done.tag))
            }
        }
    }

    async fn about_session(&mut self, statement: &session::Statement) -> Result<Answer, End> {
        use session::Statement as S;
        let tag = match statement {
            S::Transaction(transaction) => self.transaction(transaction.clone())?,
            S::Set { name, value, local } => {
                self.set(name, value, *local)?;
                "SET"
            }
            S::Reset(name) => {
                let start = self.start.show(name)?;
                let value = if self.start.is_default(name) { None } else { Some(start) };
                let told = self.settings.set(name, value.as_deref())?;
                self.tell(told);
                "RESET"
            }
            S::ResetAll => {
                self.reset_all();
                "RESET"
            }
            S::Show(name) => {
                let value = self.settings.show(name)?;
                return Ok(Answer::Rows(text_rows(&[name], &[vec![value]])?, "SHOW"));
            }
            S::ShowAll => {
                let rows = self.settings.all().into_iter();
                let rows: Vec<_> = rows.map(|(name, value)| vec![name.to_owned(), value, String::new()]).collect();
                return Ok(Answer::Rows(text_rows(&ALL_COLUMNS, &rows)?, "SHOW"));
            }
            S::Deallocate(None) => {
                self.prepared.clear();
                "DEALLOCATE ALL"
            }
            S::Deallocate(Some(name)) => {
                let missing = || Failure::new(NO_STATEMENT, format!("there is no prepared statement {name}"));
                self.prepared.remove(name).ok_or_else(missing)?;
                "DEALLOCATE"
            }
            S::Discard(what) => return self.discard(what).map(|tag| Answer::Done(tag.to_owned())),
            S::Declare { name, hold, binary, query } => {
                self.declare(name, *hold, *binary, query).await?;
                "DECLARE CURSOR"
            }
            S::Fetch { name, count, moves } => {
                return Ok(Answer::Fetch { name: name.clone(), count: *count, moves: *moves });
            }
            S::Close(name) => self.close_cursor(name.as_deref())?,
            S::Unlisten => "UNLISTEN",
            S::Copy(copy) => return Ok(Answer::Copy(copy.clone())),
            S::Refused(words) => return Err(Failure::not_built(words).into()),
        };
        Ok(Answer::Done(tag.to_owned()))
    }

    fn set(&mut self, name: &str, value: &Setting, local: bool) -> Result<(), Failure> {
        let value = match value {
            Setting::Default => None,
            Setting::Value(value) => Some(value.as_str()),
        };
        if local && self.block == Block::Idle {
            self.warn(super::failure::NO_TRANSACTION, "SET LOCAL can only be used in a transaction block");
            return Ok(());
        }
        let told = if local { self.settings.set_local(name, value) } else { self.settings.set(name, value) }?;
        self.tell(told);
        Ok(())
    }

    fn tell(&mut self, told: Option<(&'static str, String)>) {
        if let Some((name, value)) = told {
            self.report(name, &value);
        }
    }

    fn reset_all(&mut self) {
        for (name, value) in self.settings.reset_to(&self.start) {
            self.report(name, &value);
        }
    }

    fn discard(&mut self, what: &str) -> Result<&'static str, End> {
        Ok(match what {
            "ALL" => {
                if self.block != Block::Idle {
                    let refused = "DISCARD ALL cannot run in a transaction block";
                    return Err(Failure::new(super::failure::ACTIVE_TRANSACTION, refused).into());
                }
                self.prepared.clear();
                self.portals.clear();
                self.cursors.clear();
                self.reset_all();
                "DISCARD ALL"
            }
            "PLANS" => "DISCARD PLANS",
            "SEQUENCES" => "DISCARD SEQUENCES",
            _ => "DISCARD TEMP",
        })
    }

    /// The columns of what a statement about the connection gives.
    pub fn session_schema(&self, statement: &session::Statement) -> Result<Option<SchemaRef>, Failure> {
        Ok(match statement {
            session::Statement::Show(name) => Some(text_schema(&[name])),
            session::Statement::ShowAll => Some(text_schema(&ALL_COLUMNS)),
            session::Statement::Fetch { name, moves: false, .. } => Some(self.cursor_schema(name)?),
            _ => None,
        })
    }
}

/// Whether statements that begin so leave everything as it is.
pub fn only_reads(words: &str) -> bool {
    ["SELECT", "EXPLAIN", "SHOW", "DESCRIBE"].iter().any(|reads| words.starts_with(reads))
}
