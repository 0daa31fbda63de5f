//! Retention and what holds it back. A log may keep more than it must, so these ask only that nothing goes too early
//! and that old records go when nothing speaks against it; the log under test needs segments of at most 16 KiB.

use std::time::Duration;

use super::{TOPIC, batch_at, committed, read_from};
use crate::{Log, Result, TopicConfig};

/// Well before any clock's present.
const LONG_AGO_MS: i64 = 1_000;
const LARGE: usize = 4_000;

/// A topic with an hour's retention and records of a time long ago.
fn fill(log: &dyn Log, archived: bool) -> Result<()> {
    let retention = Some(Duration::from_secs(3600));
    log.create_topic(TOPIC, &TopicConfig { partitions: 1, retention, archived })?;
    let value = "v".repeat(LARGE);
    for _ in 0..20 {
        log.append(TOPIC, 0, batch_at(LONG_AGO_MS, &[&value]))?.wait()?;
    }
    Ok(())
}

/// Old records go, and the rest can still be read from the new start.
pub fn retention_deletes_what_is_old(log: &dyn Log) -> Result<()> {
    fill(log, false)?;
    log.append(TOPIC, 0, batch_at(i64::MAX / 2_000, &["young"]))?.wait()?;
    let deleted = log.enforce_retention()?;
    let start = log.offsets(TOPIC, 0)?.start;
    assert!(start > 0 && start <= 20, "the log starts at {start}");
    let summed: i64 = deleted.iter().map(|one| one.offsets.end - one.offsets.start).sum();
    assert_eq!(summed, start);
    assert!(deleted.iter().all(|one| one.topic == TOPIC && one.bytes > 0));
    assert_eq!(read_from(log, 0, start, &committed())?.len() as i64, 21 - start);
    assert!(log.read(TOPIC, 0, 0, &committed()).is_err());
    assert!(log.pin(TOPIC, 0, 0).is_err());
    Ok(())
}

/// A topic that is archived loses nothing that was not released.
pub fn release_comes_first(log: &dyn Log) -> Result<()> {
    fill(log, true)?;
    assert_eq!(log.enforce_retention()?, []);
    log.release(TOPIC, 0, 10)?;
    log.enforce_retention()?;
    let start = log.offsets(TOPIC, 0)?.start;
    assert!(start <= 10, "the log starts at {start}");
    log.release(TOPIC, 0, 20)?;
    log.enforce_retention()?;
    assert!(log.offsets(TOPIC, 0)?.start > start.min(9));
    Ok(())
}

/// What is pinned stays until the guard is gone; so does what an open transaction has not yet shown to anybody.
pub fn pins_hold(log: &dyn Log) -> Result<()> {
    fill(log, false)?;
    let pins = [log.pin(TOPIC, 0, 7)?, log.pin(TOPIC, 0, 3)?];
    log.enforce_retention()?;
    assert!(log.offsets(TOPIC, 0)?.start <= 3);
    let [later, earlier] = pins;
    let copy = earlier.clone();
    drop(earlier);
    log.enforce_retention()?;
    assert!(log.offsets(TOPIC, 0)?.start <= 3);
    drop(copy);
    log.enforce_retention()?;
    assert!(log.offsets(TOPIC, 0)?.start <= 7);
    assert!(!read_from(log, 0, 7, &committed())?.is_empty());
    drop(later);
    log.enforce_retention()?;
    assert!(log.offsets(TOPIC, 0)?.start > 7);
    Ok(())
}
