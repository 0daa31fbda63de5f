//! `headwater sql`: a query against a running node by HTTP, or against the last checkpoint of a data folder that no
//! node has.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use headwater_base::files::disk::Disk;
use headwater_deploy::project::Configuration;
use headwater_quality::profile::profile;
use headwater_query::render::{Format, render};
use headwater_query::session::{Session, one};
use headwater_sql::{SourceText, Statement};
use tokio::runtime::Runtime;

use super::DataOptions;
use super::door::{Door, Login};
use crate::folder::{self, DataFolder};
use crate::node::offline;

#[derive(Debug, Args)]
pub struct Options {
    /// The query; without one, statements are read from standard input, each up to its semicolon
    query: Option<String>,

    /// Read the statements from a file
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,

    /// How rows are written down
    #[arg(long, value_enum, default_value = "table")]
    format: Output,

    /// The project whose data folder is asked
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,

    #[command(flatten)]
    data: DataOptions,

    #[command(flatten)]
    login: Login,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Csv,
    Json,
}

impl Output {
    fn name(self) -> &'static str {
        match self {
            Output::Table => "table",
            Output::Csv => "csv",
            Output::Json => "json",
        }
    }

    fn format(self) -> Format {
        match self {
            Output::Table => Format::Table,
            Output::Csv => Format::Csv,
            Output::Json => Format::Json,
        }
    }
}

/// Who answers.
enum Target {
    Node(Door),
    Folder(Box<Session>),
}

pub fn run(options: &Options) -> Result<()> {
    let configuration = Configuration::load(&Disk, &options.project)?;
    let folder = folder::of(&options.project, &configuration, &options.data)?;
    let runtime = Arc::new(Runtime::new()?);
    let target = target(&folder, options, &runtime)?;
    let text = match (&options.query, &options.file) {
        (Some(query), _) => query.clone(),
        (None, Some(file)) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (None, None) if std::io::stdin().is_terminal() => return shell(&target, &runtime, options.format),
        (None, None) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            text
        }
    };
    let statements = split(&text)?;
    if statements.is_empty() {
        bail!("there is no statement to run");
    }
    for statement in statements {
        print(&runtime.block_on(target.ask(&statement, options.format))?)?;
    }
    Ok(())
}

fn target(folder: &DataFolder, options: &Options, runtime: &Arc<Runtime>) -> Result<Target> {
    if !folder.exists() {
        return Err(anyhow!("there is no data folder at {}", folder.path.display())
            .context("nothing to ask: start a node first, or name the folder with --data-dir or --project"));
    }
    if let Some(door) = Door::find(folder, &options.login, runtime)? {
        return Ok(Target::Node(door));
    }
    let (session, taken_us) = offline::open(folder, &options.project, runtime)?;
    match taken_us {
        Some(taken_us) => eprintln!("no node is running; this is the checkpoint of {}", offline::time(taken_us)),
        None => eprintln!("no node is running, and there is no checkpoint yet"),
    }
    Ok(Target::Folder(Box::new(session)))
}

impl Target {
    async fn ask(&self, query: &str, output: Output) -> Result<String> {
        match self {
            Target::Folder(session) => {
                let parsed = one(query)?;
                if let Statement::Profile(of) = &parsed.statement {
                    let rows = profile(session, of, &parsed.source).await?.rows;
                    return Ok(render(&rows.schema(), std::slice::from_ref(&rows), output.format())?);
                }
                let result = session.run(&parsed).await?;
                let schema = Arc::clone(&result.schema);
                Ok(render(&schema, &result.collect().await?, output.format())?)
            }
            Target::Node(door) => door.sql(query, output.name()).await,
        }
    }
}

/// The statements of a text. What can't be parsed is told here, and nothing of the text is run.
fn split(text: &str) -> Result<Vec<String>> {
    let statements = headwater_sql::parse(&SourceText::new("query", text))?;
    Ok(statements.into_iter().map(|parsed| parsed.text).collect())
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') || text.is_empty() { Ok(()) } else { out.write_all(b"\n") });
    match written {
        // Whoever reads has seen enough.
        Err(closed) if closed.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Reads statements from a terminal until its end; an error ends its statement only.
fn shell(target: &Target, runtime: &Runtime, output: Output) -> Result<()> {
    println!("End a statement with a semicolon; leave with Ctrl-D.");
    let mut pending = String::new();
    loop {
        print!("{}", if pending.is_empty() { "headwater> " } else { "      ...> " });
        std::io::stdout().flush()?;
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line)? == 0 {
            println!();
            return Ok(());
        }
        pending.push_str(&line);
        if !pending.trim_end().ends_with(';') {
            continue;
        }
        let text = std::mem::take(&mut pending);
        let answers = split(&text).and_then(|statements| {
            statements.iter().try_for_each(|statement| print(&runtime.block_on(target.ask(statement, output))?))
        });
        if let Err(error) = answers {
            crate::report::error(&error);
        }
    }
}
