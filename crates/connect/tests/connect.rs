//! The sources as the node uses them: the contract, and what each does with input that is not as it should be.

#![allow(clippy::unwrap_used, reason = "all of it is tests, helpers too")]

#[path = "connect/compressed.rs"]
mod compressed;
#[path = "connect/files.rs"]
mod files;
#[path = "connect/generator.rs"]
mod generator;
#[path = "connect/shop.rs"]
mod shop;

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use headwater_connect::Target;
use headwater_format::Format;

/// A stream of `id BIGINT NOT NULL, name VARCHAR, at TIMESTAMP`.
pub fn target(format: Format) -> Target {
    let at = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8View, true),
        Field::new("at", at, true),
    ]));
    Target { schema, format, event_time: Some(2) }
}

pub fn texts(records: &[Vec<u8>]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect()
}
