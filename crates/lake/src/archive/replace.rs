//! A change of which files an archive has, with next offsets as they are.

use std::collections::{BTreeMap, HashSet};

use deltalake::kernel::{Action, Add};
use object_store::PutPayload;
use serde_json::{Value, json};

use super::commit::{ATTEMPTS, lines, offsets_of, unwritable};
use super::log::commit_file;
use super::{Archive, FinishedFile};
use crate::{Error, Result};

/// What a change is for.
pub(super) struct Change<'a> {
    /// As Delta names operations.
    pub operation: &'static str,
    pub removed: Vec<&'a Add>,
    pub added: Option<&'a FinishedFile>,
    /// False where the rows stay the same.
    pub changes_rows: bool,
}

/// Makes the change in one commit. False, and nothing done, where a file that it removes is gone already.
pub(super) async fn replace(archive: &mut Archive, change: &Change<'_>) -> Result<bool> {
    for _ in 0..ATTEMPTS {
        let there: HashSet<String> = archive.snapshot.files().collect();
        if !change.removed.iter().all(|file| there.contains(&file.path)) {
            return Ok(false);
        }
        let table = archive.table.clone();
        let next = archive.known_version() + 1;
        let bytes = encode(archive, change, next - 1)?;
        if table.put_new(&commit_file(&table, next), PutPayload::from(bytes)).await? {
            let file = change.added.iter();
            table.learn(file.filter_map(|file| Some((file.add.as_ref()?.path.clone(), file.sums.clone()?))));
            archive.refresh().await?;
            return Ok(true);
        }
        archive.refresh().await?;
    }
    Err(Error::Contended { table: archive.table.folder.to_string(), attempts: ATTEMPTS })
}

fn encode(archive: &Archive, change: &Change<'_>, read_version: u64) -> Result<String> {
    let now_ms = archive.table.now_ms();
    let mut actions: Vec<Value> =
        change.removed.iter().map(|file| removal(file, now_ms, change.changes_rows)).collect();
    if let Some(mut add) = change.added.and_then(|file| file.add.clone()) {
        add.data_change = change.changes_rows;
        actions.push(serde_json::to_value(Action::Add(add)).map_err(unwritable)?);
    }
    // Next offsets stand in every commit, so that the newest one tells them.
    let next: BTreeMap<u32, i64> = archive.snapshot.offsets().iter().map(|(part, next)| (*part, *next)).collect();
    actions.extend(offsets_of(&archive.table, next, now_ms)?);
    let bytes = |files: &[&Add]| files.iter().map(|file| file.size).sum::<i64>().to_string();
    let added: Vec<&Add> = change.added.iter().filter_map(|file| file.add.as_ref()).collect();
    let info = json!({
        "operation": change.operation,
        "operationParameters": {},
        "operationMetrics": {
            "numRemovedFiles": change.removed.len().to_string(),
            "numRemovedBytes": bytes(&change.removed),
            "numAddedFiles": added.len().to_string(),
            "numAddedBytes": bytes(&added),
        },
        "readVersion": read_version,
        "isBlindAppend": false,
        "timestamp": now_ms,
    });
    Ok(lines(info, &actions))
}

pub(crate) fn removal(file: &Add, now_ms: i64, changes_rows: bool) -> Value {
    json!({ "remove": {
        "path": file.path,
        "deletionTimestamp": now_ms,
        "dataChange": changes_rows,
        "extendedFileMetadata": true,
        "partitionValues": file.partition_values,
        "size": file.size,
    }})
}
