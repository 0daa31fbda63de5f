//! What can go wrong between us and another system, with what to do about it.

use headwater_base::{ErrorKind, files};
use headwater_stream::source;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Option(String),
    #[error("no file matches '{pattern}' in {folder}")]
    NoMatch { pattern: String, folder: String },
    #[error("the folder {folder} of '{pattern}' is not there")]
    NoFolder { pattern: String, folder: String },
    #[error("{file} is gone; it was read up to byte {offset}")]
    Vanished { file: String, offset: u64 },
    #[error("{file} is shorter than before: it has {length} bytes and was read up to byte {offset}")]
    Truncated { file: String, offset: u64, length: u64 },
    #[error("{file} is another file than before: what stands before byte {offset} (of {length}) has changed")]
    Replaced { file: String, offset: u64, length: u64 },
    #[error("{file} can't be decompressed behind byte {offset} of its text: {detail}")]
    Compressed { file: String, offset: u64, detail: String },
    #[error("the source has read '{before}', and is to read '{now}' now")]
    OtherPath { before: String, now: String },
    #[error("{file}, line {line}: the record does not end within {limit} bytes")]
    RecordTooLong { file: String, line: u64, limit: usize },
    #[error("{file}: {source}")]
    Header { file: String, source: headwater_format::Error },
    #[error("the position '{position}' is none of this source's: {reason}")]
    Position { position: String, reason: String },
    #[error(transparent)]
    Format(#[from] headwater_format::Error),
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error("field '{column}': {message}")]
    Field { column: String, message: String },
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Option(_) | Error::NoMatch { .. } | Error::NoFolder { .. } | Error::Header { .. } => {
                ErrorKind::Invalid
            }
            Error::OtherPath { .. } | Error::RecordTooLong { .. } | Error::Field { .. } => ErrorKind::Invalid,
            Error::Vanished { .. } | Error::Truncated { .. } | Error::Replaced { .. } => ErrorKind::Conflict,
            Error::Position { .. } | Error::Compressed { .. } => ErrorKind::Corrupt,
            Error::Format(error) => error.kind(),
            Error::Files(error) => error.kind(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Error::NoMatch { .. } | Error::NoFolder { .. } => {
                "a relative path begins in the project's folder; with FOLLOW true the source waits for files to come"
            }
            Error::Vanished { .. } => "put the file back, or give the source another name to read all its files again",
            Error::Truncated { .. } | Error::Replaced { .. } => {
                "give new rows a new file: a file that is read may only grow"
            }
            Error::Compressed { .. } => {
                "put a whole file in its place: what could be read before has entered, and the source goes on from there"
            }
            Error::OtherPath { .. } => {
                "put PATH back, or give the source another name: then it reads all files of the new PATH"
            }
            Error::RecordTooLong { .. } => "look for a missing line end; longer records can't be read from files yet",
            Error::Header { .. } => "name the stream's columns in the file's first line",
            Error::Option(_) | Error::Position { .. } | Error::Format(_) | Error::Files(_) | Error::Field { .. } => {
                return None;
            }
        })
    }
}

impl From<Error> for source::Error {
    fn from(error: Error) -> source::Error {
        source::Error { kind: error.kind(), message: error.to_string(), hint: error.hint().map(str::to_string) }
    }
}
