//! Speed of the embedded log on this machine's disk: building, appending with syncs, committing, reading.
//!
//! `cargo run --release -p headwater-log --example throughput [FOLDER]`; the folder is made, used and removed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater_base::clock::{Clock, SystemClock};
use headwater_base::files::disk::Disk;
use headwater_log::embedded::Options;
use headwater_log::{Batch, Builder, EmbeddedLog, Log, ReadOptions, Result, TopicConfig};

const VALUE: [u8; 100] = [b'v'; 100];
const BATCH_BYTES: usize = 1 << 20;
const BATCHES: usize = 400;

fn main() -> Result<()> {
    let folder =
        std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("headwater-throughput"), PathBuf::from);
    println!("records of 100 bytes in batches of 1 MiB, {BATCHES} batches, in {}", folder.display());
    let done = measure(&folder);
    // Only what `measure` made.
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn measure(folder: &Path) -> Result<()> {
    let clock = SystemClock::shared();
    let log = EmbeddedLog::open(Disk::shared(), folder, SystemClock::shared(), Options::default())?;
    for topic in ["plain", "committed", "spread"] {
        log.create_topic(topic, &TopicConfig { partitions: 4, retention: None, archived: false })?;
    }
    let mut builder = Builder::new();
    let started = clock.elapsed();
    let mut records = 0;
    for _ in 0..BATCHES {
        records += build(&mut builder).count();
    }
    per_second("build_records", records as f64, clock.elapsed() - started, "records/s");
    let batches = vec![build(&mut builder); 4];
    let batches = || batches.iter().cycle().take(BATCHES);
    let bytes: usize = batches().map(|batch| batch.as_bytes().len()).sum();
    let megabytes = bytes as f64 / 1e6;
    let started = clock.elapsed();
    for batch in batches() {
        log.append("plain", 0, batch.clone())?.wait()?;
    }
    per_second("append_sync_each", megabytes, clock.elapsed() - started, "MB/s");

    let mut writer = log.open_writer("throughput")?;
    let started = clock.elapsed();
    for batch in batches() {
        writer.append("committed", 0, batch.clone())?;
        writer.commit_now(bytes::Bytes::from_static(b"position"))?;
    }
    per_second("commit_now_each", megabytes, clock.elapsed() - started, "MB/s");

    let started = clock.elapsed();
    for _ in 0..BATCHES / 4 {
        for (partition, batch) in (0..4).zip(batches()) {
            writer.append("spread", partition, batch.clone())?;
        }
        writer.commit_now(bytes::Bytes::from_static(b"position"))?;
    }
    per_second("commit_now_4_partitions", megabytes, clock.elapsed() - started, "MB/s");
    small_appends(&log, clock.as_ref())?;
    read_all(&log, clock.as_ref(), "plain")
}

fn build(builder: &mut Builder) -> Batch {
    while builder.bytes() < BATCH_BYTES {
        builder.push(None, Some(&VALUE), 1_700_000_000_000);
    }
    builder.build()
}

/// Many threads that each wait for every append: what group commit is for.
fn small_appends(log: &EmbeddedLog, clock: &dyn Clock) -> Result<()> {
    const THREADS: usize = 16;
    const APPENDS: usize = 200;
    let started = clock.elapsed();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut builder = Builder::new();
                    for _ in 0..APPENDS {
                        builder.push(None, Some(&VALUE), 1_700_000_000_000);
                        log.append("plain", 1, builder.build())?.wait()?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    per_second("small_appends_16_threads", (THREADS * APPENDS) as f64, clock.elapsed() - started, "appends/s");
    Ok(())
}

fn read_all(log: &EmbeddedLog, clock: &dyn Clock, topic: &str) -> Result<()> {
    let options = ReadOptions::default();
    let started = clock.elapsed();
    let (mut from, mut records, mut bytes) = (0, 0u64, 0u64);
    loop {
        let chunk = log.read(topic, 0, from, &options)?;
        if chunk.next == from {
            break;
        }
        for record in chunk.records() {
            records += 1;
            bytes += record?.value.map_or(0, <[u8]>::len) as u64;
        }
        from = chunk.next;
    }
    let took = clock.elapsed() - started;
    per_second("read_records", records as f64, took, "records/s");
    per_second("read_values", bytes as f64 / 1e6, took, "MB/s");
    Ok(())
}

fn per_second(name: &str, count: f64, took: Duration, unit: &str) {
    println!("figure {name} {:.0} {unit}", count / took.as_secs_f64());
}
