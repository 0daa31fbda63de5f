//! The state of updating aggregations: groups in a hash table, and per group a sum or a count that takes retractions.

pub mod accumulator;
pub mod exact;
pub mod keys;

pub use accumulator::{Accumulator, Function};
pub use exact::ExactSum;
pub use keys::Keys;
