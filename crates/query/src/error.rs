//! What can go wrong when names are resolved, SQL is planned and rows are read.

use headwater_base::ErrorKind;
use headwater_sql::Diagnostic;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is wrong; each diagnostic points into it.
    #[error("{}", .0.first().map_or("invalid SQL", |first| first.message.as_str()))]
    Sql(Vec<Diagnostic>),
    /// An expression or plan failed on the rows it met (a cast, a division, an overflow).
    #[error("{0}")]
    Execution(String),
    #[error("the query needs more memory than its limit: {0}")]
    Memory(String),
    #[error(transparent)]
    Log(#[from] headwater_log::Error),
    #[error("{0}")]
    Format(String),
    #[error("{message}")]
    Archive { kind: ErrorKind, message: String },
    /// DataFusion refused what was planned; a bug of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Sql(_) | Error::Execution(_) => ErrorKind::Invalid,
            Error::Memory(_) => ErrorKind::Unavailable,
            Error::Log(error) => error.kind(),
            Error::Archive { kind, .. } => *kind,
            Error::Format(_) | Error::Internal(_) => ErrorKind::Internal,
        }
    }
}
