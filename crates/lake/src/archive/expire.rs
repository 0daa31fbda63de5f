//! The end of old rows: files all of whose rows are past the archive's retention.

use super::files::DataFile;
use super::replace::{Change, replace};
use super::{Archive, maintain};
use crate::Result;

impl Archive {
    /// Removes, in one commit, the files whose rows were all appended before this time. Returns how many. Their objects
    /// stay until [`Archive::vacuum`], so whoever holds an older snapshot reads on.
    pub async fn expire(&mut self, before_us: i64) -> Result<usize> {
        self.refresh().await?;
        let files = self.snapshot.data_files();
        let is_old = |file: &&DataFile| file.newest_us.is_some_and(|newest| newest < before_us);
        let removed: Vec<_> = files.iter().filter(is_old).map(|file| &file.add).collect();
        if removed.is_empty() {
            return Ok(0);
        }
        let count = removed.len();
        let change = Change { operation: "DELETE", removed, added: None, changes_rows: true };
        if !replace(self, &change).await? {
            return Ok(0);
        }
        maintain::after_commit(&self.table, &self.delta, self.known_version()).await;
        Ok(count)
    }
}
