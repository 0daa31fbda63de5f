//! Five expectations over 10 million rows, as a check of a running node over a Parquet file; the same of Great Expectations,
//! Pandera and Soda where `PEERS` and `PEER_SCRIPTS` are set.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, figure, headline, ratio};
use crate::node::{Profile, Start};
use crate::{clients, shell};

const ROWS: u64 = 10_000_000;
const RUNS: usize = 3;
const READY: Duration = Duration::from_secs(120);

const PROJECT: &str = "
CREATE EXTERNAL TABLE rows STORED AS PARQUET LOCATION '${rows}';
CREATE EXPECTATIONS five ON rows (
    column_values_to_not_be_null(amount) WITH (mostly = 0.99),
    column_values_to_be_between(amount, 0, 1000),
    column_values_to_be_in_set(status, ('new', 'paid', 'shipped', 'done')),
    column_values_to_match_regex(email, '^[a-z0-9]+@[a-z]+\\.com$'),
    compound_columns_to_be_unique((customer, seq))
);
";

/// A peer: its environment, its package, its script with what follows the file, and how its lines of results begin.
const PEERS: [(&str, &str, &[&str], &str); 3] = [
    ("gx", "great_expectations==1.24.1", &["gx_bench.py", "3"], "\"gx\""),
    ("pandera", "pandera[pandas,polars]==0.35.0", &["pandera_bench.py", "3"], "\"pandera-polars\""),
    ("soda", "soda-core-duckdb==3.5.6", &["soda_bench.py", "3"], "\"soda-core\""),
];

pub fn run(options: &Options) -> Result<()> {
    let rows = options.rows.unwrap_or(ROWS);
    let folder = shell::target_dir().join("bench/expectations");
    shell::fresh_dir(&folder)?;
    let file = folder.join("rows.parquet");
    let peers = std::env::var_os("PEERS").zip(std::env::var_os("PEER_SCRIPTS"));
    let told = if peers.is_some() { "beside peers" } else { "no peers (PEERS and PEER_SCRIPTS are not set)" };
    headline(options, &format!("{rows} rows, best of {RUNS}; {told}"));
    let mut made = Command::new(clients::python()?);
    shell::run(made.arg(shell::root().join("bench/expectations/rows.py")).arg(rows.to_string()).arg(&file))?;
    let ours = of_node(options, &folder, &file)?;
    figure("expectations_node", ours, "s");
    let Some((peers, scripts)) = peers else { return Ok(()) };
    for (name, package, script, lines) in PEERS {
        let theirs = peer(Path::new(&peers), Path::new(&scripts), &file, (name, package, script, lines))?;
        figure(&format!("expectations_{name}"), theirs, "s");
        ratio(&format!("expectations_{name}"), ours, theirs);
    }
    Ok(())
}

/// `CHECK EXPECTATIONS` from asking to its answer: reading and decoding the file, too.
fn of_node(options: &Options, folder: &Path, file: &Path) -> Result<f64> {
    let binary = options.which.get(Profile::Release)?;
    let project = folder.join("project");
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("headwater.toml"), "[settings]\nrows = ''\n")?;
    std::fs::write(project.join("main.sql"), PROJECT)?;
    let data = folder.join("data");
    let mut node = Start::new(&project, &data).set("rows", file.display()).workers(options.workers).spawn(&binary)?;
    node.wait_ready(READY)?;
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let began = shell::now();
        let mut sql = Command::new(binary.path());
        sql.args(["sql", "--format", "csv", "--data-dir"]).arg(&data).arg("CHECK EXPECTATIONS five");
        let told = shell::output(&mut sql)?;
        if told.matches(",true,").count() != 5 {
            bail!("not all five expectations are met:\n{told}");
        }
        best = best.min(began.elapsed().as_secs_f64());
    }
    node.kill()?;
    Ok(best)
}

/// The best of a peer's own times, which begin when its rows are in memory.
fn peer(peers: &Path, scripts: &Path, file: &Path, of: (&str, &str, &[&str], &str)) -> Result<f64> {
    let (name, package, script, lines) = of;
    let python: PathBuf = peers.join(format!("venv-{name}/bin/python"));
    if !python.exists() {
        let mut install = Command::new("bash");
        shell::run(
            install.arg(scripts.join("install.sh")).args([name, package, "pandas", "pyarrow"]).env("PEERS", peers),
        )?;
    }
    let told = shell::output(Command::new(&python).arg(scripts.join(script[0])).arg(file).args(&script[1..]))?;
    let seconds = told
        .lines()
        .filter(|line| line.contains(lines))
        .filter_map(|line| line.split_once("\"s\": ")?.1.split([',', '}']).next()?.trim().parse::<f64>().ok());
    seconds.reduce(f64::min).with_context(|| format!("{name} told no time:\n{told}"))
}
