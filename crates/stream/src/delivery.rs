//! Where a stream's rows leave for: the trait that every outlet implements.
//!
//! The runner reads what is committed in the log, in the order of each partition, and hands over ranges of it. Before
//! each range it keeps in the log where that ends, and after it that it was delivered. An outlet that can tell what it
//! has already gets every row once; any other may get a range again, the same one, whether its answer or the node was
//! lost.

pub mod runner;

use std::time::Duration;

use arrow::array::RecordBatch;

pub use crate::source::{Error, Result};

/// A place outside that takes rows.
pub trait Outlet: Send {
    /// The offset of a partition up to which rows are there already, where the place itself can tell. Called before the
    /// first range of the partition.
    fn delivered(&mut self, partition: u32) -> Result<Option<i64>>;

    /// Delivers a range. All of its rows have arrived when this returns.
    ///
    /// # Errors
    /// What is unavailable is tried again, the same range; any other error stops the sink.
    fn deliver(&mut self, range: &Range) -> Result<()>;

    /// When a range is large enough.
    fn limits(&self) -> Limits;
}

/// Rows of one partition that follow each other.
#[derive(Debug, Clone)]
pub struct Range {
    pub partition: u32,
    /// The offset where it begins, and the one after its last. Not every offset between has a row.
    pub from: i64,
    pub until: i64,
    /// The stream's columns. Not empty.
    pub rows: RecordBatch,
}

/// When rows are handed over: as soon as one of these is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub rows: usize,
    /// As they are in the log.
    pub bytes: usize,
    /// After the first of them came.
    pub wait: Duration,
}
