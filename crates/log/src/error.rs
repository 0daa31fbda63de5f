//! What can go wrong in a log, each with what to do about it.

use std::path::PathBuf;

use headwater_base::{ErrorKind, files};

pub type Result<T> = std::result::Result<T, Error>;

/// A failed call. Nothing of a refused append was kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("topic {topic:?} does not exist")]
    UnknownTopic { topic: String },
    #[error("topic {topic:?} has {partitions} partitions, so there is no partition {partition}")]
    UnknownPartition { topic: String, partition: u32, partitions: u32 },
    #[error("topic {topic:?} exists with {partitions} partitions, not {wanted}")]
    TopicExists { topic: String, partitions: u32, wanted: u32 },
    #[error("{topic:?} can't be a topic: {reason}")]
    InvalidTopic { topic: String, reason: &'static str },
    /// The offset was deleted by retention, or was never written.
    #[error("offset {offset} of {topic:?} partition {partition} is outside of what is kept, {start} to {end}")]
    OffsetOutOfRange { topic: String, partition: u32, offset: i64, start: i64, end: i64 },
    #[error("a batch of {size} bytes is larger than the limit of {limit}")]
    TooLarge { size: u64, limit: u64 },
    /// Bytes that are not a record batch of Kafka's format 2, or one that may not be appended in this way.
    #[error("not a usable record batch: {reason}")]
    InvalidBatch { reason: &'static str },
    /// A later `open_writer` of the same name ended this writer.
    #[error("writer {name:?} of epoch {epoch} was fenced by a later one")]
    Fenced { name: String, epoch: u32 },
    #[error("writer {name:?} has prepared transaction {sequence} of epoch {epoch}: commit or abort it first")]
    InDoubt { name: String, epoch: u32, sequence: u64 },
    #[error("transaction {sequence} of writer {name:?}, epoch {epoch}, was aborted and can't be committed")]
    Aborted { name: String, epoch: u32, sequence: u64 },
    #[error("transaction {sequence} of writer {name:?}, epoch {epoch}, is neither in doubt nor the last decided one")]
    UnknownTransaction { name: String, epoch: u32, sequence: u64 },
    /// A write or sync failed, so that nothing is known of what was not synced before. Opening the log again recovers.
    #[error("{path} is out of use until the log is opened again, since {reason}", path = path.display())]
    Poisoned { path: PathBuf, reason: String },
    #[error("{path} is damaged at byte {position}: {detail}. {hint}", path = path.display())]
    Corrupt { path: PathBuf, position: u64, detail: String, hint: &'static str },
    #[error("the log was opened for reading only")]
    ReadOnly,
    #[error(transparent)]
    Files(#[from] files::Error),
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::UnknownTopic { .. }
            | Error::UnknownPartition { .. }
            | Error::InvalidTopic { .. }
            | Error::OffsetOutOfRange { .. }
            | Error::TooLarge { .. }
            | Error::InvalidBatch { .. }
            | Error::UnknownTransaction { .. }
            | Error::ReadOnly => ErrorKind::Invalid,
            Error::TopicExists { .. } | Error::Fenced { .. } | Error::InDoubt { .. } | Error::Aborted { .. } => {
                ErrorKind::Conflict
            }
            Error::Poisoned { .. } => ErrorKind::Unavailable,
            Error::Corrupt { .. } => ErrorKind::Corrupt,
            Error::Files(error) => error.kind(),
        }
    }
}
