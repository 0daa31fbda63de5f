//! What a node knows of its own doings while it runs. It outlives changes of what runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headwater_base::clock::Clock;
use headwater_deploy::Result;
use headwater_deploy::expectations::Suites;
use headwater_deploy::experiments;
use headwater_deploy::features::compare::Comparison;
use headwater_deploy::models::Registry;
use headwater_deploy::running::Progress;
use headwater_deploy::runs::analysis;
use headwater_deploy::runs::check::Results;
use headwater_deploy::runs::{Pools, Runs};
use headwater_log::Log;
use headwater_query::running::Queries;
use tokio::runtime::Handle;

use super::samples::Samples;

/// Clones are the same.
#[derive(Clone, Default)]
pub struct Known {
    /// None where no node runs.
    pub runs: Option<Arc<Runs>>,
    /// None where no node runs.
    pub results: Option<Arc<Results>>,
    /// Versions of models.
    pub registry: Option<Arc<Registry>>,
    /// None where no node runs.
    pub analyses: Option<Arc<analysis::Results>>,
    /// Suites of expectations that are declared.
    suites: Arc<Mutex<Vec<Suites>>>,
    /// Experiments that are declared.
    experiments: Arc<Mutex<Vec<Arc<experiments::Declared>>>>,
    /// Feature views, online against offline, by their names.
    comparisons: Arc<Mutex<BTreeMap<String, Comparison>>>,
    replays: Arc<Mutex<Vec<Progress>>>,
    pub queries: Arc<Queries>,
    pub samples: Arc<Samples>,
    /// Where queries run; on the threads of who asks where nothing is said.
    pub query_threads: Option<Handle>,
}

impl Known {
    /// With what earlier nodes have remembered in the log.
    pub fn open(
        queries: Queries,
        pools: Pools,
        log: &Arc<dyn Log>,
        clock: &Arc<dyn Clock>,
        query_threads: Handle,
    ) -> Result<Known> {
        let runs = Arc::new(Runs::open(Arc::clone(log), Arc::clone(clock), pools)?);
        let results = Arc::new(Results::open(Arc::clone(log), Arc::clone(clock))?);
        let analyses = Some(Arc::new(analysis::Results::open(Arc::clone(log), Arc::clone(clock))?));
        let (queries, query_threads) = (Arc::new(queries), Some(query_threads));
        Ok(Known { queries, runs: Some(runs), results: Some(results), analyses, query_threads, ..Known::default() })
    }

    /// With versions of models.
    pub fn with_models(self, registry: Arc<Registry>) -> Known {
        Known { registry: Some(registry), ..self }
    }

    pub fn suites(&self) -> MutexGuard<'_, Vec<Suites>> {
        self.suites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn experiments(&self) -> MutexGuard<'_, Vec<Arc<experiments::Declared>>> {
        self.experiments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn comparisons(&self) -> MutexGuard<'_, BTreeMap<String, Comparison>> {
        self.comparisons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn replays(&self) -> MutexGuard<'_, Vec<Progress>> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
