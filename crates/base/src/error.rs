//! The five kinds of error, named for what the reader of one can do about it.

use std::fmt;

/// What to do about an error. Every crate's `Error` has a `kind()` that returns one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is wrong: fix it and ask again.
    Invalid,
    /// Somebody else changed things first: look at the new state and try again.
    Conflict,
    /// Something that is needed does not answer (disk full, network, another node): retry later.
    Unavailable,
    /// Stored bytes are not what was written: stop and look.
    Corrupt,
    /// A bug of ours.
    Internal,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Invalid => "invalid",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Internal => "internal",
        })
    }
}
