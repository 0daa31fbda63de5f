//! Objects that no version in use names: what compaction and retention took out, and what interrupted attempts left.

use std::collections::HashSet;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use super::Archive;
use crate::{Error, Result};

impl Archive {
    /// Removes data files that neither the latest version nor any snapshot that somebody in this process holds has
    /// named for so long, and that are as old. Returns how many. Outside readers have that time to finish.
    pub async fn vacuum(&mut self, age: Duration) -> Result<usize> {
        self.refresh().await?;
        let folder = &self.table.folder;
        let failed = |source| Error::Store { operation: "vacuum", file: folder.to_string(), source };
        let found: Vec<_> = self.table.store().list(Some(folder)).try_collect().await.map_err(failed)?;
        let mut named: HashSet<String> = self.snapshot.files().collect();
        for held in self.table.held() {
            named.extend(held.log_data().into_iter().map(|file| file.path().into_owned()));
        }
        let now_us = self.table.now_us();
        let age_us = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let mut unnamed = std::mem::take(&mut self.unnamed);
        let mut removed = 0;
        for meta in found {
            let inside: Vec<_> = meta.location.prefix_match(folder).into_iter().flatten().collect();
            let is_data =
                inside.len() == 2 && inside[0].as_ref().starts_with('p') && inside[1].as_ref().ends_with(".parquet");
            let path = inside.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
            if !is_data || named.contains(&path) {
                continue;
            }
            let since_us = unnamed.remove(&path).unwrap_or(now_us);
            let newest_us = since_us.max(meta.last_modified.timestamp_micros());
            if now_us.saturating_sub(newest_us) < age_us {
                self.unnamed.insert(path, since_us);
                continue;
            }
            self.table.store().delete(&meta.location).await.map_err(failed)?;
            self.table.forget(&meta.location);
            removed += 1;
        }
        Ok(removed)
    }
}
