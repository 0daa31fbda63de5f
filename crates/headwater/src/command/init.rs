//! `headwater init`: a new project that runs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct Options {
    /// The project's folder, which must be new or empty
    dir: PathBuf,

    /// What to begin with
    #[arg(long, value_enum, default_value = "starter")]
    template: Template,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Template {
    /// Orders that a generator makes, with revenue by category and by minute
    Starter,
    /// CSV files that are read as they come
    Files,
}

/// Path inside of the project, and text.
type File = (&'static str, &'static str);

/// What is kept apart from git.
const IGNORED: File = (".gitignore", ".headwater/\n");

const STARTER: [File; 5] = [
    IGNORED,
    ("headwater.toml", include_str!("../../templates/starter/headwater.toml")),
    ("orders.sql", include_str!("../../templates/starter/orders.sql")),
    ("revenue.sql", include_str!("../../templates/starter/revenue.sql")),
    ("revenue.test.sql", include_str!("../../templates/starter/revenue.test.sql")),
];

const FILES: [File; 4] = [
    IGNORED,
    ("headwater.toml", include_str!("../../templates/files/headwater.toml")),
    ("readings.sql", include_str!("../../templates/files/readings.sql")),
    ("data/2026-01-01.csv", include_str!("../../templates/files/data/2026-01-01.csv")),
];

pub fn run(options: &Options) -> Result<()> {
    let dir = &options.dir;
    if super::is_used(dir)? {
        bail!("{} is there already and not empty; name a new folder", dir.display());
    }
    let (files, query) = match options.template {
        Template::Starter => (STARTER.as_slice(), "SELECT * FROM revenue_by_category"),
        Template::Files => (FILES.as_slice(), "SELECT * FROM by_sensor"),
    };
    for (name, text) in files {
        let path = dir.join(name);
        let failed = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        fs::write(&path, text).with_context(failed)?;
    }
    println!("{} is a project now. Run it, and ask it from another terminal:", dir.display());
    println!("  headwater run {0}\n  headwater sql --project {0} '{query}'", dir.display());
    Ok(())
}
