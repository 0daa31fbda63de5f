//! What a process took: processor time and memory, read from `/proc` while it runs.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::node::Node;
use crate::shell;

/// Clock ticks a second in `/proc/PID/stat`; Linux shows user space 100 on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    pub wall_s: f64,
    /// User and system time of all threads.
    pub cpu_s: f64,
    pub rss_mib: f64,
    pub rss_peak_mib: f64,
}

/// Follows a node to its end.
pub fn until_end(node: &mut Node, limit: Duration) -> Result<Usage> {
    let started = shell::now();
    let mut usage = Usage::default();
    loop {
        // A process that has ended keeps its times until somebody waits for it; its memory is gone.
        let (seen, ended) = look(node.pid(), usage);
        usage = seen;
        if ended {
            usage.wall_s = started.elapsed().as_secs_f64();
            node.wait(Duration::from_secs(5))?;
            return Ok(usage);
        }
        if started.elapsed() > limit {
            bail!("the node did not end within {}", shell::spoken(limit));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a node holds now.
pub fn now(node: &Node) -> Usage {
    of(node.pid())
}

/// What any process holds now.
pub fn of(pid: u32) -> Usage {
    look(pid, Usage::default()).0
}

/// Waits until a process computes no more, or for as long as `limit`, and returns what it had taken by then.
pub fn until_rest(pid: u32, limit: Duration) -> Usage {
    /// Of one core.
    const REST_SHARE: f64 = 0.03;
    const LOOK_EVERY: Duration = Duration::from_secs(1);
    let started = shell::now();
    let mut before = of(pid);
    loop {
        std::thread::sleep(LOOK_EVERY);
        let after = of(pid);
        if after.cpu_s - before.cpu_s < REST_SHARE * LOOK_EVERY.as_secs_f64() || started.elapsed() > limit {
            return after;
        }
        before = after;
    }
}

/// The newest figures, and whether the process has ended.
fn look(pid: u32, mut usage: Usage) -> (Usage, bool) {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return (usage, true);
    };
    // The name in parentheses may hold spaces; state is the first field after it, utime the 12th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    usage.cpu_s = (ticks(11) + ticks(12)) / TICKS_PER_SECOND;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
    };
    usage.rss_mib = mib("VmRSS:").unwrap_or(usage.rss_mib);
    usage.rss_peak_mib = mib("VmHWM:").unwrap_or(usage.rss_peak_mib);
    (usage, fields.first() == Some(&"Z"))
}
