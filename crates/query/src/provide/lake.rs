//! The lake's archives as histories of streams.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::datasource::TableProvider;

use super::{Archived, History};
use crate::Result;

impl Archived for headwater_lake::Snapshot {
    fn next_offset(&self, partition: u32) -> i64 {
        headwater_lake::Snapshot::next_offset(self, partition)
    }

    fn table(&self) -> Arc<dyn TableProvider> {
        self.table_provider()
    }
}

/// The latest snapshot of an archive, as its one writer publishes it after each commit: before it releases the log,
/// since a query that finds neither in the log nor here what it needs asks here again.
#[derive(Debug)]
pub struct LatestSnapshot {
    snapshot: RwLock<headwater_lake::Snapshot>,
}

impl LatestSnapshot {
    pub fn new(snapshot: headwater_lake::Snapshot) -> LatestSnapshot {
        LatestSnapshot { snapshot: RwLock::new(snapshot) }
    }

    pub fn publish(&self, snapshot: headwater_lake::Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

#[async_trait]
impl History for LatestSnapshot {
    async fn snapshot(&self) -> Result<Arc<dyn Archived>> {
        Ok(Arc::new(self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}
