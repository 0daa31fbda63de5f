//! `CREATE FEATURE VIEW`: what is known of entities, now and as of any time.

use std::time::Duration;

use super::{CreateMaterializedView, Existing, Name};
use crate::{Options, Span};

/// `CREATE FEATURE VIEW name ENTITY (columns) TIMESTAMP column KNOWN AT column TTL '…' REFRESH … WITH (…) AS query`
#[derive(Debug, Clone)]
pub struct CreateFeatureView {
    pub name: Name,
    pub existing: Existing,
    /// Output columns that tell entities apart; at least one.
    pub entity: Vec<Name>,
    /// The output column that says as of when the values are.
    pub timestamp: Name,
    /// The output column that says when the values were known. None: when the log had their rows.
    pub known_at: Option<Name>,
    /// How long values count. None: until others come.
    pub ttl: Option<Duration>,
    pub ttl_span: Span,
    pub options: Options,
    /// Its rows, as a materialized view of the feature view's name.
    pub rows: CreateMaterializedView,
}
