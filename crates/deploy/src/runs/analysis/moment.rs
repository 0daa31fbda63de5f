//! One point in time for several queries: what the first of them sees, all see.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use datafusion::datasource::TableProvider;
use headwater_query::provide::{ReadPoint, Snapshots, StoredTables};
use headwater_query::relation::Table;
use headwater_query::session::Session;

pub struct Moment {
    snapshots: Arc<dyn Snapshots>,
    tables: Arc<dyn StoredTables>,
    point: OnceLock<Arc<ReadPoint>>,
    found: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl Moment {
    pub fn of(session: &Session) -> Arc<Moment> {
        let sources = session.sources();
        Arc::new(Moment {
            snapshots: Arc::clone(&sources.snapshots),
            tables: Arc::clone(&sources.tables),
            point: OnceLock::new(),
            found: Mutex::default(),
        })
    }
}

impl Snapshots for Moment {
    fn read_point(&self) -> Arc<ReadPoint> {
        Arc::clone(self.point.get_or_init(|| self.snapshots.read_point()))
    }
}

impl StoredTables for Moment {
    fn table(&self, table: &Table) -> headwater_query::Result<Arc<dyn TableProvider>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(&table.name) {
            return Ok(Arc::clone(known));
        }
        let now = self.tables.table(table)?;
        found.insert(table.name.clone(), Arc::clone(&now));
        Ok(now)
    }

    fn version(&self, table: &Table) -> headwater_query::Result<i64> {
        self.tables.version(table)
    }
}
