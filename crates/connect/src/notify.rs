//! Places that people are told by, one message at a time.
//!
//! Who calls tries again what is unavailable; each message has a key that is the same each time.

pub mod mail;
pub mod webhook;

pub use mail::Mail;
pub use webhook::Webhook;

pub use headwater_stream::delivery::{Error, Result};
