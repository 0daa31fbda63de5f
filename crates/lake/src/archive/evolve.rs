//! An archive whose stream has other columns than before: the columns change in one commit, and rows stay.
//!
//! A column that is new is null in rows that are there. A column that is gone stays in the files, unseen, until
//! compaction or retention takes them; its name is not given again, since old values would then be seen under it. A
//! column of another type is written anew in every file, so that any reader of Delta tables finds what the table says.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::{Action, Add};
use object_store::PutPayload;
use serde_json::{Value, json};

use super::commit::{lines, offsets_of, unwritable};
use super::files::DataFile;
use super::log::commit_file;
use super::replace::removal;
use super::replay::Replay;
use super::{Archive, FinishedFile, PartitionWriter, schema};
use crate::lake::Table;
use crate::{Error, Result};

/// Names of columns that are gone, in the table's configuration.
const DROPPED: &str = "headwater.droppedColumns";

/// Brings an archive to a stream's columns. Nothing happens where it has them.
///
/// # Errors
/// [`Error::Schema`] where a row that is there can't have the new columns.
pub(super) async fn evolve(table: &Arc<Table>, needed: &SchemaRef) -> Result<()> {
    let archive = Archive::load(Arc::clone(table), None).await?;
    let found = archive.schema();
    let same = found.fields().len() == needed.fields().len()
        && found.fields().iter().zip(needed.fields()).all(|(found, needed)| {
            let may_be_null = found.is_nullable() || !needed.is_nullable();
            found.name() == needed.name() && found.data_type() == needed.data_type() && may_be_null
        });
    if same {
        return Ok(());
    }
    let dropped = dropped(&archive, &found, needed)?;
    check(table, &found, needed, &dropped)?;
    let widened = found
        .fields()
        .iter()
        .any(|field| needed.field_with_name(field.name()).is_ok_and(|needed| needed.data_type() != field.data_type()));
    let mut written = Vec::new();
    let files = if widened { archive.snapshot.data_files() } else { Vec::new() };
    for file in &files {
        written.push(rewrite(&archive, needed, file).await?);
    }
    let next = archive.known_version() + 1;
    let bytes = encode(&archive, needed, &dropped, &files, &written)?;
    if !table.put_new(&commit_file(table, next), PutPayload::from(bytes)).await? {
        return Err(Error::Contended { table: table.folder.to_string(), attempts: 1 });
    }
    Ok(())
}

/// Columns that will be gone, those that were gone before included.
fn dropped(archive: &Archive, found: &Schema, needed: &Schema) -> Result<BTreeSet<String>> {
    let metadata = metadata(archive)?;
    let before = metadata["configuration"][DROPPED].as_str().unwrap_or("[]");
    let mut dropped: BTreeSet<String> = serde_json::from_str(before)
        .map_err(|error| Error::corrupt(archive.table.folder.to_string(), format!("{DROPPED}: {error}")))?;
    let gone = found.fields().iter().filter(|field| needed.field_with_name(field.name()).is_err());
    dropped.extend(gone.map(|field| field.name().clone()));
    Ok(dropped)
}

fn check(table: &Table, found: &Schema, needed: &Schema, dropped: &BTreeSet<String>) -> Result<()> {
    let refuse = |detail: String| Err(Error::Schema { table: table.folder.to_string(), detail });
    for field in needed.fields() {
        if found.field_with_name(field.name()).is_ok() {
            continue;
        }
        if dropped.iter().any(|gone| gone.eq_ignore_ascii_case(field.name())) {
            return refuse(format!(
                "a column {:?} was dropped before, and its values would be seen again",
                field.name()
            ));
        }
        if !field.is_nullable() {
            return refuse(format!("rows that are there have no value for {:?}, which is NOT NULL", field.name()));
        }
    }
    Ok(())
}

/// The same rows and offsets in a file of the new columns.
async fn rewrite(archive: &Archive, needed: &SchemaRef, file: &DataFile) -> Result<FinishedFile> {
    let table = Arc::clone(&archive.table);
    let mut writer = PartitionWriter::new(table, Arc::clone(needed), file.partition, file.first_offset);
    let mut rows = Replay::of_files(&archive.snapshot, std::iter::once(file.add.path.clone()));
    rows.conform_to(needed);
    while let Some(batch) = rows.next().await? {
        writer.write_archived(&batch)?;
    }
    writer.set_next_offset(file.next_offset)?;
    let finished = writer.finish().await?;
    finished.ok_or_else(|| Error::Rows { detail: format!("{} has no rows", file.add.path) })
}

fn metadata(archive: &Archive) -> Result<Value> {
    serde_json::to_value(archive.snapshot.delta().metadata()).map_err(unwritable)
}

fn encode(
    archive: &Archive,
    needed: &Schema,
    dropped: &BTreeSet<String>,
    removed: &[DataFile],
    written: &[FinishedFile],
) -> Result<String> {
    let now_ms = archive.table.now_ms();
    let mut metadata = metadata(archive)?;
    let schema = serde_json::to_string(&schema::to_delta(needed)?).map_err(unwritable)?;
    metadata["schemaString"] = json!(schema);
    if !dropped.is_empty() {
        metadata["configuration"][DROPPED] = json!(serde_json::to_string(dropped).map_err(unwritable)?);
    }
    let mut actions = vec![json!({ "metaData": metadata })];
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
