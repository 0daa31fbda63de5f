//! Events of Nexmark's generator as JSON, written once for both sides.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::Event;
use serde_json::{Value, json};

use crate::shell;

/// 2023-11-14 22:13:20 UTC.
const FIRST_EVENT_MS: u64 = 1_700_000_000_000;

pub struct Files {
    /// One file a stream.
    pub for_us: PathBuf,
    /// A folder a stream, with two files of every second event.
    pub for_flink: PathBuf,
    rows: BTreeMap<String, u64>,
}

impl Files {
    /// How many events a stream has.
    pub fn rows_of(&self, stream: &str) -> u64 {
        self.rows.get(stream).copied().unwrap_or(0)
    }
}

/// The files of one stream.
struct Stream {
    ours: BufWriter<File>,
    halves: [BufWriter<File>; 2],
    rows: u64,
}

impl Stream {
    fn create(files: &Files, name: &str) -> Result<Stream> {
        let create = |path: PathBuf| File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file));
        let folder = files.for_flink.join(format!("{name}s"));
        shell::fresh_dir(&folder)?;
        Ok(Stream {
            ours: create(files.for_us.join(format!("{name}s.json")))?,
            halves: [create(folder.join("p0.json"))?, create(folder.join("p1.json"))?],
            rows: 0,
        })
    }

    fn write(&mut self, event: &Value) -> Result<()> {
        let line = format!("{event}\n");
        self.ours.write_all(line.as_bytes())?;
        self.halves[(self.rows % 2) as usize].write_all(line.as_bytes())?;
        self.rows += 1;
        Ok(())
    }

    fn close(mut self) -> Result<u64> {
        self.ours.flush()?;
        self.halves.iter_mut().try_for_each(BufWriter::flush)?;
        Ok(self.rows)
    }
}

/// Writes the files, or finds those of an earlier run.
pub fn files(folder: &Path, events: u64) -> Result<Files> {
    let folder = folder.join(format!("events-{events}"));
    let mut files = Files { for_us: folder.join("ours"), for_flink: folder.join("flink"), rows: BTreeMap::new() };
    let complete = folder.join("complete");
    if let Ok(text) = std::fs::read_to_string(&complete) {
        files.rows = serde_json::from_str(&text)?;
        return Ok(files);
    }
    shell::fresh_dir(&files.for_us)?;
    shell::fresh_dir(&files.for_flink)?;
    let names = ["person", "auction", "bid"];
    let mut streams = names.iter().map(|name| Stream::create(&files, name)).collect::<Result<Vec<_>>>()?;
    let mut first_ms = None;
    for event in EventGenerator::new(NexmarkConfig::default()).take(events as usize) {
        let first_ms = *first_ms.get_or_insert(event.timestamp());
        let (stream, event) = told(event, first_ms)?;
        streams[stream].write(&event)?;
    }
    for (name, stream) in names.into_iter().zip(streams) {
        files.rows.insert(name.to_owned(), stream.close()?);
    }
    std::fs::write(&complete, serde_json::to_string(&files.rows)?)?;
    Ok(files)
}

/// The number of an event's stream, and the event.
fn told(event: Event, first_ms: u64) -> Result<(usize, Value)> {
    let text = |at_ms: u64| {
        let at_ms = FIRST_EVENT_MS + at_ms.saturating_sub(first_ms);
        let at = chrono::DateTime::from_timestamp_millis(at_ms as i64).context("a time of Nexmark that is none")?;
        Ok::<_, anyhow::Error>(at.format("%Y-%m-%d %H:%M:%S%.3f").to_string())
    };
    Ok(match event {
        Event::Person(person) => (
            0,
            json!({"id": person.id, "name": person.name, "email_address": person.email_address,
                "credit_card": person.credit_card, "city": person.city, "state": person.state.to_uppercase(),
                "date_time": text(person.date_time)?, "extra": person.extra}),
        ),
        Event::Auction(auction) => (
            1,
            json!({"id": auction.id, "item_name": auction.item_name, "description": auction.description,
                "initial_bid": auction.initial_bid, "reserve": auction.reserve, "date_time": text(auction.date_time)?,
                "expires": text(auction.expires)?, "seller": auction.seller, "category": auction.category,
                "extra": auction.extra}),
        ),
        Event::Bid(bid) => (
            2,
            json!({"auction": bid.auction, "bidder": bid.bidder, "price": bid.price, "channel": bid.channel,
                "url": bid.url, "date_time": text(bid.date_time)?, "extra": bid.extra}),
        ),
    })
}
