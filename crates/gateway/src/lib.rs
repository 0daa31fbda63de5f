//! Every protocol that others speak to us. So far: SQL over HTTP.
//!
//! This room turns requests into calls of the rooms below and their answers into bytes. It keeps no state and decides
//! nothing about data.

pub mod http;

pub use http::{Error, NODE_HEADER, Server};
