//! Many connections at once: what idle ones take of memory, and how lookups over busy ones fare beside them.

use anyhow::{Context, Result, bail};

use super::lookups::{self, Ask, Door, RATE};
use super::{Settings, figure, quantile_figures, usage};
use crate::node::Node;
use crate::shell;

/// Of each protocol.
const IDLE: usize = 1000;

/// Of both protocols together.
const BUSY: usize = 200;

/// Both ends' sockets are files of two processes, each of which has less than this.
const FILES: u64 = 2 * IDLE as u64 + BUSY as u64 + 100;

pub fn run(settings: &Settings) -> Result<()> {
    let limit = open_files_limit()?;
    if limit < FILES {
        bail!("a process may open {limit} files here, and {FILES} are needed: `ulimit -n 8192` in the shell first");
    }
    let folder = settings.folder.join("connections");
    shell::fresh_dir(&folder)?;
    let node = lookups::start(settings, &folder, &["seen.sql"])?;
    measure(settings, &node)?;
    drop(node);
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

fn measure(settings: &Settings, node: &Node) -> Result<()> {
    let rss_mib = || usage::until_rest(node.pid(), settings.seconds).rss_mib;
    let mut before = rss_mib();
    figure("connections_none_rss", before, "MiB");
    let mut idle = Vec::new();
    for door in [Door::Postgres, Door::Http] {
        // Each has been used once, as an application's pool has used them.
        let mut clients = door.clients(node, IDLE)?;
        look_up_once(&mut clients)?;
        idle.extend(clients);
        let after = rss_mib();
        let name = format!("connections_idle_{}", door.name());
        figure(&format!("{name}_rss"), after, "MiB");
        figure(&format!("{name}_each"), (after - before) * 1024.0 / IDLE as f64, "KiB");
        before = after;
    }
    let cpu_before = usage::now(node).cpu_s;
    std::thread::sleep(settings.seconds);
    let cpu = (usage::now(node).cpu_s - cpu_before) / settings.seconds.as_secs_f64();
    figure("connections_idle_cpu", cpu * 100.0, "%");

    let busy = || -> Result<Vec<Box<dyn Ask>>> {
        let mut clients = Door::Postgres.clients(node, BUSY / 2)?;
        clients.extend(Door::Http.clients(node, BUSY / 2)?);
        Ok(clients)
    };
    let asked = lookups::ask(busy()?, Some(RATE), settings.seconds)?;
    figure("connections_busy_paced", asked.per_second(), "lookups/s");
    quantile_figures("connections_busy_paced", &asked.from_due);
    let asked = lookups::ask(busy()?, None, settings.seconds)?;
    figure("connections_busy", asked.per_second(), "lookups/s");
    quantile_figures("connections_busy", &asked.from_sending);
    figure("connections_busy_rss", usage::now(node).rss_mib, "MiB");
    figure("connections_rss_peak", usage::now(node).rss_peak_mib, "MiB");
    look_up_once(&mut idle).context("an idle connection was lost")
}

fn look_up_once(clients: &mut [Box<dyn Ask>]) -> Result<()> {
    clients.iter_mut().zip(0..).try_for_each(|(client, key)| client.ask(key % lookups::KEYS))
}

/// How many files this process, and so the node that it starts, may have open.
fn open_files_limit() -> Result<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").context("cannot read /proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).context("no limit of open files is told")?;
    Ok(soft.parse().unwrap_or(u64::MAX))
}
