//! What can be wrong with a project, or with bringing it to run.

use std::path::PathBuf;

use headwater_base::{ErrorKind, files};
use headwater_sql::Diagnostics;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files say something that can't be; each diagnostic points into one.
    #[error("{0}")]
    Sql(#[from] Diagnostics),
    #[error("{path}: {message}", path = path.display())]
    Configuration { path: PathBuf, message: String },
    /// The change from what is stored to what is declared can't be made.
    #[error("{message}")]
    Refused { message: String, hint: String },
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error(transparent)]
    Catalog(#[from] headwater_catalog::Error),
    #[error(transparent)]
    Stream(#[from] headwater_stream::Error),
    #[error(transparent)]
    Lake(#[from] headwater_lake::Error),
    #[error(transparent)]
    Log(#[from] headwater_log::Error),
    /// A record that no version of this node wrote, or a newer one.
    #[error("a record of {topic} can't be read: {detail}")]
    History { topic: String, detail: String },
    #[error(transparent)]
    Query(#[from] headwater_query::Error),
    #[error(transparent)]
    Quality(headwater_quality::Error),
    #[error(transparent)]
    Experiment(#[from] headwater_experiment::Error),
}

impl From<headwater_quality::Error> for Error {
    fn from(error: headwater_quality::Error) -> Error {
        match error {
            headwater_quality::Error::Sql(diagnostics) => Error::Sql(diagnostics),
            other => Error::Quality(other),
        }
    }
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Sql(diagnostics) => diagnostics.kind(),
            Error::Configuration { .. } | Error::Refused { .. } => ErrorKind::Invalid,
            Error::Files(error) => error.kind(),
            Error::Catalog(error) => error.kind(),
            Error::Stream(error) => error.kind(),
            Error::Lake(error) => error.kind(),
            Error::Log(error) => error.kind(),
            Error::History { .. } => ErrorKind::Corrupt,
            Error::Query(error) => error.kind(),
            Error::Quality(error) => error.kind(),
            Error::Experiment(error) => error.kind(),
        }
    }

    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::Refused { hint, .. } => Some(hint),
            Error::Stream(error) => error.hint(),
            _ => None,
        }
    }
}
