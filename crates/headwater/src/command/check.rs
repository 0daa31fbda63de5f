//! `headwater check`: everything in a project parsed, planned and type-checked, without a data folder.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use headwater_base::clock::SystemClock;
use headwater_base::files::disk::Disk;
use headwater_deploy::{Project, resolve};

use super::ProjectOptions;
use crate::sources;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    project: ProjectOptions,
}

pub fn run(options: &Options) -> Result<()> {
    let project = options.project.load()?;
    let tests = Project::tests(&Disk, &options.project.project, &options.project.settings())?.len();
    let root = project.root;
    let declared = resolve(project.statements)?;
    let clock = SystemClock::shared();
    for source in &declared.sources {
        sources::open(source, &Disk::shared(), &root, &clock, &Arc::default())?;
    }
    let streams = declared.relations.streams().count();
    let views = declared.relations.views().count();
    let sources = declared.sources.len();
    println!("ok: {streams} streams (derived ones too), {views} keyed views, {sources} sources, {tests} tests");
    Ok(())
}
