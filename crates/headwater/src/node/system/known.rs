//! What a node knows of its own doings while it runs. It is in memory alone, and outlives changes of what runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headwater_deploy::running::Progress;
use headwater_query::running::Queries;
use tokio::runtime::Handle;

use super::samples::Samples;

/// Clones are the same.
#[derive(Clone, Default)]
pub struct Known {
    replays: Arc<Mutex<Vec<Progress>>>,
    pub queries: Arc<Queries>,
    pub samples: Arc<Samples>,
    /// Where queries run; on the threads of who asks where nothing is said.
    pub query_threads: Option<Handle>,
}

impl Known {
    pub fn new(queries: Queries, query_threads: Handle) -> Known {
        Known { queries: Arc::new(queries), query_threads: Some(query_threads), ..Known::default() }
    }

    pub fn replays(&self) -> MutexGuard<'_, Vec<Progress>> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
