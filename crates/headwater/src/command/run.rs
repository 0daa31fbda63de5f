//! `headwater run`: apply a project and serve it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use headwater_base::files::disk::Disk;
use headwater_deploy::Project;

use super::ProjectOptions;
use crate::folder;
use crate::node::{self, Node};

/// Where HTTP listens unless told otherwise.
const HTTP: &str = "127.0.0.1:8080";
/// Where PostgreSQL clients are taken unless told otherwise.
const POSTGRES: &str = "127.0.0.1:5433";

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    project: ProjectOptions,

    /// Where everything is kept [default: .headwater in the project]
    #[arg(long, value_name = "DIR", env = "HEADWATER_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// Where HTTP listens; port 0 takes a free one, `off` turns it off [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_HTTP")]
    http: Option<String>,

    /// Where PostgreSQL clients are taken; port 0 takes a free one, `off` turns it off [default: 127.0.0.1:5433]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_POSTGRES")]
    postgres: Option<String>,

    /// Threads that run views [default: one a core]
    #[arg(long, value_name = "N", env = "HEADWATER_WORKERS")]
    workers: Option<usize>,

    /// Stop with success once all bounded sources are read, all views have caught up and all archives are committed
    #[arg(long)]
    until_idle: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let project = Project::load(&Disk, &options.project.project, &options.project.settings())?;
    let fixed = &project.configuration.node;
    let http = options.http.clone().or_else(|| fixed.http.clone()).unwrap_or_else(|| HTTP.to_owned());
    let postgres = options.postgres.clone().or_else(|| fixed.postgres.clone()).unwrap_or_else(|| POSTGRES.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let node = node::Options {
        root: project.root.clone(),
        folder: folder::of(&project.root, &project.configuration, options.data_dir.as_deref()),
        http: address(&http)?,
        postgres: address(&postgres)?,
        workers: options.workers.or(fixed.workers).unwrap_or(cores).max(1),
        until_idle: options.until_idle,
    };
    Node::start(&project, node)?.run()
}

fn address(text: &str) -> Result<Option<SocketAddr>> {
    if text == "off" {
        return Ok(None);
    }
    let address = text.parse().with_context(|| format!("'{text}' is no address: write 127.0.0.1:8080, or off"))?;
    Ok(Some(address))
}
