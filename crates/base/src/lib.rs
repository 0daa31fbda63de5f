//! The ground floor: what every room needs to touch the outside world under control.
//!
//! Wall clock, randomness and storage are reached through here and nowhere else, so that a
//! seeded test can stop the clock, repeat the dice and fail or tear any write. Nothing in this
//! crate knows of streams, SQL or engines.

pub mod clock;
pub mod error;
pub mod files;
pub mod objects;
pub mod random;

pub use error::ErrorKind;
