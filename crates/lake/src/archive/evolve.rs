//! An archive whose stream has other columns than before: the columns change in one commit, and rows stay.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake::kernel::{Action, Add};
use object_store::PutPayload;
use serde_json::json;

use super::columns::Change;
use super::commit::{lines, offsets_of, unwritable};
use super::files::DataFile;
use super::log::commit_file;
use super::replace::removal;
use super::replay::Replay;
use super::{Archive, FinishedFile, PartitionWriter};
use crate::lake::Table;
use crate::{Error, Result};

/// Brings an archive to a stream's columns. Nothing happens where it has them.
///
/// # Errors
/// [`Error::Schema`] where a row that is there can't have the new columns.
pub(super) async fn evolve(table: &Arc<Table>, needed: &SchemaRef) -> Result<()> {
    let archive = Archive::load(Arc::clone(table), None).await?;
    let Some(change) = Change::of(table.folder.as_ref(), &archive.snapshot, needed)? else { return Ok(()) };
    let mut written = Vec::new();
    let files = if change.widens() { archive.snapshot.data_files() } else { Vec::new() };
    for file in &files {
        written.push(rewrite(&archive, needed, file).await?);
    }
    let next = archive.known_version() + 1;
    let bytes = encode(&archive, &change, &files, &written)?;
    if !table.put_new(&commit_file(table, next), PutPayload::from(bytes)).await? {
        return Err(Error::Contended { table: table.folder.to_string(), attempts: 1 });
    }
    Ok(())
}

/// The same rows and offsets in a file of the new columns.
async fn rewrite(archive: &Archive, needed: &SchemaRef, file: &DataFile) -> Result<FinishedFile> {
    let table = Arc::clone(&archive.table);
    let mut writer = PartitionWriter::new(table, Arc::clone(needed), file.partition, file.first_offset);
    let mut rows = Replay::of_files(&archive.snapshot, std::iter::once(&file.add));
    rows.conform_to(needed);
    while let Some(batch) = rows.next().await? {
        writer.write_archived(&batch)?;
    }
    writer.set_next_offset(file.next_offset)?;
    let finished = writer.finish().await?;
    finished.ok_or_else(|| Error::Rows { detail: format!("{} has no rows", file.add.path) })
}

fn encode(archive: &Archive, change: &Change<'_>, removed: &[DataFile], written: &[FinishedFile]) -> Result<String> {
    let now_ms = archive.table.now_ms();
    let mut actions = vec![change.action()?];
    actions.extend(removed.iter().map(|file| removal(&file.add, now_ms, false)));
    for file in written {
        if let Some(add) = file.add.clone() {
            let add = Add { data_change: false, ..add };
            actions.push(serde_json::to_value(Action::Add(add)).map_err(unwritable)?);
        }
    }
    let offsets = archive.snapshot.offsets().iter().map(|(partition, next)| (*partition, *next)).collect();
    actions.extend(offsets_of(&archive.table, offsets, now_ms)?);
    let info = json!({
        "operation": "CHANGE COLUMNS",
        "operationParameters": {},
        "readVersion": archive.known_version(),
        "isBlindAppend": false,
        "timestamp": now_ms,
    });
    Ok(lines(info, &actions))
}
