//! The command line: each command and option defined once, with its documentation.

pub mod backfill;
pub mod bench;
pub mod check;
pub mod door;
pub mod generate;
pub mod init;
pub mod plan;
pub mod run;
pub mod sql;
pub mod test;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use headwater_base::files::disk::Disk;
use headwater_catalog::Definitions;
use headwater_deploy::{Project, inspect};
use headwater_query::provide::files::Places;

use crate::storage::client::Others;

/// A data platform in one process: streams, views, an open lake, declared in SQL files.
#[derive(Debug, Parser)]
#[command(name = "headwater", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new project that runs
    Init(init::Options),
    /// Apply a project and serve it
    Run(run::Options),
    /// Run one query, or a shell, against a running node or straight on a data folder
    Sql(sql::Options),
    /// Make a scheduled view's rows of a stretch of time anew
    Backfill(backfill::Options),
    /// Show what applying a project would do, and do nothing
    Plan(plan::Options),
    /// Parse, plan and type-check a project
    Check(check::Options),
    /// Run a project's own tests: given rows against expected rows
    Test(test::Options),
    /// Make up data, as files
    Generate(generate::Options),
    /// Measure how fast a project's views follow their streams on this machine
    Bench(bench::Options),
}

/// Where a project is, and what fills its `${name}`.
#[derive(Debug, Args)]
pub struct ProjectOptions {
    /// The project's folder: its .sql files and headwater.toml
    #[arg(default_value = ".")]
    pub project: PathBuf,

    /// Fill ${NAME} in the project's files; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
}

/// Where a node keeps everything.
#[derive(Debug, Args)]
pub struct DataOptions {
    /// The data folder [default: .headwater in the project]
    #[arg(long, value_name = "DIR", env = "HEADWATER_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Where catalog, checkpoints and lake are, such as s3://bucket/prefix [default: the data folder]
    #[arg(long, value_name = "URL", env = "HEADWATER_STORAGE")]
    pub storage: Option<String>,
}

impl ProjectOptions {
    /// Reads the project.
    pub fn read(&self) -> Result<Project> {
        Ok(Project::load(&Disk, &self.project, &self.settings())?)
    }

    /// Reads the project, and looks at what its files name outside.
    pub fn load(&self) -> Result<Project> {
        let mut project = self.read()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let places = Places::new(project.root.clone(), Arc::new(Others));
        project.statements = runtime.block_on(inspect(project.statements, &places, &Definitions::default()))?;
        Ok(project)
    }

    pub fn settings(&self) -> BTreeMap<String, String> {
        self.settings.iter().cloned().collect()
    }
}

/// Whether there is something in a folder.
fn is_used(dir: &Path) -> Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", dir.display())),
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as name=value".to_owned()),
    }
}

impl Arguments {
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Init(options) => init::run(&options),
            Command::Run(options) => run::run(&options),
            Command::Sql(options) => sql::run(&options),
            Command::Backfill(options) => backfill::run(&options),
            Command::Plan(options) => plan::run(&options),
            Command::Check(options) => check::run(&options),
            Command::Test(options) => test::run(&options),
            Command::Generate(options) => generate::run(&options),
            Command::Bench(options) => bench::run(&options),
        }
    }
}
