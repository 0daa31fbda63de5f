//! SQL to plans: a pure function of the text and the relations that it can name.
//!
//! Nothing here touches the network, the clock or global configuration.

pub mod analysis;
pub mod diagnose;
pub mod grouping;
pub mod key;
pub mod measure;
mod once;
pub mod refusal;
pub mod refuse;
pub mod scope;
pub mod simplify;
mod subquery;
#[cfg(test)]
mod tests;
pub mod view;
pub mod written;

pub use diagnose::Place;
pub use scope::{RelationSource, SystemSource, Tables, reads_of_node, scanned};
pub use view::{plan_plain_view, plan_refreshed_view, plan_view, streaming_rules};
