//! Where results go: the trait that every sink implements, in two phases around a checkpoint's manifest.
//!
//! Rows of ticks are written as they come. At a checkpoint the sink makes them durable but not visible and gives a
//! token; the manifest holds the token, which makes the checkpoint true; then the sink commits. After a crash the
//! newest manifest's token says what must be committed still, and all else is given up. So what a sink shows is
//! exactly what the checkpoints cover.

pub mod archive;
pub mod topics;

use serde_json::Value;

use crate::Result;
use crate::batch::Batch;

/// One place outside of the dataflow that takes rows.
pub trait Sink: Send {
    /// Names it in manifests; stable over restarts.
    fn name(&self) -> &str;

    /// Takes rows of one tick, of the graph's output `output`.
    fn write(&mut self, output: usize, rows: &[Batch]) -> Result<()>;

    /// Makes all that was written since the last commit durable, without showing it.
    fn prepare(&mut self, checkpoint: u64) -> Result<Value>;

    /// Shows what was prepared. Called once the manifest is there.
    fn commit(&mut self, token: &Value) -> Result<()>;

    /// First call after a restart, with the newest manifest's token: commits that if it is not yet, and gives up
    /// whatever else is left.
    fn recover(&mut self, token: Option<&Value>) -> Result<()>;
}
