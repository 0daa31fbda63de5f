//! One atomic change of an archive: files and next offsets together, each range once.

use std::collections::BTreeMap;

use deltalake::kernel::{Action, Transaction};
use object_store::PutPayload;
use serde_json::{Value, json};

use super::log::{Offsets, app_id, commit_file};
use super::{Archive, FinishedFile};
use crate::{Error, Result};

/// Tries at the next version before a commit gives up; each failed one means that somebody else committed.
pub(crate) const ATTEMPTS: u32 = 100;

pub(super) async fn commit(archive: &mut Archive, files: &[FinishedFile]) -> Result<i64> {
    for _ in 0..ATTEMPTS {
        let table = archive.table.clone();
        let wanted = missing(&table.folder, archive.snapshot.offsets(), files)?;
        if wanted.is_empty() {
            return Ok(archive.version());
        }
        let next = archive.known_version() + 1;
        let bytes = encode(&table, archive.snapshot.offsets(), &wanted, next - 1)?;
        let file = commit_file(&table, next);
        if table.put_new(&file, PutPayload::from(bytes)).await? {
            let sums = wanted.iter().filter_map(|file| Some((file.add.as_ref()?.path.clone(), file.sums.clone()?)));
            table.learn(sums);
            archive.refresh().await?;
            return Ok(archive.version());
        }
        archive.refresh().await?;
    }
    Err(Error::Contended { table: archive.table.folder.to_string(), attempts: ATTEMPTS })
}

/// The files whose ranges the archive has not yet. An earlier attempt may have committed without our hearing of it.
fn missing(table: &object_store::path::Path, offsets: &Offsets, files: &[FinishedFile]) -> Result<Vec<FinishedFile>> {
    let mut sorted: Vec<&FinishedFile> = files.iter().collect();
    sorted.sort_by_key(|file| (file.partition, file.first_offset, file.next_offset));
    let mut reached: BTreeMap<u32, i64> = BTreeMap::new();
    let mut wanted = Vec::new();
    for file in sorted {
        let archived = offsets.get(&file.partition).copied().unwrap_or(0);
        if file.next_offset <= archived {
            continue;
        }
        let reached = reached.entry(file.partition).or_insert(archived);
        let FinishedFile { partition, from, first_offset: first, next_offset: next, .. } = *file;
        let (table, archived) = (table.to_string(), *reached);
        if first < archived {
            return Err(Error::Overlap { table, partition, archived, first, next });
        }
        if from > archived {
            return Err(Error::Gap { table, partition, archived, from });
        }
        *reached = file.next_offset;
        wanted.push(file.clone());
    }
    Ok(wanted)
}

/// The next offsets of all partitions stand in each commit, under its checksum: so the newest commit alone tells them,
/// and nobody has to believe a checkpoint, which has none.
fn encode(table: &crate::lake::Table, offsets: &Offsets, files: &[FinishedFile], read_version: u64) -> Result<String> {
    let now_ms = table.now_ms();
    let mut next: BTreeMap<u32, i64> = offsets.iter().map(|(partition, offset)| (*partition, *offset)).collect();
    let mut actions = Vec::new();
    for file in files {
        if let Some(add) = file.add.clone() {
            actions.push(serde_json::to_value(Action::Add(add)).map_err(unwritable)?);
        }
        next.insert(file.partition, file.next_offset);
    }
    actions.extend(offsets_of(table, next, now_ms)?);
    let rows: usize = files.iter().map(|file| file.rows).sum();
    let metrics = json!({ "numFiles": files.len().to_string(), "numOutputRows": rows.to_string() });
    let info = json!({
        "operation": "STREAMING UPDATE",
        "operationParameters": { "outputMode": "Append" },
        "operationMetrics": metrics,
        "readVersion": read_version,
        "isBlindAppend": true,
        "timestamp": now_ms,
    });
    Ok(lines(info, &actions))
}

/// The application transactions that say next offsets.
pub(super) fn offsets_of(table: &crate::lake::Table, next: BTreeMap<u32, i64>, now_ms: i64) -> Result<Vec<Value>> {
    let transaction = |(partition, offset)| {
        let app_id = app_id(&table.name, partition);
        let action = Action::Txn(Transaction::new_with_last_update(app_id, offset, Some(now_ms)));
        serde_json::to_value(action).map_err(unwritable)
    };
    next.into_iter().map(transaction).collect()
}

pub(crate) fn unwritable(error: serde_json::Error) -> Error {
    Error::Rows { detail: format!("a commit can't be written: {error}") }
}

/// A commit file: its own description, with the checksum of the rest, then an action a line.
pub(crate) fn lines(mut info: Value, actions: &[Value]) -> String {
    let rest: String = actions.iter().map(|action| format!("{action}\n")).collect();
    info["engineInfo"] = json!(concat!("headwater/", env!("CARGO_PKG_VERSION")));
    info["headwaterCrc32c"] = json!(crc32c::crc32c(rest.as_bytes()));
    format!("{}\n{rest}", json!({ "commitInfo": info }))
}
