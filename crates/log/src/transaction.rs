//! Transactions as callers see them: an atomic append over partitions and topics, in one or two phases.

use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;

use crate::batch::Producer;
use crate::{Batch, Result};

/// A prepared transaction: durable, invisible, and kept over restarts until somebody decides. The id can be stored
/// (a checkpoint manifest holds it) and names the transaction for ever.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Prepared {
    pub writer: String,
    pub epoch: u32,
    /// Counts the writer's transactions over all its epochs.
    pub sequence: u64,
}

/// How a transaction ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    InDoubt,
    Committed,
    Aborted,
}

/// The one living writer of a name. At most one transaction is open at a time; the first append opens it.
pub trait Writer: Debug + Send {
    fn name(&self) -> &str;

    fn epoch(&self) -> u32;

    /// Who its batches say wrote them, for protocols that tell clients so. `None` where a backend keeps that to itself.
    fn producer(&self) -> Option<Producer> {
        None
    }

    /// The note of the last committed transaction of this name, by whichever epoch.
    fn note(&self) -> Option<Bytes>;

    /// What an earlier epoch, or this one, prepared and nobody decided yet.
    fn in_doubt(&self) -> Option<Prepared>;

    /// How a transaction ended. Known for the last decided and the undecided one of a name; `None` for others.
    fn outcome(&self, transaction: &Prepared) -> Option<Outcome>;

    /// Appends to the open transaction, or opens one. The offsets are final; the records are visible only to
    /// [`crate::Isolation::Latest`] until the commit.
    fn append(&mut self, topic: &str, partition: u32, batch: Batch) -> Result<Range<i64>>;

    /// Makes the open transaction and a note durable without deciding it. A transaction without appends may be
    /// prepared for its note's sake.
    fn prepare(&mut self, note: Bytes) -> Result<Prepared>;

    /// Decides a prepared transaction: its records become visible, all at once. Committing what was committed is not
    /// an error; committing what was aborted is.
    fn commit(&mut self, transaction: &Prepared) -> Result<()>;

    /// Prepares and commits in one step, cheaper than two.
    fn commit_now(&mut self, note: Bytes) -> Result<()>;

    /// Gives up the open or prepared transaction. Without one, nothing happens.
    fn abort(&mut self) -> Result<()>;
}
