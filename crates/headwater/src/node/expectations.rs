//! Expectations of a node: what is declared as tasks of runs, checkpoints that are followed, and the statements that ask.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use futures::StreamExt;
use headwater_base::ErrorKind;
use headwater_deploy::expectations::Suites;
use headwater_deploy::resolve;
use headwater_deploy::runs::check::{Check, Guarded, Results};
use headwater_deploy::runs::refresh::Stage;
use headwater_deploy::runs::{Asked, Cause, Declared, Kind, Run, Task, Work};
use headwater_gateway::{Node as _, Outcome, Problem};
use headwater_query::session::QueryResult;
use headwater_sql::ast::{CheckExpectations, Profile};
use headwater_sql::settings::{CatchUp, RunSettings};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed};
use tokio::sync::oneshot;

use super::doors::Doors;
use super::system::expectations::judged;
use super::system::{Known, results_schema};

/// How often it is looked whether there is another checkpoint.
const LOOK: Duration = Duration::from_millis(200);

/// Suites that are declared, ready to be checked.
pub fn checks(declared: &resolve::Declared, results: &Arc<Results>, stage: &Arc<dyn Stage>) -> Vec<(Suites, Check)> {
    let check = |suites: &Suites| {
        let (results, stage) = (Arc::clone(results), Arc::clone(stage));
        (suites.clone(), Check { suite: Arc::clone(&suites.suite), results, stage })
    };
    declared.suites.iter().map(check).collect()
}

/// A suite as a task of its own.
pub fn task((suites, check): &(Suites, Check)) -> Declared {
    let task = Task {
        object: suites.suite.name.clone(),
        kind: Kind::Check,
        schedule: suites.schedule.clone(),
        settings: RunSettings {
            retries: 0,
            retry_delay: Duration::from_secs(60),
            timeout: None,
            catch_up: CatchUp::Latest,
            pool: None,
        },
        after: if suites.is_of_refreshed { vec![suites.suite.relation.clone()] } else { Vec::new() },
        fingerprint: suites.text.clone(),
        at_once: false,
        early: false,
    };
    Declared { task, work: Arc::new(check.clone()) }
}

/// The refresh of a view, after the suites that it waits for.
pub fn guarded(work: Arc<dyn Work>, view: &str, checks: &[(Suites, Check)]) -> Arc<dyn Work> {
    let before = checks.iter().filter(|(suites, _)| suites.before_refresh_of.iter().any(|one| one == view));
    let checks: Vec<Check> = before.map(|(_, check)| check.clone()).collect();
    if checks.is_empty() { work } else { Arc::new(Guarded { work, checks }) }
}

/// Asks for the checks that each checkpoint wants, for as long as there are doors. One that still goes on is not asked
/// for again.
pub async fn follow_checkpoints(known: Known, doors: Weak<Doors>) {
    let Some(runs) = known.runs.clone() else { return };
    let mut last = None;
    let mut asked: Vec<(String, oneshot::Receiver<Run>)> = Vec::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(doors) = doors.upgrade() else { return };
        let number = doors.published().lock().status.checkpoint.map(|checkpoint| checkpoint.number);
        drop(doors);
        if number.is_none() || number == last {
            continue;
        }
        last = number;
        asked.retain_mut(|(_, ended)| matches!(ended.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        let wanted: Vec<String> = known
            .suites()
            .iter()
            .filter(|suites| suites.each_checkpoint)
            .map(|suites| suites.suite.name.clone())
            .collect();
        for name in wanted {
            if asked.iter().any(|(one, _)| *one == name) {
                continue;
            }
            // A suite that is gone meanwhile is nothing that runs.
            if let Ok(ended) = runs.ask(&name, Asked { cause: Cause::Checkpoint, range_us: None }) {
                asked.push((name, ended));
            }
        }
    }
}

impl Doors {
    /// Checks a suite now, and says what came of it.
    pub(super) async fn check_expectations(
        &self,
        check: &CheckExpectations,
        parsed: &Parsed,
    ) -> Result<Outcome, Problem> {
        let name = &check.name.value;
        let names: Vec<String> = self.known().suites().iter().map(|suites| suites.suite.name.clone()).collect();
        if !names.contains(name) {
            let refused =
                Diagnostic::new(parsed.source.clone(), check.name.span, format!("there are no expectations {name}"));
            let refused = refused.with_fault(Fault::NoObject);
            return Err(Diagnostics::from(match headwater_sql::nearest(name, names.iter().map(String::as_str)) {
                Some(near) => refused.with_hint(format!("did you mean {near}?")),
                None => refused.with_hint("declare them with CREATE EXPECTATIONS"),
            })
            .into());
        }
        let asked = self.runs()?.ask(name, Asked { cause: Cause::Manual, range_us: None });
        let ended = asked.map_err(Problem::from)?.await.map_err(|_| super::doors::stopping())?;
        let results = self.known().results.clone().ok_or_else(super::doors::stopping)?;
        let records = results.of_run(ended.id);
        if records.is_empty() {
            let why = ended.error.unwrap_or_else(|| ended.state.to_string());
            return Err(Problem::new(ErrorKind::Invalid, format!("the check of {name} {}: {why}", ended.state)));
        }
        let as_of_us = records.first().map_or(0, |record| record.checked_us);
        let all = results_schema();
        // Not the run, the suite, the relation and the time: whoever asks knows them.
        let fields = all.fields().iter().skip(3).take(all.fields().len() - 4).cloned();
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        self.answer(schema, judged(&records), as_of_us)
    }

    /// What the rows of a relation are like.
    pub(super) async fn profile(&self, profile: &Profile, parsed: &Parsed) -> Result<Outcome, Problem> {
        let session = self.session();
        let found = headwater_quality::profile::profile(&session, profile, &parsed.source).await;
        let found = found.map_err(|error| Problem::from(headwater_deploy::Error::from(error)))?;
        self.answer(found.rows.schema(), found.rows.columns().to_vec(), found.as_of_us)
    }

    pub(super) fn answer(
        &self,
        schema: SchemaRef,
        columns: Vec<arrow::array::ArrayRef>,
        as_of_us: i64,
    ) -> Result<Outcome, Problem> {
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|error| Problem::new(ErrorKind::Internal, error.to_string()))?;
        let epoch = self.published().lock().epoch;
        let batches = futures::stream::once(async move { Ok(rows) }).boxed();
        Ok(Outcome::Rows(QueryResult { schema, epoch, as_of_us, query: None, plan: None, batches }))
    }
}
