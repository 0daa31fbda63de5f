//! From names to relations and from SQL to rows: the DataFusion session, and the one way in which a stream's log
//! records become rows.
//!
//! Planning here is a pure function of the text and the [`relation::Relations`] that it is given: it never touches the
//! network, the clock or global configuration. What lives above (live views, `system.` relations, the epoch that a
//! query reads) is handed in as traits; this crate keeps no state of its own between queries.

pub mod asof;
pub mod decode;
pub mod error;
pub(crate) mod json;
pub mod model;
pub mod plan;
pub mod provide;
pub mod relation;
pub mod render;
pub mod rule;
pub mod running;
pub mod session;
pub mod sketch;
pub mod sqltype;
#[cfg(test)]
mod testing;
pub mod window;

pub use decode::{Decoded, Reason, Rejected, StreamReader};
pub use error::{Error, Result};
pub use plan::plan_view;
pub use relation::{Origin, Relation, Relations, Stream, View, Watermark};
pub use rule::{Action, Rule, RuleSet, Verdict, Verdicts};
pub use session::{QueryResult, Session, Sources};
