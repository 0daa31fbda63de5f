//! Tables of the lake: inputs whose rows change by versions.

use std::sync::Arc;

use datafusion::logical_expr::TableScan;
use headwater_query::relation::{Place, Table};

use super::facts::Fact;
use super::{Compile, Flow};
use crate::graph::Step;
use crate::operator::table;
use crate::{Error, Result};

impl Compile<'_> {
    /// The columns of a table that the view needs.
    pub(super) fn table(&mut self, table: &Arc<Table>, scan: &TableScan) -> Result<Flow> {
        if let Place::Files(_) = table.place {
            let message = format!(
                "{} reads external table {}; files of others in materialized views are not built yet",
                self.view, table.name
            );
            let hint = "bring its rows into a table with CREATE TABLE … AS SELECT, or read it in a view over this one";
            return Err(Error::not_built(message).with_hint(hint));
        }
        let columns = scan.projection.clone().unwrap_or_else(|| (0..table.schema.fields().len()).collect());
        let schema = Arc::new(table.schema.project(&columns)?);
        let facts = vec![Fact::None; columns.len()];
        let plan = table::Plan { table: Arc::clone(table), columns, schema: Arc::clone(&schema) };
        let from = self.push("table", Vec::new(), Step::Table(plan));
        Ok(Flow { from, schema, facts, retracts: true, inputs: Vec::new(), is_placed: false })
    }
}
