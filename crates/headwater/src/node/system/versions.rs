//! `system.versions`: what whoever shows rows asks before it asks for them again.

use std::sync::Arc;

use arrow::array::ArrayRef;
use headwater_query::provide::StoredTables;
use headwater_query::relation::{Place, Relations, Table};
use headwater_stream::engine::published::Inner;
use headwater_stream::letter;

use super::text;

/// The tables of the lake, and a number that tells this from what ran before.
#[derive(Default)]
pub struct Versions {
    opened_us: i64,
    /// None where nobody opened any.
    tables: Option<Arc<dyn StoredTables>>,
    of_lake: Vec<Arc<Table>>,
}

impl Versions {
    pub fn new(opened_us: i64, tables: Arc<dyn StoredTables>, relations: &Relations) -> Versions {
        let of_lake = relations.tables().filter(|table| matches!(table.place, Place::Lake(_))).cloned().collect();
        Versions { opened_us, tables: Some(tables), of_lake }
    }

    /// Equal as long as the rows are. Streams grow at their ends; of a table of the lake each commit is a version.
    pub fn rows(&self, inner: &Inner) -> Vec<ArrayRef> {
        let opened = self.opened_us;
        // Whoever shows rows shows their end, too.
        let stopped = |name: &str| if inner.failed.contains_key(name) { " stopped" } else { "" };
        let mut all: Vec<(&str, String)> = Vec::new();
        for (name, ends) in inner.ends.iter().filter(|(name, _)| *name != letter::TOPIC) {
            all.push((name, format!("{opened}.{}{}", ends.iter().sum::<i64>(), stopped(name))));
        }
        for (name, table) in &inner.tables {
            all.push((name, format!("{opened}.{}{}", table.changes(), stopped(name))));
        }
        if let Some(tables) = &self.tables {
            // One that is not there any more has no version.
            let versions = self.of_lake.iter().filter_map(|table| Some((table, tables.version(table).ok()?)));
            all.extend(versions.map(|(table, version)| (table.name.as_str(), format!("{opened}.{version}"))));
        }
        vec![text(all.iter().map(|(name, _)| Some(*name))), text(all.iter().map(|(_, version)| Some(version.as_str())))]
    }
}
