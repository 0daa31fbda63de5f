//! `headwater plan`: what applying a project would do, asked of its node, or of its data folder where no node runs.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use headwater_deploy::{Project, resolve};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::door::{Door, Login};
use super::{DataOptions, ProjectOptions};
use crate::folder;
use crate::node::offline;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    project: ProjectOptions,

    #[command(flatten)]
    data: DataOptions,

    #[command(flatten)]
    login: Login,
}

pub fn run(options: &Options) -> Result<()> {
    let project = options.project.read()?;
    let looked = options.project.load();
    // What is wrong with the files is told with their own lines.
    if let Ok(looked) = &looked {
        resolve::resolve(looked.statements.clone())?;
    }
    let folder = folder::of(&project.root, &project.configuration, &options.data)?;
    let runtime = Arc::new(Runtime::new()?);
    let steps = if !folder.exists() {
        let names = resolve::Named::of(resolve::project(looked?.statements))?;
        let created = names.objects().iter().map(|object| &object.definition);
        created.map(|one| format!("create {} {}: non-breaking", one.kind, one.name)).collect()
    } else {
        match Door::find(&folder, &options.login, &runtime)? {
            Some(door) => runtime.block_on(ask(&door, &project))?,
            None => offline::plan(&folder, &project.root, &runtime, project.statements)?,
        }
    };
    if steps.is_empty() {
        println!("nothing to do: what runs is what is declared");
    }
    steps.iter().for_each(|step| println!("{step}"));
    Ok(())
}

async fn ask(door: &Door, project: &Project) -> Result<Vec<String>> {
    let files: Vec<Value> = project
        .statements
        .iter()
        .map(|parsed| json!({"path": parsed.source.name.as_ref(), "text": parsed.text}))
        .collect();
    let request = door.post("/v1/plan").json(&json!({"files": files}));
    let answer = request.send().await.context("the node does not answer")?;
    let body: Value = answer.json().await.context("the node broke its answer off")?;
    if let Some(message) = body["error"]["message"].as_str() {
        let refused = anyhow!("{message}");
        return Err(match body["error"]["hint"].as_str() {
            Some(hint) => anyhow!("{refused}\nhint: {hint}"),
            None => refused,
        });
    }
    let Some(steps) = body["steps"].as_array() else { bail!("the node answered {body}") };
    Ok(steps.iter().filter_map(|step| step["text"].as_str().map(str::to_owned)).collect())
}
