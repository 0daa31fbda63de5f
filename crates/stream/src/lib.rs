//! The stream engine: views over streams, kept equal to their queries as rows come.
//!
//! [`plan`] turns queries into one [`graph`]; [`worker`]s run copies of its [`operator`]s in ticks; the [`engine`]
//! decides on ticks, publishes what they gave, and makes it last by [`checkpoint`]s. Operators are synchronous and
//! single-threaded; only sources, sinks and the engine touch log and lake. For every query that it accepts, the result
//! over bounded input equals what the batch engine gives for the same rows less the dead letters.

pub mod aggregate;
pub mod background;
pub mod batch;
pub mod checkpoint;
pub mod delivery;
pub mod engine;
pub mod error;
pub mod executor;
pub mod graph;
pub mod letter;
pub mod operator;
pub mod plan;
pub mod rows;
pub mod sink;
pub mod source;
pub mod view;
pub mod worker;

pub use batch::Batch;
pub use error::{Error, Result};
