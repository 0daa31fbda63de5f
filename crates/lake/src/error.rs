//! What can go wrong with a lake table, each with the file it is about and what to do.

use std::error::Error as StdError;

use deltalake::DeltaTableError;
use headwater_base::ErrorKind;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name:?} can't name a lake table: {reason}")]
    Name { name: String, reason: &'static str },
    #[error("column {column:?} has the type {data_type}, which a Delta table can't hold")]
    ColumnType { column: String, data_type: String },
    #[error("column {column:?} can't be archived: {reason}")]
    ColumnName { column: String, reason: &'static str },
    #[error("files can't be laid out by column {column:?}: {reason}")]
    Layout { column: String, reason: &'static str },
    #[error(
        "the archive {table} has other columns than its stream: {detail}; declare the stream as its archive is, or move \
         the archive's folder away to begin a new one"
    )]
    Schema { table: String, detail: String },
    #[error("the archive {table} needs a Delta feature that Headwater does not support: {detail}")]
    Feature { table: String, detail: String },
    /// Offsets that someone else archived in between, in part.
    #[error("partition {partition} of {table} is archived up to offset {archived}, in the middle of {first}..{next}")]
    Overlap { table: String, partition: u32, archived: i64, first: i64, next: i64 },
    #[error("partition {partition} of {table} is archived up to offset {archived}, and rows from {from} on came next")]
    Gap { table: String, partition: u32, archived: i64, from: i64 },
    #[error("the archive {table} holds rows, so it is not made anew")]
    NotEmpty { table: String },
    #[error("the Delta table can't be read: {detail}")]
    External { detail: String },
    #[error("there is a table {table} already")]
    Exists { table: String },
    #[error("table {table} has a row with the key ({key}) already")]
    KeyExists { table: String, key: String },
    #[error("{table} was changed by others {attempts} times while a commit was tried")]
    Contended { table: String, attempts: u32 },
    /// Whoever decides about rows could not.
    #[error("{detail}")]
    Undecided { detail: String },
    #[error("rows can't be archived: {detail}")]
    Rows { detail: String },
    #[error("rows can't be encoded")]
    Encode(#[from] parquet::errors::ParquetError),
    #[error("{file}{DAMAGED}{detail}; {REMEDY}")]
    Corrupt { file: String, detail: String },
    #[error("cannot {operation} {file}")]
    Store { operation: &'static str, file: String, source: object_store::Error },
    #[error("cannot {operation} the Delta table {table}")]
    Delta { operation: &'static str, table: String, source: Box<DeltaTableError> },
}

const DAMAGED: &str = " is damaged: ";
const REMEDY: &str = "restore it from a copy, or move the table's folder away and archive again what the log still has";

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Name { .. }
            | Error::ColumnType { .. }
            | Error::ColumnName { .. }
            | Error::Layout { .. }
            | Error::Schema { .. }
            | Error::External { .. }
            | Error::Undecided { .. }
            | Error::Feature { .. } => ErrorKind::Invalid,
            Error::Exists { .. } | Error::KeyExists { .. } => ErrorKind::Conflict,
            Error::NotEmpty { .. } | Error::Overlap { .. } | Error::Gap { .. } | Error::Contended { .. } => {
                ErrorKind::Conflict
            }
            Error::Rows { .. } | Error::Encode(_) => ErrorKind::Internal,
            Error::Corrupt { .. } => ErrorKind::Corrupt,
            Error::Store { .. } | Error::Delta { .. } => ErrorKind::Unavailable,
        }
    }

    /// The damage behind a failed query, however deep: a scan's errors come wrapped by object_store, Parquet and
    /// DataFusion. Always [`Error::Corrupt`].
    pub fn damage_inside(error: &(dyn StdError + 'static)) -> Option<Error> {
        let mut at = Some(error);
        while let Some(error) = at {
            if let Some(Error::Corrupt { file, detail }) = error.downcast_ref::<Error>() {
                return Some(Error::corrupt(file, detail));
            }
            at = error.source();
        }
        // DataFusion keeps only the text of an error that it met in a file's footer.
        let text = error.to_string();
        let (before, after) = text.split_once(DAMAGED)?;
        let (detail, _) = after.split_once("; ")?;
        Some(Error::corrupt(before.rsplit(' ').next()?, detail))
    }

    pub(crate) fn corrupt(file: impl Into<String>, detail: impl Into<String>) -> Error {
        Error::Corrupt { file: file.into(), detail: detail.into() }
    }

    /// For the store's interface: found again by [`Error::damage_inside`].
    pub(crate) fn into_store(self) -> object_store::Error {
        object_store::Error::Generic { store: "Headwater lake", source: Box::new(self) }
    }
}
