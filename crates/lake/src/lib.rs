//! Delta tables on object stores: read, append, maintain.
//!
//! An [`Archive`] is the lake table that holds a stream's decoded history. Its commits are made
//! atomic by the store's put-if-absent, and exactly-once by application transactions that carry
//! the next offset of each partition. This crate alone knows Delta; it reaches no disk but
//! through the store it is given, and knows nothing of streams, logs or SQL.

mod archive;
mod checked;
mod error;
mod external;
mod lake;
mod table;

pub use archive::replay::Replay;
pub use archive::snapshot::Snapshot;
pub use archive::writer::{FinishedFile, PartitionWriter};
pub use archive::{Archive, Compaction, Merged, OFFSET, PARTITION, TIMESTAMP};
pub use error::{Error, Result};
pub use lake::{Lake, check_columns};
pub use table::Table;
pub use table::change::Stays;
pub use table::replace::{Gone, Replaced};
