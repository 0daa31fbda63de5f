//! Transaction blocks. Each query reads the latest epoch, as READ COMMITTED does; statements that change something
//! are not taken in a block, since none of them could be rolled back.

use headwater_sql::session::Transaction;

use super::connection::{Connection, End};
use super::failure::{ACTIVE_TRANSACTION, FAILED_TRANSACTION, Failure, NO_TRANSACTION};

/// Where a connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Idle,
    /// With the names of its savepoints.
    Open(Vec<String>),
    Failed(Vec<String>),
}

impl Block {
    /// As `ReadyForQuery` tells it.
    pub fn status(&self) -> u8 {
        match self {
            Block::Idle => b'I',
            Block::Open(_) => b'T',
            Block::Failed(_) => b'E',
        }
    }

    pub fn fail(&mut self) {
        if let Block::Open(savepoints) = self {
            *self = Block::Failed(std::mem::take(savepoints));
        }
    }
}

impl Connection {
    /// Refuses what must wait for the end of a failed transaction.
    pub fn may_run(&self) -> Result<(), Failure> {
        if !matches!(self.block, Block::Failed(_)) {
            return Ok(());
        }
        let refused = Failure::new(FAILED_TRANSACTION, "the transaction has failed: nothing runs until it ends");
        Err(refused.hint("ROLLBACK ends it"))
    }

    /// Refuses changes where they could not be taken back, or where only reading was asked for.
    pub fn may_change(&self, words: &str) -> Result<(), Failure> {
        if self.block != Block::Idle {
            let refused = Failure::new(ACTIVE_TRANSACTION, format!("{words} cannot run in a transaction block"));
            return Err(refused
                .detail("it takes effect at once, so that ROLLBACK could not take it back")
                .hint("run it outside of BEGIN and COMMIT; with a driver, turn autocommit on"));
        }
        let read_only = ["default_transaction_read_only", "transaction_read_only"];
        if read_only.iter().any(|name| self.settings.is_on(name)) {
            return Err(Failure::new("25006", format!("{words} cannot run in a read-only transaction")));
        }
        Ok(())
    }

    /// The tag of what was done.
    pub fn transaction(&mut self, transaction: Transaction) -> Result<&'static str, End> {
        match transaction {
            Transaction::Begin { isolation } => self.begin(isolation),
            Transaction::Commit { chain } => self.end_block(chain, true),
            Transaction::Rollback { chain } => self.end_block(chain, false),
            Transaction::Savepoint(name) => {
                self.may_run()?;
                match &mut self.block {
                    Block::Open(savepoints) => savepoints.push(name),
                    _ => return Err(outside("SAVEPOINT").into()),
                }
                Ok("SAVEPOINT")
            }
            Transaction::Release(name) => {
                self.may_run()?;
                let savepoints = self.savepoints("RELEASE SAVEPOINT")?;
                let at = find(savepoints, &name)?;
                savepoints.truncate(at);
                Ok("RELEASE")
            }
            Transaction::RollbackTo(name) => {
                let savepoints = self.savepoints("ROLLBACK TO SAVEPOINT")?;
                let at = find(savepoints, &name)?;
                savepoints.truncate(at + 1);
                self.block = Block::Open(std::mem::take(savepoints));
                Ok("ROLLBACK")
            }
        }
    }

    fn begin(&mut self, isolation: Option<String>) -> Result<&'static str, End> {
        self.may_run()?;
        if let Some(level) = isolation
            && !["READ COMMITTED", "READ UNCOMMITTED"].contains(&level.as_str())
        {
            let refused = Failure::not_built(&format!("isolation level {level}"));
            return Err(refused.hint("each query reads the latest epoch, which is READ COMMITTED").into());
        }
        match self.block {
            Block::Idle => self.block = Block::Open(Vec::new()),
            _ => self.warn(ACTIVE_TRANSACTION, "there is already a transaction in progress"),
        }
        Ok("BEGIN")
    }

    fn end_block(&mut self, chain: bool, commit: bool) -> Result<&'static str, End> {
        let failed = match self.block {
            Block::Idle if chain => return Err(outside("AND CHAIN").into()),
            Block::Idle => {
                self.warn(NO_TRANSACTION, "there is no transaction in progress");
                false
            }
            Block::Open(_) => false,
            Block::Failed(_) => true,
        };
        self.block = if chain { Block::Open(Vec::new()) } else { Block::Idle };
        self.cursors.retain(|_, cursor| cursor.hold);
        self.portals.clear();
        for (name, value) in self.settings.end_local() {
            self.report(name, &value);
        }
        Ok(if commit && !failed { "COMMIT" } else { "ROLLBACK" })
    }

    fn savepoints(&mut self, words: &str) -> Result<&mut Vec<String>, Failure> {
        match &mut self.block {
            Block::Open(savepoints) | Block::Failed(savepoints) => Ok(savepoints),
            Block::Idle => Err(outside(words)),
        }
    }

    pub fn warn(&mut self, code: &'static str, message: &str) {
        if self.settings.wants(true) {
            Failure::new(code, message).notice(&mut self.wire, "WARNING");
        }
    }
}

fn outside(words: &str) -> Failure {
    Failure::new(NO_TRANSACTION, format!("{words} can only be used in a transaction block"))
}

fn find(savepoints: &[String], name: &str) -> Result<usize, Failure> {
    let missing = || Failure::new("3B001", format!("there is no savepoint {name}"));
    savepoints.iter().rposition(|each| each == name).ok_or_else(missing)
}
