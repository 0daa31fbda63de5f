//! Appends, reads, times and wake-ups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headwater_base::ErrorKind;

use super::{TOPIC, batch, batch_at, committed, create, latest, read_from, read_values};
use crate::{Log, ReadOptions, Result, TopicConfig};

/// Creating is idempotent, names are kept as they are, and what is deleted is gone, even for a topic of the same name.
pub fn topics_are_kept(log: &dyn Log) -> Result<()> {
    let config = TopicConfig { partitions: 2, retention: None, archived: true };
    for name in ["contract.b", "contract_a", TOPIC] {
        log.create_topic(name, &config)?;
        log.create_topic(name, &config)?;
    }
    let other = log.create_topic(TOPIC, &TopicConfig { partitions: 3, ..config.clone() });
    assert_eq!(other.map_err(|error| error.kind()), Err(ErrorKind::Conflict));
    let names: Vec<String> = log.topics()?.into_iter().map(|topic| topic.name).collect();
    assert_eq!(names, [TOPIC, "contract.b", "contract_a"]);
    assert!(log.topics()?.iter().all(|topic| topic.config == config));

    log.append(TOPIC, 1, batch(&["a"]))?.wait()?;
    assert_eq!(log.append(TOPIC, 2, batch(&["a"])).map_err(|error| error.kind()).err(), Some(ErrorKind::Invalid));
    log.delete_topic(TOPIC)?;
    assert_eq!(log.offsets(TOPIC, 1).map_err(|error| error.kind()), Err(ErrorKind::Invalid));
    assert_eq!(log.topics()?.len(), 2);
    log.create_topic(TOPIC, &config)?;
    assert_eq!(log.offsets(TOPIC, 1)?.end, 0);
    Ok(())
}

/// Offsets are given in the order of appends, and a partition is read in that order.
pub fn appends_are_read_in_order(log: &dyn Log) -> Result<()> {
    create(log, 2)?;
    let mut tickets = Vec::new();
    let mut next = 0;
    for number in 0..50 {
        let values = [format!("{number} a"), format!("{number} b")];
        let ticket = log.append(TOPIC, 1, batch(&[&values[0], &values[1]]))?;
        assert_eq!(ticket.offsets, next..next + 2);
        next = ticket.offsets.end;
        tickets.push(ticket);
    }
    // The last one's durability is that of all before it.
    if let Some(last) = tickets.pop() {
        last.wait()?;
    }
    let read = read_from(log, 1, 0, &committed())?;
    let expected: Vec<(i64, String)> =
        (0..100).map(|offset| (offset, format!("{} {}", offset / 2, ["a", "b"][offset as usize % 2]))).collect();
    assert_eq!(read, expected);
    assert_eq!(read_values(log, 0, &latest())?, Vec::<String>::new());
    let offsets = log.offsets(TOPIC, 1)?;
    assert_eq!((offsets.start, offsets.stable, offsets.end), (0, 100, 100));
    Ok(())
}

/// `from`, `until` and `bytes_max` are kept, and offsets that never were are refused.
pub fn reads_keep_to_their_limits(log: &dyn Log) -> Result<()> {
    create(log, 1)?;
    for _ in 0..20 {
        log.append(TOPIC, 0, batch(&["a", "b", "c", "d", "e"]))?.wait()?;
    }
    let small = ReadOptions { bytes_max: 1, ..committed() };
    assert_eq!(read_from(log, 0, 0, &small)?.len(), 100);
    for (from, until) in [(0, 100), (7, 7), (3, 4), (12, 58), (99, 100)] {
        for bytes_max in [1, 1 << 20] {
            let options = ReadOptions { until: Some(until), bytes_max, ..committed() };
            let offsets: Vec<i64> = read_from(log, 0, from, &options)?.into_iter().map(|(offset, _)| offset).collect();
            assert_eq!(offsets, (from..until).collect::<Vec<i64>>());
        }
    }
    let end = log.read(TOPIC, 0, 100, &committed())?;
    assert!(end.batches.is_empty() && end.next == 100);
    for outside in [-1, 102] {
        assert_eq!(
            log.read(TOPIC, 0, outside, &committed()).map_err(|error| error.kind()).err(),
            Some(ErrorKind::Invalid)
        );
    }
    Ok(())
}

/// A time is found at the first record that has it or a later one.
pub fn offsets_of_times(log: &dyn Log) -> Result<()> {
    create(log, 1)?;
    assert_eq!(log.offset_for_time(TOPIC, 0, 0)?, None);
    // Times: 1000, 1001, 1002; 900; 2000, 2001.
    for (time, values) in [(1000, &["a", "b", "c"][..]), (900, &["d"]), (2000, &["e", "f"])] {
        log.append(TOPIC, 0, batch_at(time, values))?.wait()?;
    }
    for (time, expected) in
        [(0, Some(0)), (1000, Some(0)), (1001, Some(1)), (1003, Some(4)), (2001, Some(5)), (2002, None)]
    {
        assert_eq!(log.offset_for_time(TOPIC, 0, time)?, expected, "at {time}");
    }
    Ok(())
}

/// Whoever asked is woken when there is more to read, and not after the guard is gone.
pub fn changes_wake(log: &dyn Log) -> Result<()> {
    create(log, 1)?;
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let subscription = log.on_change(Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    log.append(TOPIC, 0, batch(&["a"]))?.wait()?;
    let after_append = calls.load(Ordering::SeqCst);
    assert!(after_append > 0);
    let mut writer = log.open_writer("contract-writer")?;
    writer.append(TOPIC, 0, batch(&["b"]))?;
    let before_commit = calls.load(Ordering::SeqCst);
    writer.commit_now(bytes::Bytes::new())?;
    assert!(calls.load(Ordering::SeqCst) > before_commit);
    drop(subscription);
    let last = calls.load(Ordering::SeqCst);
    log.append(TOPIC, 0, batch(&["c"]))?.wait()?;
    assert_eq!(calls.load(Ordering::SeqCst), last);
    Ok(())
}
