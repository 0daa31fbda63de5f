//! `/v1/streams/{name}`: rows in, and rows out as an answer that ends or as one that goes on.

pub mod append;
mod events;
pub mod read;
