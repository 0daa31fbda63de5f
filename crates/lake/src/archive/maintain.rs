//! Keeping the log short: checkpoints, and the removal of commits that they cover.

use deltalake::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use deltalake::table::config::TablePropertiesExt;

use super::{Archive, state};
use crate::Result;

/// Runs after a commit that is already durable, so a failure here is not one of the commit: the next interval tries
/// again, and nothing but the log's length depends on it.
pub(super) async fn after_commit(archive: &mut Archive) {
    let version = archive.known_version();
    if let Err(error) = maintain(archive, version).await {
        let table = archive.table.folder.as_ref();
        tracing::warn!(table, version, error = %error, "the archive's log could not be shortened; it will be tried again");
    }
}

async fn maintain(archive: &Archive, version: u64) -> Result<()> {
    let properties = state(&archive.table, &archive.delta)?.table_properties();
    if !version.is_multiple_of(properties.checkpoint_interval().get()) {
        return Ok(());
    }
    let failed = |source| crate::Error::Delta {
        operation: "maintain",
        table: archive.table.folder.to_string(),
        source: Box::new(source),
    };
    create_checkpoint(&archive.delta, None).await.map_err(failed)?;
    let retention_ms = i64::try_from(properties.log_retention_duration().as_millis()).unwrap_or(i64::MAX);
    let expired_ms = archive.table.now_ms().saturating_sub(retention_ms);
    cleanup_expired_logs_for(version, archive.table.log.as_ref(), expired_ms, None).await.map_err(failed)?;
    Ok(())
}
