//! The state of updating aggregations: groups in a hash table, and per group what its aggregates need to take rows in and
//! back.

pub mod accumulator;
pub mod distinct;
pub mod exact;
pub mod folded;
pub mod keys;
pub mod numbers;
pub mod ordered;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

pub use accumulator::{Accumulator, Function};
pub use exact::ExactSum;
pub use keys::Keys;

/// Columns without names of their own.
pub(crate) fn numbered(types: &[DataType]) -> SchemaRef {
    let fields = types.iter().enumerate().map(|(at, each)| Field::new(format!("column_{at}"), each.clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
