//! Bids after Nexmark, as JSON of about 290 bytes, written once for both sides.
//!
//! The distributions: 10,000 events a second of event time with a jitter of up to 2 s; half of
//! the bids go to one hot auction, which changes every 5,000 events, the others to one of the
//! latest 1,000; three quarters come from one hot bidder; prices are log-uniform.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::calendar;
use crate::random::Random;
use crate::shell;

const SEED: u64 = 42;

/// 2023-11-14 22:13:20 UTC.
const FIRST_EVENT_MS: i64 = 1_700_000_000_000;

const EVENTS_PER_FILE: u64 = 250_000;
const CHANNELS: [&str; 8] =
    ["Google", "Facebook", "Baidu", "Apple", "channel-1", "channel-2", "channel-3", "channel-4"];

pub struct Files {
    /// In order of event time, one after the other.
    pub for_us: PathBuf,
    /// Two files that hold every second event each: Flink reads them side by side, and would drop
    /// events as late from files that follow each other.
    pub for_flink: PathBuf,
    pub mean_bytes: u64,
}

/// Writes the files, or finds those of an earlier run.
pub fn files(folder: &Path, events: u64) -> Result<Files> {
    let folder = folder.join(format!("events-{events}"));
    let files = Files { for_us: folder.join("ours"), for_flink: folder.join("flink"), mean_bytes: 0 };
    let complete = folder.join("complete");
    if let Ok(text) = std::fs::read_to_string(&complete) {
        return Ok(Files { mean_bytes: text.trim().parse()?, ..files });
    }
    shell::fresh_dir(&files.for_us)?;
    shell::fresh_dir(&files.for_flink)?;
    let create = |path: PathBuf| File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file));
    let mut halves = [create(files.for_flink.join("p0.json"))?, create(files.for_flink.join("p1.json"))?];
    let mut random = Random::new(SEED);
    let pool: Vec<String> = (0..20_000).map(|_| letters(&mut random)).collect();
    let mut bytes = 0;
    let mut line = Vec::new();
    for first in (0..events).step_by(EVENTS_PER_FILE as usize) {
        let mut ours = create(files.for_us.join(format!("bids-{:04}.json", first / EVENTS_PER_FILE)))?;
        for event in first..events.min(first + EVENTS_PER_FILE) {
            line.clear();
            bid(event as i64, &pool, &mut random, &mut line)?;
            bytes += line.len() as u64;
            ours.write_all(&line)?;
            halves[(event % 2) as usize].write_all(&line)?;
        }
        ours.flush()?;
    }
    halves.iter_mut().try_for_each(BufWriter::flush)?;
    let mean_bytes = bytes / events.max(1);
    std::fs::write(&complete, mean_bytes.to_string())?;
    Ok(Files { mean_bytes, ..files })
}

fn bid(event: i64, pool: &[String], random: &mut Random, line: &mut Vec<u8>) -> Result<()> {
    let mut below = |bound: i64| random.below(bound as u64) as i64;
    let newest_auction = 1000 + event / 50;
    let auction = if below(2) == 0 { newest_auction / 100 * 100 } else { newest_auction - below(1000) };
    let newest_bidder = 1000 + event / 200;
    let bidder = if below(4) < 3 { newest_bidder / 100 * 100 + 1 } else { newest_bidder - below(1000) };
    let at_ms = FIRST_EVENT_MS + event / 10 - below(2000);
    let channel = CHANNELS[below(CHANNELS.len() as i64) as usize];
    let (item, extra) = (below(10_000_000), &pool[below(pool.len() as i64) as usize]);
    let price = (10f64.powf(random.unit() * 6.0) * 100.0).round() as i64;
    let (date, of_day) = (calendar::date(at_ms.div_euclid(86_400_000)), at_ms.rem_euclid(86_400_000));
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    writeln!(
        line,
        "{{\"auction\":{auction},\"bidder\":{bidder},\"price\":{price},\"channel\":\"{channel}\",\
         \"url\":\"https://www.nexmark.com/abo/cjd/item.htm?query=1&channel_id={item}\",\
         \"date_time\":\"{date} {hour:02}:{minute:02}:{second:02}.{milli:03}\",\"extra\":\"{extra}\"}}"
    )?;
    Ok(())
}

fn letters(random: &mut Random) -> String {
    let length = 80 + random.below(41);
    (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}
