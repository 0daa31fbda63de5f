//! Runs: what ten in a chain take beside what they do, which is nothing, and how late one begins among many schedules;
//! Airflow's ten tasks where `PEERS` and `PEER_SCRIPTS` are set.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, figure, headline, ratio};
use crate::node::{Binary, Node, Profile, Start};
use crate::shell;

const CHAIN: usize = 10;
const ROUNDS: usize = 8;
const SCHEDULES: u64 = 10_000;
const WATCHED: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(600);

pub fn run(options: &Options) -> Result<()> {
    let binary = options.which.get(Profile::Release)?;
    let folder = shell::target_dir().join("bench/runs");
    shell::fresh_dir(&folder)?;
    let schedules = options.rows.unwrap_or(SCHEDULES);
    let peers = std::env::var_os("PEERS").zip(std::env::var_os("PEER_SCRIPTS"));
    let told = if peers.is_some() { "beside Airflow" } else { "no peer (PEERS and PEER_SCRIPTS are not set)" };
    headline(options, &format!("{CHAIN} empty refreshes in a chain, {schedules} schedules; {told}"));
    let ours = chain(&binary, &folder)?;
    late(&binary, &folder, schedules)?;
    let Some((peers, scripts)) = peers else { return Ok(()) };
    let theirs = airflow(Path::new(&peers), Path::new(&scripts), &folder)?;
    figure("runs_chain_airflow", theirs * 1e3, "ms");
    ratio("runs_chain", ours * 1e3, theirs * 1e3);
    Ok(())
}

/// Seconds from the first one's beginning to the last one's end: the median over the rounds.
fn chain(binary: &Binary, folder: &Path) -> Result<f64> {
    let mut project = "CREATE TABLE view_0 (n BIGINT);\n".to_owned();
    for number in 1..=CHAIN {
        let read = number - 1;
        let refresh = "REFRESH EVERY '2 seconds'";
        writeln!(project, "CREATE MATERIALIZED VIEW view_{number} {refresh} AS SELECT n FROM view_{read};")?;
    }
    let (mut node, data) = start(binary, folder, "chain", &project)?;
    let query = format!(
        "SELECT extract(epoch FROM max(ended_at) - min(started_at)), extract(epoch FROM max(ended_at) - due_at) \
         FROM system.runs WHERE cause = 'schedule' AND state = 'succeeded' \
         GROUP BY due_at HAVING count(*) = {CHAIN} ORDER BY due_at"
    );
    let began = shell::now();
    let rounds = loop {
        let rounds = binary.sql(&data, &query)?;
        // The first ones are those in which all is new.
        if rounds.len() > ROUNDS {
            break rounds[1..].to_vec();
        }
        if began.elapsed() > READY {
            bail!("the chain ran {} times, and not {ROUNDS}", rounds.len());
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    node.kill()?;
    let column = |at: usize| rounds.iter().map(|row| Ok(row[at].parse::<f64>()?)).collect::<Result<Vec<_>>>();
    let (lasted, from_due) = (sorted(column(0)?), sorted(column(1)?));
    figure("runs_chain_best", lasted[0] * 1e3, "ms");
    figure("runs_chain_p50", median(&lasted) * 1e3, "ms");
    figure("runs_chain_from_due_p50", median(&from_due) * 1e3, "ms");
    Ok(median(&lasted))
}

/// How late a view is refreshed that is due every second, beside many that are due once a year.
fn late(binary: &Binary, folder: &Path, schedules: u64) -> Result<()> {
    let mut project = "CREATE TABLE rows (n BIGINT);\n".to_owned();
    for number in 0..schedules {
        let refresh = "REFRESH CRON '0 0 1 1 *' WITH (catch_up = 'none')";
        writeln!(project, "CREATE MATERIALIZED VIEW seldom_{number} {refresh} AS SELECT n FROM rows;")?;
    }
    project.push_str("CREATE MATERIALIZED VIEW often REFRESH EVERY '1 second' AS SELECT n FROM rows;\n");
    let began = shell::now();
    let (mut node, data) = start(binary, folder, "late", &project)?;
    figure("runs_many_ready", began.elapsed().as_secs_f64(), "s");
    // Each is made once at the beginning.
    let made = "SELECT count(DISTINCT object) FROM system.runs WHERE state = 'succeeded' AND object <> 'often'";
    while binary.sql(&data, made)?[0][0].parse::<u64>()? < schedules {
        if began.elapsed() > READY {
            bail!("not all {schedules} views were made within {}", shell::spoken(READY));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    figure("runs_many_all_made", began.elapsed().as_secs_f64(), "s");
    std::thread::sleep(WATCHED);
    let rows = binary.sql(
        &data,
        "SELECT extract(epoch FROM started_at - due_at) FROM system.runs \
         WHERE object = 'often' AND cause = 'schedule' ORDER BY due_at DESC LIMIT 50",
    )?;
    node.kill()?;
    let times = sorted(rows.iter().map(|row| Ok(row[0].parse::<f64>()?)).collect::<Result<Vec<_>>>()?);
    let most = times.last().copied().context("the view that is due each second was not refreshed")?;
    figure("runs_late_p50", median(&times) * 1e3, "ms");
    figure("runs_late_max", most * 1e3, "ms");
    Ok(())
}

fn start(binary: &Binary, folder: &Path, name: &str, text: &str) -> Result<(Node, PathBuf)> {
    let (project, data) = (folder.join(format!("{name}-project")), folder.join(name));
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("headwater.toml"), "")?;
    std::fs::write(project.join("views.sql"), text)?;
    let mut node = Start::new(&project, &data).spawn(binary)?;
    node.wait_ready(READY)?;
    Ok((node, data))
}

/// Seconds of a run of its DAG in one process, as it tells them itself: without its start.
fn airflow(peers: &Path, scripts: &Path, folder: &Path) -> Result<f64> {
    let bin = peers.join("venv-airflow/bin");
    if !bin.join("airflow").exists() {
        let mut install = Command::new("bash");
        install.arg(scripts.join("install.sh")).args(["airflow", "apache-airflow==3.3.2"]);
        shell::run(install.env("PEERS", peers))?;
    }
    let home = folder.join("airflow");
    std::fs::create_dir_all(home.join("dags"))?;
    std::fs::copy(shell::root().join("bench/runs/chain.py"), home.join("dags/chain.py"))?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(bin.join("airflow"));
        command.args(arguments).env("AIRFLOW_HOME", &home).env("AIRFLOW__CORE__LOAD_EXAMPLES", "False");
        command.env("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "False").env("SCARF_ANALYTICS", "false");
        command
    };
    shell::output(&mut command(&["db", "migrate"]))?;
    let told = shell::output(&mut command(&["dags", "test", "ten_in_a_chain"]))?;
    let seconds = told.lines().find_map(|line| {
        let (_, rest) = line.split_once("run_duration=")?;
        rest.split([',', ' ']).next()?.parse().ok()
    });
    seconds.with_context(|| format!("Airflow told no duration:\n{told}"))
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
