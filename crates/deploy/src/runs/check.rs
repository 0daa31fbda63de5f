//! Checks of expectations: by themselves, and before a refresh that waits for them. What came of each is remembered for as
//! long as runs are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use headwater_base::clock::Clock;
use headwater_log::Log;
use headwater_quality::{Outcome as Judged, Suite};
use serde::{Deserialize, Serialize};

use super::refresh::Stage;
use super::{Failure, Outcome, Run, Work};
use crate::experiments::checks::{self, Latest};
use crate::history::History;
use crate::{Error, Result};

/// Where results are remembered.
pub const TOPIC: &str = "system.expectation_results";

/// Runs whose results are at hand without reading the log.
const AT_HAND: usize = 64;

/// Reasons that a run's error names.
const REASONS_MAX: usize = 5;

/// What came of one expectation in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub run_id: u64,
    pub suite: String,
    pub relation: String,
    pub judged: Judged,
    /// When the rows were as they were looked at, microseconds UTC.
    pub checked_us: i64,
}

/// All results of a node.
pub struct Results {
    history: History<Record>,
    last: Mutex<VecDeque<(u64, Vec<Record>)>>,
    latest: Mutex<Latest>,
}

impl Results {
    pub fn open(log: Arc<dyn Log>, clock: Arc<dyn Clock>) -> Result<Results> {
        let history: History<Record> = History::open(log, clock, TOPIC)?;
        let latest = Mutex::new(checks::latest(history.all()?));
        Ok(Results { history, last: Mutex::default(), latest })
    }

    /// All that are remembered, the oldest first.
    pub fn all(&self) -> Result<Vec<Record>> {
        self.history.all()
    }

    /// Those of one of the last runs.
    pub fn of_run(&self, run_id: u64) -> Vec<Record> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().filter(|(id, _)| *id == run_id).flat_map(|(_, records)| records.clone()).collect()
    }

    /// Those of the last check of each suite.
    pub fn latest(&self) -> Latest {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, run_id: u64, records: Vec<Record>) -> Result<()> {
        // Waits for the disk.
        tokio::task::block_in_place(|| self.history.append(&records))?;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.extend(checks::latest(records.clone()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == AT_HAND {
            last.pop_front();
        }
        last.push_back((run_id, records));
        Ok(())
    }
}

/// Checks one suite.
#[derive(Clone)]
pub struct Check {
    pub suite: Arc<Suite>,
    pub results: Arc<Results>,
    pub stage: Arc<dyn Stage>,
}

/// What a check came to.
struct Told {
    expectations: u64,
    /// Critical ones that are not met.
    blocking: Vec<String>,
    warnings: Vec<String>,
}

impl Check {
    async fn check(&self, run_id: u64) -> Result<Told> {
        let checked = self.suite.check(&self.stage.session()).await.map_err(Error::from)?;
        let not_met = |severity: &str| {
            let wrong = checked.outcomes.iter().filter(|one| !one.success && one.severity == severity);
            wrong.map(Judged::to_string).collect::<Vec<_>>()
        };
        let told = Told {
            expectations: checked.outcomes.len() as u64,
            blocking: not_met("critical"),
            warnings: not_met("warning"),
        };
        let record = |judged: Judged| Record {
            run_id,
            suite: self.suite.name.clone(),
            relation: self.suite.relation.clone(),
            judged,
            checked_us: checked.as_of_us,
        };
        self.results.remember(run_id, checked.outcomes.clone().into_iter().map(record).collect())?;
        Ok(told)
    }
}

impl Told {
    /// Why something that waits for the check does not go on.
    fn reason(&self, suite: &str) -> Option<String> {
        let count = self.blocking.len();
        let more = count.saturating_sub(REASONS_MAX);
        let named = self.blocking.iter().take(REASONS_MAX).cloned().collect::<Vec<_>>().join("; ");
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        (count > 0)
            .then(|| format!("{count} of {} expectations of {suite} are not met: {named}{rest}", self.expectations))
    }

    fn messages(&self) -> Vec<String> {
        self.warnings.iter().map(|warning| format!("warning: {warning}")).collect()
    }
}

#[async_trait]
impl Work for Check {
    async fn run(&self, run: &Run) -> Result<Outcome, Failure> {
        let told = self.check(run.id).await.map_err(|error| Failure::Failed(error.to_string()))?;
        match told.reason(&self.suite.name) {
            Some(reason) => Err(Failure::Failed(reason)),
            None => Ok(Outcome { messages: told.messages(), ..Outcome::default() }),
        }
    }

    /// What it had remembered is there; it says nothing of the rows as they are now.
    async fn found(&self, _run: &Run) -> Option<Outcome> {
        None
    }
}

/// Work that is held back while suites are not met.
pub struct Guarded {
    pub work: Arc<dyn Work>,
    /// In the order of their names.
    pub checks: Vec<Check>,
}

#[async_trait]
impl Work for Guarded {
    async fn run(&self, run: &Run) -> Result<Outcome, Failure> {
        let mut messages = Vec::new();
        for check in &self.checks {
            // Whoever can't look whether rows are right does not know that they are.
            let told = check.check(run.id).await.map_err(|error| {
                Failure::Held(format!("the expectations {} can't be checked: {error}", check.suite.name))
            })?;
            if let Some(reason) = told.reason(&check.suite.name) {
                return Err(Failure::Held(reason));
            }
            messages.extend(told.messages());
        }
        let mut outcome = self.work.run(run).await?;
        outcome.messages.extend(messages);
        Ok(outcome)
    }

    async fn found(&self, run: &Run) -> Option<Outcome> {
        self.work.found(run).await
    }
}
