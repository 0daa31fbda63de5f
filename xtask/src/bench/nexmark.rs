//! Queries of Nexmark over JSON bids in the log, one after the other, and the same in Flink over the same bytes.

use anyhow::Result;

use super::bids::flink::{self, Beside};
use super::bids::{generate, over_log};
use super::{Options, headline, project};
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
    let peer_said = flink::said(peer.as_ref());
    headline(options, &format!("{events} bids of {} bytes of JSON, best of {REPEATS}, {peer_said}", files.mean_bytes));
    let theirs = match &peer {
        Some(peer) => Some(peer.run(&files.for_flink, events, REPEATS, &QUERIES)?),
        None => None,
    };
    let mut beside = Beside::default();
    for query in QUERIES {
        let file = format!("queries/{query}.sql");
        let project = project("bids", &folder, query, &["bids.sql", &file])?;
        let ours = over_log(&binary, options, &project, "bids", &files.for_us, query)?;
        if let Some(theirs) = theirs.as_ref().and_then(|theirs| theirs.get(query)) {
            beside.tell(query, &ours, theirs);
        }
    }
    beside.close("nexmark");
    Ok(())
}
