//! What others see of archives: archivers write it, queries and people read it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use headwater_lake::Snapshot;
use headwater_query::provide::{Archived, Archives, History};

/// One archive as it is now.
#[derive(Clone)]
pub struct Shown {
    pub snapshot: Snapshot,
    /// Rows committed since the node started.
    pub rows: u64,
    /// Why it makes no progress, while it does not.
    pub trouble: Option<String>,
}

/// The archives of a node, by stream. Clones show the same.
#[derive(Clone, Default)]
pub struct Board(Arc<RwLock<HashMap<String, Shown>>>);

impl Board {
    pub fn get(&self, stream: &str) -> Option<Shown> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(stream).cloned()
    }

    /// Replaces what is shown of a stream's archive; a newer version stays.
    pub fn show(&self, stream: &str, mut shown: Shown) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = all.get(stream).filter(|before| before.snapshot.follows(&shown.snapshot)) {
            shown.snapshot = before.snapshot.clone();
        }
        all.insert(stream.to_owned(), shown);
    }

    /// Shows a newer version of the same rows or fewer.
    pub fn advance(&self, stream: &str, snapshot: Snapshot) {
        if let Some(shown) = self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(stream)
            && snapshot.follows(&shown.snapshot)
        {
            shown.snapshot = snapshot;
        }
    }

    /// Adds to what is shown that the archive makes no progress, and why.
    pub fn report(&self, stream: &str, trouble: String) {
        if let Some(shown) = self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(stream) {
            shown.trouble = Some(trouble);
        }
    }
}

impl Archives for Board {
    fn archive(&self, stream: &str) -> Option<Arc<dyn History>> {
        self.get(stream)?;
        Some(Arc::new(Place { board: self.clone(), stream: stream.to_owned() }))
    }
}

/// One stream's place on the board. A query that finds neither in the log nor here what it needs asks here again.
struct Place {
    board: Board,
    stream: String,
}

#[async_trait]
impl History for Place {
    async fn snapshot(&self) -> headwater_query::Result<Arc<dyn Archived>> {
        let gone = || headwater_query::Error::Internal(format!("the archive of {} is gone", self.stream));
        Ok(Arc::new(self.board.get(&self.stream).ok_or_else(gone)?.snapshot))
    }
}
