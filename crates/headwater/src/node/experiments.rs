//! Experiments of a node: what is declared as tasks of runs, and the statement that asks.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use headwater_base::ErrorKind;
use headwater_deploy::resolve;
use headwater_deploy::runs::analysis::Analysis;
use headwater_deploy::runs::refresh::Stage;
use headwater_deploy::runs::{Asked, Cause, Declared, Kind, Task};
use headwater_deploy::schedule::Schedule;
use headwater_gateway::{Outcome, Problem};
use headwater_sql::ast::AnalyzeExperiment;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed};

use super::doors::Doors;
use super::system::{Known, experiments};

/// Experiments that are declared, each as a task of its own. None where results can't be remembered.
pub fn tasks(known: &Known, declared: &resolve::Declared, stage: &Arc<dyn Stage>) -> Vec<Declared> {
    let (Some(results), Some(checks)) = (&known.analyses, &known.results) else { return Vec::new() };
    let task = |experiment: &Arc<headwater_deploy::experiments::Declared>| {
        let task = Task {
            object: experiment.name.clone(),
            kind: Kind::Analysis,
            schedule: experiment.schedule.clone(),
            settings: experiment.runs.clone(),
            after: experiment.after.clone(),
            fingerprint: experiment.text.clone(),
            at_once: !matches!(experiment.schedule, Schedule::Manual),
            early: false,
        };
        let work = Analysis {
            experiment: Arc::clone(experiment),
            suites: declared.suites.clone(),
            results: Arc::clone(results),
            checks: Arc::clone(checks),
            stage: Arc::clone(stage),
        };
        Declared { task, work: Arc::new(work) }
    };
    declared.experiments.iter().map(task).collect()
}

impl Doors {
    /// Analyses an experiment now, and says what came of it.
    pub(super) async fn analyze_experiment(
        &self,
        analyze: &AnalyzeExperiment,
        parsed: &Parsed,
    ) -> Result<Outcome, Problem> {
        let name = &analyze.name.value;
        let names: Vec<String> = self.known().experiments().iter().map(|one| one.name.clone()).collect();
        if !names.contains(name) {
            let message = format!("there is no experiment {name}");
            let refused = Diagnostic::new(parsed.source.clone(), analyze.name.span, message);
            let refused = refused.with_fault(Fault::NoObject);
            return Err(Diagnostics::from(match headwater_sql::nearest(name, names.iter().map(String::as_str)) {
                Some(near) => refused.with_hint(format!("did you mean {near}?")),
                None => refused.with_hint("declare it with CREATE EXPERIMENT"),
            })
            .into());
        }
        let asked = self.runs()?.ask(name, Asked { cause: Cause::Manual, range_us: None });
        let ended = asked.map_err(Problem::from)?.await.map_err(|_| super::doors::stopping())?;
        let latest = self.known().analyses.as_ref().and_then(|analyses| analyses.latest().remove(name));
        let Some(record) = latest.filter(|record| record.run_id == ended.id) else {
            let why = ended.error.unwrap_or_else(|| ended.state.to_string());
            return Err(Problem::new(ErrorKind::Invalid, format!("the analysis of {name} {}: {why}", ended.state)));
        };
        let as_of_us = record.analysed_us;
        let rows = experiments::results_of(&[record], &self.known().unmet());
        let rows = rows.map_err(Problem::from)?;
        // Not the experiment, the run and the time: whoever asks knows them.
        let schema = Arc::new(Schema::new(rows.schema().fields().iter().skip(3).cloned().collect::<Vec<_>>()));
        let rows = RecordBatch::try_new(Arc::clone(&schema), rows.columns()[3..].to_vec());
        let rows = rows.map_err(|error| Problem::new(ErrorKind::Internal, error.to_string()))?;
        self.answer(schema, rows.columns().to_vec(), as_of_us)
    }
}
