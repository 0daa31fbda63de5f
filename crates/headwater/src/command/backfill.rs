//! `headwater backfill`: makes a scheduled view's rows of a stretch of time anew, a part at a time, after showing which
//! rows go.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use chrono::{Days, NaiveDate};
use clap::Args;
use headwater_base::files::disk::Disk;
use headwater_deploy::project::Configuration;
use headwater_sql::parse_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::runtime::Runtime;

use super::DataOptions;
use super::door::{Door, Login};
use crate::folder;

#[derive(Debug, Args)]
pub struct Options {
    /// The view, whose PARTITIONED BY begins with a date or a time
    view: String,

    /// The first day
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: NaiveDate,

    /// The day after the last one
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: NaiveDate,

    /// How much each run makes anew, such as '7 days' [default: all in one run]
    #[arg(long, value_name = "TIME", value_parser = days)]
    by: Option<u64>,

    /// Show which rows would go, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask before it begins
    #[arg(long)]
    yes: bool,

    /// The project whose node is asked
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,

    #[command(flatten)]
    data: DataOptions,

    #[command(flatten)]
    login: Login,
}

pub fn run(options: &Options) -> Result<()> {
    if options.from >= options.to {
        bail!("--to {} is not after --from {}", options.to, options.from);
    }
    let configuration = Configuration::load(&Disk, &options.project)?;
    let folder = folder::of(&options.project, &configuration, &options.data)?;
    let runtime = Runtime::new()?;
    let door = if folder.exists() { Door::find(&folder, &options.login, &runtime)? } else { None };
    let Some(door) = door else {
        return Err(anyhow!("no node runs on {}", folder.path.display()).context("start it first: headwater run"));
    };
    let parts = parts(options);
    let view = format!("\"{}\"", options.view.replace('"', "\"\""));
    let within = |(from, to): (NaiveDate, NaiveDate)| format!("{view} FROM '{from}' TO '{to}'");
    let all = format!("EXPLAIN REFRESH MATERIALIZED VIEW {}", within((options.from, options.to)));
    println!("rows of {} that are there now, and are made anew:", options.view);
    print!("{}", runtime.block_on(door.sql(&all, "table"))?);
    println!("{} to {} in {} {}", options.from, options.to, parts.len(), if parts.len() == 1 { "run" } else { "runs" });
    if options.dry_run {
        return Ok(());
    }
    if !options.yes && !agreed()? {
        bail!("nothing was done; --yes does not ask");
    }
    let progress = progress(parts.len());
    for part in &parts {
        progress.set_message(format!("{} to {}", part.0, part.1));
        let done = runtime.block_on(door.sql(&format!("REFRESH MATERIALIZED VIEW {}", within(*part)), "table"));
        let done =
            done.with_context(|| format!("{} to {} was not made anew, nor what comes after it", part.0, part.1))?;
        progress.suspend(|| println!("{} to {}: {}", part.0, part.1, done.trim()));
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(())
}

/// The stretches of time of the runs.
fn parts(options: &Options) -> Vec<(NaiveDate, NaiveDate)> {
    let mut parts = Vec::new();
    let mut from = options.from;
    while from < options.to {
        let next = options.by.and_then(|days| from.checked_add_days(Days::new(days)));
        let to = next.unwrap_or(options.to).min(options.to);
        parts.push((from, to));
        from = to;
    }
    parts
}

fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to be asked; give --yes, or --dry-run to only look");
    }
    print!("go on? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn progress(runs: usize) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(runs as u64), target);
    // The template is ours: there is nothing in it that could fail.
    let style = ProgressStyle::with_template("{bar:30} run {pos} of {len}, {msg}, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "write it as 2026-01-31".to_owned())
}

fn days(text: &str) -> Result<u64, String> {
    let time = parse_duration(text).map_err(|why| format!("{why}; write it like '7 days'"))?;
    let (days, rest) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    if days == 0 || rest > 0 { Err("write whole days, like '7 days'".to_owned()) } else { Ok(days) }
}
