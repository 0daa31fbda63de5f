//! How an embedded log is kept.

use std::time::Duration;

/// See the fields. The defaults are safe: acknowledged means on stable storage.
#[derive(Debug, Clone)]
pub struct Options {
    /// A segment is closed before it grows beyond this.
    pub segment_bytes_max: u64,
    /// Distance of index entries; a read begins up to this much too early.
    pub index_interval_bytes: u64,
    /// A larger batch is refused. At most 2 GiB, which is the format's own limit.
    pub batch_bytes_max: u64,
    /// The journal of transactions is not compacted below this.
    pub journal_bytes_min: u64,
    pub sync: Sync,
    /// Nothing is written, not even to repair. The log is what it was when it was opened; nobody else may have it
    /// open.
    pub read_only: bool,
}

/// When appends reach stable storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Whoever waits first syncs for all that was written by then: after `interval`, or when `bytes` are waiting.
    /// An interval of zero still groups, since appends gather while a sync runs.
    Group { interval: Duration, bytes: u64 },
    /// Never: an acknowledged append is lost with the machine's power. For tests and scratch data.
    Off,
}

impl Sync {
    pub(super) fn is_on(self) -> bool {
        self != Sync::Off
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes_max: 128 << 20,
            index_interval_bytes: 16 << 10,
            batch_bytes_max: 128 << 20,
            journal_bytes_min: 1 << 20,
            sync: Sync::Group { interval: Duration::ZERO, bytes: 8 << 20 },
            read_only: false,
        }
    }
}
