//! `headwater test`: a project's own tests, given rows against expected rows.

use anyhow::{Result, bail};
use clap::Args;
use headwater_base::files::disk::Disk;
use headwater_deploy::{Project, resolve};

use super::ProjectOptions;
use crate::node::trial::{self, Outcome};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    project: ProjectOptions,

    /// Run only tests whose names contain TEXT
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

pub fn run(options: &Options) -> Result<()> {
    let project = options.project.load()?;
    resolve(project.statements.clone())?;
    let tests = Project::tests(&Disk, &options.project.project, &options.project.settings())?;
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let chosen: Vec<_> = tests.iter().filter(|test| wanted(&test.name)).collect();
    if chosen.is_empty() {
        match (&options.only, tests.len()) {
            (_, 0) => bail!("there are no tests: write some into files named *.test.sql"),
            (only, all) => bail!("none of {all} tests has '{}' in its name", only.as_deref().unwrap_or_default()),
        }
    }
    let (mut passed, mut failed) = (0, 0);
    for test in &chosen {
        match trial::run(test, &project.statements, &project.root)? {
            Outcome::Passed => {
                passed += 1;
                println!("ok      {}", test.name);
            }
            Outcome::Failed(why) => {
                failed += 1;
                println!("FAILED  {}", test.name);
                why.lines().for_each(|line| println!("        {line}"));
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        bail!("{failed} of {} tests failed", chosen.len());
    }
    Ok(())
}
