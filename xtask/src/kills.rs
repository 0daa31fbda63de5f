//! Kills a node over examples/retail at random moments and shows that no number changes.
//!
//! With real data the published facts are the judge, without it a run that was never killed.
//! Between kills the node is asked while it runs, and its data folder after it died: what one
//! query shows must agree with itself, and what a checkpoint held may not be lost again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::facts::LIMIT;
use crate::node::{Binary, Node, Profile, Start};
use crate::random::{self, Random};
use crate::retail::{self, Report};
use crate::{shell, soak};

#[derive(Debug, Clone)]
pub struct Plan {
    pub kills: usize,
    pub seed: u64,
    pub daily_files: Option<PathBuf>,
    /// How long the rows take to come, without the time for starting again; 0 is as fast as can be.
    pub seconds: f64,
    pub workers: Option<usize>,
}

pub fn soak(options: &soak::Options) -> Result<()> {
    let binary = options.which.get(Profile::Dev)?;
    let plan = Plan {
        kills: options.kills,
        seed: options.seed.unwrap_or_else(random::fresh_seed),
        daily_files: retail::daily_files(options.data.as_deref())?,
        seconds: options.paced,
        workers: options.workers,
    };
    check(&binary, &plan).map(|_| ())
}

/// Carries out the plan; returns the number of checks.
pub fn check(binary: &Binary, plan: &Plan) -> Result<usize> {
    println!("soak kills: {} kills, --seed {} --paced {}", plan.kills, plan.seed, plan.seconds);
    let folder = shell::target_dir().join("soak/kills").join(plan.seed.to_string());
    shell::fresh_dir(&folder)?;
    let Plan { kills, seed, seconds, .. } = plan;
    let repeat = || format!("repeat with `cargo xtask soak kills --kills {kills} --seed {seed} --paced {seconds}`");
    let passed = carry_out(binary, plan, &folder).with_context(repeat)?;
    // Kept only where there is something to look at.
    shell::fresh_dir(&folder)?;
    Ok(passed)
}

fn carry_out(binary: &Binary, plan: &Plan, folder: &Path) -> Result<usize> {
    let mut random = Random::new(plan.seed);
    let mut report = Report::default();
    let data_dir = folder.join("killed");
    let start = paced(plan, &data_dir);
    let mut seen = Seen::default();
    for kill in 1..=plan.kills {
        let delay = delay(&mut random, plan);
        let ask = random.below(3) == 0;
        let node = start.spawn(binary)?;
        let rows = live_and_die(node, binary, &data_dir, delay, ask, &mut report)
            .with_context(|| format!("at kill {kill}"))?;
        seen.note(binary, &data_dir, &mut report);
        println!(
            "kill {kill} after {:.0} ms{}; the last checkpoint holds {} rows",
            delay.as_secs_f64() * 1000.0,
            rows.map_or(String::new(), |rows| format!(", asked at {rows} rows")),
            seen.rows
        );
        if !report.failures.is_empty() {
            break;
        }
    }
    if report.failures.is_empty() {
        start.clone().until_idle().finish(binary, LIMIT).context("the last run, which nobody kills")?;
        judge(binary, plan, folder, &data_dir, &mut report)?;
    }
    report.close(&format!("{} kills", plan.kills))
}

/// The facts of real data, or the contents of a run without kills.
fn judge(binary: &Binary, plan: &Plan, folder: &Path, data_dir: &Path, report: &mut Report) -> Result<()> {
    if plan.daily_files.is_some() {
        retail::check_facts(binary, data_dir, report);
    } else {
        let calm_dir = folder.join("calm");
        let calm = retail::start(&calm_dir, None).workers(plan.workers).until_idle();
        calm.finish(binary, LIMIT).context("the run without kills")?;
        let (calm, killed) = (retail::contents(binary, &calm_dir)?, retail::contents(binary, data_dir)?);
        retail::check_same_contents(&calm, &killed, report);
    }
    retail::check_invariants(binary, data_dir, report)
}

fn paced(plan: &Plan, data_dir: &Path) -> Start {
    let files = plan.daily_files.as_deref();
    let start =
        if plan.seconds > 0.0 { retail::paced(data_dir, files, plan.seconds) } else { retail::start(data_dir, files) };
    start.workers(plan.workers)
}

/// A quarter of the kills fall into start-up and recovery; the others spread over the paced run.
fn delay(random: &mut Random, plan: &Plan) -> Duration {
    let seconds = if random.below(4) == 0 {
        random.unit() * 0.5
    } else if plan.seconds > 0.0 {
        random.unit() * 2.0 * plan.seconds / plan.kills as f64
    } else {
        random.unit() * 3.0
    };
    Duration::from_secs_f64(seconds)
}

/// Lets a node run for a while, asks it on the way if wanted, and kills it.
/// Returns how many rows it showed when asked.
fn live_and_die(
    mut node: Node,
    binary: &Binary,
    data_dir: &Path,
    delay: Duration,
    ask: bool,
    report: &mut Report,
) -> Result<Option<u64>> {
    let started = shell::now();
    let mut rows = None;
    if ask {
        node.wait_ready(LIMIT)?;
        std::thread::sleep(delay.saturating_sub(started.elapsed()));
        retail::check_agreements(binary, data_dir, report);
        rows = retail::value(binary, data_dir, "SELECT count(*) FROM sales")?.parse().ok();
    } else {
        std::thread::sleep(delay.saturating_sub(started.elapsed()));
    }
    if !node.is_running()? {
        bail!("the node ended by itself");
    }
    node.kill()?;
    Ok(rows)
}

/// What the data folder has shown after each kill.
#[derive(Debug, Default)]
struct Seen {
    rows: u64,
}

impl Seen {
    /// What a checkpoint held is still there after the next kill.
    fn note(&mut self, binary: &Binary, data_dir: &Path, report: &mut Report) {
        // A node that was killed while it started may have left no folder or no stream to ask.
        let Ok(rows) = retail::value(binary, data_dir, "SELECT count(*) FROM sales") else {
            if self.rows > 0 {
                report.failures.push(format!("the folder no longer answers; it held {} rows", self.rows));
            }
            return;
        };
        let rows = rows.parse().unwrap_or(0);
        if rows < self.rows {
            report.failures.push(format!("the folder held {} rows and holds {rows} after a kill", self.rows));
        } else {
            report.passed += 1;
        }
        self.rows = rows;
        retail::check_agreements(binary, data_dir, report);
    }
}
