//! A run that trains a model: it reads the query's rows as of one moment, learns, keeps what was learnt as a version, and
//! makes that the champion if it is good enough.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::AsArray;
use async_trait::async_trait;
use futures::TryStreamExt;
use headwater_base::clock::Clock;
use headwater_query::model::Task;
use headwater_query::session::one;
use headwater_sql::ast::Method;
use headwater_sql::settings::Learner;

use super::registry::{Registry, Version, Versions};
use super::train::{Learned, Sample, THRESHOLD, threshold, train};
use super::{Declared, From, Training, columns, metrics};
use crate::runs::refresh::{Stage, Witness};
use crate::runs::{Cause, Failure, Inputs, Outcome, Run, Work};
use crate::{Error, Result};

/// Trains one model.
pub struct Train {
    pub declared: Declared,
    pub registry: Arc<Registry>,
    pub stage: Arc<dyn Stage>,
    /// Files are read from here.
    pub root: PathBuf,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Work for Train {
    async fn run(&self, run: &Run) -> Result<Outcome, Failure> {
        self.train(run).await.map_err(|error| Failure::Failed(error.to_string()))
    }

    async fn found(&self, run: &Run) -> Option<Outcome> {
        let versions = self.registry.versions(&self.declared);
        let version = versions.all.values().find(|version| version.run_id == run.id)?;
        let told = "the node ended after its version was kept".to_owned();
        Some(outcome(version, vec![told]))
    }
}

/// Why there is nothing to learn.
struct Nothing(String);

fn outcome(version: &Version, messages: Vec<String>) -> Outcome {
    Outcome {
        rows: Some(version.rows),
        bytes: Some(version.bytes),
        cpu_ms: None,
        inputs: version.inputs.clone(),
        output_version: i64::try_from(version.number).ok(),
        messages,
    }
}

impl Train {
    async fn train(&self, run: &Run) -> Result<Outcome> {
        let began = self.clock.elapsed();
        let (learned, inputs, method, threshold) = match &self.declared.from {
            From::Rows(training) => {
                let (learned, inputs) = self.learn(run, training).await?;
                let learned = match learned {
                    Ok(learned) => learned,
                    Err(Nothing(why)) => {
                        return Ok(Outcome { rows: Some(0), inputs, messages: vec![why], ..Outcome::default() });
                    }
                };
                (*learned, inputs, method(&training.settings.learner), threshold(training))
            }
            From::Onnx { path } => (self.import(path).await?, Inputs::new(), "onnx", THRESHOLD),
        };
        let version = Version {
            number: 0,
            run_id: run.id,
            trained_us: 0,
            took_ms: self.clock.elapsed().saturating_sub(began).as_secs_f64() * 1e3,
            method: method.to_owned(),
            rows: learned.rows as u64,
            test_rows: learned.test_rows as u64,
            metrics: learned.metrics.clone(),
            importances: learned.importances.clone(),
            inputs,
            fingerprint: run.fingerprint.clone(),
            bytes: 0,
            threshold,
            shape: self.declared.model.shape(),
        };
        let version = self.registry.add(&self.declared.store, learned, version).await?;
        let told = self.decide(&version).await?;
        Ok(outcome(&version, vec![told]))
    }

    async fn learn(
        &self,
        run: &Run,
        training: &Training,
    ) -> Result<(std::result::Result<Box<Learned>, Nothing>, Inputs)> {
        let session = self.stage.session();
        let witness = Witness::of(&session);
        let reading = session.with_reading(Arc::clone(&witness) as _, Arc::clone(&witness) as _).at(run.due_us);
        let query = reading.run(&one(&training.query)?).await?;
        let schema = query.schema.clone();
        let batches: Vec<_> = query.batches.try_collect().await?;
        let inputs = witness.inputs(&self.declared.reads, &session);
        if batches.iter().all(|batch| batch.num_rows() == 0) {
            return Ok((Err(Nothing("there are no rows to learn from yet".to_owned())), inputs));
        }
        let versions = self.registry.versions(&self.declared);
        let newest = versions.all.values().next_back();
        if let Some(newest) = newest.filter(|newest| {
            run.cause == Cause::Early && newest.inputs == inputs && newest.fingerprint == run.fingerprint
        }) {
            let why = format!("nothing has come since version {} learnt", newest.number);
            return Ok((Err(Nothing(why)), inputs));
        }
        let (training, task) = (training.clone(), self.declared.model.task.clone());
        let learning = tokio::task::spawn_blocking(move || {
            let rows = columns::in_order(&schema, &batches).map_err(|error| error.to_string())?;
            drop(batches);
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            train(&rows, &training, &task, threads)
        });
        let learned =
            learning.await.map_err(|error| refused(format!("training panicked, which is a bug of ours: {error}")))?;
        Ok((Ok(Box::new(learned.map_err(refused)?)), inputs))
    }

    async fn import(&self, path: &str) -> Result<Learned> {
        let place = self.root.join(path);
        let file = tokio::fs::read(&place).await.map_err(|error| refused(format!("{}: {error}", place.display())))?;
        let names: Vec<&str> = self.declared.model.inputs.iter().map(|input| input.name().as_str()).collect();
        let model = headwater_learn::Model::from_onnx(&file, &names);
        let model = model.map_err(|error| refused(format!("{}: {error}", place.display())))?;
        let is_class = matches!(self.declared.model.task, Task::Classification(_));
        if is_class == model.classes().is_empty() {
            let what = if is_class { "no classes" } else { "classes" };
            return Err(refused(format!("{}: the model gives {what}; TASK says otherwise", place.display())));
        }
        Ok(Learned {
            stored: headwater_learn::stored::Stored::Model(model),
            metrics: Default::default(),
            importances: Vec::new(),
            rows: 0,
            test_rows: 0,
            sample: Sample::default(),
        })
    }

    /// Makes a version the champion where it may be. Says what was decided.
    async fn decide(&self, version: &Version) -> Result<String> {
        let versions = self.registry.versions(&self.declared);
        let condition = match &self.declared.from {
            From::Rows(training) => training.promote.as_deref(),
            From::Onnx { .. } => None,
        };
        let holds = match condition {
            None => true,
            Some(condition) => self.holds(condition, version, &versions).await?,
        };
        let number = version.number;
        if !holds {
            return Ok(format!("version {number} stays a challenger: {} does not hold", condition.unwrap_or_default()));
        }
        let why = condition.map_or_else(|| "trained".to_owned(), |condition| format!("{condition} holds"));
        self.registry.promote(&self.declared.store, number, why, false).await?;
        self.registry.seat().await;
        Ok(format!("version {number} is the champion"))
    }

    /// Whether a condition holds. Where there is nobody to beat it does unless something speaks against it; who learnt from
    /// far fewer rows is nobody to beat.
    async fn holds(&self, condition: &str, version: &Version, versions: &Versions) -> Result<bool> {
        let champion = versions.champion().filter(|champion| champion.rows.saturating_mul(2) >= version.rows);
        let value = |of: Option<&Version>, metric: &str| {
            let value = of.and_then(|version| version.metrics.get(metric));
            value.map_or("CAST(NULL AS DOUBLE)".to_owned(), |value| format!("CAST('{value}' AS DOUBLE)"))
        };
        let known = metrics(&self.declared.model.task);
        let own: Vec<String> = known.iter().map(|name| format!("{} AS {name}", value(Some(version), name))).collect();
        let of_champion: Vec<String> =
            known.iter().map(|name| format!("'{name}', {}", value(champion, name))).collect();
        let text = format!(
            "SELECT CAST(({condition}) AS BOOLEAN) AS holds FROM (SELECT {}, named_struct({}) AS champion) AS version",
            own.join(", "),
            of_champion.join(", ")
        );
        let rows: Vec<_> = self.stage.session().query(&text).await?.batches.try_collect().await?;
        let held = rows.iter().find(|rows| rows.num_rows() > 0).and_then(|rows| {
            let holds = rows.column(0).as_boolean();
            holds.iter().next().flatten()
        });
        Ok(held.unwrap_or(champion.is_none()))
    }
}

fn method(learner: &Learner) -> &'static str {
    match learner {
        Learner::Trees { .. } => Method::GradientBoostedTrees,
        Learner::Logistic { .. } => Method::LogisticRegression,
        Learner::Linear { .. } => Method::LinearRegression,
        Learner::Factorization { .. } => Method::MatrixFactorization,
        Learner::Forest { .. } => Method::RandomCutForest,
    }
    .as_str()
}

fn refused(message: String) -> Error {
    Error::Refused { message, hint: "system.runs has the run".to_owned() }
}
