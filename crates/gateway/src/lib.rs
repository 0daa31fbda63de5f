//! Every protocol that others speak to us. So far: HTTP, with the console, and PostgreSQL's protocol.
//!
//! This room turns requests into calls of the [`node`] behind it and its answers into bytes. It keeps no state of
//! the platform's and decides nothing about data.

mod accept;
pub mod access;
mod console;
pub mod guesses;
pub mod http;
pub mod ingest;
pub mod metrics;
pub mod node;
pub mod postgres;
pub mod problem;
pub mod read;
pub mod tls;
pub mod users;

pub use http::{Error, NODE_HEADER, Server};
pub use node::{Done, File, Node, Outcome, Planned};
pub use problem::{Problem, Reason};
