//! Models of a node: training as tasks of runs, and the statements about versions.

use std::sync::Arc;

use headwater_base::ErrorKind;
use headwater_deploy::expectations::Suites;
use headwater_deploy::models::registry::Versions;
use headwater_deploy::models::work::Train;
use headwater_deploy::models::{self, Registry};
use headwater_deploy::resolve;
use headwater_deploy::runs::check::{Check, Guarded};
use headwater_deploy::runs::refresh::Stage;
use headwater_deploy::runs::{Asked, Cause, Declared, Kind, Runs, State, Task, Work};
use headwater_gateway::{Done, Problem};
use headwater_sql::ast::{Name, PromoteModel, TrainModel};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed};

use super::doors::{Doors, stopping};
use super::runs::Ground;

/// Training, after the suites of what is learnt from.
pub fn tasks(
    ground: &Ground<'_>,
    stage: &Arc<dyn Stage>,
    declared: &resolve::Declared,
    checks: &[(Suites, Check)],
) -> Vec<Declared> {
    let Some(registry) = &ground.known.registry else { return Vec::new() };
    let of = |model: &models::Declared| {
        let task = Task {
            object: model.model.name.clone(),
            kind: Kind::Training,
            schedule: model.schedule.clone(),
            settings: model.runs.clone(),
            after: model.after.clone(),
            fingerprint: model.text.clone(),
            at_once: true,
            early: true,
        };
        let train: Arc<dyn Work> = Arc::new(Train {
            declared: model.clone(),
            registry: Arc::clone(registry),
            stage: Arc::clone(stage),
            root: ground.root.to_path_buf(),
            clock: Arc::clone(ground.clock),
        });
        let of_rows = checks.iter().filter(|(suites, _)| model.checked.contains(&suites.suite.relation));
        let checks: Vec<Check> = of_rows.map(|(_, check)| check.clone()).collect();
        let work = if checks.is_empty() { train } else { Arc::new(Guarded { work: train, checks }) };
        Declared { task, work }
    };
    declared.models.iter().map(of).collect()
}

/// Why nothing about a model is decided now: suites of what it learns from whose last check failed.
pub fn frozen(model: &models::Declared, suites: &[Suites], runs: &Runs) -> Option<String> {
    let of_rows = suites.iter().filter(|suites| model.checked.contains(&suites.suite.relation));
    let names: Vec<&str> = of_rows.map(|suites| suites.suite.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let schedules = runs.schedules();
    let failed = schedules.iter().filter(|next| names.contains(&next.object.as_str())).filter_map(|next| {
        let last = next.last.as_ref().filter(|run| run.state == State::Failed)?;
        Some(format!("{}: {}", next.object, last.error.as_deref().unwrap_or_default()))
    });
    let failed: Vec<String> = failed.collect();
    if !failed.is_empty() {
        return Some(failed.join("; "));
    }
    // A check before a training is no run of the suite's own. It counts until all suites have been checked since.
    let training = schedules.iter().find(|next| next.object == model.model.name && next.kind == Kind::Training)?;
    let held = training.last.as_ref().filter(|run| run.state == State::Held)?;
    let is_checked = |name: &&str| {
        let suite = schedules.iter().find(|next| next.object == **name);
        suite.and_then(|suite| suite.last.as_ref()).is_some_and(|check| check.began_us > held.began_us)
    };
    if names.iter().all(is_checked) { None } else { held.error.clone() }
}

impl Doors {
    fn model(&self, name: &Name, parsed: &Parsed) -> Result<(Arc<Registry>, models::Declared), Problem> {
        let registry = self.known().registry.clone().ok_or_else(stopping)?;
        let all = registry.declared();
        if let Some(found) = all.iter().find(|model| model.model.name == name.value) {
            return Ok((registry, found.clone()));
        }
        let refused = Diagnostic::new(parsed.source.clone(), name.span, format!("there is no model {name}"));
        let refused = refused.with_fault(Fault::NoObject);
        let near = headwater_sql::nearest(&name.value, all.iter().map(|model| model.model.name.as_str()));
        Err(Diagnostics::from(match near {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused.with_hint("declare it with CREATE MODEL"),
        })
        .into())
    }

    /// Trains a model now, and says what came of it.
    pub(super) async fn train_model(&self, train: &TrainModel, parsed: &Parsed) -> Result<Done, Problem> {
        let (_, model) = self.model(&train.name, parsed)?;
        let asked = self.runs()?.ask(&model.model.name, Asked { cause: Cause::Manual, range_us: None });
        let ended = asked.map_err(Problem::from)?.await.map_err(|_| stopping())?;
        if ended.state == State::Succeeded {
            let version = ended.outcome.output_version.map(|version| format!(" {version}")).unwrap_or_default();
            return Ok(Done { tag: format!("TRAIN MODEL{version}"), notices: ended.outcome.messages });
        }
        let why = ended.error.unwrap_or_else(|| ended.state.to_string());
        Err(Problem::new(ErrorKind::Invalid, format!("the training of {} {}: {why}", ended.object, ended.state)))
    }

    /// Makes another version the champion.
    pub(super) async fn promote_model(&self, promote: &PromoteModel, parsed: &Parsed) -> Result<Done, Problem> {
        let (registry, model) = self.model(&promote.name, parsed)?;
        let suites = self.known().suites().clone();
        // To go back is what may be needed most where something is wrong.
        if promote.version.is_some()
            && let Some(why) = frozen(&model, &suites, self.runs()?.as_ref())
        {
            let refused = Problem::new(ErrorKind::Conflict, format!("{} is frozen: {why}", promote.name));
            return Err(refused.with_hint("mend the rows, then CHECK EXPECTATIONS; ROLLBACK MODEL always works"));
        }
        let versions = registry.versions(&model);
        let number = wanted(promote, &model, &versions, parsed)?;
        if versions.champion().is_some_and(|champion| champion.number == number) {
            let told = format!("version {number} is the champion already");
            return Ok(Done { tag: parsed.statement.words().to_owned(), notices: vec![told] });
        }
        let is_rollback = promote.version.is_none();
        let why = if is_rollback { "a rollback" } else { "a statement" };
        registry.promote(&model.store, number, why.to_owned(), is_rollback).await.map_err(Problem::from)?;
        registry.seat().await;
        let told = format!("version {number} is the champion");
        Ok(Done { tag: parsed.statement.words().to_owned(), notices: vec![told] })
    }
}

fn wanted(
    promote: &PromoteModel,
    model: &models::Declared,
    versions: &Versions,
    parsed: &Parsed,
) -> Result<u64, Problem> {
    let refuse = |message: String, hint: &str| {
        let refused = Diagnostic::new(parsed.source.clone(), promote.name.span, message).with_fault(Fault::NoObject);
        Err(Diagnostics::from(refused.with_hint(hint)).into())
    };
    let others = "system.model_versions has all versions";
    let Some(number) = promote.version else {
        return match versions.before() {
            Some(before) => Ok(before.number),
            None => refuse(format!("{} has had no other champion", promote.name), others),
        };
    };
    match versions.all.get(&number) {
        Some(version) if version.fits(&model.model) => Ok(number),
        Some(_) => refuse(
            format!("version {number} of {} learnt something else, or from other columns", promote.name),
            "CREATE OR REPLACE MODEL as it was then, and it can be the champion again",
        ),
        None => refuse(format!("{} has no version {number}", promote.name), others),
    }
}
