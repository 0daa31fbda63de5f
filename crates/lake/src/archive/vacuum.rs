//! Objects that no version in use names: what compaction, retention and refreshes took out, and what interrupted attempts
//! left.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::TryStreamExt;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use super::Archive;
use crate::lake::Table;
use crate::{Error, Result};

/// Since when nobody has named a data file, microseconds since the Unix epoch.
pub(crate) type Unnamed = HashMap<String, i64>;

impl Archive {
    /// Removes data files that neither the latest version nor any snapshot that somebody in this process holds has
    /// named for so long, and that are as old. Returns how many. Outside readers have that time to finish.
    pub async fn vacuum(&mut self, age: Duration) -> Result<usize> {
        self.refresh().await?;
        vacuum(&self.table, self.snapshot.files().collect(), &mut self.unnamed, age).await
    }
}

/// Removes files that are not among those that the latest version names, nor in use, once they are so old.
pub(crate) async fn vacuum(
    table: &Table,
    mut named: HashSet<String>,
    since: &mut Unnamed,
    age: Duration,
) -> Result<usize> {
    let folder = &table.folder;
    let failed = |source| Error::Store { operation: "vacuum", file: folder.to_string(), source };
    let found: Vec<_> = table.store().list(Some(folder)).try_collect().await.map_err(failed)?;
    for held in table.held() {
        named.extend(held.log_data().into_iter().map(|file| file.path().into_owned()));
    }
    let now_us = table.now_us();
    let age_us = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    let mut unnamed = std::mem::take(since);
    let mut removed = 0;
    for meta in found {
        let inside: Vec<_> = meta.location.prefix_match(folder).into_iter().flatten().collect();
        // Folders that begin so are Delta's own.
        let is_data = matches!(&inside[..], [first, .., last]
            if !first.as_ref().starts_with('_') && last.as_ref().ends_with(".parquet"));
        let path = inside.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
        if !is_data || named.contains(&path) {
            continue;
        }
        let since_us = unnamed.remove(&path).unwrap_or(now_us);
        let newest_us = since_us.max(meta.last_modified.timestamp_micros());
        if now_us.saturating_sub(newest_us) < age_us {
            since.insert(path, since_us);
            continue;
        }
        table.store().delete(&meta.location).await.map_err(failed)?;
        table.forget(&meta.location);
        removed += 1;
    }
    Ok(removed)
}
