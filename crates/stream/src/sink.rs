//! Where rows leave a dataflow for: topics of the log, and archives, which take what is committed.
//!
//! Rows of ticks are appended as they come. At a checkpoint they are made durable but not visible; the manifest names the
//! transaction, which makes the checkpoint true; then it is committed. After a crash the newest manifest says what must be
//! committed still, and all else is given up. So what is shown is exactly what the checkpoints cover.

pub mod archive;
pub mod topics;
