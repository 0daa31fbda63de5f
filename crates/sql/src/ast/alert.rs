//! `CREATE ALERT`: a query whose rows say that something is wrong, and who is told.

use super::{CreateMaterializedView, CreateView, Existing, Name, Schedule};
use crate::Options;

/// `CREATE ALERT name EVERY '…' NOTIFY … GROUP BY (…) TIMESTAMP column WITH (…) AS query EMIT …`
#[derive(Debug, Clone)]
pub struct CreateAlert {
    pub name: Name,
    pub existing: Existing,
    /// When it looks. None: all the time.
    pub schedule: Option<Schedule>,
    /// At least one.
    pub notify: Vec<Notify>,
    /// Output columns: rows that are equal in them are of one incident. Empty: all rows are.
    pub group_by: Vec<Name>,
    /// The output column that has a row's event time. None: not said.
    pub timestamp: Option<Name>,
    pub options: Options,
    /// Its rows, as a materialized view of the alert's name. Of one with a schedule only its query counts.
    pub rows: CreateMaterializedView,
}

impl CreateAlert {
    /// The rows of one that looks by a schedule: whoever reads them runs the query.
    pub fn as_view(&self) -> CreateView {
        let CreateMaterializedView { name, existing, columns, query, query_span, query_text, .. } = self.rows.clone();
        CreateView { name, existing, columns, query, query_span, query_text }
    }
}

/// Who is told.
#[derive(Debug, Clone)]
pub enum Notify {
    /// `WEBHOOK (URL 'https://…', …)`
    Webhook(Options),
    /// `EMAIL (TO 'address', CONNECTION name, …)`
    Email { connection: Name, options: Options },
    /// The node's own log.
    Log,
}
