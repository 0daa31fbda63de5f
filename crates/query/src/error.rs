//! What can go wrong when names are resolved, SQL is planned and rows are read.

use std::time::Duration;

use headwater_base::ErrorKind;
use headwater_sql::{Diagnostic, Diagnostics};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The text is wrong; each diagnostic points into it.
    #[error("{0}")]
    Sql(#[from] Diagnostics),
    /// An expression or plan failed on the rows it met (a cast, a division, an overflow).
    #[error("{0}")]
    Execution(String),
    #[error("the query needs more memory than its limit: {0}")]
    Memory(String),
    #[error("{0} queries run already, and no more may at one time")]
    TooMany(usize),
    #[error("the query was cancelled")]
    Cancelled,
    #[error("the query took longer than {0:?}")]
    TimedOut(Duration),
    #[error("{message}")]
    Log { kind: ErrorKind, message: String },
    #[error("stream {stream}: {message}")]
    Format { stream: String, kind: ErrorKind, message: String },
    #[error("{message}")]
    Archive { kind: ErrorKind, message: String },
    /// The log no longer has what the archive does not have yet.
    #[error("stream {stream}, partition {partition}: offsets {from} to {until} are neither in the log nor archived")]
    Gap { stream: String, partition: u32, from: i64, until: i64 },
    /// DataFusion refused what was planned; a bug of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Sql(diagnostics) => diagnostics.kind(),
            Error::Execution(_) => ErrorKind::Invalid,
            Error::Memory(_) | Error::TooMany(_) | Error::TimedOut(_) => ErrorKind::Unavailable,
            Error::Cancelled => ErrorKind::Conflict,
            Error::Log { kind, .. } | Error::Archive { kind, .. } | Error::Format { kind, .. } => *kind,
            Error::Gap { .. } => ErrorKind::Corrupt,
            Error::Internal(_) => ErrorKind::Internal,
        }
    }
}

impl From<Diagnostic> for Error {
    fn from(one: Diagnostic) -> Error {
        Error::Sql(one.into())
    }
}

impl From<headwater_log::Error> for Error {
    fn from(error: headwater_log::Error) -> Error {
        Error::Log { kind: error.kind(), message: error.to_string() }
    }
}
