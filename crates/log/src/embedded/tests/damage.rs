//! Damage to a log that was closed in good order: any flipped byte is noticed, or changes nothing.

use std::path::{Path, PathBuf};

use headwater_base::ErrorKind;
use headwater_base::files::Files;
use headwater_base::files::simulated::Simulated;
use headwater_base::random::Random;

use super::{ROOT, batch, open, small, topic, values};
use crate::embedded::{EmbeddedLog, Options};
use crate::{Isolation, Log, Result};

/// Everything that a log shows.
type Shown = Vec<(Vec<String>, Vec<String>, Option<i64>, Option<String>)>;

/// Some segments, committed, void, open and prepared records, closed in good order.
fn fill(disk: &Simulated) -> Shown {
    let log = open(disk, small()).unwrap();
    log.create_topic("t", &topic(2)).unwrap();
    let mut one = log.open_writer("one").unwrap();
    let mut two = log.open_writer("two").unwrap();
    for number in 0..60 {
        let text = |kind: &str| format!("{kind} {number} {}", "x".repeat(number as usize * 7));
        log.append("t", 0, batch(&text("plain"))).unwrap().wait().unwrap();
        one.append("t", 0, batch(&text("kept"))).unwrap();
        one.append("t", 1, batch(&text("kept"))).unwrap();
        two.append("t", 0, batch(&text("void"))).unwrap();
        one.commit_now(bytes::Bytes::from(number.to_string())).unwrap();
        two.abort().unwrap();
    }
    one.append("t", 1, batch("prepared")).unwrap();
    one.prepare(bytes::Bytes::new()).unwrap();
    log.append("t", 1, batch("behind")).unwrap().wait().unwrap();
    drop((one, two));
    let shown = show(&log).unwrap();
    log.close().unwrap();
    shown
}

fn show(log: &EmbeddedLog) -> Result<Shown> {
    assert_eq!(log.topics()?.len(), 1);
    let note = match log.open_writer("one") {
        Err(crate::Error::ReadOnly) => Some("59".to_owned()),
        other => other?.note().map(|note| String::from_utf8(note.to_vec()).unwrap()),
    };
    (0..2)
        .map(|partition| {
            let committed = values(log, "t", partition, Isolation::Committed)?;
            let latest = values(log, "t", partition, Isolation::Latest)?;
            Ok((committed, latest, log.offset_for_time("t", partition, 1_000)?, note.clone()))
        })
        .collect()
}

fn all_files(disk: &Simulated, folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in disk.list(folder).unwrap() {
        let path = folder.join(&entry.name);
        match entry.metadata.is_folder {
            true => all_files(disk, &path, found),
            false => found.push((path.clone(), disk.read(&path).unwrap())),
        }
    }
}

#[test]
fn a_flipped_byte_is_noticed_or_harmless() {
    let disk = Simulated::new(11);
    let shown = fill(&disk);
    let mut files = Vec::new();
    all_files(&disk, ROOT.as_ref(), &mut files);
    assert!(files.iter().filter(|(path, _)| path.extension().is_some_and(|it| it == "log")).count() > 4);
    let mut random = Random::new(11);
    let mut noticed = 0;
    for (path, bytes) in &files {
        let positions: Vec<u64> = match bytes.len() {
            0..=300 => (0..bytes.len() as u64).collect(),
            length => (0..150).map(|_| random.below(length as u64)).collect(),
        };
        for position in positions {
            let copy = Simulated::new(position);
            files.iter().for_each(|(path, bytes)| copy.write(path, bytes).unwrap());
            copy.flip(path, position).unwrap();
            let read_only = random.chance(1, 2);
            match open(&copy, Options { read_only, ..small() }).and_then(|log| show(&log)) {
                Ok(now) => assert!(now == shown, "{} byte {position}", path.display()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{} byte {position}: {error}", path.display());
                    noticed += 1;
                }
            }
        }
    }
    assert!(noticed > 500, "only {noticed} were noticed");
}

/// The same for a file that lost its end, or is gone.
#[test]
fn a_shortened_file_is_noticed_or_harmless() {
    let disk = Simulated::new(12);
    let shown = fill(&disk);
    let mut files = Vec::new();
    all_files(&disk, ROOT.as_ref(), &mut files);
    for (path, bytes) in &files {
        for length in [Some(0), Some(bytes.len() / 2), Some(bytes.len().saturating_sub(1)), None] {
            let copy = Simulated::new(1);
            files.iter().for_each(|(path, bytes)| copy.write(path, bytes).unwrap());
            match length {
                Some(length) => copy.write(path, &bytes[..length]).unwrap(),
                None => copy.remove_file(path).unwrap(),
            }
            match open(&copy, small()).and_then(|log| show(&log)) {
                Ok(now) => assert!(now == shown, "{} at {length:?}", path.display()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{} at {length:?}: {error}", path.display()),
            }
        }
    }
}
