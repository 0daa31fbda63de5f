//! Telling a damaged table from one that does not answer, and naming the damaged file.

use deltalake::DeltaTableError;
use futures::TryStreamExt;
use object_store::ObjectStore as _;

use super::log::{self, Facts, LogFiles};
use crate::lake::Table;
use crate::{Error, Result};

/// Whether there is a table. A folder with data but without its log is a damaged table, not a missing one.
pub(crate) async fn exists(table: &Table) -> Result<bool> {
    let files = LogFiles::list(table).await?;
    if !files.is_empty() {
        return Ok(true);
    }
    let store = table.store();
    let mut data = store.list(Some(&table.folder));
    let failed = |source| Error::Store { operation: "list", file: table.folder.to_string(), source };
    match data.try_next().await.map_err(failed)? {
        Some(file) => {
            let detail = format!("it has no commits, but there is {}", file.location);
            Err(Error::corrupt(table.file(log::LOG).to_string(), detail))
        }
        None => Ok(false),
    }
}

/// What is behind a failure of the Delta library: it names no files. The log is read again here, file by file.
pub(crate) async fn explain(table: &Table, operation: &'static str, error: DeltaTableError) -> Error {
    match examine(table).await {
        Err(found) => found,
        Ok(()) => Error::Delta { operation, table: table.folder.to_string(), source: Box::new(error) },
    }
}

async fn examine(table: &Table) -> Result<()> {
    let files = LogFiles::list(table).await?;
    let checkpoint = files.checkpoint(u64::MAX);
    let mut facts = Facts::default();
    for part in checkpoint.iter().flat_map(|(_, parts)| parts) {
        log::read_checkpoint(part, table.read(part).await?, &mut facts)?;
    }
    let mut next = checkpoint.map_or(0, |(version, _)| version + 1);
    for version in files.commits.into_iter().filter(|version| *version >= next).collect::<Vec<_>>() {
        if version > next {
            return Err(Error::corrupt(log::commit_file(table, next).to_string(), "it is missing"));
        }
        let file = log::commit_file(table, version);
        log::parse_commit(&file, &table.read(&file).await?, &mut facts)?;
        next = version + 1;
    }
    Ok(())
}
