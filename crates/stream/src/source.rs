//! Where rows come from when no client sends them: the trait that every source implements.
//!
//! A source reads an outside system and hands over encoded records with the position after them. The runner appends
//! both in one transaction of the log, so a record is in the log if and only if the position is past it: a restart
//! reads on from there and nothing enters twice. Sources run on threads of their own; they never touch the log.

pub mod intake;
pub mod runner;

use std::time::Duration;

use headwater_base::ErrorKind;

/// An outside system to read from.
pub trait Source: Send {
    /// Goes to a position that this source returned in an earlier life; `None` is the beginning. Called once, first.
    fn start(&mut self, position: Option<&[u8]>) -> Result<()>;

    /// Hands over some records, at most until `intake` is full, and says what to do next. Must not wait for longer
    /// than a moment: when nothing is there, it returns [`Progress::Wait`]. Records handed over before an error count,
    /// and [`Source::position`] is behind them.
    fn poll(&mut self, intake: &mut dyn Intake) -> Result<Progress>;

    /// Where to read on after all the records handed over so far. Opaque to everyone else; JSON, so that people can
    /// read it.
    fn position(&self) -> Vec<u8>;

    /// How far it is, for people who watch.
    fn status(&self) -> Status;
}

/// Takes records. Each is one row, encoded in the stream's format.
pub trait Intake {
    /// Adds a record. Its partition follows from the stream's partition key, or is chosen for it.
    fn push(&mut self, record: &[u8]);

    /// True when the source should return from `poll`, so that what it gave can be committed.
    fn is_full(&self) -> bool;
}

/// What a poll came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There may be more at once.
    More,
    /// Nothing for now; ask again after this time at the latest.
    Wait(Duration),
    /// A bounded source is read to its end.
    End,
}

/// How far a source is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Work done and in all, in a unit of the source's choice (bytes for files, rows for a generator). `None` in all
    /// where there is no end.
    pub done: u64,
    pub total: Option<u64>,
    /// What it is at, such as the current file.
    pub at: String,
}

pub type Result<T> = std::result::Result<T, Error>;

/// Why a source stopped. It stays stopped, with this reason, until the node restarts; all that was committed stays.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    /// What happened and where: the file, line or address.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hint: None }
    }
}
