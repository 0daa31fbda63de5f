//! The lake's snapshots as states of archives.

use std::sync::Arc;

use datafusion::datasource::TableProvider;

use super::Archived;

impl Archived for headwater_lake::Snapshot {
    fn next_offset(&self, partition: u32) -> i64 {
        headwater_lake::Snapshot::next_offset(self, partition)
    }

    fn table(&self) -> Arc<dyn TableProvider> {
        self.table_provider()
    }
}
