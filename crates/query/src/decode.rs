//! The one way in which a stream's log records become rows, for the engine, the archiver and queries alike.
//!
//! A record is accepted, or rejected with a reason, by its own content and append time and by the stream's
//! definition alone: never by which columns a reader asked for, nor by what other records there are.

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::relation::Stream;

/// Reads chunks of one stream's partitions.
pub struct StreamReader {
    stream: Arc<Stream>,
}

/// What a chunk came to. `rows`, `offsets`, `timestamps_us` and `event_times` run in parallel, in offset order.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Accepted rows, the projected columns in the projection's order.
    pub rows: RecordBatch,
    pub offsets: Vec<i64>,
    /// Append times, microseconds UTC.
    pub timestamps_us: Vec<i64>,
    /// Microseconds UTC, when the stream has a watermark.
    pub event_times: Option<Vec<i64>>,
    /// Dead letters, in offset order.
    pub rejected: Vec<Rejected>,
    /// Index of a rule and how many kept rows violated it.
    pub warned: Vec<(usize, u64)>,
    /// Index of a rule and how many rows it dropped.
    pub dropped: Vec<(usize, u64)>,
    /// `ON VIOLATION FAIL`: reading stops before this offset, and nothing at or past it is in the other fields.
    pub failed: Option<Rejected>,
}

/// A record that is not a row, with why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub offset: i64,
    /// Append time, microseconds UTC.
    pub timestamp_us: i64,
    pub reason: Reason,
    /// The rule's name, for [`Reason::Violation`] and [`Reason::Failed`].
    pub rule: Option<String>,
    pub column: Option<String>,
    pub detail: String,
    /// The record as it came, as text: bytes that are not UTF-8 are replaced, and what is past 64 KiB is cut with a
    /// note.
    pub record: String,
}

/// Why a record is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Undecodable,
    NullEventTime,
    /// The event time lies further ahead of the append time than `max_future` allows.
    Future,
    Violation,
    /// An expression could not be evaluated on this row.
    Failed,
}
