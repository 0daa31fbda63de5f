//! What is expected of a relation as a whole: suites of expectations, resolved against its columns and checked in one
//! scan of its rows, and profiles of relations.
//!
//! Names and meaning are those of Great Expectations 1.x. Rows come from a query session; nothing here keeps results,
//! knows a schedule or decides what becomes of who waits for a check.

mod column;
mod error;
mod literal;
pub mod measure;
pub mod outcome;
pub mod profile;
mod scan;
pub mod suite;

pub use error::{Error, Result};
pub use outcome::Outcome;
pub use suite::Suite;
