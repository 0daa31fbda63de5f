//! What can go wrong when a suite is resolved and checked. That an expectation is not met is no error.

use headwater_base::ErrorKind;
use headwater_sql::{Diagnostic, Diagnostics};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The suite does not fit its relation; each diagnostic points into its text.
    #[error("{0}")]
    Sql(#[from] Diagnostics),
    #[error("{0}")]
    Query(#[from] headwater_query::Error),
    /// What is counted value by value has more of them than are counted.
    #[error("column {column} has more than {limit} different values, which are not counted one by one")]
    TooManyValues { column: String, limit: usize },
    /// A bug of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Sql(diagnostics) => diagnostics.kind(),
            Error::Query(error) => error.kind(),
            Error::TooManyValues { .. } => ErrorKind::Invalid,
            Error::Internal(_) => ErrorKind::Internal,
        }
    }
}

impl From<Diagnostic> for Error {
    fn from(one: Diagnostic) -> Error {
        Error::Sql(one.into())
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Error {
        Error::Query(headwater_query::Error::Execution(error.to_string()))
    }
}
