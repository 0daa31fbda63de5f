//! What can go wrong with definitions and their store.

use headwater_base::ErrorKind;
use headwater_sql::Diagnostics;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Statements that can't stand together: each with its places.
    #[error("{0}")]
    Refused(#[from] Diagnostics),
    #[error("somebody else committed catalog version {version} first; look at it and try again")]
    Conflict { version: u64 },
    #[error(
        "catalog file {path} is damaged: {why}; restore it from a backup, or move it away to go back to the version before"
    )]
    Corrupt { path: String, why: String },
    #[error(
        "catalog file {path} has format {format}, this program reads format {known}; run the program that wrote it"
    )]
    Newer { path: String, format: u64, known: u64 },
    #[error("cannot {operation} catalog file {path}: {source}")]
    Store { operation: &'static str, path: String, source: object_store::Error },
    /// Never met: all that is stored can be written as JSON.
    #[error("cannot write the catalog as JSON: {0}")]
    Encode(serde_json::Error),
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Refused(wrong) => wrong.kind(),
            Error::Conflict { .. } => ErrorKind::Conflict,
            Error::Corrupt { .. } => ErrorKind::Corrupt,
            Error::Newer { .. } => ErrorKind::Invalid,
            Error::Store { .. } => ErrorKind::Unavailable,
            Error::Encode(_) => ErrorKind::Internal,
        }
    }
}
