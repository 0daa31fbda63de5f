//! One row of a keyed view by its key, over PostgreSQL's protocol, as PostgreSQL's own pgbench asks for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, figure, headline, usage};
use crate::node::{Binary, Node, Profile, Start};
use crate::shell;

const KEYS: u64 = 100_000;
const SECONDS: u64 = 10;
const CONNECTIONS: [usize; 3] = [1, 8, 64];
const READY: Duration = Duration::from_secs(120);

const PROJECT: &str = "
CREATE STREAM events (id BIGINT NOT NULL) WITH (format = 'json');
CREATE SOURCE feed INTO events FROM FILES (PATH '${rows}', FORMAT 'json');
CREATE MATERIALIZED VIEW seen AS SELECT id, count(*) AS times FROM events GROUP BY id;
";

pub fn run(options: &Options) -> Result<()> {
    let keys = options.rows.unwrap_or(KEYS);
    let binary = options.which.get(Profile::Release)?;
    let pgbench = pgbench()?;
    let folder = shell::target_dir().join("bench/lookups");
    shell::fresh_dir(&folder)?;
    headline(options, &format!("{keys} keys, prepared statements, {SECONDS} s for each number of connections"));
    let mut node = start(&binary, options, &folder, keys)?;
    let measured = measure(&node, &binary, &pgbench, &folder, keys);
    node.kill()?;
    measured
}

fn start(binary: &Binary, options: &Options, folder: &Path, keys: u64) -> Result<Node> {
    let (project, rows) = (folder.join("project"), folder.join("events.ndjson"));
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("headwater.toml"), "[settings]\nrows = ''\n")?;
    std::fs::write(project.join("seen.sql"), PROJECT)?;
    std::fs::write(&rows, (0..keys).map(|id| format!("{{\"id\":{id}}}\n")).collect::<String>())?;
    let start = Start::new(&project, folder.join("data")).set("rows", rows.display()).workers(options.workers);
    let mut node = start.spawn(binary)?;
    node.wait_ready(READY)?;
    Ok(node)
}

fn measure(node: &Node, binary: &Binary, pgbench: &Path, folder: &Path, keys: u64) -> Result<()> {
    let address = node.postgres().context("the node has announced no address for PostgreSQL clients")?;
    let (host, port) = address.rsplit_once(':').context("an address without a port")?;
    let count = || -> Result<String> {
        let mut command = binary.command(&["sql", "--format", "csv", "SELECT count(*) FROM seen"]);
        shell::output(command.arg("--data-dir").arg(folder.join("data")))
    };
    let began = shell::now();
    while !count()?.contains(&keys.to_string()) {
        if began.elapsed() > READY {
            bail!("the view never had its {keys} rows");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let script = folder.join("lookup.sql");
    let last = keys - 1;
    std::fs::write(&script, format!("\\set id random(0, {last})\nSELECT times FROM seen WHERE id = :id\n"))?;
    for connections in CONNECTIONS {
        let number = connections.to_string();
        let log = folder.join(format!("log-{number}"));
        let mut command = Command::new(pgbench);
        command.args(["--no-vacuum", "--protocol", "prepared", "--jobs", "2", "--client", &number, "--log"]);
        command.args(["--time", &SECONDS.to_string(), "--host", host, "--port", port, "--username", "me"]);
        shell::output(command.arg("--log-prefix").arg(&log).arg("--file").arg(&script).arg("shop"))?;
        let mut times = times(folder, &format!("log-{number}."))?;
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
        figure(&format!("lookups_{number}"), times.len() as f64 / SECONDS as f64, "lookups/s");
        figure(&format!("lookups_{number}_p50"), at(0.5), "ms");
        figure(&format!("lookups_{number}_p99"), at(0.99), "ms");
    }
    figure("lookups_rss_peak", usage::now(node).rss_peak_mib, "MiB");
    Ok(())
}

/// Microseconds of each lookup: the third word of a line of pgbench's logs.
fn times(folder: &Path, prefix: &str) -> Result<Vec<u64>> {
    let mut times = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let text = std::fs::read_to_string(entry.path())?;
            times.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()));
        }
    }
    if times.is_empty() {
        bail!("pgbench measured nothing");
    }
    Ok(times)
}

/// Debian keeps it beside the server.
fn pgbench() -> Result<PathBuf> {
    let find = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        versions.flatten().map(|version| version.path().join("bin/pgbench")).find(|path| path.exists())
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    shell::run(Command::new("apt-get").arg("update"))?;
    shell::run(Command::new("apt-get").args(["install", "--yes", "--no-install-recommends", "postgresql-contrib"]))?;
    find().context("pgbench is not here: install the package postgresql-contrib")
}
