//! Tests of the embedded log: the contract, on a simulated disk and on the machine's own; restarts, damage, limits.

mod damage;

use std::sync::Arc;
use std::time::Duration;

use headwater_base::ErrorKind;
use headwater_base::clock::{ManualClock, SystemClock};
use headwater_base::files::Files;
use headwater_base::files::disk::Disk;
use headwater_base::files::simulated::{Faults, Simulated};

use super::{EmbeddedLog, Options, Sync};
use crate::{Builder, Error, Isolation, Log, ReadOptions, TopicConfig, contract};

const ROOT: &str = "/log";

/// Small segments, so that everything happens.
fn small() -> Options {
    Options { segment_bytes_max: 16 << 10, index_interval_bytes: 512, journal_bytes_min: 4 << 10, ..Options::default() }
}

#[test]
fn keeps_the_contract_in_memory() {
    for sync in [Sync::Group { interval: Duration::ZERO, bytes: 1 << 20 }, Sync::Off] {
        contract::check_all(&|| {
            let files = Simulated::new(1).shared();
            let options = Options { sync, ..small() };
            let clock = ManualClock::at(1_700_000_000_000_000);
            Arc::new(EmbeddedLog::open(files, "/log".as_ref(), clock, options).unwrap()) as Arc<dyn Log>
        })
        .unwrap();
    }
}

#[test]
fn keeps_the_contract_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    contract::check_all(&|| {
        count.set(count.get() + 1);
        let root = folder.path().join(count.get().to_string());
        let clock = SystemClock::shared();
        Arc::new(EmbeddedLog::open(Disk::shared(), &root, clock, small()).unwrap()) as Arc<dyn Log>
    })
    .unwrap();
}

fn open(files: &Simulated, options: Options) -> crate::Result<EmbeddedLog> {
    EmbeddedLog::open(files.shared(), ROOT.as_ref(), ManualClock::at(1_700_000_000_000_000), options)
}

fn topic(partitions: u32) -> TopicConfig {
    TopicConfig { partitions, retention: None, archived: false }
}

fn batch(value: &str) -> crate::Batch {
    let mut builder = Builder::new();
    builder.push(None, Some(value.as_bytes()), 1_000);
    builder.build()
}

fn values(log: &EmbeddedLog, topic: &str, partition: u32, isolation: Isolation) -> crate::Result<Vec<String>> {
    let options = ReadOptions { isolation, bytes_max: 1_000, until: None, ..ReadOptions::default() };
    let mut from = log.offsets(topic, partition)?.start;
    let mut found = Vec::new();
    loop {
        let chunk = log.read(topic, partition, from, &options)?;
        for record in chunk.records() {
            found.push(String::from_utf8(record?.value.unwrap().to_vec()).unwrap());
        }
        if chunk.next == from {
            return Ok(found);
        }
        from = chunk.next;
    }
}

#[test]
fn a_restart_finds_everything() {
    let disk = Simulated::new(3);
    let name = "Ünusual/näme.";
    let prepared = {
        let log = open(&disk, small()).unwrap();
        log.create_topic(name, &topic(2)).unwrap();
        for number in 0..200 {
            log.append(name, 1, batch(&format!("{number} {}", "x".repeat(300)))).unwrap().wait().unwrap();
        }
        let mut writer = log.open_writer("w").unwrap();
        writer.append(name, 0, batch("prepared")).unwrap();
        let mut other = log.open_writer("void").unwrap();
        other.append(name, 0, batch("void")).unwrap();
        std::mem::forget(other);
        writer.prepare(bytes::Bytes::from_static(b"n")).unwrap()
    };
    for _ in 0..2 {
        disk.crash();
        let log = open(&disk, small()).unwrap();
        assert_eq!(log.topics().unwrap()[0].name, name);
        assert_eq!(values(&log, name, 1, Isolation::Committed).unwrap().len(), 200);
        assert_eq!(values(&log, name, 0, Isolation::Committed).unwrap(), Vec::<String>::new());
        assert_eq!(values(&log, name, 0, Isolation::Latest).unwrap(), ["prepared"]);
        assert_eq!(log.open_writer("w").unwrap().in_doubt(), Some(prepared.clone()));
    }
    let log = open(&disk, small()).unwrap();
    log.open_writer("w").unwrap().commit(&prepared).unwrap();
    assert_eq!(values(&log, name, 0, Isolation::Committed).unwrap(), ["prepared"]);
}

#[test]
fn reading_only_changes_nothing() {
    let disk = Simulated::new(4);
    let log = open(&disk, small()).unwrap();
    log.create_topic("t", &topic(1)).unwrap();
    log.append("t", 0, batch("a")).unwrap().wait().unwrap();
    let mut writer = log.open_writer("w").unwrap();
    writer.append("t", 0, batch("void")).unwrap();
    std::mem::forget(writer);
    log.abandon();
    let before = disk.operations();
    let log = open(&disk, Options { read_only: true, ..small() }).unwrap();
    assert_eq!(values(&log, "t", 0, Isolation::Committed).unwrap(), ["a"]);
    assert!(matches!(log.append("t", 0, batch("b")), Err(Error::ReadOnly)));
    assert!(matches!(log.open_writer("w"), Err(Error::ReadOnly)));
    assert!(matches!(log.enforce_retention(), Err(Error::ReadOnly)));
    drop(log);
    assert_eq!(disk.operations(), before);
}

#[test]
fn a_failed_write_takes_the_partition_out_of_use() {
    let disk = Simulated::new(5);
    let log = open(&disk, small()).unwrap();
    log.create_topic("t", &topic(2)).unwrap();
    log.append("t", 0, batch("kept")).unwrap().wait().unwrap();
    let unsynced = log.append("t", 0, batch("lost")).unwrap();
    disk.set_faults(Faults { error_chance: Some((1, 1)), ..Faults::default() });
    let failed = unsynced.wait().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert!(failed.to_string().contains("00000000000000000000.log"), "{failed}");
    disk.set_faults(Faults::default());
    for result in [
        log.append("t", 0, batch("later")).map(drop),
        log.read("t", 0, 0, &ReadOptions::default()).map(drop),
        log.offsets("t", 0).map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    log.append("t", 1, batch("elsewhere")).unwrap().wait().unwrap();
    log.abandon();
    disk.crash();
    let log = open(&disk, small()).unwrap();
    assert_eq!(values(&log, "t", 0, Isolation::Committed).unwrap()[0], "kept");
    log.append("t", 0, batch("later")).unwrap().wait().unwrap();
}

#[test]
fn large_records_are_kept_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(Disk::shared(), folder.path(), SystemClock::shared(), Options::default()).unwrap();
    log.create_topic("t", &topic(1)).unwrap();
    let large = vec![7; 100 << 20];
    let mut builder = Builder::new();
    log.append("t", 0, batch("before")).unwrap().wait().unwrap();
    builder.push(None, Some(&large), 1);
    log.append("t", 0, builder.build()).unwrap().wait().unwrap();
    builder.push(None, Some(&large), 1);
    builder.push(None, Some(&large), 1);
    match log.append("t", 0, builder.build()) {
        Err(Error::TooLarge { size, limit }) => assert!(size > 200 << 20 && limit == 128 << 20),
        other => panic!("{other:?}"),
    }
    log.append("t", 0, batch("after")).unwrap().wait().unwrap();
    drop(log);
    let log = EmbeddedLog::open(Disk::shared(), folder.path(), SystemClock::shared(), Options::default()).unwrap();
    let mut from = 0;
    let mut lengths = Vec::new();
    while from < 3 {
        let chunk = log.read("t", 0, from, &ReadOptions::default()).unwrap();
        lengths.extend(chunk.records().map(|record| record.unwrap().value.unwrap().len()));
        from = chunk.next;
    }
    assert_eq!(lengths, [6, 100 << 20, 5]);
}

#[test]
fn batches_of_others_are_judged() {
    let disk = Simulated::new(6);
    let log = open(&disk, small()).unwrap();
    log.create_topic("t", &topic(1)).unwrap();
    let mut stamped = batch("x");
    stamped.stamp(crate::batch::Producer { id: 77, epoch: 0 }, 0);
    assert_eq!(log.append("t", 0, stamped.clone()).unwrap_err().kind(), ErrorKind::Invalid);
    let mut writer = log.open_writer("w").unwrap();
    assert_eq!(writer.append("t", 0, stamped).unwrap_err().kind(), ErrorKind::Invalid);
    let mut own = batch("own");
    own.stamp(writer.producer().unwrap(), 5);
    writer.append("t", 0, own).unwrap();
    assert_eq!(log.append("t", 0, Builder::new().build()).unwrap_err().kind(), ErrorKind::Invalid);
    let marker = crate::batch::control::build(crate::batch::control::Marker::Abort, writer.producer().unwrap(), 0);
    assert_eq!(log.append("t", 0, marker).unwrap_err().kind(), ErrorKind::Invalid);
    writer.commit_now(bytes::Bytes::new()).unwrap();
    assert_eq!(values(&log, "t", 0, Isolation::Committed).unwrap(), ["own"]);
}

#[test]
fn many_threads_share_syncs() {
    let disk = Simulated::new(7);
    let log = open(&disk, Options::default()).unwrap();
    log.create_topic("t", &topic(1)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..50 {
                    log.append("t", 0, batch(&format!("{thread} {number}"))).unwrap().wait().unwrap();
                    assert!(log.offsets("t", 0).unwrap().stable > number);
                }
            });
        }
    });
    assert_eq!(values(&log, "t", 0, Isolation::Committed).unwrap().len(), 400);
    disk.crash();
    assert_eq!(open(&disk, small()).unwrap().offsets("t", 0).unwrap().end, 400);
}

#[test]
fn a_missing_journal_is_not_replaced() {
    let disk = Simulated::new(8);
    let log = open(&disk, small()).unwrap();
    log.create_topic("t", &topic(1)).unwrap();
    drop(log);
    disk.remove_folder(std::path::Path::new("/log/transactions")).unwrap();
    for read_only in [false, true] {
        assert_eq!(open(&disk, Options { read_only, ..small() }).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
