//! Events of Nexmark's generator as JSON, written once for both sides.

#[path = "../../../../examples/nexmark/events.rs"]
mod events;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use serde_json::Value;

use crate::shell;

pub struct Files {
    /// One file a stream.
    pub for_us: PathBuf,
    /// A folder a stream, with two files of every second event.
    pub for_flink: PathBuf,
    rows: BTreeMap<String, u64>,
}

impl Files {
    /// How many events a stream has.
    pub fn rows_of(&self, stream: &str) -> Result<u64> {
        self.rows.get(stream).copied().with_context(|| format!("there are no events of {stream}"))
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
pub fn files(folder: &Path, number: u64) -> Result<Files> {
    let folder = folder.join(format!("events-{number}"));
    let mut files = Files { for_us: folder.join("ours"), for_flink: folder.join("flink"), rows: BTreeMap::new() };
    let complete = folder.join("complete");
    if let Ok(text) = std::fs::read_to_string(&complete) {
        files.rows = serde_json::from_str(&text)?;
        return Ok(files);
    }
    shell::fresh_dir(&files.for_us)?;
    shell::fresh_dir(&files.for_flink)?;
    let mut streams = BTreeMap::new();
    for name in ["person", "auction", "bid"] {
        streams.insert(name, Stream::create(&files, name)?);
    }
    let mut first_ms = None;
    for event in EventGenerator::new(NexmarkConfig::default()).take(number as usize) {
        let first_ms = *first_ms.get_or_insert(event.timestamp());
        let (stream, event) = events::told(event, |at_ms| events::time_text(at_ms.saturating_sub(first_ms)));
        streams.get_mut(stream).with_context(|| format!("an event of {stream}"))?.write(&event)?;
    }
    for (name, stream) in streams {
        files.rows.insert(name.to_owned(), stream.close()?);
    }
    std::fs::write(&complete, serde_json::to_string(&files.rows)?)?;
    Ok(files)
}
