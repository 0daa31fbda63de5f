//! What can go wrong in the stream engine.

use headwater_base::{ErrorKind, files};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A query that can't be kept up to date, or an input that can't be taken.
    #[error("{message}")]
    Invalid { message: String, hint: Option<String> },
    /// A query, or a part of a definition, that nothing maintains yet.
    #[error("{message}")]
    NotBuilt { message: String, hint: Option<String> },
    /// Stored state is not what was written.
    #[error("{message}")]
    Corrupt { message: String, hint: Option<String> },
    /// A bug of ours.
    #[error("internal error: {0}")]
    Internal(String),
    #[error(transparent)]
    Log(#[from] headwater_log::Error),
    #[error(transparent)]
    Lake(#[from] headwater_lake::Error),
    #[error(transparent)]
    Format(#[from] headwater_format::Error),
    #[error(transparent)]
    Query(#[from] headwater_query::Error),
    #[error(transparent)]
    Source(#[from] crate::source::Error),
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error("object store: {0}")]
    Objects(#[from] object_store::Error),
    #[error("evaluation: {0}")]
    DataFusion(#[from] datafusion::error::DataFusionError),
    #[error("columns: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl Error {
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::Invalid { message: message.into(), hint: None }
    }

    pub fn not_built(message: impl Into<String>) -> Error {
        Error::NotBuilt { message: message.into(), hint: None }
    }

    pub fn corrupt(message: impl Into<String>) -> Error {
        Error::Corrupt { message: message.into(), hint: None }
    }

    pub fn internal(message: impl Into<String>) -> Error {
        Error::Internal(message.into())
    }

    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Error {
        if let Error::Invalid { hint, .. } | Error::NotBuilt { hint, .. } | Error::Corrupt { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// What happened and what to do, for reports.
    pub(crate) fn told(&self) -> (String, Option<String>) {
        (self.to_string(), self.hint().map(str::to_owned))
    }

    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::Invalid { hint, .. } | Error::NotBuilt { hint, .. } | Error::Corrupt { hint, .. } => hint.as_deref(),
            Error::Source(error) => error.hint.as_deref(),
            _ => None,
        }
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Invalid { .. } | Error::NotBuilt { .. } => ErrorKind::Invalid,
            Error::Corrupt { .. } => ErrorKind::Corrupt,
            Error::Internal(_) | Error::Arrow(_) | Error::DataFusion(_) => ErrorKind::Internal,
            Error::Log(error) => error.kind(),
            Error::Lake(error) => error.kind(),
            Error::Format(error) => error.kind(),
            Error::Query(error) => error.kind(),
            Error::Source(error) => error.kind,
            Error::Files(error) => error.kind(),
            Error::Objects(error) => match error {
                object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                    ErrorKind::Conflict
                }
                object_store::Error::NotFound { .. } => ErrorKind::Corrupt,
                _ => ErrorKind::Unavailable,
            },
        }
    }
}
