//! Joins as of a time over Parquet files: a million labels, each with the last of ten million versions, and the other way
//! round; DuckDB's over the same files.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, figure, headline, ratio};
use crate::node::{Profile, Start};
use crate::{clients, shell};

const VERSIONS: u64 = 10_000_000;
const RUNS: usize = 5;
const READY: Duration = Duration::from_secs(120);

const PROJECT: &str = "
CREATE EXTERNAL TABLE labels STORED AS PARQUET LOCATION '${rows}/labels.parquet';
CREATE EXTERNAL TABLE versions STORED AS PARQUET LOCATION '${rows}/versions.parquet';
CREATE EXTERNAL TABLE shuffled STORED AS PARQUET LOCATION '${rows}/shuffled.parquet';
";

/// What is joined: a name, the left and the right file.
const JOINS: [(&str, &str, &str); 3] =
    [("in_order", "labels", "versions"), ("shuffled", "labels", "shuffled"), ("reversed", "versions", "labels")];

/// What a join found, and the seconds of the best run.
struct Joined {
    found: Vec<String>,
    best: f64,
}

pub fn run(options: &Options) -> Result<()> {
    let versions = options.rows.unwrap_or(VERSIONS);
    let (labels, keys) = (versions / 10, versions / 100);
    let folder = shell::target_dir().join("bench/asof");
    shell::fresh_dir(&folder)?;
    headline(options, &format!("{labels} labels, {versions} versions of {keys} keys, best of {RUNS}; beside DuckDB"));
    let python = clients::python()?;
    let scripts = shell::root().join("bench/asof");
    let numbers = [labels, versions, keys].map(|number| number.to_string());
    shell::run(Command::new(&python).arg(scripts.join("rows.py")).args(numbers).arg(&folder))?;
    let ours = of_node(options, &folder)?;
    for ((name, left, right), ours) in JOINS.into_iter().zip(ours) {
        let mut peer = Command::new(&python);
        peer.arg(scripts.join("duckdb_asof.py")).arg(&folder).args([left, right, &RUNS.to_string()]);
        let theirs = of_peer(&shell::output(&mut peer)?)?;
        if ours.found != theirs.found {
            bail!("{name}: we found {:?} and DuckDB {:?}", ours.found, theirs.found);
        }
        figure(&format!("asof_{name}"), ours.best, "s");
        figure(&format!("asof_{name}_duckdb"), theirs.best, "s");
        ratio(&format!("asof_{name}"), ours.best, theirs.best);
    }
    Ok(())
}

/// From asking to the answer, for each of the joins.
fn of_node(options: &Options, folder: &Path) -> Result<Vec<Joined>> {
    let binary = options.which.get(Profile::Release)?;
    let project = folder.join("project");
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("headwater.toml"), "[settings]\nrows = ''\n")?;
    std::fs::write(project.join("main.sql"), PROJECT)?;
    let data = folder.join("data");
    let mut node = Start::new(&project, &data).set("rows", folder.display()).workers(options.workers).spawn(&binary)?;
    node.wait_ready(READY)?;
    let mut joined = Vec::new();
    for (_, left, right) in JOINS {
        let query = format!(
            "SELECT count(*), count(r.value), sum(r.value) FROM {left} AS l ASOF JOIN {right} AS r \
             MATCH_CONDITION (l.at >= r.at) ON l.key = r.key"
        );
        let (mut found, mut best) = (Vec::new(), f64::INFINITY);
        for _ in 0..RUNS {
            let began = shell::now();
            found = binary.sql(&data, &query)?.pop().context("the join gave no row")?;
            best = best.min(began.elapsed().as_secs_f64());
        }
        joined.push(Joined { found, best });
    }
    node.kill()?;
    Ok(joined)
}

/// A line a run: what it found, then its seconds.
fn of_peer(told: &str) -> Result<Joined> {
    let (mut found, mut best) = (Vec::new(), f64::INFINITY);
    for line in told.lines() {
        let (of_run, seconds) = line.rsplit_once(' ').with_context(|| format!("DuckDB told {line:?}"))?;
        found = of_run.split(' ').map(str::to_owned).collect();
        best = best.min(seconds.parse()?);
    }
    Ok(Joined { found, best })
}
