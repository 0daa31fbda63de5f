//! What can be wrong with a declared experiment and with what is handed in. That nothing is shown is no error.

use headwater_base::ErrorKind;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A declaration that means nothing: what, and what to write instead.
    #[error("{what}: {hint}")]
    Declaration { what: String, hint: String },
    /// Rows that are not what the declaration says of them.
    #[error("{place}: {what}: {hint}")]
    Rows { place: String, what: String, hint: String },
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    pub(crate) fn declaration(what: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Declaration { what: what.into(), hint: hint.into() }
    }

    pub(crate) fn rows(place: impl Into<String>, what: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Rows { place: place.into(), what: what.into(), hint: hint.into() }
    }
}
