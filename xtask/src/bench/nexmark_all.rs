//! The queries of Nexmark that `nexmark` has not, over persons, auctions and bids in the log, and the same in Flink.

mod generate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::bids::flink::{self, Beside, Figures, Flink};
use super::bids::over_log;
use super::{Options, headline};
use crate::node::Profile;
use crate::shell;

/// Of `examples/nexmark` and of `bench/nexmark/flink.py`. Flink has no q6; its q13 asks a table.
const QUERIES: [&str; 16] =
    ["q3", "q4", "q8", "q9", "q10", "q11", "q14", "q15", "q16", "q17", "q18", "q19", "q20", "q21", "q22", "q23"];
const EVENTS: u64 = 2_000_000;
const REPEATS: usize = 2;

pub fn run(options: &Options) -> Result<()> {
    let events = options.rows.unwrap_or(EVENTS);
    let binary = options.which.get(Profile::Release)?;
    let folder = shell::target_dir().join("bench/nexmark");
    std::fs::create_dir_all(&folder)?;
    let files = generate::files(&folder, events)?;
    let peer = flink::from_environment();
    let peer_said = flink::said(peer.as_ref());
    headline(options, &format!("{events} events of Nexmark as JSON, best of {REPEATS}, {peer_said}"));
    let asked = |query: &&str| options.queries.is_empty() || options.queries.iter().any(|each| each == query);
    let queries: Vec<&str> = QUERIES.into_iter().filter(asked).collect();
    let theirs = peer.map(|peer| ask(&peer, &files.for_flink, &queries)).transpose()?;
    let mut beside = Beside::default();
    for query in queries {
        let (project, read) = project(&folder, query)?;
        let ours = over_log(&binary, options, &project, "events", &files.for_us, query)?;
        let Some([wall_s, cpu_s]) = theirs.as_ref().and_then(|theirs| theirs.get(query)) else { continue };
        let rows = read.iter().map(|stream| files.rows_of(stream)).sum::<Result<u64>>()? as f64;
        beside.tell(query, &ours, &Figures { per_cpu: rows / cpu_s, per_second: rows / wall_s });
    }
    beside.close("nexmark_all");
    Ok(())
}

/// Wall and processor time of each query in Flink.
fn ask(peer: &Flink, events: &Path, queries: &[&str]) -> Result<BTreeMap<String, [f64; 2]>> {
    let script = shell::root().join("bench/nexmark/flink.py");
    let mut command = Command::new(peer.python()?);
    command.arg(script).arg(peer.scripts()).arg(events).arg(REPEATS.to_string());
    let text = shell::output(command.args(queries))?;
    let of_line = |line: &str| {
        let said: serde_json::Value = serde_json::from_str(line)?;
        let number = |key: &str| said[key].as_f64().with_context(|| format!("no {key} in {line}"));
        let query = said["q"].as_str().with_context(|| format!("no q in {line}"))?;
        Ok((query.to_owned(), [number("wall_s")?, number("cpu_s")?]))
    };
    text.lines().filter(|line| line.starts_with('{')).map(of_line).collect()
}

/// A project of one query of the example and of the streams that it reads, and the names of those.
fn project(folder: &Path, query: &str) -> Result<(PathBuf, Vec<String>)> {
    let example = shell::root().join("examples/nexmark");
    let project = folder.join(query);
    shell::fresh_dir(&project)?;
    let queries = std::fs::read_to_string(example.join("queries.sql"))?;
    let opening = format!("CREATE MATERIALIZED VIEW {query} AS");
    let view = queries.split_inclusive(";\n").find(|statement| statement.contains(&opening));
    let view = view.with_context(|| format!("examples/nexmark has no {query}"))?;
    let reads = |stream: &&str| {
        let named = ["FROM ", "JOIN ", "TUMBLE(", "SESSION("].map(|before| format!("{before}{stream}"));
        let ends = |at: usize| !view[at..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
        named.iter().any(|name| view.match_indices(name).any(|(at, _)| ends(at + name.len())))
    };
    let read: Vec<String> = ["person", "auction", "bid"].into_iter().filter(reads).map(str::to_owned).collect();
    let streams = std::fs::read_to_string(example.join("streams.sql"))?;
    let is_read = |statement: &&str| {
        let of = |stream: &String| {
            statement.contains(&format!("CREATE STREAM {stream} (")) || statement.contains(&format!(" INTO {stream} "))
        };
        read.iter().any(of)
    };
    let kept: String = streams.split_inclusive(";\n").filter(is_read).collect();
    std::fs::write(project.join("project.sql"), format!("{kept}\n{view}\n"))?;
    std::fs::copy(example.join("headwater.toml"), project.join("headwater.toml"))?;
    Ok((project, read))
}
