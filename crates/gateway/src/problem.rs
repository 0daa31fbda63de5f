//! Errors of all rooms below, as every door tells them: what happened, where, and what to do.

use std::fmt;

use headwater_base::ErrorKind;
use headwater_sql::Diagnostics;

/// Why a request has no answer.
#[derive(Debug, Clone)]
pub struct Problem {
    pub kind: ErrorKind,
    /// What happened; texts of several diagnostics are all in it, drawn with their places.
    pub message: String,
    pub hint: Option<String>,
    /// Where the text of a statement is wrong.
    pub diagnostics: Option<Diagnostics>,
    /// What exactly happened, where protocols have a name for it.
    pub reason: Option<Reason>,
}

/// What has a name of its own in the protocols of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A column that is NOT NULL got no value.
    NoValue,
    /// A value is none of its column's type.
    WrongValue,
    /// A row with the key is there already.
    KeyExists,
    /// More was sent at once than is taken.
    TooMuch,
    /// As many queries run as may.
    TooManyQueries,
    /// Somebody ended the query.
    Cancelled,
    TimedOut,
    /// There is a relation of the name already.
    RelationExists,
    /// There is an object of the name already.
    Exists,
    /// There is no such object.
    NoObject,
    /// Something else needs it.
    DependedOn,
    /// The object is of a kind that takes no rows.
    WrongKind,
    NotBuilt,
}

impl Problem {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Problem {
        Problem { kind, message: message.into(), hint: None, diagnostics: None, reason: None }
    }

    pub fn with_reason(mut self, reason: Reason) -> Problem {
        self.reason = Some(reason);
        self
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl From<Diagnostics> for Problem {
    fn from(diagnostics: Diagnostics) -> Problem {
        Problem {
            kind: diagnostics.kind(),
            message: diagnostics.to_string(),
            hint: None,
            diagnostics: Some(diagnostics),
            reason: None,
        }
    }
}

impl From<headwater_query::Error> for Problem {
    fn from(error: headwater_query::Error) -> Problem {
        match error {
            headwater_query::Error::Sql(diagnostics) => diagnostics.into(),
            other => {
                let (reason, hint) = match &other {
                    headwater_query::Error::TooMany(_) => (Some(Reason::TooManyQueries), Some("ask again in a moment")),
                    headwater_query::Error::Cancelled => (Some(Reason::Cancelled), None),
                    headwater_query::Error::TimedOut(_) => {
                        let hint = "give it more time (timeout=SECONDS), or read less: a view keeps its answer ready";
                        (Some(Reason::TimedOut), Some(hint))
                    }
                    _ => (None, None),
                };
                Problem { reason, hint: hint.map(str::to_owned), ..Problem::new(other.kind(), other.to_string()) }
            }
        }
    }
}

impl From<headwater_stream::Error> for Problem {
    fn from(error: headwater_stream::Error) -> Problem {
        let hint = error.hint().map(str::to_owned);
        Problem { hint, ..Problem::new(error.kind(), error.to_string()) }
    }
}

impl From<crate::users::Error> for Problem {
    fn from(error: crate::users::Error) -> Problem {
        let hint = error.hint().map(str::to_owned);
        Problem { hint, ..Problem::new(error.kind(), error.to_string()) }
    }
}

impl From<headwater_log::Error> for Problem {
    fn from(error: headwater_log::Error) -> Problem {
        Problem::new(error.kind(), error.to_string())
    }
}

impl From<headwater_deploy::Error> for Problem {
    fn from(error: headwater_deploy::Error) -> Problem {
        match error {
            headwater_deploy::Error::Sql(diagnostics) => diagnostics.into(),
            headwater_deploy::Error::Query(error) => error.into(),
            headwater_deploy::Error::Stream(error) => error.into(),
            headwater_deploy::Error::Lake(error @ headwater_lake::Error::KeyExists { .. }) => {
                Problem::new(error.kind(), error.to_string()).with_reason(Reason::KeyExists)
            }
            other => {
                let hint = other.hint().map(str::to_owned);
                Problem { hint, ..Problem::new(other.kind(), other.to_string()) }
            }
        }
    }
}
