//! What can go wrong when a model learns, scores, or is read.

use headwater_base::ErrorKind;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Rows that nothing can be learnt from or scored by.
    #[error("{place}: {problem}; {hint}")]
    Rows { place: String, problem: String, hint: String },
    /// An option out of its range.
    #[error("option {option} = {value}: {problem}")]
    Option { option: &'static str, value: String, problem: String },
    /// Rows to score lack what the model was trained on.
    #[error("column {column} is missing; the model was trained with it, give it (as NULL where it is unknown)")]
    MissingColumn { column: String },
    /// A value of another type than in training.
    #[error("column {column} holds {found} where the model was trained on {wanted}; cast it, or train the model anew")]
    WrongType { column: String, wanted: &'static str, found: &'static str },
    /// A solver that did not come to an end.
    #[error("{method} has not converged after {iterations} iterations; raise iterations_max or l2")]
    NotConverged { method: &'static str, iterations: usize },
    /// Bytes that are not what was written.
    #[error("byte {at} of the model: {problem}; take another copy, or train the model anew")]
    Damaged { at: usize, problem: String },
    /// Bytes of a later program.
    #[error("the model has format {found}, this program knows up to {known}; use a newer program")]
    Newer { found: u16, known: u16 },
    /// A model of another program that can't be taken over.
    #[error("{place}: {problem}")]
    Foreign { place: String, problem: String },
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Rows { .. }
            | Error::Option { .. }
            | Error::MissingColumn { .. }
            | Error::WrongType { .. }
            | Error::NotConverged { .. }
            | Error::Newer { .. }
            | Error::Foreign { .. } => ErrorKind::Invalid,
            Error::Damaged { .. } => ErrorKind::Corrupt,
        }
    }

    pub(crate) fn rows(place: impl Into<String>, problem: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Rows { place: place.into(), problem: problem.into(), hint: hint.into() }
    }

    pub(crate) fn option(option: &'static str, value: impl ToString, problem: impl Into<String>) -> Error {
        Error::Option { option, value: value.to_string(), problem: problem.into() }
    }
}
