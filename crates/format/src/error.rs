//! What can go wrong: with a declaration ([`Error`]), or with one row of data ([`RowError`]).
//!
//! A row error never stops a reader: its row becomes a dead letter with the reason and the detail kept here.

use std::fmt;

use arrow_schema::DataType;
use headwater_base::ErrorKind;

/// A format that can't be used as asked, or rows that can't be written in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("unknown format '{0}'; the formats are csv and json")]
    UnknownFormat(String),
    #[error("format '{0}' is not built yet; use csv or json")]
    NotBuilt(String),
    #[error("column '{column}' is of type {data_type}, which a record can't hold")]
    UnsupportedType { column: String, data_type: DataType },
    #[error("column {index} was asked for, but the schema has {columns} columns")]
    NoSuchColumn { index: usize, columns: usize },
    #[error("rows of other columns than the encoder's: {0}")]
    SchemaMismatch(String),
    #[error("the header is no CSV record: {0}")]
    BrokenHeader(RowError),
    #[error("column '{0}' is NOT NULL, and the header does not name it")]
    MissingColumn(String),
    #[error("the header names column '{0}' more than once")]
    RepeatedColumn(String),
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::UnknownFormat(_) | Error::NotBuilt(_) | Error::UnsupportedType { .. } => ErrorKind::Invalid,
            Error::BrokenHeader(_) | Error::MissingColumn(_) | Error::RepeatedColumn(_) => ErrorKind::Invalid,
            Error::NoSuchColumn { .. } | Error::SchemaMismatch(_) => ErrorKind::Internal,
        }
    }
}

/// Why a record is not a row of its stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}: {detail}", .column.as_ref().map(|column| format!(" in column '{column}'")).unwrap_or_default())]
pub struct RowError {
    /// The column, where it is one column's fault.
    pub column: Option<String>,
    pub reason: Reason,
    /// One short line; quotes the offending text, cut to about 80 characters.
    pub detail: String,
}

/// The kinds of broken record. Their names are stored with dead letters and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The record is not well-formed in its format.
    Syntax,
    /// A value of another type than its column's.
    Type,
    /// A column that is declared NOT NULL has no value.
    Null,
    /// Bytes that are not UTF-8.
    Encoding,
    /// A value of the right type, beyond its column's range.
    Overflow,
    /// Two fields differ only in case, and both could be the column.
    Ambiguous,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Syntax => "syntax",
            Reason::Type => "type",
            Reason::Null => "null",
            Reason::Encoding => "encoding",
            Reason::Overflow => "overflow",
            Reason::Ambiguous => "ambiguous",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal that has not been put into words yet. A pointer, so that results of reading a value stay small.
pub(crate) type Fault = &'static Refusal;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: Reason,
    pub what: &'static str,
}

impl Refusal {
    pub const fn of_type(what: &'static str) -> Refusal {
        Refusal { reason: Reason::Type, what }
    }

    pub const fn overflow(what: &'static str) -> Refusal {
        Refusal { reason: Reason::Overflow, what }
    }

    pub const fn syntax(what: &'static str) -> Refusal {
        Refusal { reason: Reason::Syntax, what }
    }

    pub const NOT_UTF8: Refusal = Refusal { reason: Reason::Encoding, what: "not UTF-8" };
}

/// A record that could not be taken apart: what, and at which of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    pub fault: Fault,
    pub at: usize,
}

impl Broken {
    pub fn new(fault: Fault, at: usize) -> Broken {
        Broken { fault, at }
    }

    pub fn row_error(self, record: &[u8]) -> RowError {
        let Broken { fault, at } = self;
        let from = at.saturating_sub(20).min(record.len());
        let near = quoted(&record[from..]);
        RowError { column: None, reason: fault.reason, detail: format!("{} at byte {at}, near {near}", fault.what) }
    }
}

const QUOTED_CHARS_MAX: usize = 80;

/// The text in quotes, cut, with what is not UTF-8 replaced.
pub(crate) fn quoted(text: &[u8]) -> String {
    let head = &text[..text.len().min(QUOTED_CHARS_MAX * 4)];
    let head = String::from_utf8_lossy(head);
    let mut cut: String = head.chars().take(QUOTED_CHARS_MAX).collect();
    if cut.len() < text.len() && head.chars().nth(QUOTED_CHARS_MAX).is_some() {
        cut.push('…');
    }
    format!("'{cut}'")
}
