//! Transactions: all or nothing, in one order, by one writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use headwater_base::ErrorKind;

use super::{TOPIC, batch, committed, create, latest, read_values};
use crate::transaction::Outcome;
use crate::{Error, Log, Result};

const NAME: &str = "contract-writer";

/// Read-committed readers stop before the first open transaction; later appends wait behind it.
pub fn open_transactions_hold_readers(log: &dyn Log) -> Result<()> {
    create(log, 1)?;
    let mut writer = log.open_writer(NAME)?;
    log.append(TOPIC, 0, batch(&["before"]))?.wait()?;
    writer.append(TOPIC, 0, batch(&["inside"]))?;
    log.append(TOPIC, 0, batch(&["behind"]))?.wait()?;
    assert_eq!(read_values(log, 0, &committed())?, ["before"]);
    assert_eq!(read_values(log, 0, &latest())?, ["before", "inside", "behind"]);
    let offsets = log.offsets(TOPIC, 0)?;
    assert_eq!((offsets.stable, offsets.end), (1, 3));
    writer.commit_now(Bytes::new())?;
    assert_eq!(read_values(log, 0, &committed())?, ["before", "inside", "behind"]);
    assert!(log.offsets(TOPIC, 0)?.stable >= 3);
    Ok(())
}

/// Nobody ever sees a transaction in one partition and misses it in another that they look at later.
pub fn commits_are_seen_at_once_everywhere(log: &Arc<dyn Log>) -> Result<()> {
    create(&**log, 2)?;
    let done = Arc::new(AtomicBool::new(false));
    let (reader, is_done) = (Arc::clone(log), Arc::clone(&done));
    let watching = std::thread::spawn(move || -> Result<()> {
        while !is_done.load(Ordering::SeqCst) {
            for (first, second) in [(0, 1), (1, 0)] {
                let before = read_values(&*reader, first, &committed())?;
                let after = read_values(&*reader, second, &committed())?;
                assert!(
                    after.len() >= before.len(),
                    "{} rows in one partition, {} in the other",
                    before.len(),
                    after.len()
                );
            }
        }
        Ok(())
    });
    let mut writer = log.open_writer(NAME)?;
    for number in 0..100 {
        for partition in [0, 1] {
            writer.append(TOPIC, partition, batch(&[&number.to_string()]))?;
        }
        writer.commit_now(Bytes::new())?;
    }
    done.store(true, Ordering::SeqCst);
    match watching.join() {
        Ok(seen) => seen?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    assert_eq!(read_values(&**log, 0, &committed())?, read_values(&**log, 1, &committed())?);
    Ok(())
}

/// Aborted records are never seen, whoever aborts them and however.
pub fn aborts_leave_nothing(log: &dyn Log) -> Result<()> {
    create(log, 2)?;
    let mut writer = log.open_writer(NAME)?;
    writer.abort()?;
    writer.append(TOPIC, 0, batch(&["one"]))?;
    writer.append(TOPIC, 1, batch(&["one"]))?;
    writer.abort()?;
    writer.append(TOPIC, 0, batch(&["two"]))?;
    writer.prepare(Bytes::new())?;
    writer.abort()?;
    writer.append(TOPIC, 0, batch(&["kept"]))?;
    writer.commit_now(Bytes::new())?;
    writer.append(TOPIC, 0, batch(&["three"]))?;
    drop(log.open_writer(NAME)?);
    log.append(TOPIC, 0, batch(&["last"]))?.wait()?;
    for options in [committed(), latest()] {
        assert_eq!(read_values(log, 0, &options)?, ["kept", "last"]);
        assert_eq!(read_values(log, 1, &options)?, Vec::<String>::new());
    }
    Ok(())
}

/// A name has one living writer; every call of an earlier one fails and changes nothing.
pub fn writers_are_fenced(log: &dyn Log) -> Result<()> {
    create(log, 1)?;
    let mut first = log.open_writer(NAME)?;
    let mut other = log.open_writer("contract-other")?;
    first.append(TOPIC, 0, batch(&["lost"]))?;
    let mut second = log.open_writer(NAME)?;
    assert!(second.epoch() > first.epoch());
    assert_eq!(second.name(), NAME);
    let prepared = second.prepare(Bytes::new())?;
    let is_fenced = |result: Result<()>| matches!(result, Err(Error::Fenced { name, epoch: _ }) if name == NAME);
    assert!(is_fenced(first.append(TOPIC, 0, batch(&["x"])).map(drop)));
    assert!(is_fenced(first.prepare(Bytes::new()).map(drop)));
    assert!(is_fenced(first.commit(&prepared)));
    assert!(is_fenced(first.commit_now(Bytes::new())));
    assert!(is_fenced(first.abort()));
    second.commit(&prepared)?;
    second.append(TOPIC, 0, batch(&["second"]))?;
    drop(first);
    second.commit_now(Bytes::new())?;
    other.append(TOPIC, 0, batch(&["other"]))?;
    other.commit_now(Bytes::new())?;
    assert_eq!(read_values(log, 0, &committed())?, ["second", "other"]);
    Ok(())
}

/// A prepared transaction waits, invisible, for whichever epoch decides it; until then nothing else is begun.
pub fn in_doubt_waits_for_a_decision(log: &dyn Log) -> Result<()> {
    create(log, 2)?;
    let mut writer = log.open_writer(NAME)?;
    assert_eq!(writer.in_doubt(), None);
    writer.append(TOPIC, 0, batch(&["a"]))?;
    writer.append(TOPIC, 1, batch(&["a"]))?;
    let prepared = writer.prepare(Bytes::from_static(b"note"))?;
    assert_eq!(writer.in_doubt().as_ref(), Some(&prepared));
    let refused = writer.append(TOPIC, 0, batch(&["b"]));
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Conflict));
    drop(writer);
    let mut writer = log.open_writer(NAME)?;
    assert_eq!(writer.in_doubt().as_ref(), Some(&prepared));
    assert_eq!(writer.outcome(&prepared), Some(Outcome::InDoubt));
    assert_eq!(writer.note(), None);
    assert_eq!(read_values(log, 0, &committed())?, Vec::<String>::new());
    assert_eq!(read_values(log, 1, &latest())?, ["a"]);
    writer.commit(&prepared)?;
    assert_eq!(read_values(log, 0, &committed())?, ["a"]);
    assert_eq!(read_values(log, 1, &committed())?, ["a"]);
    assert_eq!(writer.note().as_deref(), Some(&b"note"[..]));
    assert_eq!(writer.in_doubt(), None);
    Ok(())
}

/// The last decision is remembered, also by later epochs; a decision stays.
pub fn outcomes_are_known(log: &dyn Log) -> Result<()> {
    create(log, 1)?;
    let mut writer = log.open_writer(NAME)?;
    let first = writer.prepare(Bytes::new())?;
    writer.commit(&first)?;
    writer.commit(&first)?;
    assert_eq!(writer.outcome(&first), Some(Outcome::Committed));
    let mut writer = log.open_writer(NAME)?;
    assert_eq!(writer.outcome(&first), Some(Outcome::Committed));
    let second = writer.prepare(Bytes::new())?;
    assert!(second.sequence > first.sequence && second.epoch > first.epoch);
    writer.abort()?;
    assert_eq!(writer.outcome(&second), Some(Outcome::Aborted));
    assert_eq!(writer.outcome(&first), None);
    assert_eq!(writer.commit(&second).map_err(|error| error.kind()), Err(ErrorKind::Conflict));
    assert_eq!(log.open_writer("contract-other")?.outcome(&second), None);
    Ok(())
}

/// A writer finds the note of its last committed transaction, and of no other.
pub fn a_note_is_kept(log: &dyn Log) -> Result<()> {
    create(log, 1)?;
    let mut writer = log.open_writer(NAME)?;
    assert_eq!(writer.note(), None);
    writer.append(TOPIC, 0, batch(&["a"]))?;
    writer.commit_now(Bytes::from_static(b"one"))?;
    writer.prepare(Bytes::from_static(b"two"))?;
    writer.abort()?;
    assert_eq!(writer.note().as_deref(), Some(&b"one"[..]));
    writer.commit_now(Bytes::from_static(b"three"))?;
    assert_eq!(log.open_writer(NAME)?.note().as_deref(), Some(&b"three"[..]));
    Ok(())
}
