//! The suite that every [`Log`] must pass. A property that does not hold panics with what was seen.
//!
//! Each property takes a fresh, empty log with small segments (16 KiB at most). Topics have a name that begins with `contract`. What needs a restart of the
//! process is tested where the backend is.

mod reading;
mod retention;
mod transactions;

use std::sync::Arc;

use crate::{Batch, Builder, Isolation, Log, ReadOptions, Result, TopicConfig};

pub use reading::{
    appends_are_read_in_order, changes_wake, offsets_of_times, reads_keep_to_their_limits, topics_are_kept,
};
pub use retention::{pins_hold, release_comes_first, retention_deletes_what_is_old};
pub use transactions::{
    a_note_is_kept, aborts_leave_nothing, commits_are_seen_at_once_everywhere, in_doubt_waits_for_a_decision,
    open_transactions_hold_readers, outcomes_are_known, writers_are_fenced,
};

/// A log to test.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Log>;

/// Checks every property.
///
/// # Errors
/// Whatever a call that must work returns.
pub fn check_all(make: Make<'_>) -> Result<()> {
    topics_are_kept(&*make())?;
    appends_are_read_in_order(&*make())?;
    reads_keep_to_their_limits(&*make())?;
    offsets_of_times(&*make())?;
    changes_wake(&*make())?;
    open_transactions_hold_readers(&*make())?;
    commits_are_seen_at_once_everywhere(&make())?;
    aborts_leave_nothing(&*make())?;
    writers_are_fenced(&*make())?;
    in_doubt_waits_for_a_decision(&*make())?;
    outcomes_are_known(&*make())?;
    a_note_is_kept(&*make())?;
    retention_deletes_what_is_old(&*make())?;
    release_comes_first(&*make())?;
    pins_hold(&*make())
}

const TOPIC: &str = "contract";

fn create(log: &dyn Log, partitions: u32) -> Result<()> {
    log.create_topic(TOPIC, &TopicConfig { partitions, retention: None, archived: false })
}

/// A batch of records whose values are these texts and whose times are `timestamp_ms` and the milliseconds after it.
fn batch_at(timestamp_ms: i64, values: &[&str]) -> Batch {
    let mut builder = Builder::new();
    for (value, time) in values.iter().zip(timestamp_ms..) {
        builder.push(None, Some(value.as_bytes()), time);
    }
    builder.build()
}

fn batch(values: &[&str]) -> Batch {
    batch_at(1_000, values)
}

fn committed() -> ReadOptions {
    ReadOptions::default()
}

fn latest() -> ReadOptions {
    ReadOptions { isolation: Isolation::Latest, ..ReadOptions::default() }
}

/// All values from `from` on, with their offsets.
fn read_from(log: &dyn Log, partition: u32, from: i64, options: &ReadOptions) -> Result<Vec<(i64, String)>> {
    let mut found = Vec::new();
    let mut next = from;
    loop {
        let chunk = log.read(TOPIC, partition, next, options)?;
        for record in chunk.records() {
            let record = record?;
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            assert!(record.offset >= next, "offset {} was read again", record.offset);
            found.push((record.offset, value));
        }
        assert!(chunk.next >= next, "reading goes back from {next} to {}", chunk.next);
        if chunk.next == next {
            return Ok(found);
        }
        next = chunk.next;
    }
}

fn read_values(log: &dyn Log, partition: u32, options: &ReadOptions) -> Result<Vec<String>> {
    Ok(read_from(log, partition, log.offsets(TOPIC, partition)?.start, options)?
        .into_iter()
        .map(|(_, value)| value)
        .collect())
}
