//! Keeping the log short: checkpoints, and the removal of commits that they cover.

use deltalake::DeltaTable;
use deltalake::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use deltalake::table::config::TablePropertiesExt;

use super::state;
use crate::Result;
use crate::lake::Table;

/// Runs after a commit that is already durable, so a failure here is not one of the commit: the next interval tries
/// again, and nothing but the log's length depends on it.
pub(crate) async fn after_commit(table: &Table, delta: &DeltaTable, version: u64) {
    if let Err(error) = maintain(table, delta, version).await {
        let table = table.folder.as_ref();
        tracing::warn!(table, version, error = %error, "the table's log could not be shortened; it will be tried again");
    }
}

async fn maintain(table: &Table, delta: &DeltaTable, version: u64) -> Result<()> {
    let properties = state(table, delta)?.table_properties();
    if !version.is_multiple_of(properties.checkpoint_interval().get()) {
        return Ok(());
    }
    let failed = |source| crate::Error::Delta {
        operation: "maintain",
        table: table.folder.to_string(),
        source: Box::new(source),
    };
    create_checkpoint(delta, None).await.map_err(failed)?;
    let retention_ms = i64::try_from(properties.log_retention_duration().as_millis()).unwrap_or(i64::MAX);
    let expired_ms = table.now_ms().saturating_sub(retention_ms);
    cleanup_expired_logs_for(version, table.log.as_ref(), expired_ms, None).await.map_err(failed)?;
    Ok(())
}
