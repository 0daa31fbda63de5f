//! What a node knows of its own doings while it runs. It is in memory alone, and outlives changes of what runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headwater_deploy::running::Progress;
use headwater_deploy::runs::Runs;
use headwater_query::running::Queries;
use tokio::runtime::Handle;

use super::samples::Samples;

/// Clones are the same.
#[derive(Clone, Default)]
pub struct Known {
    /// None where no node runs.
    pub runs: Option<Arc<Runs>>,
    replays: Arc<Mutex<Vec<Progress>>>,
    pub queries: Arc<Queries>,
    pub samples: Arc<Samples>,
    /// Where queries run; on the threads of who asks where nothing is said.
    pub query_threads: Option<Handle>,
}

impl Known {
    pub fn new(queries: Queries, runs: Arc<Runs>, query_threads: Handle) -> Known {
        let (queries, query_threads) = (Arc::new(queries), Some(query_threads));
        Known { queries, runs: Some(runs), query_threads, ..Known::default() }
    }

    pub fn replays(&self) -> MutexGuard<'_, Vec<Progress>> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
