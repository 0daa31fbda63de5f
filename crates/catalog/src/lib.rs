//! What is declared: stored definitions and their versions, and who reads whom.
//!
//! The graph is computed from statements alone; the store keeps every version as one object that is
//! created and never changed. This crate does not know what runs, nor how.

pub mod definition;
pub mod error;
pub mod graph;
pub mod store;

pub use definition::{Change, Definition, Definitions, Kind, Owner, Proposal, Retired};
pub use error::Error;
pub use graph::{Graph, Known, Object};
pub use store::{Applied, Catalog};

pub type Result<T, E = Error> = std::result::Result<T, E>;
