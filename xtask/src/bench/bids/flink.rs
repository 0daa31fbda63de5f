//! Apache Flink as the peer: its own script, in an environment below `PEERS`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::{figure, ratio};
use crate::shell;

const PACKAGE: &str = "apache-flink==2.3.0";

/// Where peers are installed, and the folder of their scripts.
pub struct Flink {
    peers: PathBuf,
    scripts: PathBuf,
}

/// Events by processor time and by wall time.
pub struct Figures {
    pub per_cpu: f64,
    pub per_second: f64,
}

/// The peer, if `PEERS` (where to install) and `PEER_SCRIPTS` (`install.sh`, `flink_bench.py`) are set.
pub fn from_environment() -> Option<Flink> {
    let peers = std::env::var_os("PEERS")?.into();
    let scripts = std::env::var_os("PEER_SCRIPTS")?.into();
    Some(Flink { peers, scripts })
}

/// What a headline says of the peer.
pub fn said(peer: Option<&Flink>) -> String {
    peer.map_or("no peer (PEERS and PEER_SCRIPTS are not set)".to_owned(), Flink::to_string)
}

/// Queries of ours beside the peer's, and how their ratios come out in the mean.
#[derive(Default)]
pub struct Beside {
    logarithms: Vec<f64>,
}

impl Beside {
    pub fn tell(&mut self, query: &str, ours: &Figures, theirs: &Figures) {
        figure(&format!("flink_{query}_per_cpu"), theirs.per_cpu, "events/CPU-s");
        figure(&format!("flink_{query}_speed"), theirs.per_second, "events/s");
        ratio(&format!("{query}_per_cpu"), ours.per_cpu, theirs.per_cpu);
        ratio(&format!("{query}_speed"), ours.per_second, theirs.per_second);
        self.logarithms.push((ours.per_cpu / theirs.per_cpu).ln());
    }

    /// Says the geometric mean, where there was anything to compare.
    pub fn close(self, name: &str) {
        if !self.logarithms.is_empty() {
            let mean = self.logarithms.iter().sum::<f64>() / self.logarithms.len() as f64;
            figure(&format!("{name}_per_cpu_mean"), mean.exp(), "times the peer, geometric");
        }
    }
}

impl fmt::Display for Flink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "against {PACKAGE} in streaming mode, parallelism 2")
    }
}

impl Flink {
    /// The folder of its scripts.
    pub fn scripts(&self) -> &Path {
        &self.scripts
    }

    /// Its Python, where needed installed.
    pub fn python(&self) -> Result<PathBuf> {
        let python = self.peers.join("venv-flink/bin/python");
        if !python.exists() {
            std::fs::create_dir_all(&self.peers)?;
            let mut install = Command::new(self.scripts.join("install.sh"));
            shell::run(install.env("PEERS", &self.peers).args(["flink", PACKAGE]))?;
        }
        Ok(python)
    }

    /// Runs queries of its script, each the best of some runs in one JVM.
    pub fn run(
        &self,
        files: &Path,
        events: u64,
        repeats: usize,
        queries: &[&str],
    ) -> Result<BTreeMap<String, Figures>> {
        let mut command = Command::new(self.python()?);
        command.arg(self.scripts.join("flink_bench.py")).arg("json").arg(files).env("PEERS", &self.peers);
        let text = shell::output(command.args([&events.to_string(), &repeats.to_string()]).args(queries))?;
        let of_line = |line: &str| {
            let said: serde_json::Value = serde_json::from_str(line)?;
            let number =
                |key: &str| said.get(key).and_then(|v| v.as_f64()).with_context(|| format!("no {key} in {line}"));
            let query = said.get("q").and_then(|query| query.as_str()).with_context(|| format!("no q in {line}"))?;
            let figures = Figures { per_cpu: number("ev_per_cpu_s_best")?, per_second: number("ev_s_best")? };
            Ok((query.to_owned(), figures))
        };
        text.lines().filter(|line| line.starts_with('{')).map(of_line).collect()
    }
}
