//! Opening a partition after an end of any kind.
//!
//! Earlier segments were synced before the last one began, so only the last can have a torn end. Where a batch of it
//! is bad, all from there on is cut off, unless it is known to have been on stable storage: then it is damage, and
//! opening fails. What counts as known is said in `docs/formats/log.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use headwater_base::files::{self, File, Files, Open as How};

use super::super::Shared;
use super::super::bounds::{self, BoundsFile};
use super::super::index::Index;
use super::super::names;
use super::super::scan::{Scanner, Step, batch_follows, corrupt};
use super::super::snapshot::{self, Open};
use super::{Active, Closed, Partition, State};
use crate::batch::control;
use crate::{Error, Result};

/// A torn end that recovery cut off: writes that were never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated {
    pub topic: String,
    pub partition: u32,
    /// Records from this offset on are gone.
    pub offset: i64,
    pub bytes: u64,
    /// Where the bytes were put, if whole batches were among them.
    pub kept: Option<PathBuf>,
}

/// Which partition, and what others know of it.
pub(in super::super) struct Identity<'a> {
    pub topic: &'a str,
    pub topic_id: u64,
    pub number: u32,
    pub folder: PathBuf,
    /// All before this offset was on stable storage, says the journal.
    pub durable: i64,
}

/// What the files add up to.
struct Found {
    start: i64,
    bases: Vec<i64>,
    active: Option<Active>,
    open: Open,
    truncated: Option<Truncated>,
}

impl Partition {
    /// Opens a partition's folder, which need not exist. Transactions without a marker are open; the journal knows
    /// better.
    ///
    /// # Errors
    /// `Corrupt` where something that was on stable storage is not what it was.
    pub fn recover(shared: &Arc<Shared>, identity: Identity<'_>) -> Result<(Partition, Option<Truncated>)> {
        let found = find(shared, &identity)?;
        let end = found.active.as_ref().map_or(0, |active| active.index.end_offset);
        let closed = found
            .bases
            .windows(2)
            .map(|pair| Arc::new(Closed { base_offset: pair[0], end_offset: pair[1], extent: OnceLock::new() }));
        let state = State {
            start: found.start,
            end,
            synced: end,
            closed: closed.collect(),
            active: found.active,
            open: found.open,
            unmarked: Open::new(),
            marks: BTreeMap::new(),
            aborted: Arc::default(),
            pins: Arc::default(),
            pins_made: 0,
            released: 0,
            syncing: false,
            unsynced_bytes: 0,
            poisoned: None,
            deleted: false,
        };
        let partition = Partition {
            shared: Arc::clone(shared),
            topic: identity.topic.to_owned(),
            topic_id: identity.topic_id,
            number: identity.number,
            folder: identity.folder,
            state: Mutex::new(state),
            synced: Condvar::new(),
            gathered: Condvar::new(),
            loaded: Mutex::default(),
        };
        Ok((partition, found.truncated))
    }
}

fn find(shared: &Shared, identity: &Identity<'_>) -> Result<Found> {
    let files = shared.files.as_ref();
    let folder = &identity.folder;
    let loaded = bounds::load(files, folder)?;
    let durable = identity.durable.max(loaded.bounds.durable);
    let (mut bases, mut strays) = list(files, folder)?;
    if bases.is_empty() {
        if durable > 0 {
            return Err(corrupt(folder, 0, format!("its segments are missing; offsets up to {durable} were stored")));
        }
        remove_strays(shared, folder, &strays)?;
        return Ok(Found { start: 0, bases, active: None, open: Open::new(), truncated: None });
    }
    // Retention moves the start before it removes segments.
    let begin = bases.partition_point(|base| *base < loaded.bounds.start);
    let removed = bases.drain(..begin).count();
    let first = bases.first().copied();
    if first != Some(loaded.bounds.start) && !(loaded.damaged && first.is_some()) {
        let detail = format!("the segment that begins at offset {} is missing", loaded.bounds.start);
        return Err(corrupt(folder, 0, detail));
    }
    // Also what is left of segments before the start.
    let is_old = |entry: &&files::Entry| names::parse(&entry.name).is_some_and(|(base, _)| base < bases[0]);
    strays.extend(files.list(folder)?.iter().filter(is_old).map(|entry| entry.name.clone()));
    strays.sort();
    strays.dedup();
    let (start, last) = (bases[0], bases[bases.len() - 1]);
    let mut open = open_before(files, folder, &bases)?;
    let path = names::of_segment(folder, last, names::SEGMENT);
    let file = files.open(&path, if shared.options.read_only { How::Read } else { How::Write })?;
    let (index, truncated) = scan_last(shared, identity, &path, file.as_ref(), last, durable, &mut open)?;
    let mut active = Active { file, path, index, bounds: None };
    if !shared.options.read_only {
        let mut bounds_file = BoundsFile::open(files, folder, &loaded)?;
        if removed > 0 {
            bounds_file.settle(loaded.bounds)?;
        }
        active.bounds = Some(bounds_file);
        remove_strays(shared, folder, &strays)?;
        make_durable(files, folder, &active, durable)?;
    }
    Ok(Found { start, bases, active: Some(active), open, truncated })
}

/// Base offsets of the segments, and files of segments that aren't there.
fn list(files: &dyn Files, folder: &Path) -> Result<(Vec<i64>, Vec<String>)> {
    let entries = match files.list(folder) {
        Err(error) if error.is_not_found() => return Ok((Vec::new(), Vec::new())),
        other => other?,
    };
    let parsed = || entries.iter().filter_map(|entry| names::parse(&entry.name).map(|parsed| (parsed, &entry.name)));
    let bases: Vec<i64> =
        parsed().filter(|((_, extension), _)| *extension == names::SEGMENT).map(|((base, _), _)| base).collect();
    let strays = parsed()
        .filter(|((base, extension), _)| {
            bases.binary_search(base).is_err() && [names::INDEX, names::SNAPSHOT].contains(extension)
        })
        .map(|(_, name)| name.clone())
        .collect();
    Ok((bases, strays))
}

fn remove_strays(shared: &Shared, folder: &Path, strays: &[String]) -> Result<()> {
    if !shared.options.read_only {
        for stray in strays {
            shared.files.remove_file(&folder.join(stray))?;
        }
    }
    Ok(())
}

/// What the last process wrote and did not sync is readable, so it must last before anybody reads it. It is written
/// once more: a sync that failed may have left pages that look clean and will never reach the disk.
fn make_durable(files: &dyn Files, folder: &Path, active: &Active, durable: i64) -> Result<()> {
    let Active { file, index, .. } = active;
    if durable < index.end_offset {
        let (mut position, _) = index.locate(durable);
        let mut buffer = vec![0; 1 << 20];
        while position < index.length {
            let wanted = buffer.len().min(usize::try_from(index.length - position).unwrap_or(usize::MAX));
            let got = file.read_at(&mut buffer[..wanted], position)?;
            if got < wanted {
                return Err(corrupt(&active.path, position + got as u64, "the file is shorter than it was"));
            }
            file.write_at(&buffer[..got], position)?;
            position += got as u64;
        }
    }
    // A torn end may have been cut off, just now or at an earlier opening whose sync failed and forgot it.
    file.set_length(index.length)?;
    file.sync_data()?;
    Ok(files.sync_folder(folder)?)
}

/// The transactions without a marker where the last segment begins: from its snapshot, or from an earlier one and
/// the segments since.
fn open_before(files: &dyn Files, folder: &Path, bases: &[i64]) -> Result<Open> {
    let mut first = bases.len() - 1;
    let mut open = loop {
        let path = names::of_segment(folder, bases[first], names::SNAPSHOT);
        let stored = match files::read(files, &path) {
            Err(error) if error.is_not_found() => None,
            other => snapshot::decode(&other?, bases[first]),
        };
        match stored {
            Some(open) => break open,
            // Retention removes decided transactions only.
            None if first == 0 => break Open::new(),
            None => first -= 1,
        }
    };
    for pair in bases[first..].windows(2) {
        let path = names::of_segment(folder, pair[0], names::SEGMENT);
        let file = files.open(&path, How::Read)?;
        let mut scanner = Scanner::new(file.as_ref(), 0, pair[0], file.length()?);
        if let Some(reason) = replay(&mut scanner, &mut open, |_| {})? {
            return Err(corrupt(&path, scanner.position, reason));
        }
        if scanner.offset != pair[1] {
            let detail = format!("its offsets end at {}, not {}", scanner.offset, pair[1]);
            return Err(corrupt(&path, scanner.position, detail));
        }
    }
    Ok(open)
}

/// Follows transactions through a segment, to its end or to a bad batch, for which it gives the reason.
fn replay(
    scanner: &mut Scanner<'_>,
    open: &mut Open,
    mut each: impl FnMut(&crate::batch::Header),
) -> Result<Option<&'static str>> {
    loop {
        match scanner.step()? {
            Step::End => return Ok(None),
            Step::Bad(reason) => return Ok(Some(reason)),
            Step::Batch { header, bytes, .. } => {
                each(&header);
                if header.is_control() {
                    if control::read(bytes).is_some() {
                        open.remove(&header.producer);
                    }
                } else if header.is_transactional() {
                    let offsets = header.base_offset..header.end_offset();
                    open.entry(header.producer).or_insert_with(|| offsets.clone()).end = offsets.end;
                }
            }
        }
    }
}

/// Scans the last segment up to a torn end.
fn scan_last(
    shared: &Shared,
    identity: &Identity<'_>,
    path: &Path,
    file: &dyn File,
    base: i64,
    durable: i64,
    open: &mut Open,
) -> Result<(Index, Option<Truncated>)> {
    let length = file.length()?;
    let mut scanner = Scanner::new(file, 0, base, length);
    let mut index = Index::new(base);
    let bad = replay(&mut scanner, open, |header| index.push(header, shared.options.index_interval_bytes))?;
    let (position, offset) = (scanner.position, scanner.offset);
    if offset < durable {
        let reason = bad.unwrap_or("the file ends");
        let detail = format!("{reason} at offset {offset}, but all up to {durable} was on stable storage");
        return Err(corrupt(path, position, detail));
    }
    if bad.is_none() {
        return Ok((index, None));
    }
    let mut truncated = Truncated {
        topic: identity.topic.to_owned(),
        partition: identity.number,
        offset,
        bytes: length - position,
        kept: None,
    };
    if !shared.options.read_only && batch_follows(file, position, offset, length)? {
        truncated.kept = Some(set_aside(shared.files.as_ref(), path, file, position, length)?);
    }
    Ok((index, Some(truncated)))
}

/// Copies a torn end with whole batches in it to a file of its own. Most likely the disk kept a later one of several
/// unacknowledged writes and lost an earlier one; but nobody can tell that from damage to the earlier one, if a power
/// cut took what was known of the last syncs. So nothing is destroyed.
fn set_aside(files: &dyn Files, path: &Path, file: &dyn File, position: u64, length: u64) -> Result<PathBuf> {
    let mut bytes = vec![0; usize::try_from(length - position).unwrap_or(usize::MAX)];
    let got = file.read_at(&mut bytes, position)?;
    for attempt in 0.. {
        let mut name = path.with_extension("").into_os_string();
        name.push(format!(".{position}.{attempt}.torn"));
        let kept = PathBuf::from(name);
        match files.open(&kept, How::CreateNew) {
            Err(error) if error.is_already_exists() => continue,
            created => {
                let created = created?;
                created.write_at(&bytes[..got], 0)?;
                created.sync_data()?;
                if let Some(folder) = kept.parent() {
                    files.sync_folder(folder)?;
                }
                return Ok(kept);
            }
        }
    }
    Err(Error::Corrupt {
        path: path.to_owned(),
        position,
        detail: "a torn end could not be set aside".to_owned(),
        hint: "Remove files that end in .torn",
    })
}
