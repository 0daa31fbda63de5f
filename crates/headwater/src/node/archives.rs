//! Archives for queries: of a running node, and of a data folder without one.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::datasource::TableProvider;
use headwater_lake::Snapshot;
use headwater_query::provide::{Archived, Archives, History};
use headwater_query::{Error, Result};
use headwater_stream::sink::archive::Board;

/// What archivers show while they run.
pub struct Live {
    board: Board,
}

impl Live {
    pub fn new(board: Board) -> Live {
        Live { board }
    }
}

impl Archives for Live {
    fn archive(&self, stream: &str) -> Option<Arc<dyn History>> {
        let known = self.board.read().is_ok_and(|board| board.contains_key(stream));
        known.then(|| Arc::new(OfStream { board: Arc::clone(&self.board), stream: stream.to_owned() }) as Arc<_>)
    }
}

struct OfStream {
    board: Board,
    stream: String,
}

#[async_trait]
impl History for OfStream {
    async fn snapshot(&self) -> Result<Arc<dyn Archived>> {
        let shown = self.board.read().ok().and_then(|board| board.get(&self.stream).cloned());
        let shown = shown.ok_or_else(|| Error::Internal(format!("the archive of {} is gone", self.stream)))?;
        Ok(Arc::new(Version(shown.snapshot)))
    }
}

/// What the tables held when they were opened.
pub struct Fixed {
    pub snapshots: HashMap<String, Snapshot>,
}

impl Archives for Fixed {
    fn archive(&self, stream: &str) -> Option<Arc<dyn History>> {
        self.snapshots.get(stream).map(|snapshot| Arc::new(Fixture(snapshot.clone())) as Arc<_>)
    }
}

struct Fixture(Snapshot);

#[async_trait]
impl History for Fixture {
    async fn snapshot(&self) -> Result<Arc<dyn Archived>> {
        Ok(Arc::new(Version(self.0.clone())))
    }
}

#[derive(Debug)]
struct Version(Snapshot);

impl Archived for Version {
    fn next_offset(&self, partition: u32) -> i64 {
        self.0.next_offset(partition)
    }

    fn table(&self) -> Arc<dyn TableProvider> {
        self.0.table_provider()
    }
}
