//! Queries of Nexmark over JSON bids in the log, one after the other, and the same in Flink over the same bytes.

use anyhow::Result;

use super::bids::{OverLog, flink, generate, over_log};
use super::{Options, figure, headline, project, ratio};
use crate::node::Profile;
use crate::shell;

/// The names are those of the peer's script; ours stand in `bench/bids/queries`.
const QUERIES: [&str; 9] = ["q0", "q1", "q2", "q5_count", "q5_full", "q7_max", "q12_bidder", "tumble_agg", "running"];
const EVENTS: u64 = 3_000_000;
const REPEATS: usize = 3;

pub fn run(options: &Options) -> Result<()> {
    let events = options.rows.unwrap_or(EVENTS);
    let binary = options.which.get(Profile::Release)?;
    let folder = shell::target_dir().join("bench/bids");
    std::fs::create_dir_all(&folder)?;
    let files = generate::files(&folder, events)?;
    let peer = flink::from_environment();
    let peer_said = peer.as_ref().map_or("no peer (PEERS and PEER_SCRIPTS are not set)".to_string(), |p| p.to_string());
    headline(options, &format!("{events} bids of {} bytes of JSON, best of {REPEATS}, {peer_said}", files.mean_bytes));
    let theirs = match &peer {
        Some(peer) => Some(peer.run(&files.for_flink, events, REPEATS, &QUERIES)?),
        None => None,
    };
    let (mut product, mut compared) = (1.0, 0);
    for query in QUERIES {
        let file = format!("queries/{query}.sql");
        let project = project("bids", &folder, query, &["bids.sql", &file])?;
        let OverLog { per_cpu, per_second } = over_log(&binary, options, &project, "bids", &files.for_us, query)?;
        let Some(theirs) = theirs.as_ref().and_then(|theirs| theirs.get(query)) else { continue };
        figure(&format!("flink_{query}_per_cpu"), theirs.per_cpu, "events/CPU-s");
        figure(&format!("flink_{query}_speed"), theirs.per_second, "events/s");
        ratio(&format!("{query}_per_cpu"), per_cpu, theirs.per_cpu);
        ratio(&format!("{query}_speed"), per_second, theirs.per_second);
        product *= per_cpu / theirs.per_cpu;
        compared += 1;
    }
    if compared > 0 {
        figure("nexmark_per_cpu_mean", f64::powf(product, 1.0 / f64::from(compared)), "times the peer, geometric");
    }
    Ok(())
}
